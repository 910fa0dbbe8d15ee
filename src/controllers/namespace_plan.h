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

// What an event's expiry depends on.
struct EventSeen {
  Time at;
  std::string ns;
  std::string name;
  auto operator<=>(const EventSeen&) const = default;
};
// Adds the events of a list, or of a page of one.
void AddEvents(const Json& list, Time now, std::vector<EventSeen>& events);
// Those that are older than `ttl`, and the oldest ones above `most`.
std::vector<EventSeen> ExpiredEvents(std::vector<EventSeen> events, Duration ttl, std::size_t most,
                                     Time now);

}  // namespace weir::controllers
