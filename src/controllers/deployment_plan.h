// One pass over a Deployment: which ReplicaSets to make, resize and remove, and what to report.
// Follows pkg/controller/deployment (sync, rolling, recreate, progress). A pass takes one step and
// is run again when that step shows. Pure function.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "controllers/rollout_plan.h"

namespace weir::controllers {

struct DeploymentInput {
  const Json* deployment = nullptr;
  ReplicaSets replica_sets;  // that it controls
  // Whether pods of ReplicaSets other than the newest one still run: Recreate waits for them.
  bool old_pods_running = false;
  Time now;
};

struct DeploymentPlan {
  struct Write {
    enum class Kind { kCreate, kUpdate, kDelete } kind = Kind::kUpdate;
    Json replica_set;
    std::string event;  // the message of a ScalingReplicaSet event; empty: none
  };
  std::vector<Write> writes;
  // The Deployment with its new status and revision, where they differ from what it has.
  std::optional<Json> deployment;
  // When the progress deadline is to be looked at again.
  std::optional<Duration> again;
};

DeploymentPlan PlanDeployment(const DeploymentInput& input);

}  // namespace weir::controllers
