// The parts of Validate, kind by kind: what pkg/apis/*/validation of Kubernetes checks, in its
// order and its words. Internal to kube. Pure functions; `path` is the field the value stands at.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "kube/field_error.h"
#include "kube/resource.h"

namespace weir::kube {

// What an object of a kind may be called.
enum class NameRule { kSubdomain, kLabel, kAny };

// metadata. `core`: the built-in groups' further rule for finalizers.
FieldErrors ValidateObjectMeta(const Json& meta, bool namespaced, NameRule rule, bool core,
                               const std::string& path);
// As each update is asked, whatever its kind.
FieldErrors ValidateAnyMetaUpdate(const Json& meta, const Json& old, const std::string& path);
// As the built-in groups ask it, with their further rule for finalizers.
FieldErrors ValidateObjectMetaUpdate(const Json& meta, const Json& old, const std::string& path);
FieldErrors ValidateLabels(const Json* labels, const std::string& path);
FieldErrors ValidateAnnotations(const Json* annotations, const std::string& path);
// {matchLabels, matchExpressions}.
FieldErrors ValidateLabelSelector(const Json& selector, const std::string& path);
// The selector as field.Error prints it.
std::string PrintedSelector(const Json& selector);
// A port as number or name.
FieldErrors ValidatePortNumberOrName(const Json* port, const std::string& path);
// Unless both are equal.
void CheckImmutable(FieldErrors& errors, const Json* value, const Json* old, std::string field);
// An absent value and an empty one are the same, as for Go's omitempty.
bool SameOrEmpty(const Json* a, const Json* b);

// Pods. `restart_policies`: what spec.restartPolicy may be (workloads allow fewer).
FieldErrors ValidatePodSpec(const Json& spec, const std::string& path);
FieldErrors ValidatePodTemplate(const Json& pod_template, const std::string& path);
FieldErrors ValidatePod(const Json& pod);
FieldErrors ValidatePodUpdate(const Json& pod, const Json& old);
FieldErrors ValidatePodStatusUpdate(const Json& pod, const Json& old);
// Valid volumes' names go to `names`.
FieldErrors ValidateVolumes(const Json& volumes, const std::string& path,
                            std::set<std::string, std::less<>>* names);

struct PodContext {
  std::set<std::string, std::less<>> volumes;
  std::int64_t grace_seconds = 30;
  bool host_network = false;
};
FieldErrors ValidateContainers(const Json& containers, const PodContext& context,
                               const std::string& path, std::set<std::string, std::less<>>* names);
FieldErrors ValidateInitContainers(const Json& containers, const PodContext& context,
                                   const std::string& path,
                                   std::set<std::string, std::less<>>* names);
FieldErrors ValidateResources(const Json& resources, const std::string& path);
FieldErrors ValidateEnv(const Json& env, const std::string& path);
FieldErrors ValidateEnvFrom(const Json& env_from, const std::string& path);
FieldErrors ValidateFieldRef(const Json& ref, const std::string& path,
                             const std::vector<std::string_view>& supported);
FieldErrors ValidateResourceFieldRef(const Json& ref, const std::string& path, bool volume);

FieldErrors ValidateDeployment(const Json* old, const Json& object);
FieldErrors ValidateReplicaSet(const Json* old, const Json& object);
FieldErrors ValidateStatefulSet(const Json* old, const Json& object);
FieldErrors ValidateDaemonSet(const Json* old, const Json& object);
FieldErrors ValidateJob(const Json* old, const Json& object);
FieldErrors ValidateCronJob(const Json* old, const Json& object);
FieldErrors ValidateReplicaStatus(const Json* old, const Json& object);
FieldErrors ValidateService(const Json* old, const Json& object);
FieldErrors ValidateServiceStatus(const Json& object);
FieldErrors ValidateEndpointSlice(const Json* old, const Json& object,
                                  const StrategyOptions& options);
FieldErrors ValidateEndpoints(const Json* old, const Json& object, const StrategyOptions& options);
// Also ClusterRoles and their bindings.
FieldErrors ValidateLease(const Json* old, const Json& object);
FieldErrors ValidateRole(const Json* old, const Json& object, bool namespaced);
FieldErrors ValidateRoleBinding(const Json* old, const Json& object, bool namespaced);
FieldErrors ValidateConfigMap(const Json* old, const Json& object);
FieldErrors ValidateSecret(const Json* old, const Json& object);
FieldErrors ValidateNamespace(const Json* old, const Json& object);
FieldErrors ValidateNode(const Json& object);
FieldErrors ValidateEvent(const Json* old, const Json& object, const StrategyOptions& options);
// HorizontalPodAutoscaler in autoscaling/v2 form.
FieldErrors ValidateHpa(const Json* old, const Json& object);
FieldErrors ValidateHpaStatus(const Json& object);
FieldErrors ValidateCrd(const Json* old, const Json& object);
FieldErrors ValidateCustom(const Resource& resource, std::string_view subresource,
                           const Json& object);
// A value against an OpenAPI v3 schema; `path` is empty at the root.
FieldErrors ValidateSchema(const Json& schema, const Json& value, const std::string& path);

}  // namespace weir::kube
