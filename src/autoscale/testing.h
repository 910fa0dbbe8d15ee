// For tests and fuzz targets: situations of every kind out of a stream of numbers, and what must
// hold of each decision, whatever the situation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
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
    subject.paused = Chance(5);
    if (Chance(30)) {
      subject.status.SetCondition("ScaledToZero", true, "ScaledToZero", "", kGeneratedStart);
    }
    return subject;
  }

  std::int32_t Replicas() { return Chance(20) ? 0 : Count(60); }

  // Flags and switches of every kind.
  Options MakeOptions() {
    using std::chrono::seconds;
    constexpr double kTolerances[] = {0, 0.05, 0.1, 0.5, 2};
    constexpr int kSeconds[] = {0, 1, 15, 60, 300, 7200};
    Options options;
    options.tolerance = Pick(kTolerances);
    for (Duration* const flag :
         {&options.downscale_stabilization, &options.sync_period,
          &options.cpu_initialization_period, &options.initial_readiness_delay}) {
      *flag = seconds(Pick(kSeconds));
    }
    options.scale_to_zero = Chance(90);
    Departures& departures = options.departures;
    for (bool* const departure :
         {&departures.wake_from_zero, &departures.pause_annotation,
          &departures.average_over_zero_is_zero, &departures.saturate,
          &departures.hold_spec_replicas, &departures.follow_target_field,
          &departures.refuse_negative, &departures.keep_extremes, &departures.look_again}) {
      *departure = Chance(70);
    }
    return options;
  }

  // Why what was decided could not be written; mostly it could.
  std::optional<std::string> WriteError() {
    return Chance(10) ? std::optional<std::string>("conflict") : std::nullopt;
  }

  Observations Observe(const Subject& subject, std::int32_t replicas) {
    constexpr std::string_view kOdd[] = {"", "app in (", "app in (web,other),tier!=b"};
    Observations seen;
    if (Chance(3)) seen.scale_error = "not found";
    seen.scale = {.spec_replicas = replicas,
                  .status_replicas = Chance(80) ? replicas : Replicas(),
                  .selector = std::string(Chance(94) ? "app=web" : Pick(kOdd))};
    if (Chance(10)) AddNeighbours(seen);
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
    Shuffle(seen.neighbours);
    for (MetricResult& result : seen.metrics) Shuffle(result.pods);
    return seen;
  }

 private:
  template <class T>
  void Shuffle(std::vector<T>& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below_(i)]);
  }

  void AddNeighbours(Observations& seen) {
    constexpr std::string_view kSelectors[] = {"app=other", "tier=b,app=web", "app",
                                               "tier notin (a)"};
    constexpr std::string_view kNames[] = {"web", "api", "zzz"};
    for (int i = Count(3); i >= 0; --i) {
      const auto selector = kube::LabelSelector::Parse(Pick(kSelectors));
      seen.neighbours.push_back(
          {std::string(Pick(kNames)), selector.value_or(kube::LabelSelector())});
    }
  }

  Json Selector() {
    if (Chance(20)) return Json::object();
    if (Chance(40)) return {{"matchLabels", {{"queue", "orders"}}}};
    constexpr std::string_view kOperators[] = {"In", "NotIn", "Like"};
    return {{"matchExpressions", Json::array({{{"key", "zone"},
                                               {"operator", Pick(kOperators)},
                                               {"values", Json::array({"b", "a"})}}})}};
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
    if (Chance(2)) {
      metric.type_name = "Weird";
      return metric;
    }
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
    } else if (Chance(20)) {
      metric.selector = Selector();
      metric.identifier["selector"] = metric.selector;
    }
    if (Chance(2)) return metric;  // without a target
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
    pod.labels = {{"app", Chance(95) ? "web" : "other"}, {"tier", Chance(95) ? "a" : "b"}};
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

// What of a decision that has been completed does not fit its situation, under any options; empty
// where all does. `written`: there was nothing to write, or it could be written.
inline std::string WhatDoesNotFit(const Subject& subject, const Observations& seen,
                                  const Decision& decision, bool written, const Options& options) {
  const Json status = decision.status.ToJson();
  const std::string text = DumpJson(status);
  const std::size_t values = GetArray(status, {"currentMetrics"}).size();
  const bool whole = values == 0 || values == subject.spec.metrics.size();
  if (!whole && !seen.scale_error) return "values are missing: " + text;
  std::string active;
  for (const Json& condition : GetArray(status, {"conditions"})) {
    if (GetString(condition, "type") == "ScalingActive") active = GetString(condition, "status");
    if (GetString(condition, "message").empty() && GetString(condition, "type") != "ScaledToZero") {
      return "a condition without a message: " + text;
    }
  }
  std::int64_t told = 0;
  std::int64_t failed = 0;
  for (const Event& event : decision.events) {
    told += event.reason == "SuccessfulRescale" ? 1 : 0;
    failed += event.reason == "FailedRescale" ? 1 : 0;
  }
  const bool scales = decision.scale_to.has_value();
  if (told != (scales && written ? 1 : 0)) return "wrongly told of a change: " + text;
  if (failed != (scales && !written ? 1 : 0)) return "wrongly told of a failure: " + text;
  const std::int64_t before = GetInt(subject.status.ToJson(), {"desiredReplicas"}, 0);
  const std::int64_t after = GetInt(status, {"desiredReplicas"}, 0);
  if (scales && after != (written ? *decision.scale_to : before)) {
    return "another number than was written: " + text;
  }
  if (!scales && !decision.settled && after != before) return "a number of nowhere: " + text;
  if (!scales) return "";
  if (subject.paused && options.departures.pause_annotation) return "changed though paused";
  if (seen.scale_error) return "changed without a scale";
  const std::int32_t from = seen.scale.spec_replicas;
  const bool in_bounds = from >= subject.spec.min_replicas && from <= subject.spec.max_replicas;
  if (in_bounds && active != "True") return "changed though not active: " + text;
  return "";
}

// What is wrong with a completed decision where numbers saturate; empty where nothing is.
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

// The only texts that an order of the pods may change: which of several pods lacks a request, as
// the first of them is named with what it lacks.
inline std::string WithoutLackingPod(std::string text) {
  constexpr std::string_view kBefore = " utilization: ";
  constexpr std::string_view kPod = " Pod p";
  for (std::size_t at = 0; (at = text.find(kPod, at)) != std::string::npos;) {
    const std::size_t start = text.rfind(kBefore, at);
    std::size_t end = at + kPod.size();
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    if (start == std::string::npos) {
      at = end;
      continue;
    }
    text.replace(start + kBefore.size(), end - start - kBefore.size(), "a request is missing");
    at = start + kBefore.size();
  }
  return text;
}

// All that a pass says and remembers.
inline std::string Whole(const Decision& decision, const History& history) {
  std::string text = std::to_string(decision.scale_to.value_or(-1)) + " " +
                     std::to_string(decision.wanted.value_or(-1)) + " " +
                     DumpJson(decision.status.ToJson()) + decision.error;
  for (const auto* const events : {&decision.events, &decision.events_after_status}) {
    for (const Event& event : *events) text += "\n" + event.reason + " " + event.message;
  }
  for (const MetricOutcome& metric : decision.metrics) {
    text += "\n" + metric.name + " " + std::to_string(metric.replicas.value_or(-1)) + metric.error;
  }
  if (decision.look_again) text += "\nagain " + FormatRfc3339Micro(*decision.look_again);
  for (const Recommendation& one : history.recommendations) {
    text += "\n" + std::to_string(one.replicas) + " " + FormatRfc3339Micro(one.at);
  }
  return text;
}

struct Passes {
  std::string trace;    // all that was decided
  std::string wrong;    // what does not fit, empty where all does
  std::string numbers;  // what must not be where numbers saturate
  std::string order;    // where another order of the pods decided otherwise
};

// Six passes of one autoscaler. `reorder` draws the orders, so that they change nothing else.
inline Passes RunPasses(Generator& generate, Generator& reorder, const Options& options) {
  Subject subject = generate.MakeSubject();
  History history;
  std::int32_t replicas = generate.Replicas();
  Passes passes;
  Time now = kGeneratedStart;
  for (int step = 0; step < 6; ++step) {
    if (generate.Chance(5)) history = {};
    if (generate.Chance(5)) subject.spec = generate.MakeSubject().spec;
    const Observations seen = generate.Observe(subject, replicas);
    const std::optional<std::string> error = generate.WriteError();
    History again = history;
    Decision decision = Decide(subject, seen, history, now, options);
    Complete(decision, subject, error, history, now, options);
    Decision shuffled = Decide(subject, reorder.Shuffled(seen), again, now, options);
    Complete(shuffled, subject, error, again, now, options);
    const std::string whole = Whole(decision, history);
    const std::string other = Whole(shuffled, again);
    passes.trace += whole + "\n";
    if (passes.wrong.empty()) {
      passes.wrong = WhatDoesNotFit(subject, seen, decision, !error, options);
    }
    if (passes.numbers.empty()) passes.numbers = WhatIsWrong(subject, seen, decision, now);
    if (whole != other && WithoutLackingPod(whole) != WithoutLackingPod(other)) {
      passes.order = whole + "\nbecame\n" + other;
    }
    if (generate.Chance(95)) subject.status = decision.status;
    if (!error && decision.scale_to) replicas = std::max(0, *decision.scale_to);
    if (generate.Chance(20)) replicas = generate.Replicas();
    now += std::chrono::milliseconds(1 + generate.Count(60'000));
  }
  return passes;
}

}  // namespace weir::autoscale
