#include "controllers/deployment_status_plan.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr std::int64_t kNoDeadline = 2147483647;

std::int64_t Count(const Json& status, std::string_view key) { return GetInt(status, {key}, 0); }

bool HasDeadline(const Json& deployment) {
  std::int64_t seconds = GetInt(deployment, {"spec", "progressDeadlineSeconds"}, kNoDeadline);
  return seconds != kNoDeadline;
}

void RemoveCondition(Json& status, std::string_view type) {
  auto it = status.find("conditions");
  if (it == status.end()) return;
  Json kept = Json::array();
  for (Json& condition : *it) {
    if (GetString(condition, "type") != type) kept.push_back(std::move(condition));
  }
  *it = std::move(kept);
}

Json NewCondition(std::string_view type, const ProgressNote& note, Time now) {
  return {{"type", type},
          {"status", note.status},
          {"reason", note.reason},
          {"message", note.message},
          {"lastUpdateTime", FormatRfc3339(now)},
          {"lastTransitionTime", FormatRfc3339(now)}};
}

// Unless the condition says so already.
void SetCondition(Json& status, Json condition) {
  std::string type = GetString(condition, "type");
  if (const Json* before = ConditionOf(status, type)) {
    bool same_status = GetString(*before, "status") == GetString(condition, "status");
    if (same_status && GetString(*before, "reason") == GetString(condition, "reason")) return;
    if (same_status) condition["lastTransitionTime"] = (*before)["lastTransitionTime"];
  }
  RemoveCondition(status, type);
  Json& conditions = Ensure(status, {"conditions"});
  if (!conditions.is_array()) conditions = Json::array();
  conditions.push_back(std::move(condition));
}

Json Counts(const Json& deployment, const ReplicaSets& all, const Json* fresh) {
  Json status = Json::object();
  auto put = [&](const char* key, std::int64_t value) {
    if (value != 0) status[key] = value;
  };
  std::int64_t total = SumStatus(all, "replicas");
  std::int64_t available = SumStatus(all, "availableReplicas");
  put("observedGeneration", GetInt(deployment, {"metadata", "generation"}, 0));
  put("replicas", total);
  put("updatedReplicas", fresh == nullptr ? 0 : GetInt(*fresh, {"status", "replicas"}, 0));
  put("readyReplicas", SumStatus(all, "readyReplicas"));
  put("availableReplicas", available);
  put("unavailableReplicas", std::max<std::int64_t>(total - available, 0));
  status["terminatingReplicas"] = SumStatus(all, "terminatingReplicas");
  put("collisionCount", GetInt(deployment, {"status", "collisionCount"}, 0));
  const Json& conditions = GetArray(deployment, {"status", "conditions"});
  if (!conditions.empty()) status["conditions"] = conditions;
  return status;
}

bool IsProgressing(const Json& before, const Json& after) {
  auto old_replicas = [](const Json& status) {
    return Count(status, "replicas") - Count(status, "updatedReplicas");
  };
  return Count(after, "updatedReplicas") > Count(before, "updatedReplicas") ||
         old_replicas(after) < old_replicas(before) ||
         Count(after, "readyReplicas") > Count(before, "readyReplicas") ||
         Count(after, "availableReplicas") > Count(before, "availableReplicas");
}

// Since when no progress was seen, plus the deadline; nullopt where none is running.
std::optional<Time> DeadlineAt(const Json& deployment, const Json& status) {
  const Json* condition = ConditionOf(status, "Progressing");
  if (condition == nullptr || GetString(*condition, "reason") == "NewReplicaSetAvailable") {
    return std::nullopt;
  }
  std::optional<Time> from = ParseRfc3339(GetString(*condition, "lastUpdateTime"));
  if (!from) return std::nullopt;
  return *from +
         std::chrono::seconds(GetInt(deployment, {"spec", "progressDeadlineSeconds"}, kNoDeadline));
}

void UpdateProgress(const Json& deployment, const Json* fresh, Json& status, Time now) {
  const Json* before = ConditionOf(status, "Progressing");
  bool was_complete = before != nullptr && GetString(*before, "reason") == "NewReplicaSetAvailable";
  if (was_complete && Count(status, "replicas") == Count(status, "updatedReplicas")) return;
  std::string subject = fresh == nullptr ? fmt::format("Deployment {}", Quote(Name(deployment)))
                                         : fmt::format("ReplicaSet {}", Quote(Name(*fresh)));
  if (IsComplete(deployment, status)) {
    SetCondition(status, NewCondition("Progressing",
                                      {"True", "NewReplicaSetAvailable",
                                       subject + " has successfully progressed."},
                                      now));
  } else if (IsProgressing(GetObject(deployment, {"status"}), status)) {
    // The time of the update tells that something moved, even where the reason stays.
    Json condition = NewCondition("Progressing",
                                  {"True", "ReplicaSetUpdated", subject + " is progressing."}, now);
    if (before != nullptr && GetString(*before, "status") == "True") {
      condition["lastTransitionTime"] = (*before)["lastTransitionTime"];
    }
    RemoveCondition(status, "Progressing");
    SetCondition(status, std::move(condition));
  } else if (std::optional<Time> at = DeadlineAt(deployment, status); at && *at < now) {
    SetCondition(status, NewCondition("Progressing",
                                      {"False", "ProgressDeadlineExceeded",
                                       subject + " has timed out progressing."},
                                      now));
  }
}

void UpdateFailure(const ReplicaSets& old, const Json* fresh, Json& status, Time now) {
  const Json* failure = nullptr;
  if (fresh != nullptr) failure = ConditionOf(GetObject(*fresh, {"status"}), "ReplicaFailure");
  for (const Json* set : old) {
    if (failure == nullptr) failure = ConditionOf(GetObject(*set, {"status"}), "ReplicaFailure");
  }
  if (failure == nullptr) {
    RemoveCondition(status, "ReplicaFailure");
  } else {
    SetCondition(status, NewCondition("ReplicaFailure",
                                      {GetString(*failure, "status"), GetString(*failure, "reason"),
                                       GetString(*failure, "message")},
                                      now));
  }
}

}  // namespace

const Json* ConditionOf(const Json& status, std::string_view type) {
  for (const Json& condition : GetArray(status, {"conditions"})) {
    if (GetString(condition, "type") == type) return &condition;
  }
  return nullptr;
}

bool IsComplete(const Json& deployment, const Json& status) {
  std::int64_t wanted = Replicas(deployment);
  return Count(status, "updatedReplicas") == wanted && Count(status, "replicas") == wanted &&
         Count(status, "availableReplicas") == wanted &&
         Count(status, "observedGeneration") >= GetInt(deployment, {"metadata", "generation"}, 0);
}

DeploymentStatus StatusOf(const Json& deployment, const ReplicaSets& old, const Json* fresh,
                          bool rolling, const std::optional<ProgressNote>& note, Time now) {
  ReplicaSets all = old;
  if (fresh != nullptr) all.push_back(fresh);
  DeploymentStatus out;
  out.status = Counts(deployment, all, fresh);
  bool enough =
      Count(out.status, "availableReplicas") >= Replicas(deployment) - MaxUnavailable(deployment);
  SetCondition(out.status,
               NewCondition("Available",
                            enough ? ProgressNote{"True", "MinimumReplicasAvailable",
                                                  "Deployment has minimum availability."}
                                   : ProgressNote{"False", "MinimumReplicasUnavailable",
                                                  "Deployment does not have minimum "
                                                  "availability."},
                            now));
  if (note && HasDeadline(deployment)) {
    SetCondition(out.status, NewCondition("Progressing", *note, now));
  }
  if (!rolling) return out;
  if (HasDeadline(deployment)) {
    UpdateProgress(deployment, fresh, out.status, now);
    const Json* progress = ConditionOf(out.status, "Progressing");
    std::optional<Time> at = DeadlineAt(deployment, out.status);
    if (at && progress != nullptr && GetString(*progress, "reason") != "ProgressDeadlineExceeded") {
      // Times are kept in whole seconds: a second later is surely after the deadline.
      out.deadline = std::max(*at - now, Duration::zero()) + std::chrono::seconds(1);
    }
  } else {
    RemoveCondition(out.status, "Progressing");
  }
  UpdateFailure(old, fresh, out.status, now);
  if (GetArray(out.status, {"conditions"}).empty()) out.status.erase("conditions");
  return out;
}

}  // namespace weir::controllers
