#include "autoscale/scenario.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "autoscale/decide.h"
#include "autoscale/scenario_shape.h"
#include "base/strings.h"

namespace weir::autoscale {
namespace {

// As paths name an item: `pods[3]`.
std::string ItemOf(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::optional<std::string> TextAt(const Json& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

Result<Duration> SecondsFrom(const Json& value, std::string_view what) {
  const auto seconds = value.get<double>();
  if (!(std::abs(seconds) <= kFarthestSeconds)) {
    return Fail(Code::kInvalid, std::string(what) + ": out of range");
  }
  return std::chrono::duration_cast<Duration>(
      std::chrono::microseconds(std::llround(seconds * 1'000'000)));
}

Result<std::optional<Duration>> SecondsAt(const Json& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return std::optional<Duration>();
  const Result<Duration> seconds = SecondsFrom(*value, key);
  if (!seconds) return std::unexpected(seconds.error());
  return std::optional<Duration>(*seconds);
}

Result<Time> TimeFrom(const Json& value, std::string_view what) {
  const Result<Duration> seconds = SecondsFrom(value, what);
  if (!seconds) return std::unexpected(seconds.error());
  return kScenarioStart + *seconds;
}

Result<std::optional<Time>> TimeAt(const Json& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return std::optional<Time>();
  const Result<Time> time = TimeFrom(*value, key);
  if (!time) return std::unexpected(time.error());
  return std::optional<Time>(*time);
}

Result<kube::Quantity> ReadQuantity(const Json& text) {
  return kube::Quantity::Parse(text.get<std::string>());
}

Result<Amounts> ReadAmounts(const Json& object) {
  Amounts amounts;
  for (const auto& [name, value] : object.items()) {
    Result<kube::Quantity> quantity = ReadQuantity(value);
    if (!quantity) return Prefixed(name, quantity.error());
    amounts.emplace(name, *std::move(quantity));
  }
  return amounts;
}

Result<std::vector<Container>> ReadContainers(const Json& pod, std::string_view key) {
  std::vector<Container> containers;
  for (const Json& json : GetArray(pod, {key})) {
    auto amounts = ReadAmounts(GetObject(json, {"requests"}));
    if (!amounts) {
      return Prefixed(ItemOf(key, containers.size()) + ": requests", amounts.error());
    }
    containers.push_back({.name = GetString(json, "name"),
                          .amounts = *std::move(amounts),
                          .restartable = GetString(json, "restartPolicy") == "Always"});
  }
  return containers;
}

Result<Pod> ReadPod(const Json& json) {
  Pod pod;
  pod.name = GetString(json, "name");
  pod.labels = GetObject(json, {"labels"});
  pod.phase = GetString(json, "phase");
  pod.ready = GetString(json, "ready");
  const Json* deleted = Find(json, "deletionTimestamp");
  pod.deleted = deleted != nullptr && !deleted->is_null();
  const auto since = TimeAt(json, "readyTransitionTime");
  if (!since) return std::unexpected(since.error());
  pod.ready_since = since->value_or(Time());
  const auto started = TimeAt(json, "startTime");
  if (!started) return std::unexpected(started.error());
  pod.started = *started;
  auto containers = ReadContainers(json, "containers");
  if (!containers) return std::unexpected(containers.error());
  pod.containers = *std::move(containers);
  auto init = ReadContainers(json, "initContainers");
  if (!init) return std::unexpected(init.error());
  pod.init_containers = *std::move(init);
  auto requests = ReadAmounts(GetObject(json, {"podRequests"}));
  if (!requests) return Prefixed("podRequests", requests.error());
  pod.requests = *std::move(requests);
  return pod;
}

Result<std::vector<PodPtr>> ReadPods(const Json& list, const Json& defaults) {
  std::vector<PodPtr> pods;
  for (const Json& json : list) {
    Json merged = defaults;
    for (const auto& [key, value] : json.items()) merged[key] = value;
    Result<Pod> pod = ReadPod(merged);
    if (!pod) return Prefixed(ItemOf("pods", pods.size()), pod.error());
    pods.push_back(std::make_shared<const Pod>(*std::move(pod)));
  }
  return pods;
}

// One pod of a metric's answer; `common` holds what stands once beside the list.
Result<PodUsage> ReadUsage(const Json& json, const Json& common) {
  PodUsage usage;
  usage.pod = GetString(json, "name");
  for (const auto& [name, amounts] : GetObject(json, {"containers"}).items()) {
    auto read = ReadAmounts(amounts);
    if (!read) return Prefixed("containers: " + name, read.error());
    usage.containers.push_back({.name = name, .amounts = *std::move(read)});
  }
  const Json* value = Find(json, "value");
  if (value != nullptr && !value->is_null()) {
    Result<kube::Quantity> quantity = ReadQuantity(*value);
    if (!quantity) return Prefixed("value", quantity.error());
    usage.value = *std::move(quantity);
  }
  const auto timestamp = TimeAt(json.contains("timestamp") ? json : common, "timestamp");
  if (!timestamp) return std::unexpected(timestamp.error());
  usage.timestamp = timestamp->value_or(Time());
  const auto window = SecondsAt(json.contains("window") ? json : common, "window");
  if (!window) return std::unexpected(window.error());
  usage.window = window->value_or(Duration(0));
  return usage;
}

Result<MetricResult> ReadResult(const Json& json) {
  MetricResult result;
  result.error = TextAt(json, "error");
  for (const Json& pod : GetArray(json, {"pods"})) {
    Result<PodUsage> usage = ReadUsage(pod, json);
    if (!usage) return Prefixed(ItemOf("pods", result.pods.size()), usage.error());
    result.pods.push_back(*std::move(usage));
  }
  for (const Json& value : GetArray(json, {"values"})) {
    Result<kube::Quantity> quantity = ReadQuantity(value);
    if (!quantity) return Prefixed(ItemOf("values", result.values.size()), quantity.error());
    result.values.push_back(*std::move(quantity));
  }
  const Json* value = Find(json, "value");
  if (value != nullptr && !value->is_null()) {
    Result<kube::Quantity> quantity = ReadQuantity(*value);
    if (!quantity) return Prefixed("value", quantity.error());
    result.values.push_back(*std::move(quantity));
  }
  const auto timestamp = TimeAt(json, "timestamp");
  if (!timestamp) return std::unexpected(timestamp.error());
  result.timestamp = *timestamp;
  return result;
}

// Turns on or off what is named; the rest stays.
Status ReadDepartures(const Json& switches, Departures& departures) {
  for (const auto& [name, on] : switches.items()) {
    const auto* found = std::ranges::find(kDepartureNames, name, &DepartureName::name);
    if (found == std::end(kDepartureNames)) {
      std::vector<std::string> known;
      for (const DepartureName& departure : kDepartureNames) known.emplace_back(departure.name);
      return Fail(Code::kInvalid, name + ": unknown key; known are " + Join(known, ", "));
    }
    departures.*found->field = on.get<bool>();
  }
  return {};
}

Result<Options> ReadOptions(const Json& config, bool upstream_exact) {
  Options options = upstream_exact ? Options::UpstreamExact() : Options();
  const std::pair<std::string_view, Duration*> durations[] = {
      {"downscaleStabilization", &options.downscale_stabilization},
      {"cpuInitializationPeriod", &options.cpu_initialization_period},
      {"initialReadinessDelay", &options.initial_readiness_delay},
      {"syncPeriod", &options.sync_period},
  };
  for (const auto& [key, field] : durations) {
    const auto seconds = SecondsAt(config, key);
    if (!seconds) return std::unexpected(seconds.error());
    *field = seconds->value_or(*field);
  }
  const Json* tolerance = Find(config, "tolerance");
  if (tolerance != nullptr && !tolerance->is_null()) options.tolerance = tolerance->get<double>();
  options.scale_to_zero = GetBool(config, {"scaleToZero"}, options.scale_to_zero);
  const Status switched = ReadDepartures(GetObject(config, {"departures"}), options.departures);
  if (!switched) return Prefixed("departures", switched.error());
  return options;
}

std::int32_t CountAt(const Json& json, std::string_view key) {
  return static_cast<std::int32_t>(GetInt(json, {key}, 0));
}

Result<std::vector<ScaleEvent>> ReadChanges(const Json& history, std::string_view key) {
  std::vector<ScaleEvent> events;
  for (const Json& json : GetArray(history, {key})) {
    const Result<Time> at = TimeFrom(*Find(json, "t"), "t");
    if (!at) return Prefixed(ItemOf(key, events.size()), at.error());
    events.push_back({.change = CountAt(json, "change"),
                      .at = *at,
                      .outdated = GetBool(json, {"outdated"}, false)});
  }
  return events;
}

Result<History> ReadHistory(const Json& json) {
  History history;
  for (const Json& one : GetArray(json, {"recommendations"})) {
    const Result<Time> at = TimeFrom(*Find(one, "t"), "t");
    if (!at) return Prefixed(ItemOf("recommendations", history.recommendations.size()), at.error());
    history.recommendations.push_back({CountAt(one, "replicas"), *at});
  }
  for (const auto& [key, list] :
       {std::pair("ups", &history.ups), std::pair("downs", &history.downs)}) {
    auto events = ReadChanges(json, key);
    if (!events) return std::unexpected(events.error());
    *list = *std::move(events);
  }
  for (const auto& [key, field] :
       {std::pair("scaled", &history.scaled), std::pair("raised", &history.raised)}) {
    const auto at = TimeAt(json, key);
    if (!at) return std::unexpected(at.error());
    *field = *at;
  }
  for (const Json& text : GetArray(json, {"warned"})) {
    history.warned.insert(text.get<std::string>());
  }
  return history;
}

Json Answer(const std::vector<MetricRequest>& requests) {
  Json queries = Json::array();
  for (const MetricRequest& request : requests) {
    Json query = Json::object();
    switch (request.api) {
      case MetricsApi::kResource:
        query["api"] = "metrics.k8s.io";
        break;
      case MetricsApi::kCustom:
        query["api"] = "custom.metrics.k8s.io";
        query["kind"] = request.kind + (request.group.empty() ? "" : "." + request.group);
        query["name"] = request.object;
        break;
      case MetricsApi::kExternal:
        query["api"] = "external.metrics.k8s.io";
        break;
    }
    const std::pair<std::string_view, const std::string*> optional[] = {
        {"namespace", &request.ns},
        {"metric", &request.metric},
        {"labelSelector", &request.label_selector},
        {"metricLabelSelector", &request.metric_label_selector},
    };
    for (const auto& [key, value] : optional) {
      if (!value->empty()) query[std::string(key)] = *value;
    }
    queries.push_back(std::move(query));
  }
  return queries;
}

Json Answer(const std::vector<Event>& events) {
  Json list = Json::array();
  for (const Event& event : events) {
    list.push_back({{"type", event.type}, {"reason", event.reason}, {"message", event.message}});
  }
  return list;
}

class Scenario {
 public:
  Status Start(const Json& scenario, bool upstream_exact);
  Result<Json> Step(const Json& step, const StepFn& told);

 private:
  Status Update(const Json& step);
  void See(const Json& step);

  Options options_;
  Json hpa_;  // of which subject_ was read, status aside
  Subject subject_;
  Observations seen_;
  History history_;
  Json pod_defaults_;
};

Status Scenario::Start(const Json& scenario, bool upstream_exact) {
  Result<Options> options = ReadOptions(GetObject(scenario, {"config"}), upstream_exact);
  if (!options) return Prefixed("config", options.error());
  options_ = *std::move(options);
  hpa_ = GetObject(scenario, {"hpa"});
  Result<Subject> subject = SubjectFromJson(hpa_);
  if (!subject) return Prefixed("hpa", subject.error());
  subject_ = *std::move(subject);
  Result<History> history = ReadHistory(GetObject(scenario, {"history"}));
  if (!history) return Prefixed("history", history.error());
  history_ = *std::move(history);
  for (const Json& other : GetArray(scenario, {"others"})) {
    auto selector = kube::LabelSelector::Parse(GetString(other, "selector"));
    if (!selector) {
      return Prefixed(ItemOf("others", seen_.neighbours.size()) + ": selector", selector.error());
    }
    seen_.neighbours.push_back({GetString(other, "name"), *std::move(selector)});
  }
  pod_defaults_ = GetObject(scenario, {"podDefaults"});
  return {};
}

bool Says(const Json& step, std::string_view key) {
  const Json* value = Find(step, key);
  return value != nullptr && !value->is_null();
}

// Takes over what the step says anew; the rest stays as before.
Status Scenario::Update(const Json& step) {
  if (Says(step, "spec")) {
    const Json& spec = *Find(step, "spec");
    Result<HpaSpec> parsed = ParseSpec(spec);
    if (!parsed) return Prefixed("spec", parsed.error());
    subject_.spec = *std::move(parsed);
    hpa_["spec"] = spec;
  }
  if (Says(step, "target")) {
    const Json& target = *Find(step, "target");
    seen_.scale = {.spec_replicas = CountAt(target, "specReplicas"),
                   .status_replicas = CountAt(target, "statusReplicas"),
                   .selector = GetString(target, "selector")};
  }
  if (Says(step, "pods")) {
    auto pods = ReadPods(GetArray(step, {"pods"}), pod_defaults_);
    if (!pods) return std::unexpected(pods.error());
    seen_.pods = *std::move(pods);
  }
  if (Says(step, "metrics")) {
    seen_.metrics.clear();
    for (const Json& json : GetArray(step, {"metrics"})) {
      Result<MetricResult> result = ReadResult(json);
      if (!result) return Prefixed(ItemOf("metrics", seen_.metrics.size()), result.error());
      seen_.metrics.push_back(*std::move(result));
    }
  }
  return {};
}

// What reading the target's scale gives in this step.
void Scenario::See(const Json& step) {
  seen_.scale_error = TextAt(step, "getError");
  seen_.scale_error_context =
      TextAt(step, "getErrorContext")
          .value_or("failed to query scale subresource for " + subject_.spec.target_kind + "/" +
                    subject_.ns + "/" + subject_.spec.target_name);
  const Result<std::string> group = GroupOf(subject_.spec.target_api_version);
  if (!group) {
    seen_.scale_error = group.error().message;
    seen_.scale_error_context = "invalid API version in scale target reference";
  }
}

Result<Json> Scenario::Step(const Json& step, const StepFn& told) {
  const Result<Time> now = TimeFrom(*Find(step, "t"), "t");
  if (!now) return std::unexpected(now.error());
  const Status updated = Update(step);
  if (!updated) return std::unexpected(updated.error());
  if (GetBool(step, {"recreate"}, false)) subject_.status = {};
  if (GetBool(step, {"recreate"}, false) || GetBool(step, {"restart"}, false)) history_ = {};
  See(step);
  const std::optional<std::string> write_error = TextAt(step, "updateError");
  Inputs inputs;
  if (told) {
    hpa_["status"] = subject_.status == HpaStatus() ? Json() : subject_.status.ToJson();
    inputs = {.hpa = std::make_shared<const Json>(hpa_),
              .seen = seen_,
              .history = history_,
              .now = *now,
              .options = options_,
              .write_error = write_error};
  }
  const std::vector<MetricRequest> requests = Requests(subject_, seen_, options_);
  Decision decision = Decide(subject_, seen_, history_, *now, options_);
  Complete(decision, subject_, write_error, history_, *now, options_);

  const std::optional<std::string> status_error = TextAt(step, "statusError");
  if (decision.status_changed && status_error) {
    decision.events.push_back({"Warning", "FailedUpdateStatus", *status_error});
    decision.error = StatusError(decision, subject_, *status_error);
  }
  for (Event& event : decision.events_after_status) decision.events.push_back(std::move(event));

  Json answer = Json::object();
  answer["scaleTo"] = decision.scale_to ? Json(*decision.scale_to) : Json(nullptr);
  answer["status"] = decision.status_changed ? decision.status.ToJson() : Json(nullptr);
  answer["events"] = Answer(decision.events);
  answer["queries"] = Answer(requests);
  if (!decision.error.empty()) answer["error"] = decision.error;
  if (decision.look_again) answer["lookAgain"] = ScenarioSeconds(*decision.look_again);
  if (decision.status_changed && !status_error) subject_.status = std::move(decision.status);
  if (told) told(inputs, answer);
  return answer;
}

}  // namespace

Result<std::string> Replay(std::string_view line, bool upstream_exact, const StepFn& each_step) {
  const Result<Json> scenario = ReadScenario(line);
  if (!scenario) return std::unexpected(scenario.error());
  Scenario replay;
  const Status started = replay.Start(*scenario, upstream_exact);
  if (!started) return std::unexpected(started.error());
  Json answers = Json::array();
  for (const Json& step : GetArray(*scenario, {"steps"})) {
    Result<Json> answer = replay.Step(step, each_step);
    if (!answer) return Prefixed(ItemOf("steps", answers.size()), answer.error());
    answers.push_back(*std::move(answer));
  }
  return DumpJson(Json{{"name", GetString(*scenario, "name")}, {"steps", std::move(answers)}});
}

}  // namespace weir::autoscale
