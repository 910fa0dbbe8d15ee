#include "apiserver/pod_plan.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

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

}  // namespace

void AdmitPod(Json& pod) {
  Json& spec = Ensure(pod, {"spec"});
  if (GetString(spec, "serviceAccountName").empty()) spec["serviceAccountName"] = "default";
  spec["serviceAccount"] = spec["serviceAccountName"];
  if (!spec.contains("priority")) spec["priority"] = 0;
  if (!spec.contains("preemptionPolicy")) spec["preemptionPolicy"] = "PreemptLowerPriority";
  Json& tolerations = spec["tolerations"];
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
