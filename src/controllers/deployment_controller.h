// Rolls Deployments out: one reconcile a Deployment (key namespace/name), woken by changes of it,
// of its ReplicaSets and, for Recreate, by the end of its pods. PlanDeployment decides. Owned by
// the manager; loop thread only.
#pragma once

#include <string>
#include <vector>

#include "client/controller.h"
#include "client/events.h"
#include "controllers/context.h"
#include "controllers/deployment_plan.h"
#include "controllers/own_writes_plan.h"

namespace weir::controllers {

class DeploymentController {
 public:
  explicit DeploymentController(Context context);
  DeploymentController(const DeploymentController&) = delete;
  DeploymentController& operator=(const DeploymentController&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

 private:
  using Sets = std::vector<client::ObjectPtr>;

  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  void OnReplicaSet(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void EnqueueOwner(const Json& replica_set);
  net::Task<Result<Sets>> ClaimReplicaSets(client::ObjectPtr deployment);
  bool OldPodsRunning(const Json& deployment, const Sets& sets) const;
  net::Task<Status> Apply(client::ObjectPtr deployment, DeploymentPlan::Write write);
  net::Task<Status> Create(client::ObjectPtr deployment, Json replica_set, std::string event);
  // Remembers what a write made of a ReplicaSet, unless the cache shows it already.
  void Remember(const Json& deployment, const Json& written);
  // A ReplicaSet of that name exists that is not ours: another hash must be tried.
  net::Task<Status> CountCollision(client::ObjectPtr deployment);

  Context context_;
  client::Informer& deployments_;
  client::Informer& sets_;
  client::Informer& pods_;
  client::EventRecorder events_;
  OwnWrites own_writes_;
  client::Controller queue_;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::controllers
