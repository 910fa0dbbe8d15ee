// All that one decision was made from, kept so that it can be explained and made again. Its text is
// a scenario line of one step (docs/formats/hpa-scenario.md). Values, any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "autoscale/history.h"
#include "autoscale/observations.h"
#include "autoscale/options.h"
#include "base/json.h"
#include "base/time.h"

namespace weir::autoscale {

struct Inputs {
  std::shared_ptr<const Json> hpa;  // as stored before the pass; never null
  Observations seen;
  History history;  // before the pass
  Time now;         // whole milliseconds, as decisions are named
  Options options;
  std::optional<std::string> write_error;  // why the scale could not be written
};

// t 0 of every scenario.
inline constexpr Time kScenarioStart{std::chrono::seconds(1767225600)};  // 2026-01-01T00:00:00Z
// Times further than this from the start are no scenario: 1970 and 2082 are within.
inline constexpr double kFarthestSeconds = 1.8e9;

// When a pass is made, in seconds: rounded up to thousandths, no further than the farthest.
double ScenarioSeconds(Time time);

// One line without its newline, whose replay gives the same decision.
std::string ScenarioLine(const Inputs& inputs);

}  // namespace weir::autoscale
