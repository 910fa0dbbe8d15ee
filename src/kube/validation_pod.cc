// Pods and pod templates: ValidatePodSpec and ValidatePodUpdate of pkg/apis/core/validation.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::int64_t kMaxInt32 = 2147483647;
constexpr std::string_view kUpdateForbidden =
    "pod updates may not change fields other than "
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
    "previously negative)";

void CheckPodSecurityContext(FieldErrors& errors, const Json& spec, const std::string& path) {
  const Json& context = GetObject(spec, {"securityContext"});
  for (std::string_view key : {"fsGroup", "runAsUser", "runAsGroup"}) {
    std::optional<std::int64_t> id = GetInt(context, {key});
    if (id && (*id < 0 || *id > kMaxInt32)) {
      errors.push_back(
          Invalid(Child(path, key), *id, "must be between 0 and 2147483647, inclusive"));
    }
  }
  if (GetBool(spec, {"shareProcessNamespace"}, false) && GetBool(spec, {"hostPID"}, false)) {
    errors.push_back(Invalid(Child(path, "shareProcessNamespace"), true,
                             "ShareProcessNamespace and HostPID cannot both be enabled"));
  }
}

void CheckNodeAffinity(FieldErrors& errors, const Json& spec, const std::string& path) {
  const Json& terms =
      GetArray(spec, {"affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
                      "nodeSelectorTerms"});
  std::string base =
      path + ".nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Json& expressions = GetArray(terms[t], {"matchExpressions"});
    for (std::size_t e = 0; e < expressions.size(); ++e) {
      std::string op = GetString(expressions[e], "operator");
      static const std::vector<std::string_view> kKnown = {"In",           "NotIn", "Exists",
                                                           "DoesNotExist", "Gt",    "Lt"};
      if (std::find(kKnown.begin(), kKnown.end(), op) != kKnown.end()) continue;
      errors.push_back(
          Invalid(Child(Index(Child(Index(base, t), "matchExpressions"), e), "operator"), op,
                  "not a valid selector operator"));
    }
  }
}

void CheckDnsConfig(FieldErrors& errors, const Json& spec, const std::string& path) {
  const Json* config = Find(spec, "dnsConfig");
  const Json& servers = GetArray(spec, {"dnsConfig", "nameservers"});
  if (GetString(spec, "dnsPolicy") == "None") {
    if (config == nullptr) {
      errors.push_back(Required(path, "must provide `dnsConfig` when `dnsPolicy` is None"));
      return;
    }
    if (servers.empty()) {
      errors.push_back(
          Required(Child(path, "nameservers"),
                   "must provide at least one DNS nameserver when `dnsPolicy` is None"));
      return;
    }
  }
  if (servers.size() > 3) {
    errors.push_back(
        Invalid(Child(path, "nameservers"), servers, "must not have more than 3 nameservers"));
  }
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (!servers[i].is_string()) continue;
    AddInvalid(errors, Index(Child(path, "nameservers"), i), servers[i],
               IpErrors(servers[i].get_ref<const std::string&>()));
  }
}

void CheckSpread(FieldErrors& errors, const Json& spec, const std::string& path) {
  const Json& constraints = GetArray(spec, {"topologySpreadConstraints"});
  for (std::size_t i = 0; i < constraints.size(); ++i) {
    std::string at = Index(path, i);
    std::int64_t skew = GetInt(constraints[i], {"maxSkew"}, 0);
    if (skew <= 0) {
      errors.push_back(Invalid(Child(at, "maxSkew"), skew, "must be greater than zero"));
    }
    std::string key = GetString(constraints[i], "topologyKey");
    if (key.empty()) errors.push_back(Required(Child(at, "topologyKey"), "can not be empty"));
    CheckOneOf(errors, Child(at, "whenUnsatisfiable"),
               GetString(constraints[i], "whenUnsatisfiable"), {"DoNotSchedule", "ScheduleAnyway"});
  }
}

void CheckTolerations(FieldErrors& errors, const Json& tolerations, const std::string& path) {
  for (std::size_t i = 0; i < tolerations.size(); ++i) {
    const Json& toleration = tolerations[i];
    std::string at = Index(path, i);
    std::string key = GetString(toleration, "key");
    std::string op = GetString(toleration, "operator");
    std::string effect = GetString(toleration, "effect");
    std::string value = GetString(toleration, "value");
    if (!key.empty()) AddInvalid(errors, Child(at, "key"), key, QualifiedNameErrors(key));
    if (key.empty() && op != "Exists") {
      errors.push_back(Invalid(Child(at, "operator"), op,
                               "operator must be Exists when `key` is empty, which means \"match "
                               "all values and all keys\""));
    }
    if (Find(toleration, "tolerationSeconds") != nullptr && effect != "NoExecute") {
      errors.push_back(Invalid(Child(at, "effect"), effect,
                               "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    if (op == "Exists") {
      if (!value.empty()) {
        errors.push_back(Invalid(Child(at, "operator"), value,
                                 "value must be empty when `operator` is 'Exists'"));
      }
    } else if (op.empty() || op == "Equal") {
      AddInvalid(errors, Child(at, "operator"), value, LabelValueErrors(value));
    } else {
      errors.push_back(NotSupported(Child(at, "operator"), op, {"Equal", "Exists"}));
    }
    if (!effect.empty()) {
      CheckOneOf(errors, Child(at, "effect"), effect,
                 {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    }
  }
}

void CheckNames(FieldErrors& errors, const Json& spec, const std::string& path) {
  std::string account = GetString(spec, "serviceAccountName");
  if (!account.empty()) {
    AddInvalid(errors, Child(path, "serviceAccountName"), account, SubdomainErrors(account));
  }
  std::string node = GetString(spec, "nodeName");
  if (!node.empty()) {
    AddInvalid(errors, Child(path, "nodeName"), node, SubdomainErrors(node));
  }
  std::optional<std::int64_t> deadline = GetInt(spec, {"activeDeadlineSeconds"});
  if (deadline && (*deadline < 1 || *deadline > kMaxInt32)) {
    errors.push_back(Invalid(Child(path, "activeDeadlineSeconds"), *deadline,
                             "must be between 1 and 2147483647, inclusive"));
  }
  for (std::string_view key : {"hostname", "subdomain"}) {
    std::string name = GetString(spec, key);
    if (!name.empty()) AddInvalid(errors, Child(path, key), name, Dns1123LabelErrors(name));
  }
}

void CheckHostAliases(FieldErrors& errors, const Json& aliases, const std::string& path) {
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    std::string at = Index(path, i);
    std::string ip = GetString(aliases[i], "ip");
    AddInvalid(errors, Child(at, "ip"), ip, IpErrors(ip));
    const Json& names = GetArray(aliases[i], {"hostnames"});
    for (std::size_t n = 0; n < names.size(); ++n) {
      if (!names[n].is_string()) continue;
      AddInvalid(errors, Index(Child(at, "hostnames"), n), names[n],
                 SubdomainErrors(names[n].get_ref<const std::string&>()));
    }
  }
}

// `spec` without what an update may change, so that the rest can be compared.
Json Frozen(Json spec) {
  for (std::string_view list : {"containers", "initContainers"}) {
    auto it = spec.find(std::string(list));
    if (it == spec.end()) continue;
    for (Json& container : *it) Erase(container, {"image"});
  }
  Erase(spec, {"activeDeadlineSeconds"});
  Erase(spec, {"tolerations"});
  return spec;
}

}  // namespace

FieldErrors ValidatePodSpec(const Json& spec, const std::string& path) {
  PodContext context;
  context.grace_seconds = GetInt(spec, {"terminationGracePeriodSeconds"}, 30);
  context.host_network = GetBool(spec, {"hostNetwork"}, false);
  FieldErrors errors =
      ValidateVolumes(GetArray(spec, {"volumes"}), Child(path, "volumes"), &context.volumes);
  std::set<std::string, std::less<>> names;
  Append(errors, ValidateContainers(GetArray(spec, {"containers"}), context,
                                    Child(path, "containers"), &names));
  Append(errors, ValidateInitContainers(GetArray(spec, {"initContainers"}), context,
                                        Child(path, "initContainers"), &names));
  CheckOneOf(errors, Child(path, "restartPolicy"), GetString(spec, "restartPolicy"),
             {"Always", "OnFailure", "Never"});
  CheckOneOf(errors, Child(path, "dnsPolicy"), GetString(spec, "dnsPolicy"),
             {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
  Append(errors, ValidateLabels(Find(spec, "nodeSelector"), Child(path, "nodeSelector")));
  CheckPodSecurityContext(errors, spec, Child(path, "securityContext"));
  CheckNodeAffinity(errors, spec, Child(path, "affinity"));
  CheckDnsConfig(errors, spec, Child(path, "dnsConfig"));
  const Json& gates = GetArray(spec, {"readinessGates"});
  for (std::size_t i = 0; i < gates.size(); ++i) {
    std::string type = GetString(gates[i], "conditionType");
    AddInvalid(errors, Child(Index(Child(path, "readinessGates"), i), "conditionType"), type,
               QualifiedNameErrors(type));
  }
  CheckSpread(errors, spec, Child(path, "topologySpreadConstraints"));
  CheckNames(errors, spec, path);
  CheckTolerations(errors, GetArray(spec, {"tolerations"}), Child(path, "tolerations"));
  CheckHostAliases(errors, GetArray(spec, {"hostAliases"}), Child(path, "hostAliases"));
  if (const Json* os = Find(spec, "os")) {
    std::string name = GetString(*os, "name");
    if (name != "linux" && name != "windows") {
      errors.push_back(NotSupported(Child(path, "os"), name, {"linux", "windows"}));
    }
  }
  return errors;
}

FieldErrors ValidatePodTemplate(const Json& pod_template, const std::string& path) {
  // Upstream leaves "metadata" out of these two paths.
  FieldErrors errors =
      ValidateLabels(Find(pod_template, {"metadata", "labels"}), Child(path, "labels"));
  Append(errors, ValidateAnnotations(Find(pod_template, {"metadata", "annotations"}),
                                     Child(path, "annotations")));
  Append(errors, ValidatePodSpec(GetObject(pod_template, {"spec"}), Child(path, "spec")));
  return errors;
}

FieldErrors ValidatePod(const Json& pod) {
  FieldErrors errors = ValidateObjectMeta(GetObject(pod, {"metadata"}), true, NameRule::kSubdomain,
                                          true, "metadata");
  constexpr std::string_view kCost = "controller.kubernetes.io/pod-deletion-cost";
  if (const Json* cost = Find(pod, {"metadata", "annotations", kCost})) {
    std::optional<std::int64_t> value =
        cost->is_string() ? ParseInt(cost->get_ref<const std::string&>()) : std::nullopt;
    if (!value || *value > kMaxInt32 || *value < -kMaxInt32 - 1) {
      errors.push_back(
          Invalid(MapKey("metadata.annotations", kCost), *cost, "must be a 32bit integer"));
    }
  }
  Append(errors, ValidatePodSpec(GetObject(pod, {"spec"}), "spec"));
  return errors;
}

FieldErrors ValidatePodUpdate(const Json& pod, const Json& old) {
  FieldErrors errors = ValidateObjectMetaUpdate(GetObject(pod, {"metadata"}),
                                                GetObject(old, {"metadata"}), "metadata");
  Append(errors, ValidatePod(pod));
  for (std::string_view list : {"containers", "initContainers"}) {
    const Json& now = GetArray(pod, {"spec", list});
    const Json& before = GetArray(old, {"spec", list});
    std::string path = Child("spec", list);
    if (now.size() != before.size()) {
      errors.push_back(Forbidden(path, "pod updates may not add or remove containers"));
      return errors;
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (GetString(now[i], "image").empty()) {
        errors.push_back(Required(Child(Index(path, i), "image")));
      }
    }
  }
  if (!errors.empty()) return errors;
  const Json& before = GetArray(old, {"spec", "tolerations"});
  const Json& now = GetArray(pod, {"spec", "tolerations"});
  for (const Json& toleration : before) {
    if (std::find(now.begin(), now.end(), toleration) != now.end()) continue;
    errors.push_back(Forbidden("spec.tolerations",
                               "existing toleration can not be modified except its "
                               "tolerationSeconds"));
    return errors;
  }
  Json frozen_now = Frozen(GetObject(pod, {"spec"}));
  Json frozen_old = Frozen(GetObject(old, {"spec"}));
  if (GetInt(old, {"spec", "terminationGracePeriodSeconds"}, 0) < 0 &&
      GetInt(pod, {"spec", "terminationGracePeriodSeconds"}, 0) == 1) {
    frozen_old["terminationGracePeriodSeconds"] = 1;
  }
  if (frozen_now == frozen_old) return errors;
  std::vector<std::string> changed;
  for (const auto& [key, value] : frozen_now.items()) {
    const Json* was = Find(frozen_old, key);
    if (was == nullptr || *was != value) changed.push_back(key);
  }
  for (const auto& [key, value] : frozen_old.items()) {
    if (Find(frozen_now, key) == nullptr) changed.push_back(key);
  }
  errors.push_back(
      Forbidden("spec", fmt::format("{}\nchanged: {}\n", kUpdateForbidden, Join(changed, ", "))));
  return errors;
}

FieldErrors ValidatePodStatusUpdate(const Json& pod, const Json& old) {
  FieldErrors errors = ValidateObjectMetaUpdate(GetObject(pod, {"metadata"}),
                                                GetObject(old, {"metadata"}), "metadata");
  std::string nominated = GetString(pod, {"status", "nominatedNodeName"});
  if (!nominated.empty()) {
    AddInvalid(errors, "status.nominatedNodeName", nominated, SubdomainErrors(nominated));
  }
  return errors;
}

}  // namespace weir::kube
