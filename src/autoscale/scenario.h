// Replays recorded situations: one JSON line holds an autoscaler, what it saw at each of its
// passes, and the settings; the answer line holds what it decides. The format is
// docs/formats/hpa-scenario.md. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::autoscale {

// The answer to one scenario line, without its newline. kInvalid names the field that is wrong.
// Keys of the scenario that say what was once expected are not looked at.
Result<std::string> Replay(std::string_view line, bool upstream_exact);

// The answers to all lines of a text, each with a newline; blank lines are passed over. Errors name
// the line.
Result<std::string> ReplayAll(std::string_view text, bool upstream_exact);

}  // namespace weir::autoscale
