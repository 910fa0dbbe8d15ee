// Keeps as many pods as each ReplicaSet asks for: one reconcile a ReplicaSet (key namespace/name),
// woken by changes of it and of its pods. Owned by the manager; loop thread only.
#pragma once

#include <optional>
#include <string>

#include "controllers/pod_control.h"

namespace weir::controllers {

class ReplicaSetController {
 public:
  explicit ReplicaSetController(Context context);
  ReplicaSetController(const ReplicaSetController&) = delete;
  ReplicaSetController& operator=(const ReplicaSetController&) = delete;

  void Start() { pods_.Start(); }
  net::Task<void> Stop() { return pods_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  net::Task<std::optional<ReplicaFailure>> Manage(client::ObjectPtr set, Pods pods);
  Pods RelatedPods(const Json& set) const;

  Context context_;
  PodControl pods_;
};

}  // namespace weir::controllers
