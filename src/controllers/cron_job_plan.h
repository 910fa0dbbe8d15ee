// What a CronJob does next: a Job for the last time of its schedule that has come, the end of Jobs
// beyond its history. Follows pkg/controller/cronjob. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace weir::controllers {

struct CronJobPlan {
  struct Event {
    std::string type, reason, message;
  };
  std::optional<Json> create;
  std::string scheduled;            // lastScheduleTime once `create` is made
  std::vector<const Json*> remove;  // history, and what policy Replace ends
  Json status;                      // without the Job that is made now
  std::vector<Event> events;
  std::optional<Duration> again;
};
// `jobs`: all that it controls.
CronJobPlan PlanCronJob(const Json& cron, const std::vector<const Json*>& jobs, Time now);

// Whether the Job runs without being in status.active: somebody else made it, or the CronJob at
// hand is older than the Job.
bool IsUnexpected(const Json& cron, const Json& job);

// What status.active says of a Job.
Json ActiveReference(const Json& job);

}  // namespace weir::controllers
