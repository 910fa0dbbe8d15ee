// HorizontalPodAutoscaler between autoscaling/v1, v2beta2 and v2: what v1 has no fields for travels
// in annotations, in the form that pkg/apis/autoscaling/v1/conversion.go gives it.
#include <array>
#include <utility>

#include "base/strings.h"
#include "kube/codec.h"
#include "kube/defaults.h"
#include "kube/field_error.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

constexpr std::string_view kMetrics = "autoscaling.alpha.kubernetes.io/metrics";
constexpr std::string_view kCurrentMetrics = "autoscaling.alpha.kubernetes.io/current-metrics";
constexpr std::string_view kConditions = "autoscaling.alpha.kubernetes.io/conditions";
constexpr std::string_view kBehavior = "autoscaling.alpha.kubernetes.io/behavior";
constexpr std::array<std::string_view, 4> kAnnotations = {kMetrics, kCurrentMetrics, kConditions,
                                                          kBehavior};

// The order of Go's structs, in which upstream writes the annotations.
const std::vector<std::string_view>& GoOrder() {
  static const std::vector<std::string_view> kOrder = {"type",
                                                       "status",
                                                       "lastTransitionTime",
                                                       "reason",
                                                       "message",
                                                       "object",
                                                       "pods",
                                                       "resource",
                                                       "containerResource",
                                                       "external",
                                                       "target",
                                                       "kind",
                                                       "name",
                                                       "apiVersion",
                                                       "metricName",
                                                       "metricSelector",
                                                       "targetValue",
                                                       "currentValue",
                                                       "targetAverageUtilization",
                                                       "currentAverageUtilization",
                                                       "targetAverageValue",
                                                       "currentAverageValue",
                                                       "container",
                                                       "selector",
                                                       "averageValue",
                                                       "matchLabels",
                                                       "matchExpressions",
                                                       "key",
                                                       "operator",
                                                       "values",
                                                       "ScaleUp",
                                                       "ScaleDown",
                                                       "StabilizationWindowSeconds",
                                                       "SelectPolicy",
                                                       "Policies",
                                                       "Type",
                                                       "Value",
                                                       "PeriodSeconds",
                                                       "Tolerance"};
  return kOrder;
}

// As json.Marshal of Go writes it, which escapes what HTML would read.
std::string GoJson(const Json& value) {
  std::string text = PrintedOrdered(value, GoOrder());
  text = ReplaceAll(text, "<", "\\u003c");
  text = ReplaceAll(text, ">", "\\u003e");
  return ReplaceAll(text, "&", "\\u0026");
}

void Move(const Json& from, std::string_view from_key, Json& to, std::string_view to_key) {
  const Json* value = Find(from, from_key);
  if (value != nullptr && !value->is_null()) to[std::string(to_key)] = *value;
}

// The names of one kind of metric's fields in v1, for targets ("target") and statuses ("current").
struct V1Names {
  std::string_view value, utilization, average;
};
constexpr V1Names kTargetNames = {"targetValue", "targetAverageUtilization", "targetAverageValue"};
constexpr V1Names kStatusNames = {"currentValue", "currentAverageUtilization",
                                  "currentAverageValue"};

// One metric (or its status) of v2 as v1 has it.
Json MetricToV1(const Json& metric, const V1Names& names) {
  Json out = {{"type", GetString(metric, "type")}};
  std::string_view amounts = &names == &kTargetNames ? "target" : "current";
  for (std::string_view kind : {"object", "pods", "resource", "containerResource", "external"}) {
    const Json* source = Find(metric, kind);
    if (source == nullptr || source->is_null()) continue;
    const Json& amount = GetObject(*source, {amounts});
    Json v1 = Json::object();
    if (kind == "resource" || kind == "containerResource") {
      v1["name"] = GetString(*source, "name");
      Move(amount, "averageUtilization", v1, names.utilization);
      Move(amount, "averageValue", v1, names.average);
      if (kind == "containerResource") v1["container"] = GetString(*source, "container");
    } else {
      v1["metricName"] = GetString(*source, {"metric", "name"});
      Move(GetObject(*source, {"metric"}), "selector", v1,
           kind == "external" ? "metricSelector" : "selector");
      if (kind == "object") {
        v1["target"] = {{"kind", GetString(*source, {"describedObject", "kind"})},
                        {"name", GetString(*source, {"describedObject", "name"})}};
        Move(GetObject(*source, {"describedObject"}), "apiVersion", v1["target"], "apiVersion");
        v1[std::string(names.value)] = "0";  // never absent in v1
        Move(amount, "value", v1, names.value);
        Move(amount, "averageValue", v1, "averageValue");
      } else if (kind == "pods") {
        Move(amount, "averageValue", v1, names.average);
      } else {
        if (&names == &kStatusNames) v1[std::string(names.value)] = "0";
        Move(amount, "value", v1, names.value);
        Move(amount, "averageValue", v1, names.average);
      }
    }
    out[std::string(kind)] = std::move(v1);
  }
  return out;
}

// The target's type follows from the fields that are there.
std::string_view TargetType(std::string_view kind, const Json& v1) {
  if (kind == "object") return Find(v1, "averageValue") != nullptr ? "AverageValue" : "Value";
  if (kind == "external") return Find(v1, "targetValue") != nullptr ? "Value" : "AverageValue";
  if (kind == "pods") return "AverageValue";
  return Find(v1, "targetAverageUtilization") != nullptr ? "Utilization" : "AverageValue";
}

Json MetricFromV1(const Json& metric, const V1Names& names) {
  bool target = &names == &kTargetNames;
  Json out = {{"type", GetString(metric, "type")}};
  for (std::string_view kind : {"object", "pods", "resource", "containerResource", "external"}) {
    const Json* v1 = Find(metric, kind);
    if (v1 == nullptr || !v1->is_object()) continue;
    Json source = Json::object();
    Json amount = Json::object();
    if (target) amount["type"] = TargetType(kind, *v1);
    if (kind == "resource" || kind == "containerResource") {
      source["name"] = GetString(*v1, "name");
      if (kind == "containerResource") source["container"] = GetString(*v1, "container");
      Move(*v1, names.utilization, amount, "averageUtilization");
      Move(*v1, names.average, amount, "averageValue");
    } else {
      source["metric"] = {{"name", GetString(*v1, "metricName")}};
      Move(*v1, kind == "external" ? "metricSelector" : "selector", source["metric"], "selector");
      bool averaged = kind == "object" && target && Find(*v1, "averageValue") != nullptr;
      if (!averaged) Move(*v1, names.value, amount, "value");
      Move(*v1, kind == "object" ? "averageValue" : names.average, amount, "averageValue");
      if (kind == "object") source["describedObject"] = GetObject(*v1, {"target"});
    }
    source[target ? "target" : "current"] = std::move(amount);
    out[std::string(kind)] = std::move(source);
  }
  return out;
}

bool IsCpuUtilization(const Json& metric, std::string_view amounts) {
  return GetString(metric, "type") == "Resource" &&
         GetString(metric, {"resource", "name"}) == "cpu" &&
         GetInt(metric, {"resource", amounts, "averageUtilization"}).has_value();
}

Json BehaviorToGo(const Json& behavior) {
  Json out = Json::object();
  for (auto [key, go] : {std::pair{"scaleUp", "ScaleUp"}, std::pair{"scaleDown", "ScaleDown"}}) {
    const Json* rules = Find(behavior, key);
    if (rules == nullptr) {
      out[go] = nullptr;
      continue;
    }
    Json policies = Json::array();
    for (const Json& policy : GetArray(*rules, {"policies"})) {
      policies.push_back({{"Type", GetString(policy, "type")},
                          {"Value", GetInt(policy, {"value"}, 0)},
                          {"PeriodSeconds", GetInt(policy, {"periodSeconds"}, 0)}});
    }
    Json go_rules = {{"StabilizationWindowSeconds", nullptr},
                     {"SelectPolicy", nullptr},
                     {"Policies", std::move(policies)},
                     {"Tolerance", nullptr}};
    Move(*rules, "stabilizationWindowSeconds", go_rules, "StabilizationWindowSeconds");
    Move(*rules, "selectPolicy", go_rules, "SelectPolicy");
    Move(*rules, "tolerance", go_rules, "Tolerance");
    out[go] = std::move(go_rules);
  }
  return out;
}

// encoding/json matches field names in any case; v2 spells them with a small first letter.
Json BehaviorFromGo(const Json& value) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& item : value) out.push_back(BehaviorFromGo(item));
    return out;
  }
  if (!value.is_object()) return value;
  static constexpr std::array<std::string_view, 9> kKeys = {
      "scaleUp",      "scaleDown", "stabilizationWindowSeconds",
      "selectPolicy", "policies",  "tolerance",
      "type",         "value",     "periodSeconds"};
  Json out = Json::object();
  for (const auto& [key, item] : value.items()) {
    if (item.is_null()) continue;
    for (std::string_view known : kKeys) {
      if (ToLower(key) == ToLower(known)) out[std::string(known)] = BehaviorFromGo(item);
    }
  }
  return out;
}

Json& EnsureObject(Json& object, std::string_view key) {
  Json& member = Ensure(object, {key});
  if (!member.is_object()) member = Json::object();
  return member;
}

void V2SpecToV1(Json& object, Json& annotations) {
  Json& spec = EnsureObject(object, "spec");
  Json others = Json::array();
  bool found = false;
  for (const Json& metric : GetArray(spec, {"metrics"})) {
    if (IsCpuUtilization(metric, "target")) {
      if (!found) {
        spec["targetCPUUtilizationPercentage"] = metric["resource"]["target"]["averageUtilization"];
      }
      found = true;
    } else {
      others.push_back(MetricToV1(metric, kTargetNames));
    }
  }
  if (!others.empty()) annotations[std::string(kMetrics)] = GoJson(others);
  if (const Json* behavior = Find(spec, "behavior"); behavior != nullptr && behavior->is_object()) {
    annotations[std::string(kBehavior)] = GoJson(BehaviorToGo(*behavior));
  }
  spec.erase("metrics");
  spec.erase("behavior");
}

void V2StatusToV1(Json& object, Json& annotations) {
  Json& status = EnsureObject(object, "status");
  Json current = Json::array();
  for (const Json& metric : GetArray(status, {"currentMetrics"})) {
    current.push_back(MetricToV1(metric, kStatusNames));
    if (IsCpuUtilization(metric, "current")) {
      status["currentCPUUtilizationPercentage"] =
          metric["resource"]["current"]["averageUtilization"];
    }
  }
  if (!current.empty()) annotations[std::string(kCurrentMetrics)] = GoJson(current);
  const Json& conditions = GetArray(status, {"conditions"});
  if (!conditions.empty()) annotations[std::string(kConditions)] = GoJson(conditions);
  status.erase("currentMetrics");
  status.erase("conditions");
}

void V2ToV1(Json& object) {
  Json& meta = Ensure(object, {"metadata"});
  Json annotations = GetObject(meta, {"annotations"});
  for (std::string_view key : kAnnotations) annotations.erase(std::string(key));
  V2SpecToV1(object, annotations);
  V2StatusToV1(object, annotations);
  if (annotations.empty()) {
    meta.erase("annotations");
  } else {
    meta["annotations"] = std::move(annotations);
  }
  DefaultHpa("v1", object);
}

// The annotation's JSON, or null: what does not parse is ignored.
Json FromAnnotation(const Json& annotations, std::string_view key) {
  const Json* text = Find(annotations, key);
  if (text == nullptr || !text->is_string()) return nullptr;
  return ParseJson(text->get_ref<const std::string&>()).value_or(Json());
}

Json MetricsFromV1(const Json& v1, const V1Names& names) {
  Json out = Json::array();
  if (!v1.is_array()) return out;
  for (const Json& metric : v1) out.push_back(MetricFromV1(metric, names));
  return out;
}

Json CpuMetric(std::string_view amounts, const Json& utilization) {
  Json amount = {{"averageUtilization", utilization}};
  if (amounts == "target") amount["type"] = "Utilization";
  return {{"type", "Resource"},
          {"resource", {{"name", "cpu"}, {std::string(amounts), std::move(amount)}}}};
}

void V1ToV2(Json& object) {
  Json& meta = Ensure(object, {"metadata"});
  Json annotations = GetObject(meta, {"annotations"});
  Json& spec = EnsureObject(object, "spec");
  Json metrics = MetricsFromV1(FromAnnotation(annotations, kMetrics), kTargetNames);
  if (const Json* cpu = Find(spec, "targetCPUUtilizationPercentage"); cpu && !cpu->is_null()) {
    metrics.push_back(CpuMetric("target", *cpu));  // last, wherever it came from
  }
  if (!metrics.empty()) spec["metrics"] = std::move(metrics);
  spec.erase("targetCPUUtilizationPercentage");
  Json behavior = FromAnnotation(annotations, kBehavior);
  if (behavior.is_object()) spec["behavior"] = BehaviorFromGo(behavior);

  Json& status = EnsureObject(object, "status");
  if (const Json* cpu = Find(status, "currentCPUUtilizationPercentage"); cpu && !cpu->is_null()) {
    status["currentMetrics"] = Json::array({CpuMetric("current", *cpu)});
  }
  status.erase("currentCPUUtilizationPercentage");
  Json current = MetricsFromV1(FromAnnotation(annotations, kCurrentMetrics), kStatusNames);
  if (!current.empty()) status["currentMetrics"] = std::move(current);
  Json conditions = FromAnnotation(annotations, kConditions);
  if (conditions.is_array() && !conditions.empty()) status["conditions"] = std::move(conditions);

  for (std::string_view key : kAnnotations) annotations.erase(std::string(key));
  if (annotations.empty()) {
    meta.erase("annotations");
  } else {
    meta["annotations"] = std::move(annotations);
  }
}

// What v2 leaves out and v2beta2 does not.
void TrimForV2(Json& object) {
  Json& status = EnsureObject(object, "status");
  if (GetInt(status, {"currentReplicas"}, 0) == 0) status.erase("currentReplicas");
  if (GetArray(status, {"conditions"}).empty()) status.erase("conditions");
  DefaultHpa("v2", object);
}

void TrimForV2Beta2(Json& object) {
  for (std::string_view direction : {"scaleUp", "scaleDown"}) {
    Erase(object, {"spec", "behavior", direction, "tolerance"});
  }
  Erase(object, {"status", "observedGeneration"});
  DefaultHpa("v2beta2", object);
}

// The fields of an Event that events.k8s.io calls otherwise.
constexpr std::pair<std::string_view, std::string_view> kEventNames[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"}};

void RenameEventFields(Json& event, bool to_core) {
  for (auto [core, events] : kEventNames) {
    const std::string from(to_core ? events : core), to(to_core ? core : events);
    auto field = event.find(from);
    if (field == event.end()) continue;
    Json value = std::move(*field);
    event.erase(field);
    event[to] = std::move(value);
  }
}

}  // namespace

Json Convert(const Json& object, const Resource& from, const Resource& to) {
  Json out = object;
  if (from.version == to.version && from.group == to.group) return out;
  out["apiVersion"] = to.ApiVersion();
  if (to.kind == "Event" && from.group != to.group) {
    RenameEventFields(out, to.group.empty());
    ApplyDefaults(to, out);
    Complete(to, out);
    return out;
  }
  if (to.group != "autoscaling" || to.kind != "HorizontalPodAutoscaler") return out;
  if (from.version == "v1") V1ToV2(out);
  if (to.version == "v1") {
    V2ToV1(out);
  } else if (to.version == "v2beta2") {
    if (from.version == "v1") TrimForV2(out);
    TrimForV2Beta2(out);
  } else {
    TrimForV2(out);
  }
  return out;
}

}  // namespace weir::kube
