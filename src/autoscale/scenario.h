// Replays recorded situations: one JSON line holds an autoscaler, what it saw at each of its
// passes, and the settings; the answer line holds what it decides. The format is
// docs/formats/hpa-scenario.md. Pure functions, any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "autoscale/inputs.h"
#include "base/result.h"

namespace weir::autoscale {

// The answer to one scenario line, without its newline. kInvalid names the path of what is wrong,
// and what was expected there. Keys that say what was once expected are not looked at. What
// `config` says of departures counts more than `upstream_exact`.
// `each_step`: told of what each step was decided from, and of its answer.
using StepFn = std::function<void(const Inputs& inputs, const Json& answer)>;
Result<std::string> Replay(std::string_view line, bool upstream_exact,
                           const StepFn& each_step = nullptr);

}  // namespace weir::autoscale
