// Deployments, ReplicaSets, StatefulSets and DaemonSets: pkg/apis/apps/validation.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/selector.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::string_view kPercentWords =
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or "
    "'93%', regex used for validation is '[0-9]+%')";

// The number before a valid `%`.
std::optional<std::int64_t> Percent(const Json* value) {
  if (value == nullptr || !value->is_string()) return std::nullopt;
  std::string_view text = value->get_ref<const std::string&>();
  if (!text.ends_with('%') || text.size() < 2 || text.front() == '-') return std::nullopt;
  return ParseInt(text.substr(0, text.size() - 1));
}

std::int64_t Amount(const Json* value) {
  if (value == nullptr) return 0;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (auto percent = Percent(value)) return *percent;
  return value->is_string() ? ParseInt(value->get_ref<const std::string&>()).value_or(0) : 0;
}

void CheckIntOrPercent(FieldErrors& errors, const Json* value, const std::string& path) {
  if (value == nullptr) return;
  if (value->is_string()) {
    if (!Percent(value)) errors.push_back(Invalid(path, *value, kPercentWords));
  } else {
    CheckNonNegative(errors, path, value);
  }
}

void CheckRollingUpdate(FieldErrors& errors, const Json& rolling, const std::string& path) {
  const Json* unavailable = Find(rolling, "maxUnavailable");
  const Json* surge = Find(rolling, "maxSurge");
  std::string unavailable_path = Child(path, "maxUnavailable");
  CheckIntOrPercent(errors, unavailable, unavailable_path);
  CheckIntOrPercent(errors, surge, Child(path, "maxSurge"));
  if (Amount(unavailable) == 0 && Amount(surge) == 0) {
    errors.push_back(Invalid(unavailable_path, unavailable == nullptr ? Json(0) : *unavailable,
                             "may not be 0 when `maxSurge` is 0"));
  }
  if (Percent(unavailable).value_or(0) > 100) {
    errors.push_back(Invalid(unavailable_path, *unavailable, "must not be greater than 100%"));
  }
}

void CheckStrategy(FieldErrors& errors, const Json& strategy, const std::string& path) {
  std::string type = GetString(strategy, "type");
  const Json* rolling = Find(strategy, "rollingUpdate");
  if (type == "Recreate") {
    if (rolling != nullptr) {
      errors.push_back(Forbidden(Child(path, "rollingUpdate"),
                                 "may not be specified when strategy `type` is 'Recreate'"));
    }
  } else if (type == "RollingUpdate") {
    if (rolling == nullptr) {
      errors.push_back(
          Required(Child(path, "rollingUpdate"), "this should be defaulted and never be nil"));
    } else {
      CheckRollingUpdate(errors, *rolling, Child(path, "rollingUpdate"));
    }
  } else {
    Json printed = rolling == nullptr ? Json(nullptr) : *rolling;
    errors.push_back(NotSupportedText(
        path, R"({"Type":)" + Quote(type) + R"(,"RollingUpdate":)" + DumpJson(printed) + "}",
        {"Recreate", "RollingUpdate"}));
  }
}

// The template of a workload whose pods always restart.
void CheckTemplate(FieldErrors& errors, const Json& pod_template, const LabelSelector& selector,
                   std::string_view kind, const std::string& path) {
  const Json* labels = Find(pod_template, {"metadata", "labels"});
  static const Json kNone;
  if (!selector.empty() && !selector.Matches(labels == nullptr ? kNone : *labels)) {
    errors.push_back(Invalid(path + ".metadata.labels", labels == nullptr ? kNone : *labels,
                             "`selector` does not match template `labels`"));
  }
  Append(errors, ValidatePodTemplate(pod_template, path));
  std::string policy = GetString(pod_template, {"spec", "restartPolicy"});
  if (policy != "Always") {
    errors.push_back(NotSupported(path + ".spec.restartPolicy", policy, {"Always"}));
  }
  if (Find(pod_template, {"spec", "activeDeadlineSeconds"}) != nullptr) {
    errors.push_back(Forbidden(path + ".spec.activeDeadlineSeconds",
                               fmt::format("activeDeadlineSeconds in {} is not Supported", kind)));
  }
}

// `kind`: as messages call it, which call a Deployment's a ReplicaSet's and the other way round.
void CheckSelectorAndTemplate(FieldErrors& errors, const Json& spec,
                              std::string_view kind = "ReplicaSet") {
  const std::string owner = kind == "ReplicaSet" ? "deployment" : ToLower(std::string(kind));
  const Json* selector = Find(spec, "selector");
  const Json& pod_template = GetObject(spec, {"template"});
  if (selector == nullptr || selector->is_null()) {
    errors.push_back(Required("spec.selector"));
    CheckTemplate(errors, pod_template, LabelSelector::Nothing(), kind, "spec.template");
    return;
  }
  FieldErrors own = ValidateLabelSelector(*selector, "spec.selector");
  if (GetObject(*selector, {"matchLabels"}).empty() &&
      GetArray(*selector, {"matchExpressions"}).empty()) {
    own.push_back(InvalidText("spec.selector", PrintedSelector(*selector),
                              "empty selector is invalid for " + owner));
    Append(errors, std::move(own));
    CheckTemplate(errors, pod_template, LabelSelector(), kind, "spec.template");
    return;
  }
  Result<LabelSelector> parsed = LabelSelector::FromJson(*selector);
  if (!own.empty() || !parsed) {
    own.push_back(
        InvalidText("spec.selector", PrintedSelector(*selector), "invalid label selector"));
    Append(errors, std::move(own));
    return;
  }
  CheckTemplate(errors, pod_template, *parsed, kind, "spec.template");
}

FieldErrors MetaErrors(const Json* old, const Json& object, NameRule rule = NameRule::kSubdomain) {
  const Json& meta = GetObject(object, {"metadata"});
  if (old != nullptr) {
    return ValidateObjectMetaUpdate(meta, GetObject(*old, {"metadata"}), "metadata");
  }
  return ValidateObjectMeta(meta, true, rule, true, "metadata");
}

void CheckSelectorImmutable(FieldErrors& errors, const Json* old, const Json& object) {
  if (old == nullptr) return;
  const Json* now = Find(object, {"spec", "selector"});
  const Json* before = Find(*old, {"spec", "selector"});
  if (SameOrEmpty(now, before)) return;
  errors.push_back(InvalidText("spec.selector", now == nullptr ? "null" : PrintedSelector(*now),
                               "field is immutable"));
}

constexpr std::string_view kOneOfUpdates = "must be 'RollingUpdate' or 'OnDelete'";

void CheckSetUpdates(FieldErrors& errors, const Json& strategy) {
  const std::string path = "spec.updateStrategy", type = GetString(strategy, "type");
  const Json* rolling = Find(strategy, "rollingUpdate");
  // Go's own names: the value printed is of the internal type.
  Json printed = nullptr;
  if (rolling != nullptr) {
    printed = Json::object();
    for (auto [name, key] :
         {std::pair("Partition", "partition"), std::pair("MaxUnavailable", "maxUnavailable")}) {
      const Json* value = Find(*rolling, key);
      printed[name] = value == nullptr ? Json() : *value;
    }
  }
  const std::vector<std::string_view> order = {"Type", "RollingUpdate", "Partition"};
  if (type == "OnDelete") {
    if (rolling == nullptr) return;
    errors.push_back(InvalidText(path + ".rollingUpdate", PrintedOrdered(printed, order),
                                 "only allowed for updateStrategy 'RollingUpdate'"));
  } else if (type != "RollingUpdate") {
    errors.push_back(InvalidText(
        path, PrintedOrdered({{"Type", type}, {"RollingUpdate", printed}}, order), kOneOfUpdates));
  } else if (rolling != nullptr) {
    CheckNonNegative(errors, path + ".rollingUpdate.partition", Find(*rolling, "partition"));
    CheckIntOrPercent(errors, Find(*rolling, "maxUnavailable"),
                      path + ".rollingUpdate.maxUnavailable");
  }
}

void CheckSetSpec(FieldErrors& errors, const Json& spec) {
  const std::string policy = GetString(spec, "podManagementPolicy");
  if (policy != "OrderedReady" && policy != "Parallel") {
    errors.push_back(
        Invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'"));
  }
  CheckSetUpdates(errors, GetObject(spec, {"updateStrategy"}));
  for (std::string_view key : {"whenDeleted", "whenScaled"}) {
    CheckOneOf(errors, Child("spec.persistentVolumeClaimRetentionPolicy", key),
               GetString(spec, {"persistentVolumeClaimRetentionPolicy", key}, "Retain"),
               {"Retain", "Delete"});
  }
  CheckNonNegative(errors, "spec.replicas", Find(spec, "replicas"));
  CheckNonNegative(errors, "spec.minReadySeconds", Find(spec, "minReadySeconds"));
  CheckNonNegative(errors, "spec.ordinals.start", Find(spec, {"ordinals", "start"}));
  if (const std::string service = GetString(spec, "serviceName"); !service.empty()) {
    AddInvalid(errors, "spec.serviceName", service, Dns1123LabelErrors(service));
  }
  CheckSelectorAndTemplate(errors, spec, "StatefulSet");
}

// All but these fields of a StatefulSet's spec stay.
void CheckSetFrozen(FieldErrors& errors, const Json& old, const Json& object) {
  const auto frozen = [](Json spec) {
    for (const char* key :
         {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
          "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}) {
      spec.erase(key);
    }
    return spec;
  };
  if (frozen(GetObject(old, {"spec"})) == frozen(GetObject(object, {"spec"}))) return;
  errors.push_back(Forbidden(
      "spec",
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
      "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
      "'minReadySeconds' are forbidden"));
}

}  // namespace

FieldErrors ValidateStatefulSet(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object, NameRule::kLabel);
  CheckSetSpec(errors, GetObject(object, {"spec"}));
  if (old != nullptr) CheckSetFrozen(errors, *old, object);
  return errors;
}

FieldErrors ValidateDaemonSet(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object);
  const Json& spec = GetObject(object, {"spec"});
  CheckSelectorAndTemplate(errors, spec, "DaemonSet");
  CheckNonNegative(errors, "spec.minReadySeconds", Find(spec, "minReadySeconds"));
  const std::string type = GetString(spec, {"updateStrategy", "type"});
  CheckOneOf(errors, "spec.updateStrategy.type", type, {"RollingUpdate", "OnDelete"});
  CheckNonNegative(errors, "spec.revisionHistoryLimit", Find(spec, "revisionHistoryLimit"));
  CheckSelectorImmutable(errors, old, object);
  return errors;
}

FieldErrors ValidateDeployment(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object);
  const Json& spec = GetObject(object, {"spec"});
  CheckNonNegative(errors, "spec.replicas", Find(spec, "replicas"));
  CheckSelectorAndTemplate(errors, spec);
  CheckStrategy(errors, GetObject(spec, {"strategy"}), "spec.strategy");
  CheckNonNegative(errors, "spec.minReadySeconds", Find(spec, "minReadySeconds"));
  CheckNonNegative(errors, "spec.revisionHistoryLimit", Find(spec, "revisionHistoryLimit"));
  if (const Json* deadline = Find(spec, "progressDeadlineSeconds")) {
    CheckNonNegative(errors, "spec.progressDeadlineSeconds", deadline);
    if (deadline->is_number_integer() &&
        deadline->get<std::int64_t>() <= GetInt(spec, {"minReadySeconds"}, 0)) {
      errors.push_back(Invalid("spec.progressDeadlineSeconds", *deadline,
                               "must be greater than minReadySeconds"));
    }
  }
  CheckSelectorImmutable(errors, old, object);
  return errors;
}

FieldErrors ValidateReplicaSet(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object);
  const Json& spec = GetObject(object, {"spec"});
  CheckNonNegative(errors, "spec.replicas", Find(spec, "replicas"));
  CheckNonNegative(errors, "spec.minReadySeconds", Find(spec, "minReadySeconds"));
  CheckSelectorAndTemplate(errors, spec);
  CheckSelectorImmutable(errors, old, object);
  return errors;
}

FieldErrors ValidateReplicaStatus(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object);
  const Json& status = GetObject(object, {"status"});
  for (std::string_view key :
       {"observedGeneration", "replicas", "fullyLabeledReplicas", "updatedReplicas",
        "readyReplicas", "availableReplicas", "unavailableReplicas"}) {
    CheckNonNegative(errors, Child("status", key), Find(status, key));
  }
  std::int64_t replicas = GetInt(status, {"replicas"}, 0);
  for (std::string_view key :
       {"fullyLabeledReplicas", "updatedReplicas", "readyReplicas", "availableReplicas"}) {
    std::int64_t value = GetInt(status, {key}, 0);
    if (value > replicas) {
      errors.push_back(
          Invalid(Child("status", key), value, "cannot be greater than status.replicas"));
    }
  }
  std::int64_t ready = GetInt(status, {"readyReplicas"}, 0);
  std::int64_t available = GetInt(status, {"availableReplicas"}, 0);
  if (available > ready) {
    errors.push_back(
        Invalid("status.availableReplicas", available, "cannot be greater than readyReplicas"));
  }
  return errors;
}

}  // namespace weir::kube
