// What an autoscaler remembers of itself from pass to pass: its recommendations and the scale
// changes it made. Lost on restart, as upstream's. Values; kept by whoever calls Decide, one for
// each key.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "autoscale/spec.h"
#include "base/time.h"

namespace weir::autoscale {

struct Recommendation {
  std::int32_t replicas = 0;
  Time at;
};

struct ScaleEvent {
  std::int32_t change = 0;  // positive in both directions
  Time at;
  bool outdated = false;  // its place may be taken
};

struct History {
  std::vector<Recommendation> recommendations;
  std::vector<ScaleEvent> ups;
  std::vector<ScaleEvent> downs;
  std::optional<Time> scaled;    // when the last change was written
  std::optional<Time> raised;    // when the last scale-up was
  std::set<std::string> warned;  // warnings given once, not in every pass
};

// Stores a recommendation in place of one made before `cutoff` where there is one: upstream's way,
// which forgets what a window that is made longer later would cover.
void RememberInPlace(History& history, std::int32_t replicas, Time now, Time cutoff);

// Stores a recommendation and keeps of the others what the highest or lowest of some window that
// ends now or later may be; forgets those made before `cutoff`. The list stays short however often
// it is called. REQUIRES: no call of RememberInPlace on this history.
void RememberExtremes(History& history, std::int32_t replicas, Time now, Time cutoff);

// Stores a change that was written, for as long as the policies of spec.behavior look back; without
// behavior for `legacy_period` (0: not at all).
void RememberScale(History& history, const HpaSpec& spec, std::int32_t from, std::int32_t to,
                   Time now, Duration legacy_period);

}  // namespace weir::autoscale
