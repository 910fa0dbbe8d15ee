// The end of a namespace: what it reports while content remains, and its finalizers; and which
// events have outlived their time. Pure functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace weir::controllers {

// What is left of a namespace that is being deleted.
struct Remaining {
  std::map<std::string, std::size_t> resources;   // "configmaps.", "deployments.apps": how many
  std::map<std::string, std::size_t> finalizers;  // on so many objects
  bool empty() const { return resources.empty(); }
};
void CountRemaining(Remaining& remaining, const std::string& plural, const std::string& group,
                    const Json& list);

// The namespace with its conditions as they are now.
Json WithDeletionConditions(const Json& ns, const Remaining& remaining, Time now);
// The namespace without the finalizer that this cluster puts on each.
Json Finalized(const Json& ns);
bool HoldsKubernetesFinalizer(const Json& ns);

// Those of the events that are older than `ttl`, and the oldest ones above `most`: {namespace,
// name}.
std::vector<std::pair<std::string, std::string>> ExpiredEvents(const Json& list, Duration ttl,
                                                               std::size_t most, Time now);

}  // namespace weir::controllers
