// What a StatefulSet does next: pods with names that stay, made and given up in order, replaced
// from the highest ordinal down; its template's revisions. Follows pkg/controller/statefulset.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "controllers/replica_set_plan.h"

namespace weir::controllers {

// The number at the end of the pod's name, if the name is one that the set gives.
std::optional<std::int64_t> OrdinalOf(const Json& set, const Json& pod);

// The ControllerRevisions of a set: which its pods shall have, and which they may keep.
struct RevisionPlan {
  Json current;  // where the last finished update left it
  Json update;   // of the present template
  enum class Write { kNone, kCreate, kRenumber } write = Write::kNone;  // of `update`
  std::vector<const Json*> surplus;  // beyond the history's limit
};
// `revisions`: all that the set controls; `pods` keep theirs alive.
RevisionPlan PlanRevisions(const Json& set, const std::vector<const Json*>& revisions,
                           const PodList& pods);

struct StatefulSetPlan {
  std::vector<Json> create;
  std::vector<const Json*> remove;
  Json status;
  std::optional<Duration> again;  // when a ready pod becomes available
};
StatefulSetPlan PlanStatefulSet(const Json& set, const PodList& pods, const RevisionPlan& revisions,
                                Time now);

// The claims of a pod's volumes, as the set's templates have them.
std::vector<Json> ClaimsOf(const Json& set, const Json& pod);

}  // namespace weir::controllers
