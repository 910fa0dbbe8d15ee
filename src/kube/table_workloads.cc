#include <fmt/format.h>

#include "base/strings.h"
#include "kube/selector.h"
#include "kube/table_cells.h"

namespace weir::kube {
namespace {

std::string SelectorCell(const Json& object) {
  const Json* selector = Find(object, {"spec", "selector"});
  if (selector == nullptr) return "<none>";
  Result<LabelSelector> parsed = LabelSelector::FromJson(*selector);
  std::string text = parsed ? parsed->ToString() : "<error>";
  return text.empty() ? "<none>" : text;
}

std::int64_t StatusNumber(const Json& object, std::string_view key) {
  return GetInt(object, {"status", key}, 0);
}

std::int64_t Replicas(const Json& object) { return GetInt(object, {"spec", "replicas"}, 1); }

bool HasCondition(const Json& object, std::string_view type) {
  for (const Json& condition : GetArray(object, {"status", "conditions"})) {
    if (GetString(condition, "type") == type) return GetString(condition, "status") == "True";
  }
  return false;
}

std::string JobStatus(const Json& job) {
  if (HasCondition(job, "Complete")) return "Complete";
  if (HasCondition(job, "Failed")) return "Failed";
  if (Find(job, {"metadata", "deletionTimestamp"}) != nullptr) return "Terminating";
  if (HasCondition(job, "Suspended")) return "Suspended";
  if (HasCondition(job, "FailureTarget")) return "FailureTarget";
  if (HasCondition(job, "SuccessCriteriaMet")) return "SuccessCriteriaMet";
  return "Running";
}

std::string JobCompletions(const Json& job) {
  const std::int64_t succeeded = StatusNumber(job, "succeeded");
  if (auto completions = GetInt(job, {"spec", "completions"})) {
    return fmt::format("{}/{}", succeeded, *completions);
  }
  const std::int64_t parallelism = GetInt(job, {"spec", "parallelism"}, 0);
  if (parallelism > 1) return fmt::format("{}/1 of {}", succeeded, parallelism);
  return fmt::format("{}/1", succeeded);
}

std::string JobDuration(const Json& job, Time now) {
  const std::optional<Time> begin = ParseRfc3339(GetString(job, {"status", "startTime"}));
  if (!begin) return {};
  const std::optional<Time> end = ParseRfc3339(GetString(job, {"status", "completionTime"}));
  return FormatAge(end.value_or(now) - *begin);
}

Json JobCells(const Json& job, Time now) {
  const Json& pod_spec = GetObject(job, {"spec", "template", "spec"});
  return Json::array({GetString(job, {"metadata", "name"}), JobStatus(job), JobCompletions(job),
                      JobDuration(job, now), CreationAge(job, now), ContainerNames(pod_spec),
                      ContainerImages(pod_spec), SelectorCell(job)});
}

Json CronJobCells(const Json& cron, Time now) {
  const Json& pod_spec = GetObject(cron, {"spec", "jobTemplate", "spec", "template", "spec"});
  const Json* last = Find(cron, {"status", "lastScheduleTime"});
  const Json* selector = Find(cron, {"spec", "jobTemplate", "spec", "selector"});
  Result<LabelSelector> parsed =
      selector == nullptr ? LabelSelector() : LabelSelector::FromJson(*selector);
  return Json::array({GetString(cron, {"metadata", "name"}), GetString(cron, {"spec", "schedule"}),
                      GetString(cron, {"spec", "timeZone"}, "<none>"),
                      GetBool(cron, {"spec", "suspend"}, false) ? "True" : "False",
                      GetArray(cron, {"status", "active"}).size(),
                      last == nullptr ? "<none>" : AgeCell(last, now), CreationAge(cron, now),
                      ContainerNames(pod_spec), ContainerImages(pod_spec),
                      selector == nullptr ? "<none>" : parsed->ToString()});
}

// group/Kind would be the resource's name upstream: `deployment.apps/web`.
std::string OwnerCell(const Json& object) {
  for (const Json& owner : GetArray(object, {"metadata", "ownerReferences"})) {
    if (!GetBool(owner, {"controller"}, false)) continue;
    const std::string version = GetString(owner, "apiVersion");
    const std::size_t slash = version.find('/');
    std::string kind = ToLower(GetString(owner, "kind"));
    if (slash != std::string::npos) kind += "." + version.substr(0, slash);
    return kind + "/" + GetString(owner, "name");
  }
  return "<none>";
}

}  // namespace

Json AppsCells(const std::string& kind, const Json& object, Time now) {
  const std::string name = GetString(object, {"metadata", "name"});
  const std::string age = CreationAge(object, now);
  if (kind == "ControllerRevision") {
    return Json::array({name, OwnerCell(object), GetInt(object, {"revision"}, 0), age});
  }
  const Json& pod_spec = GetObject(object, {"spec", "template", "spec"});
  const std::string containers = ContainerNames(pod_spec), images = ContainerImages(pod_spec);
  const std::string ready =
      fmt::format("{}/{}", StatusNumber(object, "readyReplicas"), Replicas(object));
  if (kind == "Deployment") {
    return Json::array({name, ready, StatusNumber(object, "updatedReplicas"),
                        StatusNumber(object, "availableReplicas"), age, containers, images,
                        SelectorCell(object)});
  }
  if (kind == "StatefulSet") return Json::array({name, ready, age, containers, images});
  if (kind == "DaemonSet") {
    return Json::array(
        {name, StatusNumber(object, "desiredNumberScheduled"),
         StatusNumber(object, "currentNumberScheduled"), StatusNumber(object, "numberReady"),
         StatusNumber(object, "updatedNumberScheduled"), StatusNumber(object, "numberAvailable"),
         LabelsCell(GetObject(pod_spec, {"nodeSelector"})), age, containers, images,
         SelectorCell(object)});
  }
  return Json::array({name, Replicas(object), StatusNumber(object, "replicas"),
                      StatusNumber(object, "readyReplicas"), age, containers, images,
                      kind == "ReplicationController"
                          ? LabelsCell(GetObject(object, {"spec", "selector"}))
                          : SelectorCell(object)});
}

Json BatchCells(const std::string& kind, const Json& object, Time now) {
  return kind == "Job" ? JobCells(object, now) : CronJobCells(object, now);
}

}  // namespace weir::kube
