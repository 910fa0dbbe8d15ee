#include "autoscale/normalize.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "autoscale/numbers.h"

namespace weir::autoscale {
namespace {

constexpr Explanation kReady{"ReadyForNewScale", "recommended size matches current size"};
constexpr Explanation kDownStabilized{
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent "
    "recommendation"};
constexpr Explanation kUpStabilized{
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent "
    "recommendation"};
constexpr Explanation kInRange{"DesiredWithinRange",
                               "the desired count is within the acceptable range"};
constexpr Explanation kUpLimit{
    "ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"};
constexpr Explanation kDownLimit{
    "ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate"};
constexpr Explanation kTooMany{"TooManyReplicas",
                               "the desired replica count is more than the maximum replica count"};
constexpr Explanation kTooFew{"TooFewReplicas",
                              "the desired replica count is less than the minimum replica count"};

constexpr std::int32_t kMax32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kMin32 = std::numeric_limits<std::int32_t>::min();

struct Limited {
  std::int32_t replicas;
  Explanation why;
  std::optional<LimitTrace> by;  // the rate limit, where it is what binds
};

// What the policies of one direction allow together.
struct RateLimit {
  std::int32_t replicas;
  std::optional<std::size_t> policy;  // the one that decides
};

// The longest stabilisation window that the API allows.
constexpr Duration kLongestWindow = std::chrono::hours(1);
// The legacy window still holds what is exactly as old as it.
constexpr Duration kLegacyTick = std::chrono::milliseconds(1);

void Remember(History& history, std::int32_t wanted, Time now, Time cutoff,
              const Options& options) {
  if (options.departures.keep_extremes) {
    const Duration reach = std::max(kLongestWindow, options.downscale_stabilization);
    RememberExtremes(history, wanted, now, now - reach);
  } else {
    RememberInPlace(history, wanted, now, cutoff);
  }
}

// The number of replicas at the start of a period, by the changes made since.
std::int64_t PeriodStart(Duration period, std::int32_t current, const History& history, Time now,
                         Numbers numbers) {
  const Time cutoff = now - period;
  const auto sum = [&](const std::vector<ScaleEvent>& events) {
    std::int64_t changed = 0;
    for (const ScaleEvent& event : events) {
      if (event.at > cutoff) changed += event.change;
    }
    return changed;
  };
  return numbers.Narrow(current - sum(history.ups) + sum(history.downs));
}

std::optional<Time> Earlier(std::optional<Time> a, std::optional<Time> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// When the first change that counts now counts no more.
std::optional<Time> FirstToAge(const std::vector<ScaleEvent>& events, Duration period, Time now) {
  std::optional<Time> first;
  for (const ScaleEvent& event : events) {
    if (event.at <= now - period) continue;
    first = Earlier(first, event.at + period);
  }
  return first;
}

// When the last of the recommendations that hold the outcome leaves its window. A window of
// spec.behavior ends before what is as old as it, the legacy one a moment after.
std::optional<Time> WindowOpens(const History& history, const Normalized& result,
                                std::int32_t wanted, Duration up_window, Duration down_window) {
  if (result.stabilized == wanted) return std::nullopt;
  const bool held_up = result.stabilized > wanted;
  std::optional<Time> last;
  for (const Recommendation& one : history.recommendations) {
    const bool holds =
        held_up ? one.replicas >= result.stabilized : one.replicas <= result.stabilized;
    if (holds) last = std::max(last.value_or(one.at), one.at);
  }
  if (!last) return std::nullopt;
  return *last + (held_up ? down_window : up_window);
}

// Without behavior: the highest recommendation of the window counts, and one step at most doubles.
std::int32_t StabilizeLegacy(std::int32_t wanted, History& history, Time now,
                             const Options& options) {
  const Time cutoff = now - options.downscale_stabilization;
  std::int32_t highest = wanted;
  for (const Recommendation& one : history.recommendations) {
    if (one.at >= cutoff) highest = std::max(highest, one.replicas);
  }
  Remember(history, wanted, now, cutoff, options);
  return highest;
}

LimitTrace LimitedBy(const ScalingRules& rules, const RateLimit& limit) {
  return {.disabled = rules.select == SelectPolicy::kDisabled,
          .policy = limit.policy,
          .allowed = limit.replicas,
          .loosens = std::nullopt};
}

Limited LimitLegacy(const HpaSpec& spec, std::int32_t current, std::int32_t wanted,
                    const History& history, Time now, const Options& options, Numbers numbers) {
  auto start = static_cast<std::int64_t>(current);
  if (options.sync_period.count() > 0) {
    start = PeriodStart(options.sync_period, current, history, now, numbers);
  }
  std::int32_t limit = numbers.ToInt32(std::max(2.0 * static_cast<double>(start), 4.0));
  if (options.sync_period.count() > 0) limit = std::max(limit, current);
  const bool by_rate = spec.max_replicas > limit;
  const std::int32_t ceiling = by_rate ? limit : spec.max_replicas;
  if (wanted < spec.min_replicas) return {spec.min_replicas, kTooFew, std::nullopt};
  if (wanted > ceiling && by_rate)
    return {ceiling, kUpLimit, LimitedBy(ScalingRules(), {limit, std::nullopt})};
  if (wanted > ceiling) return {ceiling, kTooMany, std::nullopt};
  return {wanted, kInRange, std::nullopt};
}

std::chrono::seconds UpWindow(const ScalingRules& rules) {
  return std::chrono::seconds(rules.window_s.value_or(0));
}

std::chrono::seconds DownWindow(const ScalingRules& rules, const Options& options) {
  if (rules.window_s) return std::chrono::seconds(*rules.window_s);
  return std::chrono::floor<std::chrono::seconds>(options.downscale_stabilization);
}

std::int32_t Stabilize(const Behavior& behavior, std::int32_t current, std::int32_t wanted,
                       History& history, Time now, const Options& options) {
  const Time up_cutoff = now - UpWindow(behavior.up);
  const Time down_cutoff = now - DownWindow(behavior.down, options);
  std::int32_t lowest = wanted;
  std::int32_t highest = wanted;
  for (const Recommendation& one : history.recommendations) {
    if (one.at > up_cutoff) lowest = std::min(lowest, one.replicas);
    if (one.at > down_cutoff) highest = std::max(highest, one.replicas);
  }
  Remember(history, wanted, now, std::min(up_cutoff, down_cutoff), options);
  std::int32_t result = current;
  if (result < lowest) result = lowest;
  if (result > highest) result = highest;
  return result;
}

RateLimit UpLimit(const ScalingRules& rules, std::int32_t current, const History& history, Time now,
                  Numbers numbers) {
  if (rules.select == SelectPolicy::kDisabled) return {current, std::nullopt};
  const bool smallest = rules.select == SelectPolicy::kMin;
  RateLimit limit{smallest ? kMax32 : kMin32, std::nullopt};
  for (std::size_t i = 0; i < rules.policies.size(); ++i) {
    const ScalingPolicy& policy = rules.policies[i];
    const std::int64_t start =
        PeriodStart(std::chrono::seconds(policy.period_s), current, history, now, numbers);
    // 100 * (1 + 10 / 100.0) is a little more than 110, so upstream allows 111: kept.
    const std::int32_t allowed =
        policy.percent ? numbers.ToInt32(std::ceil(static_cast<double>(start) *
                                                   (1 + static_cast<double>(policy.value) / 100)))
                       : numbers.Narrow(start + policy.value);
    const bool decides = smallest ? allowed < limit.replicas : allowed > limit.replicas;
    if (decides) limit = {allowed, i};
  }
  return limit;
}

RateLimit DownLimit(const ScalingRules& rules, std::int32_t current, const History& history,
                    Time now, Numbers numbers) {
  if (rules.select == SelectPolicy::kDisabled) return {current, std::nullopt};
  const bool smallest_change = rules.select == SelectPolicy::kMin;
  RateLimit limit{smallest_change ? kMin32 : kMax32, std::nullopt};
  for (std::size_t i = 0; i < rules.policies.size(); ++i) {
    const ScalingPolicy& policy = rules.policies[i];
    const std::int64_t start =
        PeriodStart(std::chrono::seconds(policy.period_s), current, history, now, numbers);
    const std::int32_t allowed =
        policy.percent ? numbers.ToInt32(static_cast<double>(start) *
                                         (1 - static_cast<double>(policy.value) / 100))
                       : numbers.Narrow(start - policy.value);
    const bool decides = smallest_change ? allowed > limit.replicas : allowed < limit.replicas;
    if (decides) limit = {allowed, i};
  }
  return limit;
}

Limited Limit(const HpaSpec& spec, const Behavior& behavior, std::int32_t current,
              std::int32_t wanted, const History& history, Time now, Numbers numbers) {
  if (wanted > current) {
    RateLimit limit = UpLimit(behavior.up, current, history, now, numbers);
    limit.replicas = std::max(limit.replicas, current);
    const bool by_rate = spec.max_replicas > limit.replicas;
    if (by_rate && wanted > limit.replicas) {
      return {limit.replicas, kUpLimit, LimitedBy(behavior.up, limit)};
    }
    if (!by_rate && wanted > spec.max_replicas) return {spec.max_replicas, kTooMany, std::nullopt};
  } else if (wanted < current) {
    RateLimit limit = DownLimit(behavior.down, current, history, now, numbers);
    limit.replicas = std::min(limit.replicas, current);
    const bool by_rate = spec.min_replicas < limit.replicas;
    if (by_rate && wanted < limit.replicas) {
      return {limit.replicas, kDownLimit, LimitedBy(behavior.down, limit)};
    }
    if (!by_rate && wanted < spec.min_replicas) return {spec.min_replicas, kTooFew, std::nullopt};
  }
  return {wanted, kInRange, std::nullopt};
}

std::optional<Time> LimitLoosens(const HpaSpec& spec, const Explanation& limited,
                                 const History& history, Time now, const Options& options) {
  const bool up = limited.reason == kUpLimit.reason;
  if (!up && limited.reason != kDownLimit.reason) return std::nullopt;
  const std::vector<ScaleEvent>& events = up ? history.ups : history.downs;
  if (!spec.behavior) return FirstToAge(events, options.sync_period, now);
  std::optional<Time> first;
  for (const ScalingPolicy& policy : (up ? spec.behavior->up : spec.behavior->down).policies) {
    first = Earlier(first, FirstToAge(events, std::chrono::seconds(policy.period_s), now));
  }
  return first;
}

}  // namespace

Normalized Normalize(const HpaSpec& spec, std::int32_t current, std::int32_t wanted,
                     History& history, Time now, const Options& options, Trace* trace) {
  const Numbers numbers(!options.departures.saturate);
  Normalized result;
  Explanation stabilized_why = kDownStabilized;
  Limited limited{};
  Duration up_window{0};
  Duration down_window = options.downscale_stabilization + kLegacyTick;
  if (spec.behavior) {
    up_window = UpWindow(spec.behavior->up);
    down_window = DownWindow(spec.behavior->down, options);
    result.stabilized = Stabilize(*spec.behavior, current, wanted, history, now, options);
    if (wanted >= current) stabilized_why = kUpStabilized;
    limited = Limit(spec, *spec.behavior, current, result.stabilized, history, now, numbers);
  } else {
    result.stabilized = StabilizeLegacy(wanted, history, now, options);
    limited = LimitLegacy(spec, current, result.stabilized, history, now, options, numbers);
  }
  result.able = result.stabilized == wanted ? kReady : stabilized_why;
  result.replicas = limited.replicas;
  result.limited = limited.why;
  const auto opens = WindowOpens(history, result, wanted, up_window, down_window);
  const auto loosens = LimitLoosens(spec, limited.why, history, now, options);
  result.look_again = Earlier(opens, loosens);
  if (trace != nullptr) {
    trace->wanted = wanted;
    trace->stabilized = result.stabilized;
    trace->limited = result.replicas;
    trace->up_window = up_window;
    trace->down_window = spec.behavior ? down_window : options.downscale_stabilization;
    trace->window_opens = opens;
    trace->limit = limited.by;
    if (trace->limit) trace->limit->loosens = loosens;
  }
  return result;
}

}  // namespace weir::autoscale
