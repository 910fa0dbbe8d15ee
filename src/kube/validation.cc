#include "kube/validation.h"

#include "kube/names.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

FieldErrors ValidateMetaOnly(const Resource& resource, const Json* old, const Json& object,
                             bool core) {
  const Json& meta = GetObject(object, {"metadata"});
  FieldErrors errors;
  if (old != nullptr) {
    const Json& before = GetObject(*old, {"metadata"});
    errors = core ? ValidateObjectMetaUpdate(meta, before, "metadata")
                  : ValidateAnyMetaUpdate(meta, before, "metadata");
  }
  Append(errors,
         ValidateObjectMeta(meta, resource.namespaced, NameRule::kSubdomain, core, "metadata"));
  return errors;
}

FieldErrors ValidateStatusUpdate(const Resource& resource, const Json* old, const Json& object) {
  if (!resource.crd_name.empty()) return ValidateCustom(resource, "status", object);
  const std::string& kind = resource.kind;
  if (kind == "Deployment" || kind == "ReplicaSet") return ValidateReplicaStatus(old, object);
  if (kind == "HorizontalPodAutoscaler") return ValidateHpaStatus(object);
  FieldErrors errors;
  if (old != nullptr) {
    errors = ValidateObjectMetaUpdate(GetObject(object, {"metadata"}),
                                      GetObject(*old, {"metadata"}), "metadata");
  }
  if (kind == "Service") Append(errors, ValidateServiceStatus(object));
  return errors;
}

FieldErrors ValidateHpaAnyVersion(const Resource& resource, const Json* old, const Json& object) {
  if (resource.version == "v2") return ValidateHpa(old, object);
  Resource v2 = resource;
  v2.version = "v2";
  if (old == nullptr) return ValidateHpa(nullptr, Convert(object, resource, v2));
  Json old_v2 = Convert(*old, resource, v2);
  return ValidateHpa(&old_v2, Convert(object, resource, v2));
}

FieldErrors ValidateBuiltIn(const Resource& resource, const Json* old, const Json& object,
                            const StrategyOptions& options) {
  const std::string& kind = resource.kind;
  if (resource.group == "apps") {
    if (kind == "Deployment") return ValidateDeployment(old, object);
    if (kind == "ReplicaSet") return ValidateReplicaSet(old, object);
    if (kind == "StatefulSet") return ValidateStatefulSet(old, object);
    if (kind == "DaemonSet") return ValidateDaemonSet(old, object);
  } else if (resource.group == "batch") {
    return kind == "Job" ? ValidateJob(old, object) : ValidateCronJob(old, object);
  } else if (resource.group == "rbac.authorization.k8s.io") {
    return kind.ends_with("Binding") ? ValidateRoleBinding(old, object, resource.namespaced)
                                     : ValidateRole(old, object, resource.namespaced);
  } else if (resource.group == "coordination.k8s.io") {
    if (kind == "Lease") return ValidateLease(old, object);
  } else if (resource.group == "autoscaling") {
    if (kind == "HorizontalPodAutoscaler") return ValidateHpaAnyVersion(resource, old, object);
  } else if (resource.group == "discovery.k8s.io") {
    if (kind == "EndpointSlice") return ValidateEndpointSlice(old, object, options);
  } else if (resource.group == "apiextensions.k8s.io") {
    if (kind == "CustomResourceDefinition") return ValidateCrd(old, object);
  } else if (resource.group.empty()) {
    if (kind == "Pod")
      return old == nullptr ? ValidatePod(object) : ValidatePodUpdate(object, *old);
    if (kind == "Service") return ValidateService(old, object);
    if (kind == "ConfigMap") return ValidateConfigMap(old, object);
    if (kind == "Secret") return ValidateSecret(old, object);
    if (kind == "Namespace") return ValidateNamespace(old, object);
    if (kind == "Node" && old == nullptr) return ValidateNode(object);
    if (kind == "Event") return ValidateEvent(old, object, options);
    if (kind == "Endpoints") return ValidateEndpoints(old, object, options);
  }
  return ValidateMetaOnly(resource, old, object, true);
}

// What every update is asked before its kind's own rules, which ask it again (rest.BeforeUpdate).
FieldErrors ValidateCommonUpdate(const Resource& resource, const Json& old, const Json& object) {
  const Json& meta = GetObject(object, {"metadata"});
  FieldErrors errors =
      ValidateObjectMeta(meta, resource.namespaced, NameRule::kAny, false, "metadata");
  Append(errors, ValidateAnyMetaUpdate(meta, GetObject(old, {"metadata"}), "metadata"));
  return errors;
}

FieldErrors ValidateByKind(const Resource& resource, std::string_view subresource, const Json* old,
                           const Json& object, const StrategyOptions& options) {
  if (subresource == "status") {
    if (resource.kind == "Pod" && old != nullptr) return ValidatePodStatusUpdate(object, *old);
    return ValidateStatusUpdate(resource, old, object);
  }
  if (!resource.crd_name.empty()) {
    FieldErrors errors = ValidateMetaOnly(resource, old, object, false);
    Append(errors, ValidateCustom(resource, subresource, object));
    return errors;
  }
  return ValidateBuiltIn(resource, old, object, options);
}

}  // namespace

std::vector<FieldError> Validate(const Resource& resource, std::string_view subresource,
                                 const Json* old, const Json& object,
                                 const StrategyOptions& options) {
  FieldErrors errors;
  if (old != nullptr) errors = ValidateCommonUpdate(resource, *old, object);
  Append(errors, ValidateByKind(resource, subresource, old, object, options));
  return errors;
}

}  // namespace weir::kube
