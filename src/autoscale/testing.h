// For tests and fuzz targets: situations of every kind out of a stream of numbers, and what must
// hold of each decision, whatever the situation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "autoscale/decide.h"

namespace weir::autoscale {

inline constexpr Time kGeneratedStart{std::chrono::seconds(1767225600)};

class Generator {
 public:
  using BelowFn = std::function<std::uint64_t(std::uint64_t bound)>;
  // `below` draws a number in [0, bound).
  explicit Generator(BelowFn below) : below_(std::move(below)) {}

  bool Chance(unsigned percent) { return below_(100) < percent; }
  std::int32_t Count(std::uint64_t bound) { return static_cast<std::int32_t>(below_(bound)); }
  template <class T, std::size_t N>
  T Pick(const T (&choices)[N]) {
    return choices[below_(N)];
  }

  Subject MakeSubject() {
    Subject subject;
    subject.ns = "shop";
    subject.name = "web";
    HpaSpec& spec = subject.spec;
    spec.target_api_version = "apps/v1";
    spec.target_kind = "Deployment";
    spec.target_name = "web";
    spec.min_replicas = Count(5);
    spec.max_replicas = Chance(5) ? INT32_MAX : std::max(1, spec.min_replicas) + Count(50);
    for (int i = Count(3); i >= 0; --i) spec.metrics.push_back(Metric());
    if (Chance(60)) spec.behavior = Behavior{.up = Rules(), .down = Rules()};
    if (Chance(30)) {
      subject.status.SetCondition("ScaledToZero", true, "ScaledToZero", "", kGeneratedStart);
    }
    return subject;
  }

  Observations Observe(const Subject& subject, std::int32_t replicas) {
    Observations seen;
    seen.scale = {.spec_replicas = replicas,
                  .status_replicas = Chance(80) ? replicas : Count(60),
                  .selector = "app=web"};
    const std::int32_t pods = std::min(replicas, 40) + (Chance(15) ? Count(3) : 0);
    for (std::int32_t i = 0; i < pods; ++i)
      seen.pods.push_back(std::make_shared<const Pod>(MakePod(i)));
    for (const MetricSpec& metric : subject.spec.metrics) {
      seen.metrics.push_back(Chance(15) ? Away() : Answer(metric, seen.pods));
    }
    return seen;
  }

  // The same situation with its pods, and the answers about them, in another order.
  Observations Shuffled(Observations seen) {
    Shuffle(seen.pods);
    for (MetricResult& result : seen.metrics) Shuffle(result.pods);
    return seen;
  }

 private:
  template <class T>
  void Shuffle(std::vector<T>& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below_(i)]);
  }

  static MetricResult Away() {
    MetricResult result;
    result.error = "away";
    return result;
  }

  kube::Quantity Value() {
    constexpr std::string_view kOdd[] = {"-5",
                                         "0",
                                         "9223372036854775807",
                                         "-9223372036854775808m",
                                         "1e18",
                                         "1n",
                                         "-1n",
                                         "4E",
                                         "8Ei",
                                         "9223372036854775807m",
                                         "-9223372036854775807m",
                                         "-4611686018427387904m"};
    if (Chance(15)) return kube::Quantity::Parse(Pick(kOdd)).value_or(kube::Quantity());
    return kube::Quantity::FromMilli(Count(200'000));
  }

  MetricSpec Metric() {
    constexpr std::pair<MetricType, std::string_view> kTypes[] = {
        {MetricType::kResource, "Resource"},
        {MetricType::kContainerResource, "ContainerResource"},
        {MetricType::kPods, "Pods"},
        {MetricType::kObject, "Object"},
        {MetricType::kExternal, "External"}};
    MetricSpec metric;
    const auto [type, name] = Pick(kTypes);
    metric.type = type;
    metric.type_name = name;
    metric.name = "m" + std::to_string(Count(3));
    metric.identifier = {{"name", metric.name}};
    const auto target =
        Chance(10) ? Value() : kube::Quantity::FromMilli(std::int64_t{1} + Count(30'000));
    const bool of_pods = type == MetricType::kResource || type == MetricType::kContainerResource;
    if (of_pods) {
      metric.name = Chance(70) ? "cpu" : "memory";
      if (type == MetricType::kContainerResource) metric.container = Chance(80) ? "app" : "side";
    }
    if (of_pods && Chance(60)) {
      metric.target.type = "Utilization";
      metric.target.average_utilization = 1 + Count(300);
      return metric;
    }
    const bool value = !of_pods && type != MetricType::kPods && Chance(40);
    metric.target.type = value != Chance(5) ? "Value" : "AverageValue";
    (value ? metric.target.value : metric.target.average_value) = target;
    return metric;
  }

  ScalingRules Rules() {
    constexpr SelectPolicy kSelect[] = {SelectPolicy::kMax, SelectPolicy::kMax, SelectPolicy::kMin,
                                        SelectPolicy::kDisabled};
    ScalingRules rules;
    if (Chance(80)) rules.window_s = Count(400);
    rules.select = Pick(kSelect);
    for (int i = Count(3); i >= 0; --i) {
      rules.policies.push_back({.percent = Chance(50),
                                .value = Chance(3) ? INT32_MAX : 1 + Count(300),
                                .period_s = 1 + Count(100)});
    }
    if (Chance(30)) rules.tolerance = Count(60) / 100.0;
    return rules;
  }

  Amounts Amount() {
    Amounts amounts;
    if (!Chance(5)) amounts["cpu"] = Value();
    if (!Chance(5)) amounts["memory"] = Value();
    return amounts;
  }

  Pod MakePod(std::int32_t number) {
    constexpr std::string_view kOtherPhases[] = {"Pending", "Failed", "Succeeded", "Unknown"};
    Pod pod;
    pod.name = "p" + std::to_string(number);
    pod.labels = {{"app", Chance(95) ? "web" : "other"}};
    pod.phase = Chance(85) ? "Running" : Pick(kOtherPhases);
    pod.ready = Chance(80) ? "True" : Chance(80) ? "False" : "";
    pod.deleted = Chance(5);
    if (!Chance(5)) pod.started = kGeneratedStart - std::chrono::seconds(Count(900));
    pod.ready_since = pod.started.value_or(kGeneratedStart) + std::chrono::seconds(Count(60));
    pod.containers.push_back({.name = "app", .amounts = Amount()});
    if (Chance(20)) pod.containers.push_back({.name = "side", .amounts = Amount()});
    if (Chance(5)) pod.requests = Amount();
    return pod;
  }

  MetricResult Answer(const MetricSpec& metric, const std::vector<PodPtr>& pods) {
    MetricResult result;
    if (metric.type == MetricType::kObject || metric.type == MetricType::kExternal) {
      for (int i = metric.type == MetricType::kObject ? 0 : Count(4) - 1; i >= 0; --i) {
        result.values.push_back(Value());
      }
      return result;
    }
    for (const PodPtr& pod : pods) {
      if (Chance(10)) continue;
      PodUsage usage;
      usage.pod = pod->name;
      usage.value = Value();
      for (const Container& container : pod->containers) {
        if (!Chance(3)) usage.containers.push_back({.name = container.name, .amounts = Amount()});
      }
      usage.timestamp = kGeneratedStart - std::chrono::seconds(Count(60));
      usage.window = std::chrono::seconds(Count(60));
      result.pods.push_back(std::move(usage));
    }
    return result;
  }

  BelowFn below_;
};

// What is wrong with a completed decision by the default rules; empty where nothing is.
inline std::string WhatIsWrong(const Subject& subject, const Observations& seen,
                               const Decision& decision, Time now) {
  const std::string status = DumpJson(decision.status.ToJson());
  for (const std::string_view never : {"nan", "inf", "NaN", "-9223372036854775808"}) {
    if (status.contains(never)) return std::string(never) + " in " + status;
  }
  for (const std::string_view count : {"currentReplicas", "desiredReplicas"}) {
    if (GetInt(decision.status.ToJson(), {count}, 0) < 0) return "a negative count in " + status;
  }
  if (decision.look_again && *decision.look_again < now) return "to look again in the past";
  if (!decision.scale_to) return "";
  const std::int32_t from = seen.scale.spec_replicas;
  const std::int32_t to = *decision.scale_to;
  const std::string change = "from " + std::to_string(from) + " to " + std::to_string(to);
  if (to < subject.spec.min_replicas || to > subject.spec.max_replicas) {
    return "out of bounds: " + change;
  }
  if (to == from) return "a change that is none: " + change;
  // Unknown is not zero: only the upper bound may lower a target that is not fully known.
  const bool unknown = std::ranges::any_of(
      decision.metrics, [](const MetricOutcome& one) { return !one.replicas.has_value(); });
  if (unknown && to < from) return "lowered with a metric unknown: " + change;
  return "";
}

}  // namespace weir::autoscale
