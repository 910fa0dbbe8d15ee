// The shape of a scenario (docs/formats/hpa-scenario.md): which keys there are and what each holds.
// What is of another shape is refused before anything is decided from it, because a number that is
// quietly taken for absent gives an answer that looks like one. Pure, any thread.
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace weir::autoscale {

// One scenario. Quantities are texts, numbers among them as they were written, with all digits;
// what nobody looks at (`expect`) is left out. kInvalid names the path and what was expected there:
// wrong types, unknown keys, keys that came twice, steps that go back in time.
Result<Json> ReadScenario(std::string_view line);

}  // namespace weir::autoscale
