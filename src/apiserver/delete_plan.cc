#include "apiserver/delete_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/crd_plan.h"
#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";

std::vector<std::string> Finalizers(const Json& object) {
  std::vector<std::string> names;
  for (const Json& name : GetArray(object, {"metadata", "finalizers"})) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

std::unexpected<Json> PreconditionFailed(const kube::Resource& resource, const Json& object,
                                         const std::string& why) {
  const std::string name = GetString(object, {"metadata", "name"});
  return std::unexpected(kube::StatusFailure(
      409, "Conflict",
      fmt::format("Operation cannot be fulfilled on {} {}: {}", resource.kind, Quote(name), why),
      {{"name", name}, {"kind", resource.kind}}));
}

std::optional<std::string> CheckPreconditions(const Json& object, const DeleteOptions& options) {
  const std::string uid = GetString(object, {"metadata", "uid"});
  if (!options.uid.empty() && options.uid != uid) {
    return fmt::format(
        "the UID in the precondition ({}) does not match the UID in record ({}). The object might "
        "have been deleted and then recreated",
        options.uid, uid);
  }
  const std::string version = GetString(object, {"metadata", "resourceVersion"});
  if (!options.resource_version.empty() && options.resource_version != version) {
    return fmt::format(
        "the ResourceVersion in the precondition ({}) does not match the ResourceVersion in record "
        "({}). The object might have been modified",
        options.resource_version, version);
  }
  return std::nullopt;
}

bool IsPod(const kube::Resource& resource) { return resource.GroupResource() == "pods"; }
bool IsNamespace(const kube::Resource& resource) {
  return resource.GroupResource() == "namespaces";
}
bool IsDefinition(const kube::Resource& resource) {
  return resource.GroupResource() == "customresourcedefinitions.apiextensions.k8s.io";
}

// Registries that answer a completed deletion with the object (ReturnDeletedObject).
bool ReturnsObject(const kube::Resource& resource) {
  for (const std::string_view name :
       {"pods", "services", "serviceaccounts", "persistentvolumeclaims", "resourcequotas"}) {
    if (resource.GroupResource() == name) return true;
  }
  return false;
}

bool IsMarked(const Json& object) {
  const Json* timestamp = Find(object, {"metadata", "deletionTimestamp"});
  return timestamp != nullptr && timestamp->is_string();
}

void RaiseGeneration(Json& object) {
  const std::int64_t generation = GetInt(object, {"metadata", "generation"}, 0);
  if (generation > 0) Ensure(object, {"metadata", "generation"}) = generation + 1;
}

// deletionFinalizersForGarbageCollection: the finalizer that the collector acts on.
std::vector<std::string> CollectorFinalizers(const Json& object, const DeleteOptions& options) {
  const std::vector<std::string> old = Finalizers(object);
  const auto has = [&old](std::string_view name) {
    return std::ranges::find(old, name) != old.end();
  };
  bool orphan = has(kOrphan);
  bool foreground = has(kForeground);
  if (options.orphan_dependents) {
    orphan = *options.orphan_dependents;
    foreground = false;
  } else if (!options.propagation_policy.empty()) {
    orphan = options.propagation_policy == "Orphan";
    foreground = options.propagation_policy == "Foreground";
  }
  std::vector<std::string> finalizers;
  for (const std::string& name : old) {
    if (name != kOrphan && name != kForeground) finalizers.push_back(name);
  }
  if (orphan) finalizers.emplace_back(kOrphan);
  if (foreground) finalizers.emplace_back(kForeground);
  return finalizers;
}

void SetFinalizers(Json& object, const std::vector<std::string>& finalizers) {
  if (finalizers.empty()) {
    Erase(object, {"metadata", "finalizers"});
  } else {
    Ensure(object, {"metadata", "finalizers"}) = finalizers;
  }
}

// The grace period of a pod (podStrategy.CheckGracefulDelete).
std::int64_t PodGrace(const Json& pod, const DeleteOptions& options) {
  if (GetString(pod, {"spec", "nodeName"}).empty()) return 0;
  const std::string phase = GetString(pod, {"status", "phase"});
  if (phase == "Failed" || phase == "Succeeded") return 0;
  const std::int64_t period = options.grace_period_seconds.value_or(
      GetInt(pod, {"spec", "terminationGracePeriodSeconds"}, 30));
  return period < 0 ? 1 : period;
}

// Marks the pod, or shortens the grace of a marked one. false: nothing changes.
bool MarkPod(Json& pod, const DeleteOptions& options, Time now) {
  Json& metadata = Ensure(pod, {"metadata"});
  std::int64_t grace = PodGrace(pod, options);
  if (IsMarked(pod)) {
    const std::int64_t old = GetInt(pod, {"metadata", "deletionGracePeriodSeconds"}, 0);
    // Without a period of its own a second delete changes nothing; a period is never made longer.
    if (!options.grace_period_seconds || grace >= old) return false;
    const auto deadline = ParseRfc3339(GetString(pod, {"metadata", "deletionTimestamp"}));
    const Time start = deadline.value_or(now) - std::chrono::seconds(old);
    metadata["deletionTimestamp"] = FormatRfc3339(start + std::chrono::seconds(grace));
  } else {
    metadata["deletionTimestamp"] = FormatRfc3339(now + std::chrono::seconds(grace));
    RaiseGeneration(pod);
  }
  metadata["deletionGracePeriodSeconds"] = grace;
  return true;
}

Answer<DeletePlan> PlanNamespace(const Json& object, Time now) {
  const std::string name = GetString(object, {"metadata", "name"});
  for (const std::string_view kept : {"default", "kube-system", "kube-public"}) {
    if (name != kept) continue;
    return std::unexpected(kube::StatusForbidden(
        fmt::format("namespaces {} is forbidden: this namespace may not be deleted", Quote(name)),
        {{"name", name}, {"kind", "namespaces"}}));
  }
  DeletePlan plan{DeletePlan::Action::kUpdate, object, true};
  if (IsMarked(object)) {
    const bool held = !GetArray(object, {"spec", "finalizers"}).empty() ||
                      !GetArray(object, {"metadata", "finalizers"}).empty();
    plan.action = held ? DeletePlan::Action::kNothing : DeletePlan::Action::kRemove;
    return plan;
  }
  Ensure(plan.object, {"metadata", "deletionTimestamp"}) = FormatRfc3339(now);
  Ensure(plan.object, {"status", "phase"}) = "Terminating";
  return plan;
}

// A definition waits for its objects: customresourcecleanup is its finalizer from now on.
DeletePlan PlanDefinition(const Json& object, Time now) {
  DeletePlan plan{DeletePlan::Action::kUpdate, object, true};
  if (IsMarked(object)) {
    const bool held = !GetArray(object, {"metadata", "finalizers"}).empty();
    plan.action = held ? DeletePlan::Action::kNothing : DeletePlan::Action::kRemove;
  } else {
    Ensure(plan.object, {"metadata", "deletionTimestamp"}) = FormatRfc3339(now);
    AddFinalizer(plan.object);
    SetTerminating(now, plan.object);
  }
  return plan;
}

}  // namespace

Answer<DeletePlan> PlanDelete(const kube::Resource& resource, const Json& object,
                              const DeleteOptions& options, Time now) {
  if (const auto why = CheckPreconditions(object, options)) {
    return PreconditionFailed(resource, object, *why);
  }
  if (IsNamespace(resource)) return PlanNamespace(object, now);
  if (IsDefinition(resource)) return PlanDefinition(object, now);

  DeletePlan plan{DeletePlan::Action::kRemove, object, ReturnsObject(resource)};
  const std::vector<std::string> finalizers = CollectorFinalizers(object, options);
  const bool finalizers_change = finalizers != Finalizers(object);
  SetFinalizers(plan.object, finalizers);

  if (IsPod(resource)) {
    const bool marked = MarkPod(plan.object, options, now);
    const bool over = GetInt(plan.object, {"metadata", "deletionGracePeriodSeconds"}, 0) == 0;
    if (over && finalizers.empty()) return plan;
    plan.action =
        marked || finalizers_change ? DeletePlan::Action::kUpdate : DeletePlan::Action::kNothing;
    return plan;
  }
  if (finalizers.empty()) return plan;

  plan.answers_object = true;
  const bool first = !IsMarked(object);
  plan.action =
      first || finalizers_change ? DeletePlan::Action::kUpdate : DeletePlan::Action::kNothing;
  if (first) {
    Ensure(plan.object, {"metadata", "deletionTimestamp"}) = FormatRfc3339(now);
    Ensure(plan.object, {"metadata", "deletionGracePeriodSeconds"}) = 0;
    RaiseGeneration(plan.object);
  }
  return plan;
}

bool UpdateRemoves(const kube::Resource& resource, const Json& object) {
  if (!IsMarked(object) || !GetArray(object, {"metadata", "finalizers"}).empty()) return false;
  if (IsNamespace(resource)) return GetArray(object, {"spec", "finalizers"}).empty();
  return GetInt(object, {"metadata", "deletionGracePeriodSeconds"}, 0) == 0;
}

}  // namespace weir::apiserver
