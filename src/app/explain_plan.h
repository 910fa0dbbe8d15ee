// What `weir explain` was asked, and which record answers it. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace weir::app {

// The autoscaler's name in `hpa/NAME` (also horizontalpodautoscaler/NAME, and plurals). kInvalid
// for anything else.
Result<std::string> HpaName(std::string_view what);

// An instant (RFC 3339), or how long before `now` (`90s`, `1h30m`).
Result<Time> ParseWhen(std::string_view text, Time now);

// The Decision of the list that was in force then: the newest one made until `at`, of all where
// that is none. kNotFound where the list has none so old, or none at all; `hpa` names the
// autoscaler in the message.
Result<Json> ChooseDecision(const Json& list, std::string_view hpa, std::optional<Time> at);

}  // namespace weir::app
