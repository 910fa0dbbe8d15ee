// What `weir explain` was asked, and which record answers it. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/explain_command.h"
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

// A line to be read before the Decision that was chosen, where it is older than what was asked for:
// of what was decided since, and changed nothing, only the newest is kept. Empty otherwise.
std::string AgeNote(const Json& decision, std::optional<Time> at);

// A line with the command that decides it again, after an empty one; empty where its inputs are not
// in the record.
std::string ReplayNote(const Json& decision, const ExplainOptions& asked);

}  // namespace weir::app
