#include "autoscale/spec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace weir::autoscale {
namespace {

Result<std::optional<kube::Quantity>> QuantityAt(const Json& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return std::optional<kube::Quantity>();
  const std::string text = value->is_string() ? value->get<std::string>() : DumpJson(*value);
  Result<kube::Quantity> quantity = kube::Quantity::Parse(text);
  if (!quantity) return Prefixed(key, quantity.error());
  return std::optional<kube::Quantity>(*std::move(quantity));
}

Result<std::optional<std::int32_t>> Int32At(const Json& object, std::string_view key) {
  const std::optional<std::int64_t> value = GetInt(object, {key});
  if (!value) return std::optional<std::int32_t>();
  if (*value < std::numeric_limits<std::int32_t>::min() ||
      *value > std::numeric_limits<std::int32_t>::max()) {
    return Fail(Code::kInvalid, std::string(key) + ": does not fit in 32 bits");
  }
  return std::optional<std::int32_t>(static_cast<std::int32_t>(*value));
}

Result<std::int32_t> Int32At(const Json& object, std::string_view key, std::int32_t fallback) {
  Result<std::optional<std::int32_t>> value = Int32At(object, key);
  if (!value) return std::unexpected(value.error());
  return (*value).value_or(fallback);
}

struct TypeName {
  std::string_view name;
  std::string_view field;
  MetricType type;
};
constexpr TypeName kTypes[] = {
    {"Resource", "resource", MetricType::kResource},
    {"ContainerResource", "containerResource", MetricType::kContainerResource},
    {"Pods", "pods", MetricType::kPods},
    {"Object", "object", MetricType::kObject},
    {"External", "external", MetricType::kExternal},
};

Result<MetricTarget> ParseTarget(const Json& json) {
  MetricTarget target;
  target.type = GetString(json, "type");
  auto value = QuantityAt(json, "value");
  if (!value) return std::unexpected(value.error());
  auto average = QuantityAt(json, "averageValue");
  if (!average) return std::unexpected(average.error());
  auto utilization = Int32At(json, "averageUtilization");
  if (!utilization) return std::unexpected(utilization.error());
  target.value = *value;
  target.average_value = *average;
  target.average_utilization = *utilization;
  return target;
}

Result<MetricSpec> ParseMetric(const Json& json) {
  MetricSpec metric;
  metric.type_name = GetString(json, "type");
  const auto* type = std::ranges::find(kTypes, metric.type_name, &TypeName::name);
  if (type == std::end(kTypes)) return metric;
  metric.type = type->type;
  const Json& source = GetObject(json, {type->field});
  if (metric.type == MetricType::kResource || metric.type == MetricType::kContainerResource) {
    metric.name = GetString(source, "name");
    metric.container = GetString(source, "container");
  } else {
    metric.identifier = GetObject(source, {"metric"});
    metric.name = GetString(metric.identifier, "name");
    const Json* selector = Find(metric.identifier, "selector");
    if (selector != nullptr) metric.selector = *selector;
    metric.described_object = GetObject(source, {"describedObject"});
  }
  Result<MetricTarget> target = ParseTarget(GetObject(source, {"target"}));
  if (!target) return Prefixed(std::string(type->field) + ".target", target.error());
  metric.target = *std::move(target);
  return metric;
}

// Fills what defaulting leaves open in an object that never passed through an API server.
ScalingRules DefaultRules(bool up) {
  ScalingRules rules;
  if (up) {
    rules.window_s = 0;
    rules.policies = {{.percent = false, .value = 4, .period_s = 15},
                      {.percent = true, .value = 100, .period_s = 15}};
  } else {
    rules.policies = {{.percent = true, .value = 100, .period_s = 15}};
  }
  return rules;
}

Result<ScalingRules> ParseRules(const Json& json, bool up) {
  ScalingRules rules = DefaultRules(up);
  auto window = Int32At(json, "stabilizationWindowSeconds");
  if (!window) return std::unexpected(window.error());
  if (*window) rules.window_s = *window;
  const std::string select = GetString(json, "selectPolicy");
  if (select == "Min") rules.select = SelectPolicy::kMin;
  if (select == "Disabled") rules.select = SelectPolicy::kDisabled;
  const Json* policies = Find(json, "policies");
  if (policies != nullptr && policies->is_array()) {
    rules.policies.clear();
    for (const Json& policy : *policies) {
      auto value = Int32At(policy, "value", 0);
      if (!value) return Prefixed("policies", value.error());
      auto period = Int32At(policy, "periodSeconds", 0);
      if (!period) return Prefixed("policies", period.error());
      rules.policies.push_back({.percent = GetString(policy, "type") == "Percent",
                                .value = *value,
                                .period_s = *period});
    }
  }
  const auto read = QuantityAt(json, "tolerance");
  if (!read) return std::unexpected(read.error());
  const std::optional<kube::Quantity>& tolerance = *read;
  if (tolerance) rules.tolerance = tolerance->ToDouble();
  return rules;
}

}  // namespace

bool HpaSpec::HasObjectOrExternal() const {
  return std::ranges::any_of(metrics, [](const MetricSpec& metric) {
    return metric.type == MetricType::kObject || metric.type == MetricType::kExternal;
  });
}

Result<HpaSpec> ParseSpec(const Json& json) {
  HpaSpec spec;
  spec.target_api_version = GetString(json, {"scaleTargetRef", "apiVersion"});
  spec.target_kind = GetString(json, {"scaleTargetRef", "kind"});
  spec.target_name = GetString(json, {"scaleTargetRef", "name"});
  auto min = Int32At(json, "minReplicas", 1);
  if (!min) return std::unexpected(min.error());
  auto max = Int32At(json, "maxReplicas", 0);
  if (!max) return std::unexpected(max.error());
  spec.min_replicas = *min;
  spec.max_replicas = *max;
  for (const Json& metric : GetArray(json, {"metrics"})) {
    Result<MetricSpec> parsed = ParseMetric(metric);
    if (!parsed) {
      return Prefixed("metrics[" + std::to_string(spec.metrics.size()) + "]", parsed.error());
    }
    spec.metrics.push_back(*std::move(parsed));
  }
  const Json* behavior = Find(json, "behavior");
  if (behavior != nullptr && behavior->is_object()) {
    auto up = ParseRules(GetObject(*behavior, {"scaleUp"}), true);
    if (!up) return Prefixed("behavior.scaleUp", up.error());
    auto down = ParseRules(GetObject(*behavior, {"scaleDown"}), false);
    if (!down) return Prefixed("behavior.scaleDown", down.error());
    spec.behavior = Behavior{.up = *std::move(up), .down = *std::move(down)};
  }
  return spec;
}

Result<std::string> GroupOf(std::string_view api_version) {
  const std::vector<std::string> parts = Split(api_version, '/');
  if (parts.size() == 1) return std::string();
  if (parts.size() == 2) return parts[0];
  return Fail(Code::kInvalid, "unexpected GroupVersion string: " + std::string(api_version));
}

std::string SelectorText(const Json& selector) {
  if (!selector.is_object()) return "nil";
  std::string text = "&LabelSelector{MatchLabels:map[string]string{";
  for (const auto& [key, value] : GetObject(selector, {"matchLabels"}).items()) {
    text += key + ": " + (value.is_string() ? value.get<std::string>() : DumpJson(value)) + ",";
  }
  text += "},MatchExpressions:[]LabelSelectorRequirement{";
  for (const Json& expression : GetArray(selector, {"matchExpressions"})) {
    std::vector<std::string> values;
    for (const Json& value : GetArray(expression, {"values"})) {
      values.push_back(value.is_string() ? value.get<std::string>() : DumpJson(value));
    }
    text += "LabelSelectorRequirement{Key:" + GetString(expression, "key") +
            ",Operator:" + GetString(expression, "operator") + ",Values:[" + Join(values, " ") +
            "],},";
  }
  return text + "},}";
}

}  // namespace weir::autoscale
