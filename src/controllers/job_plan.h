// What a Job does next: pods until enough have succeeded, or too many failed, or time is up.
// Follows pkg/controller/job. Pure functions.
//
// A pod of a Job carries a finalizer until it has been counted: its uid goes to
// status.uncountedTerminatedPods, the finalizer goes, then the count moves to status.succeeded or
// failed. Each of these is one pass, based on what the last one left stored, so that no pod is
// counted twice or not at all.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "controllers/replica_set_plan.h"

namespace weir::controllers {

inline constexpr std::string_view kJobFinalizer = "batch.kubernetes.io/job-tracking";

bool IsTracked(const Json& pod);
// The merge patch that takes the finalizer away from this version of the pod.
Json ReleaseTrackedPatch(const Json& pod);

// The status of a condition is True.
bool JobHas(const Json& job, std::string_view condition);
bool IsJobFinished(const Json& job);

// "0-2,5" and the set it names.
std::set<std::int64_t> ParseIndexes(std::string_view text);
std::string PrintIndexes(const std::set<std::int64_t>& indexes);

struct JobPlan {
  struct Event {
    std::string type, reason, message;
  };
  std::vector<const Json*> release;  // counted: without the finalizer from now on
  std::vector<const Json*> remove;   // to be deleted
  bool removed_fail = false;         // and counted as failed; else they are released first
  std::vector<Json> create;
  Json status;
  std::vector<Event> events;  // once the status is written
  bool expired = false;       // its time after the end is over: the Job goes
  std::optional<Duration> again;
};
// `pods`: all that it controls. `settled`: the cache shows all that was created and deleted.
JobPlan PlanJob(const Json& job, const PodList& pods, bool settled, Time now);

}  // namespace weir::controllers
