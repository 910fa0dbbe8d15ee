#include "apiserver/pod_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr const char* kTokenPath = "/var/run/secrets/kubernetes.io/serviceaccount";
// An hour, and some seconds by which upstream knows tokens that it made itself.
constexpr int kTokenSeconds = 3607;

bool Tolerates(const Json& tolerations, std::string_view key) {
  for (const Json& toleration : tolerations) {
    const std::string own = GetString(toleration, "key");
    const std::string effect = GetString(toleration, "effect");
    if ((own.empty() || own == key) && (effect.empty() || effect == "NoExecute")) return true;
  }
  return false;
}

// An error of the binding's validation, which upstream answers with 500.
std::unexpected<Json> BadBinding(std::string_view message) {
  return std::unexpected(kube::StatusFailure(500, "", message));
}

void SetScheduled(Json& pod, Time now) {
  Json& conditions = Ensure(pod, {"status", "conditions"});
  if (!conditions.is_array()) conditions = Json::array();
  for (Json& condition : conditions) {
    if (GetString(condition, "type") != "PodScheduled") continue;
    condition["status"] = "True";
    condition["lastTransitionTime"] = FormatRfc3339(now);
    condition.erase("reason");
    condition.erase("message");
    return;
  }
  conditions.push_back({{"type", "PodScheduled"},
                        {"status", "True"},
                        {"lastProbeTime", nullptr},
                        {"lastTransitionTime", FormatRfc3339(now)}});
}

std::vector<std::string> ContainerNames(const Json& pod) {
  std::vector<std::string> names;
  for (const Json& container : GetArray(pod, {"spec", "containers"})) {
    names.push_back(GetString(container, "name"));
  }
  return names;
}

std::unexpected<Json> NoAccount(const Json& pod, const std::string& account) {
  const std::string name = GetString(pod, {"metadata", "name"});
  return std::unexpected(kube::StatusForbidden(
      fmt::format("pods {} is forbidden: error looking up service account {}/{}: serviceaccount "
                  "{} not found",
                  Quote(name), GetString(pod, {"metadata", "namespace"}), account, Quote(account)),
      {{"name", name}, {"kind", "pods"}}));
}

// Adds the mount to each container that has nothing there; whether any needed it.
bool MountToken(Json& spec, const std::string& volume) {
  bool any = false;
  for (const char* list : {"initContainers", "containers"}) {
    auto containers = spec.find(list);
    if (containers == spec.end() || !containers->is_array()) continue;
    for (Json& container : *containers) {
      if (!container.is_object()) continue;
      Json& mounts = container["volumeMounts"];
      if (!mounts.is_array()) mounts = Json::array();
      const bool taken = std::ranges::any_of(
          mounts, [](const Json& mount) { return GetString(mount, "mountPath") == kTokenPath; });
      if (taken) continue;
      mounts.push_back({{"name", volume}, {"readOnly", true}, {"mountPath", kTokenPath}});
      any = true;
    }
  }
  return any;
}

// What its ServiceAccount gives a pod: the secrets for pulling images, and a volume with the
// account's token, the cluster's CA and the namespace's name.
void AdmitAccount(Json& spec, const Json& account, const std::string& suffix) {
  const Json& secrets = GetArray(account, {"imagePullSecrets"});
  if (!secrets.empty() && GetArray(spec, {"imagePullSecrets"}).empty()) {
    spec["imagePullSecrets"] = secrets;
  }
  const bool account_mounts = GetBool(account, {"automountServiceAccountToken"}, true);
  if (!GetBool(spec, {"automountServiceAccountToken"}, account_mounts)) return;
  const std::string volume = "kube-api-access-" + suffix;
  if (!MountToken(spec, volume)) return;
  const Json field = {{"path", "namespace"},
                      {"fieldRef", {{"apiVersion", "v1"}, {"fieldPath", "metadata.namespace"}}}};
  const Json sources = Json::array(
      {{{"serviceAccountToken", {{"path", "token"}, {"expirationSeconds", kTokenSeconds}}}},
       {{"configMap",
         {{"name", "kube-root-ca.crt"},
          {"items", Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}}}},
       {{"downwardAPI", {{"items", Json::array({field})}}}}});
  Json& volumes = spec["volumes"];
  if (!volumes.is_array()) volumes = Json::array();
  volumes.push_back(
      {{"name", volume}, {"projected", {{"defaultMode", 0644}, {"sources", sources}}}});
}

}  // namespace

std::string AccountOf(const Json& pod) {
  std::string name = GetString(pod, {"spec", "serviceAccountName"});
  return name.empty() ? kDefaultAccount : name;
}

Answer<void> AdmitPod(Json& pod, const Json* account, const std::string& suffix) {
  const std::string account_name = AccountOf(pod);
  if (account == nullptr && account_name != kDefaultAccount) {
    return NoAccount(pod, account_name);
  }
  static const Json kNone = Json::object();
  Json& spec = Ensure(pod, {"spec"});
  spec["serviceAccountName"] = account_name;
  spec["serviceAccount"] = account_name;
  AdmitAccount(spec, account == nullptr ? kNone : *account, suffix);
  if (!spec.contains("priority")) spec["priority"] = 0;
  if (!spec.contains("preemptionPolicy")) spec["preemptionPolicy"] = "PreemptLowerPriority";
  AdmitTolerations(pod);
  return {};
}

void AdmitTolerations(Json& pod) {
  Json& tolerations = Ensure(pod, {"spec", "tolerations"});
  if (!tolerations.is_array()) tolerations = Json::array();
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    if (Tolerates(tolerations, key)) continue;
    tolerations.push_back({{"key", key},
                           {"operator", "Exists"},
                           {"effect", "NoExecute"},
                           {"tolerationSeconds", 300}});
  }
}

Answer<Json> BindPod(const Json& pod, const Json& binding, Time now) {
  const std::string name = GetString(pod, {"metadata", "name"});
  if (GetString(binding, {"metadata", "name"}) != name) {
    return std::unexpected(
        kube::StatusBadRequest("name in URL does not match name in Binding object"));
  }
  const std::string kind = GetString(binding, {"target", "kind"});
  if (!kind.empty() && kind != "Node") {
    return BadBinding(
        fmt::format("target.kind: Unsupported value: {}: supported values: \"Node\", \"<empty>\"",
                    Quote(kind)));
  }
  const std::string node = GetString(binding, {"target", "name"});
  if (node.empty()) return BadBinding("target.name: Required value");
  const std::string bound = GetString(pod, {"spec", "nodeName"});
  if (!bound.empty()) {
    return std::unexpected(kube::StatusFailure(
        409, "Conflict",
        fmt::format("Operation cannot be fulfilled on pods/binding {}: pod {} is already assigned "
                    "to node {}",
                    Quote(name), name, Quote(bound)),
        {{"name", name}, {"kind", "pods/binding"}}));
  }
  Json result = pod;
  Ensure(result, {"spec", "nodeName"}) = node;
  for (const auto& [key, value] : GetObject(binding, {"metadata", "annotations"}).items()) {
    Ensure(result, {"metadata", "annotations"})[key] = value;
  }
  SetScheduled(result, now);
  return result;
}

Answer<std::string> LogContainer(const Json& pod, const std::string& container) {
  const std::string name = GetString(pod, {"metadata", "name"});
  const std::vector<std::string> names = ContainerNames(pod);
  if (container.empty()) {
    const std::string chosen =
        GetString(pod, {"metadata", "annotations", "kubectl.kubernetes.io/default-container"});
    if (names.size() == 1) return names[0];
    for (const std::string& candidate : names) {
      if (candidate == chosen) return candidate;
    }
    return std::unexpected(kube::StatusBadRequest(
        fmt::format("a container name must be specified for pod {}, choose one of: [{}]", name,
                    Join(names, " "))));
  }
  for (const char* list : {"containers", "initContainers", "ephemeralContainers"}) {
    for (const Json& candidate : GetArray(pod, {"spec", list})) {
      if (GetString(candidate, "name") == container) return container;
    }
  }
  return std::unexpected(
      kube::StatusBadRequest(fmt::format("container {} is not valid for pod {}", container, name)));
}

Json CheckLogOptions(const std::string& pod_name, const QueryParameters& query) {
  std::vector<kube::FieldError> errors;
  for (const auto& [key, least] :
       {std::pair("tailLines", 0), std::pair("sinceSeconds", 1), std::pair("limitBytes", 1)}) {
    const std::string text = QueryValue(query, key);
    if (text.empty()) continue;
    const auto number = ParseInt(text);
    if (!number) {
      return kube::StatusBadRequest(
          fmt::format("strconv.ParseInt: parsing {}: invalid syntax", Quote(text)));
    }
    if (*number >= least) continue;
    errors.push_back({"FieldValueInvalid", key,
                      fmt::format("Invalid value: {}: must be greater than {}", *number,
                                  least == 0 ? "or equal to 0" : "0")});
  }
  if (HasQuery(query, "sinceSeconds") && HasQuery(query, "sinceTime")) {
    errors.push_back({"FieldValueForbidden", "[]",
                      "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"});
  }
  if (errors.empty()) return nullptr;
  kube::Resource options;
  options.kind = "PodLogOptions";
  return kube::StatusInvalid(options, pod_name, errors);
}

}  // namespace weir::apiserver
