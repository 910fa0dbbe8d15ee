#include "controllers/kinds_plan.h"

namespace weir::controllers {

const std::vector<ServedKind>& BuiltInKinds() {
  static const std::vector<ServedKind> kKinds = {
      {"apps", "v1", "deployments", "Deployment"},
      {"apps", "v1", "replicasets", "ReplicaSet"},
      {"apps", "v1", "statefulsets", "StatefulSet"},
      {"apps", "v1", "daemonsets", "DaemonSet"},
      {"apps", "v1", "controllerrevisions", "ControllerRevision"},
      {"batch", "v1", "cronjobs", "CronJob"},
      {"batch", "v1", "jobs", "Job"},
      {"", "v1", "replicationcontrollers", "ReplicationController"},
      {"", "v1", "pods", "Pod"},
      {"", "v1", "podtemplates", "PodTemplate"},
      {"", "v1", "services", "Service"},
      {"", "v1", "endpoints", "Endpoints"},
      {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"},
      {"autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"},
      {"", "v1", "configmaps", "ConfigMap"},
      {"", "v1", "secrets", "Secret"},
      {"", "v1", "serviceaccounts", "ServiceAccount"},
      {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"},
      {"", "v1", "resourcequotas", "ResourceQuota"},
      {"", "v1", "limitranges", "LimitRange"},
      {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"},
      {"networking.k8s.io", "v1", "ingresses", "Ingress"},
      {"networking.k8s.io", "v1", "ingressclasses", "IngressClass", false},
      {"rbac.authorization.k8s.io", "v1", "roles", "Role"},
      {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"},
      {"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false},
      {"rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", false},
      {"coordination.k8s.io", "v1", "leases", "Lease"},
      {"", "v1", "namespaces", "Namespace", false},
      {"", "v1", "nodes", "Node", false},
      {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition",
       false},
  };
  return kKinds;
}

std::optional<ServedKind> CustomKind(const Json& definition) {
  bool established = false;
  for (const Json& condition : GetArray(definition, {"status", "conditions"})) {
    established = established || (GetString(condition, "type") == "Established" &&
                                  GetString(condition, "status") == "True");
  }
  if (!established) return std::nullopt;
  ServedKind out;
  out.group = GetString(definition, {"spec", "group"});
  out.plural = GetString(definition, {"spec", "names", "plural"});
  out.kind = GetString(definition, {"spec", "names", "kind"});
  out.namespaced = GetString(definition, {"spec", "scope"}) == "Namespaced";
  for (const Json& version : GetArray(definition, {"spec", "versions"})) {
    if (!GetBool(version, {"served"}, false)) continue;
    bool storage = GetBool(version, {"storage"}, false);
    if (out.version.empty() || storage) out.version = GetString(version, "name");
  }
  if (out.version.empty()) return std::nullopt;
  return out;
}

const ServedKind* FindKind(const std::vector<ServedKind>& kinds, std::string_view api_version,
                           std::string_view kind) {
  std::size_t slash = api_version.find('/');
  std::string_view group =
      slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
  for (const ServedKind& served : kinds) {
    if (served.group == group && served.kind == kind) return &served;
  }
  return nullptr;
}

}  // namespace weir::controllers
