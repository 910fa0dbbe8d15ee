// Any bytes as a process specification: refused, or read as exactly what writes them again.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "platform/process.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto spec = weir::platform::DecodeProcessSpec(bytes);
  if (!spec) return 0;
  const auto again = weir::platform::DecodeProcessSpec(weir::platform::EncodeProcessSpec(*spec));
  WEIR_CHECK(again.has_value() && *again == *spec);
  return 0;
}
