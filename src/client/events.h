// Records Kubernetes events. Equal ones (object, reason, message, source) are counted on one Event
// object, not repeated. Failures are logged, never returned: an event is news, not state.
#pragma once

#include <memory>
#include <string>

#include "client/client.h"
#include "env/clock.h"
#include "env/random.h"

namespace weir::client {

class EventRecorder {
 public:
  EventRecorder(Client& client, net::TaskGroup& group, env::Clock& clock, env::Random& random,
                std::string component, std::string host = {});
  ~EventRecorder();
  // type: Normal or Warning. `object` needs apiVersion, kind and metadata. Returns at once; events
  // of one recorder are written in order.
  void Record(const Json& object, std::string type, std::string reason, std::string message);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::client
