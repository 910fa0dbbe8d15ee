// resource.Quantity: exact decimal amounts with units (`250m`, `1Gi`, `1e3`), parsed and printed as
// apimachinery does, including its kept texts. Value, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::kube {

class Quantity {
 public:
  enum class Format { kDecimalSi, kBinarySi, kDecimalExponent };

  Quantity() = default;  // 0
  // kInvalid with apimachinery's words (`quantities must match the regular expression '...'`).
  static Result<Quantity> Parse(std::string_view text);
  static Quantity FromMilli(std::int64_t milli, Format format = Format::kDecimalSi);
  static Quantity FromInt(std::int64_t value, Format format = Format::kDecimalSi);

  // Canonical text.
  std::string ToString() const;
  // Cut to thousandths, away from zero: what upstream does to a pod's requests and limits.
  Quantity RoundedUpToMilli() const;
  // Thousandths, rounded away from zero; saturates at the ends of int64.
  std::int64_t MilliValue() const;
  // As Go on amd64 where it does not fit (wraps, or 0): for --upstream-exact.
  std::int64_t MilliValueWrapping() const;
  // Units, rounded away from zero; saturates.
  std::int64_t Value() const;
  double ToDouble() const;
  int Sign() const;
  // <0, 0, >0.
  int Compare(const Quantity& other) const;
  Format format() const { return format_; }

 private:
  // sign digits * 10^exponent10: any number of digits, none at either end is 0; no digits is zero.
  bool negative_ = false;
  std::string digits_;
  std::int64_t exponent10_ = 0;
  Format format_ = Format::kDecimalSi;
  // apimachinery holds what fits 18 digits as an int64 and the rest as a decimal: the two wrap in
  // different ways.
  bool wide_ = false;
  std::int64_t parsed_exponent10_ = 0;  // before trailing zeros were taken off
  std::string kept_;  // the text it was parsed from, where that is printed unchanged
};

}  // namespace weir::kube
