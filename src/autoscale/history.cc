#include "autoscale/history.h"

#include <algorithm>
#include <utility>

namespace weir::autoscale {
namespace {

Duration LongestPeriod(const ScalingRules& rules) {
  std::int32_t longest_s = 0;
  for (const ScalingPolicy& policy : rules.policies) {
    longest_s = std::max(longest_s, policy.period_s);
  }
  return std::chrono::seconds(longest_s);
}

void Store(std::vector<ScaleEvent>& events, Duration period, std::int32_t change, Time now) {
  const Time cutoff = now - period;
  ScaleEvent* place = nullptr;
  for (ScaleEvent& event : events) {
    if (event.at < cutoff) event.outdated = true;
    if (event.outdated) place = &event;
  }
  const ScaleEvent event{.change = change, .at = now};
  if (place != nullptr) {
    *place = event;
  } else {
    events.push_back(event);
  }
}

}  // namespace

void RememberInPlace(History& history, std::int32_t replicas, Time now, Time cutoff) {
  std::vector<Recommendation>& list = history.recommendations;
  const auto old = std::find_if(list.rbegin(), list.rend(),
                                [&](const Recommendation& one) { return one.at < cutoff; });
  if (old != list.rend()) {
    *old = {replicas, now};
  } else {
    list.push_back({replicas, now});
  }
}

void RememberExtremes(History& history, std::int32_t replicas, Time now, Time cutoff) {
  std::vector<Recommendation>& list = history.recommendations;
  std::int32_t lowest = replicas;
  std::int32_t highest = replicas;
  std::vector<Recommendation> kept{{replicas, now}};
  for (auto one = list.rbegin(); one != list.rend(); ++one) {
    // Every window that reaches back to it holds a newer one that is as low, and one as high.
    if (one->replicas >= lowest && one->replicas <= highest) continue;
    if (one->at < cutoff) continue;
    lowest = std::min(lowest, one->replicas);
    highest = std::max(highest, one->replicas);
    kept.push_back(*one);
  }
  std::ranges::reverse(kept);
  list = std::move(kept);
}

void RememberScale(History& history, const HpaSpec& spec, std::int32_t from, std::int32_t to,
                   Time now, Duration legacy_period) {
  history.scaled = now;
  if (to > from) history.raised = now;
  if (!spec.behavior && legacy_period.count() == 0) return;
  const auto difference =
      static_cast<std::int32_t>(static_cast<std::uint32_t>(to) - static_cast<std::uint32_t>(from));
  const bool up = to > from;
  Duration period = legacy_period;
  if (spec.behavior) period = LongestPeriod(up ? spec.behavior->up : spec.behavior->down);
  const std::int32_t change = up ? difference : (difference == INT32_MIN ? INT32_MAX : -difference);
  Store(up ? history.ups : history.downs, period, change, now);
}

}  // namespace weir::autoscale
