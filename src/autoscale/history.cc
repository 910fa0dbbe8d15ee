#include "autoscale/history.h"

#include <algorithm>

namespace weir::autoscale {
namespace {

void Store(std::vector<ScaleEvent>& events, const ScalingRules& rules, std::int32_t change,
           Time now) {
  std::int32_t longest_s = 0;
  for (const ScalingPolicy& policy : rules.policies) {
    longest_s = std::max(longest_s, policy.period_s);
  }
  const Time cutoff = now - std::chrono::seconds(longest_s);
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

void Remember(History& history, std::int32_t replicas, Time now, Time cutoff, bool merge) {
  std::vector<Recommendation>& list = history.recommendations;
  if (merge) {
    std::erase_if(list, [&](const Recommendation& one) { return one.replicas == replicas; });
  }
  const auto old = std::find_if(list.rbegin(), list.rend(),
                                [&](const Recommendation& one) { return one.at < cutoff; });
  if (old != list.rend()) {
    *old = {replicas, now};
  } else {
    list.push_back({replicas, now});
  }
}

void RememberScale(History& history, const HpaSpec& spec, std::int32_t from, std::int32_t to,
                   Time now) {
  if (!spec.behavior) return;
  const auto difference =
      static_cast<std::int32_t>(static_cast<std::uint32_t>(to) - static_cast<std::uint32_t>(from));
  if (to > from) {
    Store(history.ups, spec.behavior->up, difference, now);
  } else {
    Store(history.downs, spec.behavior->down, difference == INT32_MIN ? INT32_MAX : -difference,
          now);
  }
}

}  // namespace weir::autoscale
