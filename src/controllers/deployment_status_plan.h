// What a Deployment reports: counts and the conditions Available and Progressing. Pure functions.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "controllers/rollout_plan.h"

namespace weir::controllers {

struct DeploymentStatus {
  Json status;
  // Until the progress deadline, where one is running.
  std::optional<Duration> deadline;
};

// `fresh`: the newest ReplicaSet, or null. `rolling`: progress is estimated; not while the
// Deployment is paused or only being scaled. `note` (a reason and a message) is what the pass has
// itself found out about the progress: NewReplicaSetCreated, FoundNewReplicaSet, DeploymentPaused.
struct ProgressNote {
  std::string status;
  std::string reason;
  std::string message;
};
DeploymentStatus StatusOf(const Json& deployment, const ReplicaSets& old, const Json* fresh,
                          bool rolling, const std::optional<ProgressNote>& note, Time now);

// All of its pods are new, and available.
bool IsComplete(const Json& deployment, const Json& status);
// The condition of that type, or null.
const Json* ConditionOf(const Json& status, std::string_view type);

}  // namespace weir::controllers
