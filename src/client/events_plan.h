// How an event becomes an Event object, and which events are one and the same. As client-go's
// EventRecorder and correlator: equal events are counted, not repeated. Pure.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"
#include "env/random.h"

namespace weir::client {

struct EventSource {
  std::string component;
  std::string host;
};

struct EventNews {
  Json involved;  // an involvedObject reference
  std::string type;
  std::string reason;
  std::string message;
  Time now;
};

// The involvedObject reference to an object (apiVersion, kind, name, namespace, uid, version).
Json ReferenceTo(const Json& object);
// Events of cluster-scoped objects live in `default`.
std::string EventNamespace(const Json& involved);
// A new Event of count 1, named after its object and the instant; by a UUID where that is no name
// that an object may have (too long, say). As client-go's GenerateEventName.
Json NewEvent(const EventNews& news, const EventSource& source, env::Random& random);
// The merge patch that counts an event once more.
Json CountPatch(std::int64_t count, Time now);

// Remembers the newest 4096 events by what makes them equal (upstream's LRU size).
class EventCorrelator {
 public:
  struct Known {
    std::string name;
    std::int64_t count = 0;
  };
  static std::string KeyOf(const EventNews& news);
  // The Event that counts this news, if there is one.
  Known* Find(const std::string& key);
  void Remember(const std::string& key, std::string name, std::int64_t count);
  void Forget(const std::string& key);

 private:
  using Entry = std::pair<std::string, Known>;
  std::list<Entry> entries_;  // newest first
  std::map<std::string, std::list<Entry>::iterator> by_key_;
};

}  // namespace weir::client
