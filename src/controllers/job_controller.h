// Runs Jobs: one reconcile a Job (key namespace/name), woken by changes of it and of its pods and
// when one of its times has come. PlanJob decides. Owned by the manager; loop thread only.
#pragma once

#include <string>
#include <vector>

#include "controllers/job_plan.h"
#include "controllers/pod_control.h"

namespace weir::controllers {

class JobController {
 public:
  explicit JobController(Context context);
  JobController(const JobController&) = delete;
  JobController& operator=(const JobController&) = delete;

  void Start() { pods_.Start(); }
  net::Task<void> Stop() { return pods_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  // Pods whose Job of that name is gone: nobody will count them.
  Pods Strays(const std::string& key, const client::ObjectPtr& job) const;
  net::Task<Status> Release(Pods pods);
  net::Task<Status> Apply(client::ObjectPtr job, Pods pods, JobPlan plan);

  Context context_;
  PodControl pods_;
};

}  // namespace weir::controllers
