#include "controllers/cron_job_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "controllers/job_plan.h"
#include "controllers/owner_refs_plan.h"
#include "kube/cron.h"

namespace weir::controllers {
namespace {

constexpr std::string_view kScheduledAt = "batch.kubernetes.io/cronjob-scheduled-timestamp";
// Times that were missed, beyond which only the newest are looked at.
constexpr int kMissedMax = 10000;

bool IsUtc(const std::string& zone) {
  const std::string lower = ToLower(zone);
  return zone.empty() || lower == "utc" || lower == "etc/utc";
}

std::optional<Time> TimeAt(const Json& object, std::initializer_list<std::string_view> path) {
  return ParseRfc3339(GetString(object, path));
}

// The last time of the schedule between the last Job and now, and the first one after now.
struct Times {
  std::optional<Time> due, next;
};

Times TimesOf(const Json& cron, const kube::CronSchedule& schedule, Time now) {
  Time since = TimeAt(cron, {"status", "lastScheduleTime"})
                   .value_or(TimeAt(cron, {"metadata", "creationTimestamp"}).value_or(now));
  if (const auto deadline = GetInt(cron, {"spec", "startingDeadlineSeconds"})) {
    since = std::max(since, now - std::chrono::seconds(*deadline));
  }
  Times out;
  out.next = schedule.Next(since);
  for (int i = 0; out.next && *out.next <= now; ++i) {
    if (i == kMissedMax) out.next = now - std::chrono::minutes(1);
    out.due = out.next;
    out.next = schedule.Next(*out.next);
  }
  return out;
}

Json NewJob(const Json& cron, Time scheduled) {
  const Json& job_template = GetObject(cron, {"spec", "jobTemplate"});
  Json annotations = GetObject(job_template, {"metadata", "annotations"});
  annotations[std::string(kScheduledAt)] = FormatRfc3339(scheduled);
  const auto minute =
      std::chrono::floor<std::chrono::minutes>(scheduled).time_since_epoch().count();
  Json meta = {{"name", fmt::format("{}-{}", Name(cron), minute)},
               {"namespace", Namespace(cron)},
               {"annotations", std::move(annotations)},
               {"ownerReferences", Json::array({NewControllerRef(cron)})}};
  if (const Json* labels = Find(job_template, {"metadata", "labels"})) meta["labels"] = *labels;
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"metadata", std::move(meta)},
          {"spec", GetObject(job_template, {"spec"})}};
}

// One pass over a CronJob.
class Pass {
 public:
  Pass(const Json& cron, const std::vector<const Json*>& jobs, Time now)
      : cron_(cron), jobs_(jobs), now_(now) {
    plan_.status = GetObject(cron, {"status"});
  }

  CronJobPlan Run() {
    Forget();
    KeepHistory();
    const bool idle = IsBeingDeleted(cron_) || GetBool(cron_, {"spec", "suspend"}, false);
    if (!idle) Schedule();
    return std::move(plan_);
  }

 private:
  const Json* JobOf(const Json& reference) const {
    for (const Json* job : jobs_) {
      if (Uid(*job) == GetString(reference, "uid")) return job;
    }
    return nullptr;
  }

  void Tell(std::string type, std::string reason, std::string message) {
    plan_.events.push_back({std::move(type), std::move(reason), std::move(message)});
  }

  // Takes what has ended or gone out of status.active.
  void Forget() {
    Json active = Json::array();
    for (const Json& reference : GetArray(cron_, {"status", "active"})) {
      const Json* job = JobOf(reference);
      if (job == nullptr) {
        Tell("Normal", "MissingJob", "Active job went missing: " + GetString(reference, "name"));
      } else if (IsJobFinished(*job)) {
        Tell("Normal", "SawCompletedJob",
             fmt::format("Saw completed job: {}, condition: {}", Name(*job),
                         JobHas(*job, "Complete") ? "Complete" : "Failed"));
      } else {
        active.push_back(reference);
      }
    }
    std::string last = GetString(plan_.status, "lastSuccessfulTime");
    for (const Json* job : jobs_) {
      if (IsUnexpected(cron_, *job)) {
        Tell("Warning", "UnexpectedJob",
             "Saw a job that the controller did not create or forgot: " + Name(*job));
      }
      if (!JobHas(*job, "Complete")) continue;
      last = std::max(last, GetString(*job, {"status", "completionTime"}));
    }
    if (!last.empty()) plan_.status["lastSuccessfulTime"] = last;
    SetActive(std::move(active));
  }

  void SetActive(Json active) {
    if (active.empty()) {
      plan_.status.erase("active");
    } else {
      plan_.status["active"] = std::move(active);
    }
  }

  void KeepHistory() {
    for (const auto& [condition, key] : {std::pair("Complete", "successfulJobsHistoryLimit"),
                                         std::pair("Failed", "failedJobsHistoryLimit")}) {
      const auto limit = GetInt(cron_, {"spec", key});
      std::vector<const Json*> ended;
      for (const Json* job : jobs_) {
        if (JobHas(*job, condition) && !IsBeingDeleted(*job)) ended.push_back(job);
      }
      std::ranges::sort(ended, {}, [](const Json* job) {
        return std::pair(GetString(*job, {"status", "startTime"}), Name(*job));
      });
      for (std::size_t i = 0; limit && *limit >= 0 && i + std::size_t(*limit) < ended.size(); ++i) {
        plan_.remove.push_back(ended[i]);
      }
    }
  }

  void Schedule() {
    const auto schedule = kube::CronSchedule::Parse(GetString(cron_, {"spec", "schedule"}));
    const std::string zone = GetString(cron_, {"spec", "timeZone"});
    if (!schedule) {
      Tell("Warning", "UnparseableSchedule",
           fmt::format("unparseable schedule for cronjob: {}", schedule.error().message));
      return;
    }
    if (!IsUtc(zone)) {
      Tell("Warning", "UnknownTimeZone",
           fmt::format("invalid timeZone: {}: only UTC is known here", Quote(zone)));
      return;
    }
    const Times times = TimesOf(cron_, *schedule, now_);
    if (times.next) plan_.again = *times.next - now_;
    if (!times.due) return;
    const Json& active = GetArray(plan_.status, {"active"});
    const std::string policy = GetString(cron_, {"spec", "concurrencyPolicy"});
    if (policy == "Forbid" && !active.empty()) {
      Tell("Normal", "JobAlreadyActive",
           "Not starting job because prior execution is running and concurrency policy is "
           "Forbid");
      return;
    }
    if (policy == "Replace") {
      for (const Json& reference : active) plan_.remove.push_back(JobOf(reference));
      SetActive(Json::array());
    }
    plan_.create = NewJob(cron_, *times.due);
    plan_.scheduled = FormatRfc3339(*times.due);
  }

  const Json& cron_;
  const std::vector<const Json*>& jobs_;
  Time now_;
  CronJobPlan plan_;
};

}  // namespace

bool IsUnexpected(const Json& cron, const Json& job) {
  const Json& active = GetArray(cron, {"status", "active"});
  return !IsJobFinished(job) && std::ranges::none_of(active, [&job](const Json& reference) {
    return GetString(reference, "uid") == Uid(job);
  });
}

CronJobPlan PlanCronJob(const Json& cron, const std::vector<const Json*>& jobs, Time now) {
  return Pass(cron, jobs, now).Run();
}

Json ActiveReference(const Json& job) {
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"name", Name(job)},
          {"namespace", Namespace(job)},
          {"uid", Uid(job)},
          {"resourceVersion", GetString(job, {"metadata", "resourceVersion"})}};
}

}  // namespace weir::controllers
