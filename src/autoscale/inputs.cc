#include "autoscale/inputs.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "autoscale/spec.h"

namespace weir::autoscale {
namespace {

constexpr std::string_view kPausedAnnotation = "weir.dev/paused";

// What was seen keeps its microseconds: a timestamp that is rounded up might leave the window that
// it was in.
void Put(Json& object, std::string_view key, const std::optional<Time>& time) {
  if (!time || *time == Time()) return;
  const auto since = std::chrono::floor<std::chrono::microseconds>(*time - kScenarioStart);
  const double seconds = static_cast<double>(since.count()) / 1'000'000;
  object[std::string(key)] = std::clamp(seconds, -kFarthestSeconds, kFarthestSeconds);
}

void Put(Json& object, std::string_view key, const std::string& text) {
  if (!text.empty()) object[std::string(key)] = text;
}

void PutList(Json& object, std::string_view key, Json list) {
  if (!list.empty()) object[std::string(key)] = std::move(list);
}

Json AmountsText(const Amounts& amounts) {
  Json out = Json::object();
  for (const auto& [name, quantity] : amounts) out[name] = quantity.ToString();
  return out;
}

Json ContainersText(const std::vector<Container>& containers) {
  Json out = Json::array();
  for (const Container& container : containers) {
    Json one = {{"name", container.name}};
    PutList(one, "requests", AmountsText(container.amounts));
    if (container.restartable) one["restartPolicy"] = "Always";
    out.push_back(std::move(one));
  }
  return out;
}

Json PodText(const Pod& pod) {
  Json out = {{"name", pod.name}};
  PutList(out, "labels", pod.labels.is_object() ? pod.labels : Json::object());
  Put(out, "phase", pod.phase);
  Put(out, "ready", pod.ready);
  Put(out, "readyTransitionTime", pod.ready_since);
  Put(out, "startTime", pod.started);
  if (pod.deleted) out["deletionTimestamp"] = 0;
  PutList(out, "containers", ContainersText(pod.containers));
  PutList(out, "initContainers", ContainersText(pod.init_containers));
  PutList(out, "podRequests", AmountsText(pod.requests));
  return out;
}

// Takes out of the objects, and returns, what all of them have in common.
Json TakeCommon(Json& list) {
  Json common = Json::object();
  if (list.size() < 2) return common;
  for (const auto& [key, value] : list[0].items()) {
    const auto has = [&](const Json& one) {
      const auto found = one.find(key);
      return found != one.end() && *found == value;
    };
    if (key != "name" && std::ranges::all_of(list, has)) common[key] = value;
  }
  for (Json& one : list) {
    for (const auto& [key, value] : common.items()) one.erase(key);
  }
  return common;
}

Json UsageText(const PodUsage& usage, MetricType type) {
  Json out = {{"name", usage.pod}};
  Put(out, "timestamp", usage.timestamp);
  if (usage.window.count() != 0) out["window"] = ToSeconds(usage.window);
  if (type == MetricType::kPods) {
    out["value"] = usage.value.ToString();
    return out;
  }
  Json containers = Json::object();
  for (const Container& container : usage.containers) {
    containers[container.name] = AmountsText(container.amounts);
  }
  PutList(out, "containers", std::move(containers));
  return out;
}

Json ResultText(const MetricResult& result, MetricType type) {
  Json out = Json::object();
  if (result.error) out["error"] = *result.error;
  Json pods = Json::array();
  for (const PodUsage& usage : result.pods) pods.push_back(UsageText(usage, type));
  const Json common = TakeCommon(pods);
  // These two may stand beside the list; the rest may not.
  for (const auto& [key, value] : common.items()) {
    if (key == "timestamp" || key == "window") {
      out[key] = value;
    } else {
      for (Json& pod : pods) pod[key] = value;
    }
  }
  PutList(out, "pods", std::move(pods));
  Put(out, "timestamp", result.timestamp);
  if (type == MetricType::kObject && result.values.size() == 1) {
    out["value"] = result.values.front().ToString();
    return out;
  }
  Json values = Json::array();
  for (const kube::Quantity& value : result.values) values.push_back(value.ToString());
  PutList(out, "values", std::move(values));
  return out;
}

Json ChangesText(const std::vector<ScaleEvent>& events) {
  Json out = Json::array();
  for (const ScaleEvent& event : events) {
    Json one = {{"t", ScenarioSeconds(event.at)}, {"change", event.change}};
    if (event.outdated) one["outdated"] = true;
    out.push_back(std::move(one));
  }
  return out;
}

Json HistoryText(const History& history) {
  Json recommendations = Json::array();
  for (const Recommendation& one : history.recommendations) {
    recommendations.push_back({{"t", ScenarioSeconds(one.at)}, {"replicas", one.replicas}});
  }
  Json out = Json::object();
  PutList(out, "recommendations", std::move(recommendations));
  PutList(out, "ups", ChangesText(history.ups));
  PutList(out, "downs", ChangesText(history.downs));
  Put(out, "scaled", history.scaled);
  Put(out, "raised", history.raised);
  PutList(out, "warned", Json(history.warned));
  return out;
}

Json ConfigText(const Options& options) {
  const Options usual;
  Json out = Json::object();
  const auto put = [&](const char* key, Duration Options::* field) {
    if (options.*field != usual.*field) out[key] = ToSeconds(options.*field);
  };
  put("downscaleStabilization", &Options::downscale_stabilization);
  put("cpuInitializationPeriod", &Options::cpu_initialization_period);
  put("initialReadinessDelay", &Options::initial_readiness_delay);
  put("syncPeriod", &Options::sync_period);
  if (options.tolerance != usual.tolerance) out["tolerance"] = options.tolerance;
  if (!options.scale_to_zero) out["scaleToZero"] = false;
  for (const DepartureName& departure : kDepartureNames) {
    const bool on = options.departures.*departure.field;
    if (on != usual.departures.*departure.field) {
      out["departures"][std::string(departure.name)] = on;
    }
  }
  return out;
}

Json HpaText(const Json& hpa) {
  Json out = Json::object();
  for (const std::string_view key : {"namespace", "name"}) {
    Put(out["metadata"], key, GetString(hpa, {"metadata", key}));
  }
  const std::string paused = GetString(hpa, {"metadata", "annotations", kPausedAnnotation});
  if (!paused.empty()) {
    out["metadata"]["annotations"] = {{std::string(kPausedAnnotation), paused}};
  }
  out["spec"] = GetObject(hpa, {"spec"});
  const Json* status = Find(hpa, "status");
  if (status != nullptr) out["status"] = *status;
  return out;
}

Json StepText(const Inputs& inputs, Json pods, const std::vector<MetricSpec>& metrics) {
  const Observations& seen = inputs.seen;
  Json step = {{"t", ScenarioSeconds(inputs.now)}};
  step["target"] = {{"specReplicas", seen.scale.spec_replicas},
                    {"statusReplicas", seen.scale.status_replicas},
                    {"selector", seen.scale.selector}};
  if (seen.scale_error) {
    step["getError"] = *seen.scale_error;
    step["getErrorContext"] = seen.scale_error_context;
  }
  if (inputs.write_error) step["updateError"] = *inputs.write_error;
  PutList(step, "pods", std::move(pods));
  Json results = Json::array();
  for (std::size_t i = 0; i < seen.metrics.size(); ++i) {
    const MetricType type = i < metrics.size() ? metrics[i].type : MetricType::kUnknown;
    results.push_back(ResultText(seen.metrics[i], type));
  }
  PutList(step, "metrics", std::move(results));
  return step;
}

}  // namespace

double ScenarioSeconds(Time time) {
  const auto since = std::chrono::ceil<std::chrono::milliseconds>(time - kScenarioStart);
  const double seconds = static_cast<double>(since.count()) / 1000;
  return std::clamp(seconds, -kFarthestSeconds, kFarthestSeconds);
}

std::string ScenarioLine(const Inputs& inputs) {
  const Json& hpa = *inputs.hpa;
  Json line = Json::object();
  line["name"] = GetString(hpa, {"metadata", "namespace"}) + "/" +
                 GetString(hpa, {"metadata", "name"}) + " " + FormatRfc3339Micro(inputs.now);
  PutList(line, "config", ConfigText(inputs.options));
  line["hpa"] = HpaText(hpa);
  PutList(line, "history", HistoryText(inputs.history));
  Json others = Json::array();
  for (const Neighbour& other : inputs.seen.neighbours) {
    if (other.selector.nothing()) continue;
    others.push_back({{"name", other.name}, {"selector", other.selector.ToString()}});
  }
  PutList(line, "others", std::move(others));
  Json pods = Json::array();
  for (const PodPtr& pod : inputs.seen.pods) pods.push_back(PodText(*pod));
  PutList(line, "podDefaults", TakeCommon(pods));
  const Result<HpaSpec> spec = ParseSpec(GetObject(hpa, {"spec"}));
  line["steps"] = Json::array(
      {StepText(inputs, std::move(pods), spec ? spec->metrics : std::vector<MetricSpec>())});
  return DumpJson(line);
}

}  // namespace weir::autoscale
