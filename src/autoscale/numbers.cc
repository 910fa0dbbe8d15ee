#include "autoscale/numbers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace weir::autoscale {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;
constexpr std::int64_t kMax64 = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin64 = -kMax64;
constexpr std::int64_t kMax32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMin32 = std::numeric_limits<std::int32_t>::min();
constexpr double kTwoTo31 = 2147483648.0;

std::int64_t End(bool negative) { return negative ? kMin64 : kMax64; }

}  // namespace

std::int32_t Numbers::ToInt32(double value) const {
  const double whole = std::trunc(value);
  if (whole >= -kTwoTo31 && whole < kTwoTo31) return static_cast<std::int32_t>(whole);
  if (wrapping_) return std::numeric_limits<std::int32_t>::min();
  if (std::isnan(value)) return 0;
  return static_cast<std::int32_t>(value < 0 ? kMin32 : kMax32);
}

std::int64_t Numbers::ToInt64(double value) const {
  if (value > -kTwoTo63 && value < kTwoTo63) return static_cast<std::int64_t>(value);
  if (wrapping_) return std::numeric_limits<std::int64_t>::min();
  return std::isnan(value) ? 0 : End(value < 0);
}

std::int32_t Numbers::Narrow(std::int64_t value) const {
  if (value >= kMin32 && value <= kMax32) return static_cast<std::int32_t>(value);
  if (wrapping_) return static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  return static_cast<std::int32_t>(value < 0 ? kMin32 : kMax32);
}

std::int64_t Numbers::Add(std::int64_t a, std::int64_t b) const {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum) && !wrapping_) return End(a < 0);
  return wrapping_ ? sum : std::max(sum, kMin64);
}

std::int64_t Numbers::Multiply(std::int64_t a, std::int64_t b) const {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) && !wrapping_) return End((a < 0) != (b < 0));
  return wrapping_ ? product : std::max(product, kMin64);
}

std::int64_t Numbers::Divide(std::int64_t a, std::int64_t b) {
  WEIR_CHECK(b != 0);
  // The one quotient that does not fit stays what Go makes of it.
  if (a == std::numeric_limits<std::int64_t>::min() && b == -1) return a;
  return a / b;
}

std::int64_t Numbers::Milli(const kube::Quantity& quantity) const {
  return wrapping_ ? quantity.MilliValueWrapping() : std::max(quantity.MilliValue(), kMin64);
}

std::int64_t Numbers::ClampedSum(const std::vector<kube::Quantity>& quantities) {
  __extension__ using Wide = __int128;
  const Numbers clamping(false);
  Wide sum = 0;
  for (const kube::Quantity& quantity : quantities) sum += clamping.Milli(quantity);
  return static_cast<std::int64_t>(std::clamp<Wide>(sum, kMin64, kMax64));
}

}  // namespace weir::autoscale
