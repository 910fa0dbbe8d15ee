// HorizontalPodAutoscalers in their v2 form: pkg/apis/autoscaling/validation.
#include <fmt/format.h>

#include <array>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/quantity.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::int64_t kMaxPeriodSeconds = 1800;
constexpr std::int64_t kMaxStabilizationSeconds = 3600;

void CheckSegment(FieldErrors& errors, const Json& object, std::string_view key,
                  const std::string& path, std::string_view required) {
  std::string text = GetString(object, key);
  if (text.empty()) {
    errors.push_back(Required(Child(path, key), required));
  } else {
    AddInvalid(errors, Child(path, key), text, PathSegmentErrors(text));
  }
}

// A reference to another object. `group`: the apiVersion must name an API group.
void CheckReference(FieldErrors& errors, const Json& ref, bool group, const std::string& path) {
  CheckSegment(errors, ref, "kind", path, {});
  CheckSegment(errors, ref, "name", path, {});
  std::string version = GetString(ref, "apiVersion");
  std::size_t slash = version.find('/');
  if (slash != std::string::npos && version.find('/', slash + 1) != std::string::npos) {
    errors.push_back(
        Invalid(Child(path, "apiVersion"), version, "unexpected GroupVersion string: " + version));
    return;
  }
  bool has_group = slash != std::string::npos && slash > 0;
  if (group && !has_group && GetString(ref, "kind") != "ReplicationController") {
    errors.push_back(
        Invalid(Child(path, "apiVersion"), version, "apiVersion must specify API group"));
  }
}

void CheckPositive(FieldErrors& errors, const Json& target, std::string_view key,
                   const std::string& path) {
  const Json* value = Find(target, key);
  if (value == nullptr) return;
  std::string text = value->is_string() ? value->get<std::string>() : DumpJson(*value);
  Result<Quantity> quantity = Quantity::Parse(text);
  if (quantity && quantity->Sign() <= 0) {
    errors.push_back(Invalid(Child(path, key), quantity->ToString(), "must be positive"));
  }
}

void CheckTarget(FieldErrors& errors, const Json& target, const std::string& path) {
  std::string type = GetString(target, "type");
  if (type.empty()) {
    errors.push_back(Required(Child(path, "type"), "must specify a metric target type"));
  }
  if (type != "Utilization" && type != "Value" && type != "AverageValue") {
    errors.push_back(
        Invalid(Child(path, "type"), type, "must be either Utilization, Value, or AverageValue"));
  }
  CheckPositive(errors, target, "value", path);
  CheckPositive(errors, target, "averageValue", path);
  std::optional<std::int64_t> utilization = GetInt(target, {"averageUtilization"});
  if (utilization && *utilization < 1) {
    errors.push_back(
        Invalid(Child(path, "averageUtilization"), *utilization, "must be greater than 0"));
  }
}

void CheckMetricName(FieldErrors& errors, const Json& source, const std::string& path) {
  CheckSegment(errors, GetObject(source, {"metric"}), "name", Child(path, "metric"),
               "must specify a metric name");
}

void CheckObjectSource(FieldErrors& errors, const Json& source, const std::string& path) {
  CheckReference(errors, GetObject(source, {"describedObject"}), false,
                 Child(path, "describedObject"));
  CheckMetricName(errors, source, path);
  const Json& target = GetObject(source, {"target"});
  CheckTarget(errors, target, Child(path, "target"));
  if (Find(target, "value") == nullptr && Find(target, "averageValue") == nullptr) {
    errors.push_back(Required(Child(path, "target.averageValue"),
                              "must set either a target value or averageValue"));
  }
}

void CheckExternalSource(FieldErrors& errors, const Json& source, const std::string& path) {
  CheckMetricName(errors, source, path);
  const Json& target = GetObject(source, {"target"});
  CheckTarget(errors, target, Child(path, "target"));
  bool value = Find(target, "value") != nullptr;
  bool average = Find(target, "averageValue") != nullptr;
  if (!value && !average) {
    errors.push_back(Required(Child(path, "target.averageValue"),
                              "must set either a target value for metric or a per-pod target"));
  }
  if (value && average) {
    errors.push_back(Forbidden(Child(path, "target.value"),
                               "may not set both a target value for metric and a per-pod target"));
  }
}

void CheckPodsSource(FieldErrors& errors, const Json& source, const std::string& path) {
  CheckMetricName(errors, source, path);
  const Json& target = GetObject(source, {"target"});
  CheckTarget(errors, target, Child(path, "target"));
  if (Find(target, "averageValue") == nullptr) {
    errors.push_back(Required(Child(path, "target.averageValue"),
                              "must specify a positive target averageValue"));
  }
}

void CheckResourceSource(FieldErrors& errors, const Json& source, bool container,
                         const std::string& path) {
  if (GetString(source, "name").empty()) {
    errors.push_back(Required(Child(path, "name"), "must specify a resource name"));
  }
  if (container) {
    std::string name = GetString(source, "container");
    if (name.empty()) {
      errors.push_back(Required(Child(path, "container"), "must specify a container"));
    } else {
      AddInvalid(errors, Child(path, "container"), name, Dns1123LabelErrors(name));
    }
  }
  const Json& target = GetObject(source, {"target"});
  CheckTarget(errors, target, Child(path, "target"));
  bool utilization = Find(target, "averageUtilization") != nullptr;
  bool average = Find(target, "averageValue") != nullptr;
  if (!utilization && !average) {
    errors.push_back(Required(Child(path, "target.averageUtilization"),
                              "must set either a target raw value or a target utilization"));
  }
  if (utilization && average) {
    errors.push_back(Forbidden(Child(path, "target.averageValue"),
                               "may not set both a target raw value and a target utilization"));
  }
}

struct SourceField {
  std::string_view type;
  std::string_view field;
};
// In the order in which upstream looks for populated ones.
constexpr std::array<SourceField, 5> kSources = {{{"Object", "object"},
                                                  {"External", "external"},
                                                  {"Pods", "pods"},
                                                  {"Resource", "resource"},
                                                  {"ContainerResource", "containerResource"}}};

void CheckSource(FieldErrors& errors, const SourceField& kind, const Json& source,
                 const std::string& path) {
  if (kind.type == "Object") {
    CheckObjectSource(errors, source, path);
  } else if (kind.type == "External") {
    CheckExternalSource(errors, source, path);
  } else if (kind.type == "Pods") {
    CheckPodsSource(errors, source, path);
  } else {
    CheckResourceSource(errors, source, kind.type == "ContainerResource", path);
  }
}

void CheckMetric(FieldErrors& errors, const Json& metric, const std::string& path) {
  std::string type = GetString(metric, "type");
  if (type.empty()) {
    errors.push_back(Required(Child(path, "type"), "must specify a metric source type"));
  }
  const SourceField* wanted = nullptr;
  for (const SourceField& kind : kSources) {
    if (kind.type == type) wanted = &kind;
  }
  if (wanted == nullptr) {
    errors.push_back(NotSupported(Child(path, "type"), type,
                                  {"ContainerResource", "External", "Object", "Pods", "Resource"}));
    return;
  }
  if (Find(metric, wanted->field) == nullptr) {
    errors.push_back(Required(Child(path, wanted->field),
                              "must populate information for the given metric source"));
    return;
  }
  for (const SourceField& kind : kSources) {
    const Json* source = Find(metric, kind.field);
    if (source == nullptr) continue;
    if (&kind == wanted) {
      CheckSource(errors, kind, *source, Child(path, kind.field));
    } else {
      errors.push_back(
          Forbidden(Child(path, kind.field), "must populate the given metric source only"));
    }
  }
}

void CheckMetrics(FieldErrors& errors, const Json& spec) {
  const Json& metrics = GetArray(spec, {"metrics"});
  bool wakes_from_zero = false;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    CheckMetric(errors, metrics[i], Index("spec.metrics", i));
    std::string type = GetString(metrics[i], "type");
    wakes_from_zero = wakes_from_zero || type == "Object" || type == "External";
  }
  if (GetInt(spec, {"minReplicas"}, 1) == 0 && !wakes_from_zero) {
    errors.push_back(Forbidden("spec.metrics",
                               "must specify at least one Object or External metric to support "
                               "scaling to zero replicas"));
  }
}

void CheckPolicies(FieldErrors& errors, const Json& rules, const std::string& path) {
  const Json& policies = GetArray(rules, {"policies"});
  if (policies.empty()) {
    errors.push_back(Required(Child(path, "policies"), "must specify at least one Policy"));
  }
  for (std::size_t i = 0; i < policies.size(); ++i) {
    std::string at = Index(Child(path, "policies"), i);
    CheckOneOf(errors, Child(at, "type"), GetString(policies[i], "type"), {"Percent", "Pods"});
    for (std::string_view key : {"value", "periodSeconds"}) {
      std::int64_t value = GetInt(policies[i], {key}, 0);
      if (value <= 0) errors.push_back(Invalid(Child(at, key), value, "must be greater than zero"));
    }
    std::int64_t period = GetInt(policies[i], {"periodSeconds"}, 0);
    if (period > kMaxPeriodSeconds) {
      errors.push_back(Invalid(Child(at, "periodSeconds"), period,
                               fmt::format("must be less than or equal to {}", kMaxPeriodSeconds)));
    }
  }
}

void CheckBehavior(FieldErrors& errors, const Json& spec) {
  for (std::string_view direction : {"scaleUp", "scaleDown"}) {
    const Json* rules = Find(spec, {"behavior", direction});
    if (rules == nullptr) continue;
    std::string path = Child("spec.behavior", direction);
    if (auto window = GetInt(*rules, {"stabilizationWindowSeconds"})) {
      std::string field = Child(path, "stabilizationWindowSeconds");
      if (*window < 0) {
        errors.push_back(Invalid(field, *window, "must be greater than or equal to zero"));
      } else if (*window > kMaxStabilizationSeconds) {
        errors.push_back(
            Invalid(field, *window,
                    fmt::format("must be less than or equal to {}", kMaxStabilizationSeconds)));
      }
    }
    if (Find(*rules, "selectPolicy") != nullptr) {
      CheckOneOf(errors, Child(path, "selectPolicy"), GetString(*rules, "selectPolicy"),
                 {"Disabled", "Max", "Min"});
    }
    CheckPolicies(errors, *rules, path);
    Result<Quantity> tolerance = Quantity::Parse(GetString(*rules, "tolerance", "0"));
    if (tolerance && tolerance->Sign() < 0) {
      errors.push_back(Invalid(Child(path, "tolerance"), tolerance->ToString(),
                               "must be greater than or equal to 0"));
    }
  }
}

void CheckBounds(FieldErrors& errors, const Json& spec) {
  std::optional<std::int64_t> min = GetInt(spec, {"minReplicas"});
  if (min && *min < 0) {
    errors.push_back(Invalid("spec.minReplicas", *min, "must be greater than or equal to 0"));
  }
  std::int64_t max = GetInt(spec, {"maxReplicas"}, 0);
  if (max == 0) {
    errors.push_back(Required("spec.maxReplicas", "must be set and greater than 0"));
  } else if (max < 0) {
    errors.push_back(Invalid("spec.maxReplicas", max, "must be greater than or equal to 1"));
  }
  if (min && max < *min) {
    errors.push_back(
        Invalid("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`"));
  }
}

}  // namespace

FieldErrors ValidateHpa(const Json* old, const Json& object) {
  const Json& meta = GetObject(object, {"metadata"});
  FieldErrors errors =
      old == nullptr ? ValidateObjectMeta(meta, true, NameRule::kSubdomain, true, "metadata")
                     : ValidateObjectMetaUpdate(meta, GetObject(*old, {"metadata"}), "metadata");
  const Json& spec = GetObject(object, {"spec"});
  CheckBounds(errors, spec);
  const Json& target = GetObject(spec, {"scaleTargetRef"});
  // An old reference without a group may stay.
  bool unchanged = false;
  if (old != nullptr) {
    const Json& before = GetObject(*old, {"spec", "scaleTargetRef"});
    unchanged = GetString(before, "kind") == GetString(target, "kind") &&
                GetString(before, "apiVersion") == GetString(target, "apiVersion");
  }
  CheckReference(errors, target, !unchanged, "spec.scaleTargetRef");
  CheckMetrics(errors, spec);
  CheckBehavior(errors, spec);
  return errors;
}

FieldErrors ValidateHpaStatus(const Json& object) {
  FieldErrors errors;
  for (std::string_view key : {"currentReplicas", "desiredReplicas"}) {
    CheckNonNegative(errors, Child("status", key), Find(object, {"status", key}));
  }
  return errors;
}

}  // namespace weir::kube
