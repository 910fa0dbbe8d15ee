// What a DELETE does to an object: removed at once, or marked and kept until its node or its
// finalizers are done. Follows k8s.io/apiserver registry/generic/registry Store.Delete and
// registry/rest BeforeDelete. Pure functions.
#pragma once

#include "apiserver/options_plan.h"
#include "base/json.h"
#include "base/time.h"
#include "kube/resource.h"

namespace weir::apiserver {

struct DeletePlan {
  enum class Action { kNothing, kUpdate, kRemove };
  Action action = Action::kNothing;
  Json object;  // as it is to be stored, or its last state
  // Whether the answer is the object rather than a Status.
  bool answers_object = false;
};

// The error is a 409 (a precondition does not hold) or a 403 (a namespace that stays).
Answer<DeletePlan> PlanDelete(const kube::Resource& resource, const Json& object,
                              const DeleteOptions& options, Time now);

// Whether an update completes a deletion: it is marked, nothing keeps it, and its grace is over.
bool UpdateRemoves(const kube::Resource& resource, const Json& object);

}  // namespace weir::apiserver
