// What admission adds to a new Pod: the plugins ServiceAccount, Priority and
// DefaultTolerationSeconds, and the binding of a pod to a node. Pure functions.
#pragma once

#include <string>

#include "apiserver/options_plan.h"
#include "base/json.h"
#include "base/time.h"

namespace weir::apiserver {

// The ServiceAccount that a pod is given where it names none.
inline constexpr const char* kDefaultAccount = "default";
std::string AccountOf(const Json& pod);
// `account`: the pod's ServiceAccount, or null where there is none of that name; the namespace's
// own may be missing, as it is made a moment after the namespace. `suffix` makes the name of the
// volume with the account's token. The error is the Status of the refusal.
Answer<void> AdmitPod(Json& pod, const Json* account, const std::string& suffix);
// What each write of a pod gets: it outlives its node's unreadiness by five minutes.
void AdmitTolerations(Json& pod);

// POST pods/NAME/binding: the pod, bound. The error is the Status of the refusal.
Answer<Json> BindPod(const Json& pod, const Json& binding, Time now);

// The container that a log request means (`container` may be empty), or the 400 that says why none.
Answer<std::string> LogContainer(const Json& pod, const std::string& container);
// A 400 or 422 for query parameters of a log request that make no sense; null where all do.
Json CheckLogOptions(const std::string& pod_name, const QueryParameters& query);

}  // namespace weir::apiserver
