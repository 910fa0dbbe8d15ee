// How replica counts and thousandths are added, multiplied and narrowed. By default everything
// clamps at the ends of its type, so that a huge load can never look like a small one; the lower
// end of 64 bits is the negated upper one, so that -9223372036854775808 is shown nowhere. Wrapping
// is what Go on amd64 does, where upstream's decisions are to be repeated bit by bit. Pure, any
// thread.
#pragma once

#include <cstdint>
#include <vector>

#include "kube/quantity.h"

namespace weir::autoscale {

class Numbers {
 public:
  explicit constexpr Numbers(bool wrapping) : wrapping_(wrapping) {}

  // Towards zero. Out of range: the nearest end (NaN: 0); wrapping: the smallest value of the type.
  std::int32_t ToInt32(double value) const;
  std::int64_t ToInt64(double value) const;
  // The low 32 bits when wrapping.
  std::int32_t Narrow(std::int64_t value) const;

  std::int64_t Add(std::int64_t a, std::int64_t b) const;
  std::int64_t Multiply(std::int64_t a, std::int64_t b) const;
  // Towards zero. REQUIRES: b is not 0.
  static std::int64_t Divide(std::int64_t a, std::int64_t b);

  std::int64_t Milli(const kube::Quantity& quantity) const;
  // Of all in thousandths, whatever their order: clamps the sum, not what it passes through.
  static std::int64_t ClampedSum(const std::vector<kube::Quantity>& quantities);

 private:
  bool wrapping_;
};

}  // namespace weir::autoscale
