// The cluster's controllers under one roof: Deployments, ReplicaSets, EndpointSlices, garbage
// collection, namespaces with what each of them has, the expiry of events. They read the process'
// caches and write through the client alone. The HPA controller stands beside them.
//
// Owned by app; loop thread only. Start once, Stop once; everything given outlives it. It listens
// to the caches from its making until its end.
#pragma once

#include <memory>
#include <string>

#include "client/client.h"
#include "client/controller.h"
#include "client/shared_informers.h"
#include "env/clock.h"
#include "env/random.h"

namespace weir::controllers {

struct ManagerOptions {
  // The cluster's CA in PEM: every namespace gets it as the ConfigMap kube-root-ca.crt. Empty:
  // none.
  std::string root_ca;
  // How long events are kept, and how many at most.
  Duration event_ttl = std::chrono::hours(1);
  std::size_t events_max = 10000;
};

class ControllerManager {
 public:
  // `client` must belong to a user that may publish endpoints on loopback addresses.
  ControllerManager(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
                    client::SharedInformers& informers, ManagerOptions options = {});
  ~ControllerManager();
  ControllerManager(const ControllerManager&) = delete;
  ControllerManager& operator=(const ControllerManager&) = delete;

  void Start();
  net::Task<void> Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::controllers
