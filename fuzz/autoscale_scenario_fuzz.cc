// A scenario line is anything: the answer is a line of JSON or an error, in both modes, and the
// same each time. The inputs of each step, written as a line of their own, give that step's answer;
// their record explains itself. As a text of several documents it is answered too, or told by line.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "autoscale/explain.h"
#include "autoscale/record.h"
#include "autoscale/replay.h"
#include "autoscale/scenario.h"
#include "base/check.h"
#include "base/json.h"

namespace {

void CheckAlone(const weir::autoscale::Inputs& inputs, const weir::Json& answer) {
  const std::string line = weir::autoscale::ScenarioLine(inputs);
  const auto alone = weir::autoscale::Replay(line, false);
  WEIR_CHECK(alone.has_value());
  const auto read = weir::ParseJson(*alone);
  WEIR_CHECK(read.has_value());
  WEIR_CHECK(weir::DumpJson(weir::GetArray(*read, {"steps"})) ==
             "[" + weir::DumpJson(answer) + "]");
  const weir::Json record = weir::autoscale::MakeRecord(inputs, {});
  WEIR_CHECK(weir::autoscale::Explain(record).ends_with('\n'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  for (const bool upstream_exact : {false, true}) {
    const auto answer = weir::autoscale::Replay(line, upstream_exact);
    // A status that cannot be written is no input of a decision; under upstream-exact none is
    // recorded.
    const bool records = !upstream_exact && !line.contains("tatusError") && !line.contains('\\');
    const auto again = weir::autoscale::Replay(
        line, upstream_exact, records ? weir::autoscale::StepFn(CheckAlone) : nullptr);
    WEIR_CHECK(answer.has_value() == again.has_value());
    weir::autoscale::ReplayAll(line, upstream_exact, [](const weir::Result<std::string>& told) {
      WEIR_CHECK(told ? weir::ParseJson(*told).has_value()
                      : told.error().message.starts_with("line "));
    });
    if (!answer) continue;
    WEIR_CHECK(*answer == *again);
    WEIR_CHECK(weir::ParseJson(*answer).has_value());
  }
  return 0;
}
