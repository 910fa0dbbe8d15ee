// The objects of kind Decision (docs/formats/decision.md): their names, and what stands around the
// record. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace weir::controllers {

inline constexpr std::string_view kDecisionApiVersion = "weir.dev/v1alpha1";
inline constexpr std::string_view kDecisionResource = "decisions.weir.dev";

// `web.20260101t000015.250z`: names of one autoscaler sort by time. `at` in whole milliseconds.
std::string DecisionName(std::string_view hpa, Time at);
// `web.latest`: no stored one has such a name, and it sorts behind them.
std::string LatestDecisionName(std::string_view hpa);
// The value of the label weir.dev/hpa: the autoscaler's name, one too long for a label shortened.
std::string DecisionLabel(std::string_view hpa);

// An object of that name which holds the record of a decision made then, owned by the autoscaler.
Json DecisionObject(const Json& hpa, std::string name, Time at, Json record);

}  // namespace weir::controllers
