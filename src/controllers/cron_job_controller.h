// Starts the Jobs of CronJobs: one reconcile a CronJob (key namespace/name), woken by changes of it
// and of its Jobs, and when its schedule says. PlanCronJob decides. Owned by the manager; loop
// thread only.
#pragma once

#include <string>
#include <vector>

#include "client/controller.h"
#include "client/events.h"
#include "controllers/context.h"
#include "controllers/cron_job_plan.h"

namespace weir::controllers {

class CronJobController {
 public:
  explicit CronJobController(Context context);
  CronJobController(const CronJobController&) = delete;
  CronJobController& operator=(const CronJobController&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  net::Task<Result<std::vector<client::ObjectPtr>>> JobsOf(client::ObjectPtr cron);
  net::Task<Status> Remove(client::ObjectPtr cron, std::vector<client::ObjectPtr> jobs);
  // The Job, or the one that a pass before made.
  net::Task<Result<Json>> Make(client::ObjectPtr cron, Json job);

  Context context_;
  client::Informer& crons_;
  client::Informer& jobs_;
  client::EventRecorder events_;
  client::Controller queue_;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::controllers
