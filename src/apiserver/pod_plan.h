// What admission adds to a new Pod: the plugins ServiceAccount, Priority and
// DefaultTolerationSeconds, and the binding of a pod to a node. Pure functions.
#pragma once

#include <string>

#include "apiserver/options_plan.h"
#include "base/json.h"
#include "base/time.h"

namespace weir::apiserver {

void AdmitPod(Json& pod);

// POST pods/NAME/binding: the pod, bound. The error is the Status of the refusal.
Answer<Json> BindPod(const Json& pod, const Json& binding, Time now);

// The container that a log request means (`container` may be empty), or the 400 that says why none.
Answer<std::string> LogContainer(const Json& pod, const std::string& container);
// A 400 or 422 for query parameters of a log request that make no sense; null where all do.
Json CheckLogOptions(const std::string& pod_name, const QueryParameters& query);

}  // namespace weir::apiserver
