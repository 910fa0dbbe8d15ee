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
  __extension__ using Int128 = __int128;
  // mantissa * 10^exponent10 (exact; exponent10 >= -9), or the kept text.
  Int128 mantissa_ = 0;
  int exponent10_ = 0;
  Format format_ = Format::kDecimalSi;
  std::string kept_;
};

}  // namespace weir::kube
