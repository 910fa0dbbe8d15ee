// Keeps as many pods as each ReplicaSet asks for: one reconcile a ReplicaSet (key namespace/name),
// woken by changes of it and of its pods. It counts pods only once the cache shows its own last
// writes (Expectations). Owned by the manager; loop thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/controller.h"
#include "client/events.h"
#include "controllers/context.h"
#include "controllers/replica_set_plan.h"

namespace weir::controllers {

class ReplicaSetController {
 public:
  explicit ReplicaSetController(Context context);
  ReplicaSetController(const ReplicaSetController&) = delete;
  ReplicaSetController& operator=(const ReplicaSetController&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

 private:
  using Pods = std::vector<client::ObjectPtr>;

  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  void OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void EnqueueOwner(const Json& pod);
  void EnqueueMatching(const Json& pod);
  // The pods that it controls, after taking in orphans that match and letting go what does not.
  net::Task<Result<Pods>> ClaimPods(client::ObjectPtr set);
  net::Task<std::optional<ReplicaFailure>> Manage(client::ObjectPtr set, Pods pods);
  net::Task<std::optional<ReplicaFailure>> CreatePods(client::ObjectPtr set, std::size_t count);
  net::Task<std::optional<ReplicaFailure>> DeletePods(client::ObjectPtr set, Pods pods);
  net::Task<void> CreatePod(client::ObjectPtr set, Error* error);
  net::Task<void> DeletePod(client::ObjectPtr set, client::ObjectPtr pod, Error* error);
  net::Task<Status> WriteStatus(client::ObjectPtr set, Pods pods,
                                std::optional<ReplicaFailure> failure);
  Pods RelatedPods(const Json& set) const;

  Context context_;
  client::Informer& sets_;
  client::Informer& pods_;
  client::EventRecorder events_;
  Expectations expectations_;
  client::Controller queue_;
};

}  // namespace weir::controllers
