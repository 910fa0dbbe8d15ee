// Keeps each StatefulSet's pods, one reconcile a set (key namespace/name), woken by changes of it,
// of its pods and of its revisions. PlanRevisions and PlanStatefulSet decide. Owned by the manager;
// loop thread only.
#pragma once

#include <string>
#include <vector>

#include "controllers/pod_control.h"
#include "controllers/stateful_set_plan.h"

namespace weir::controllers {

class StatefulSetController {
 public:
  explicit StatefulSetController(Context context);
  StatefulSetController(const StatefulSetController&) = delete;
  StatefulSetController& operator=(const StatefulSetController&) = delete;

  void Start() { pods_.Start(); }
  net::Task<void> Stop() { return pods_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  std::vector<client::ObjectPtr> RevisionsOf(const Json& set) const;
  net::Task<Status> WriteRevisions(RevisionPlan plan);
  net::Task<Status> MakePods(client::ObjectPtr set, std::vector<Json> pods);

  Context context_;
  client::Informer& revisions_;
  PodControl pods_;
};

}  // namespace weir::controllers
