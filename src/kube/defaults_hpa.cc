#include "kube/defaults.h"

namespace weir::kube {
namespace {

Json Policy(std::string_view type, int value) {
  return {{"type", type}, {"value", value}, {"periodSeconds", 15}};
}

void DefaultRules(Json& rules, bool up) {
  if (!rules.is_object()) rules = Json::object();
  if (up) Default(rules, "stabilizationWindowSeconds", 0);
  Default(rules, "selectPolicy", "Max");
  Json policies = Json::array();
  if (up) policies.push_back(Policy("Pods", 4));
  policies.push_back(Policy("Percent", 100));
  Default(rules, "policies", std::move(policies));
  CanonicalizeQuantity(rules, "tolerance");
}

void CanonicalizeMetric(Json& metric) {
  for (std::string_view kind : {"object", "external", "pods", "resource", "containerResource"}) {
    auto source = metric.find(kind);
    if (source == metric.end() || !source->is_object()) continue;
    auto target = source->find("target");
    if (target == source->end() || !target->is_object()) continue;
    CanonicalizeQuantity(*target, "value");
    CanonicalizeQuantity(*target, "averageValue");
  }
}

}  // namespace

void DefaultHpaBehavior(Json& behavior) {
  if (!behavior.is_object()) behavior = Json::object();
  DefaultRules(behavior["scaleUp"], true);
  DefaultRules(behavior["scaleDown"], false);
}

void DefaultHpa(std::string_view version, Json& object) {
  Json& spec = Ensure(object, {"spec"});
  if (!spec.is_object()) spec = Json::object();
  Default(spec, "minReplicas", 1);
  Default(spec, "scaleTargetRef", Json::object());
  Default(spec, "maxReplicas", 0);
  Json& status = Ensure(object, {"status"});
  if (!status.is_object()) status = Json::object();
  Default(status, "desiredReplicas", 0);
  if (version == "v1") {
    Default(status, "currentReplicas", 0);
    return;
  }
  if (!status.contains("currentMetrics")) status["currentMetrics"] = nullptr;
  if (version == "v2beta2") {  // the fields that v2 made optional
    Default(status, "currentReplicas", 0);
    if (!status.contains("conditions")) status["conditions"] = nullptr;
  }
  if (GetArray(spec, {"metrics"}).empty()) {
    spec["metrics"] = Json::array(
        {{{"type", "Resource"},
          {"resource",
           {{"name", "cpu"}, {"target", {{"type", "Utilization"}, {"averageUtilization", 80}}}}}}});
  }
  for (Json& metric : spec["metrics"]) CanonicalizeMetric(metric);
  if (auto it = spec.find("behavior"); it != spec.end() && !it->is_null()) DefaultHpaBehavior(*it);
}

}  // namespace weir::kube
