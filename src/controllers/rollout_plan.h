// The arithmetic of a Deployment's rollout: sizes, bounds, revisions, the hash of a template.
// Follows pkg/controller/deployment/util. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace weir::controllers {

inline constexpr std::string_view kRevision = "deployment.kubernetes.io/revision";
inline constexpr std::string_view kRevisionHistory = "deployment.kubernetes.io/revision-history";
inline constexpr std::string_view kDesiredReplicas = "deployment.kubernetes.io/desired-replicas";
inline constexpr std::string_view kMaxReplicas = "deployment.kubernetes.io/max-replicas";
inline constexpr std::string_view kTemplateHash = "pod-template-hash";

using ReplicaSets = std::vector<const Json*>;

std::int64_t Replicas(const Json& workload);  // spec.replicas
bool IsRollingUpdate(const Json& deployment);
// How many pods may be above, and how many may be missing, in numbers: percentages of the replicas,
// rounded up and down; never both 0.
std::int64_t MaxSurge(const Json& deployment);
std::int64_t MaxUnavailable(const Json& deployment);

// A name suffix for the template: the same template and count of collisions, the same text.
std::string TemplateHash(const Json& pod_template, std::int64_t collision_count);
// Whether the ReplicaSet runs the Deployment's template.
bool SameTemplate(const Json& deployment, const Json& replica_set);

std::int64_t RevisionOf(const Json& object);
std::int64_t SumReplicas(const ReplicaSets& sets);                      // of specs
std::int64_t SumStatus(const ReplicaSets& sets, std::string_view key);  // of statuses
// Those with replicas.
ReplicaSets Active(const ReplicaSets& sets);
// Oldest first.
void SortByCreation(ReplicaSets& sets);

// How many replicas the new ReplicaSet may have now. `fresh` is null where it is yet to be made.
std::int64_t NewReplicas(const Json& deployment, const ReplicaSets& all, const Json* fresh);

// A ReplicaSet and the size that it shall have.
struct Resize {
  const Json* replica_set = nullptr;
  std::int64_t replicas = 0;
};
// The old ReplicaSets that shrink in this step of a rolling update, so that available pods never
// fall below the bound: pods that are not available go first.
std::vector<Resize> ShrinkOld(const Json& deployment, const ReplicaSets& old, const Json& fresh);
// All ReplicaSets after the Deployment was scaled in the middle of a rollout: each keeps its share.
std::vector<Resize> ScaleProportionally(const Json& deployment, const ReplicaSets& old,
                                        const Json* fresh);

}  // namespace weir::controllers
