// A scenario line is anything: the answer is a line of JSON or an error, in both modes, and the
// same each time.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "autoscale/scenario.h"
#include "base/check.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  for (const bool upstream_exact : {false, true}) {
    const auto answer = weir::autoscale::Replay(line, upstream_exact);
    const auto again = weir::autoscale::Replay(line, upstream_exact);
    WEIR_CHECK(answer.has_value() == again.has_value());
    if (!answer) continue;
    WEIR_CHECK(*answer == *again);
    WEIR_CHECK(weir::ParseJson(*answer).has_value());
  }
  return 0;
}
