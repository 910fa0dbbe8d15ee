// What workloads have beside what they say: pkg/apis/apps/v1/defaults.go, batch/v1/defaults.go.
#include <limits>

#include "kube/defaults.h"

namespace weir::kube {
namespace {

void DefaultTemplate(Json& spec) {
  Default(spec, "template", Json::object());
  Default(spec["template"], "metadata", Json::object());
  Default(spec["template"], "spec", Json::object());
  DefaultPodSpec(spec["template"]["spec"], false);
}

Json& EnsureObject(Json& object, std::string_view key) {
  Json& value = Ensure(object, {key});
  if (!value.is_object()) value = Json::object();
  return value;
}

// {type, rollingUpdate: {...}}, the latter only for rolling updates.
void DefaultUpdates(Json& spec, std::string_view key, const Json& rolling) {
  Default(spec, key, Json::object());
  Json& strategy = spec[std::string(key)];
  if (GetString(strategy, "type").empty()) strategy["type"] = "RollingUpdate";
  if (GetString(strategy, "type") != "RollingUpdate") return;
  Default(strategy, "rollingUpdate", Json::object());
  for (const auto& [name, value] : rolling.items()) Default(strategy["rollingUpdate"], name, value);
}

void DefaultDeployment(Json& spec) {
  Default(spec, "replicas", 1);
  Default(spec, "revisionHistoryLimit", 10);
  Default(spec, "progressDeadlineSeconds", 600);
  DefaultUpdates(spec, "strategy", {{"maxUnavailable", "25%"}, {"maxSurge", "25%"}});
}

void DefaultDaemonSet(Json& spec, Json& status) {
  Default(spec, "revisionHistoryLimit", 10);
  DefaultUpdates(spec, "updateStrategy", {{"maxUnavailable", 1}, {"maxSurge", 0}});
  for (std::string_view key :
       {"currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"}) {
    Default(status, key, 0);
  }
}

void DefaultStatefulSet(Json& spec, Json& status) {
  Default(spec, "replicas", 1);
  Default(spec, "revisionHistoryLimit", 10);
  if (GetString(spec, "podManagementPolicy").empty()) spec["podManagementPolicy"] = "OrderedReady";
  DefaultUpdates(spec, "updateStrategy", {{"partition", 0}});
  Json& retention = EnsureObject(spec, "persistentVolumeClaimRetentionPolicy");
  for (std::string_view key : {"whenDeleted", "whenScaled"}) {
    if (GetString(retention, key).empty()) retention[std::string(key)] = "Retain";
  }
  if (auto claims = spec.find("volumeClaimTemplates"); claims != spec.end() && claims->is_array()) {
    for (Json& claim : *claims) {
      claim["apiVersion"] = "v1";
      claim["kind"] = "PersistentVolumeClaim";
      DefaultVolumeClaim(claim);
    }
  }
  Default(status, "replicas", 0);
  Default(status, "availableReplicas", 0);
}

}  // namespace

void DefaultVolumeClaim(Json& object) {
  Json& spec = EnsureObject(object, "spec");
  Default(spec, "volumeMode", "Filesystem");
  for (std::string_view list : {"limits", "requests"}) {
    if (Find(spec, {"resources", list}) != nullptr) {
      CanonicalizeQuantities(spec["resources"][std::string(list)]);
    }
  }
  Default(EnsureObject(object, "status"), "phase", "Pending");
}

void DefaultAppsWorkload(std::string_view kind, Json& object) {
  Json& spec = EnsureObject(object, "spec");
  Json& status = EnsureObject(object, "status");
  DefaultTemplate(spec);
  if (kind == "Deployment") {
    DefaultDeployment(spec);
  } else if (kind == "DaemonSet") {
    DefaultDaemonSet(spec, status);
  } else if (kind == "StatefulSet") {
    DefaultStatefulSet(spec, status);
  } else {  // ReplicaSet, ReplicationController
    Default(spec, "replicas", 1);
    Default(status, "replicas", 0);
  }
}

void DefaultJob(Json& object) {
  Json& spec = EnsureObject(object, "spec");
  DefaultTemplate(spec);
  const bool both_unset =
      Find(spec, "completions") == nullptr && Find(spec, "parallelism") == nullptr;
  if (both_unset) spec["completions"] = 1;
  Default(spec, "parallelism", 1);
  const bool per_index = Find(spec, "backoffLimitPerIndex") != nullptr;
  Default(spec, "backoffLimit", per_index ? std::numeric_limits<std::int32_t>::max() : 6);
  Default(spec, "completionMode", "NonIndexed");
  Default(spec, "suspend", false);
  Default(spec, "manualSelector", false);
  const bool failure_policy = Find(spec, "podFailurePolicy") != nullptr;
  Default(spec, "podReplacementPolicy", failure_policy ? "Failed" : "TerminatingOrFailed");
  // A Job without labels has its template's.
  const Json& labels = GetObject(spec, {"template", "metadata", "labels"});
  if (!labels.empty() && GetObject(object, {"metadata", "labels"}).empty()) {
    Json copy = labels;
    Ensure(object, {"metadata", "labels"}) = std::move(copy);
  }
  EnsureObject(object, "status");
}

void DefaultCronJob(Json& object) {
  Json& spec = EnsureObject(object, "spec");
  if (GetString(spec, "concurrencyPolicy").empty()) spec["concurrencyPolicy"] = "Allow";
  Default(spec, "suspend", false);
  Default(spec, "successfulJobsHistoryLimit", 3);
  Default(spec, "failedJobsHistoryLimit", 1);
  Json& job = EnsureObject(spec, "jobTemplate");
  EnsureObject(job, "metadata");
  DefaultTemplate(EnsureObject(job, "spec"));
  EnsureObject(object, "status");
}

}  // namespace weir::kube
