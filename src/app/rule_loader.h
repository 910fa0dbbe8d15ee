// Keeps the engine's rule groups equal to the cluster's PrometheusRule objects. Loop thread only.
#pragma once

#include <string>

#include "client/client.h"
#include "client/events.h"
#include "client/informer.h"
#include "engine/engine.h"
#include "env/clock.h"
#include "env/random.h"

namespace weir::app {

class RuleLoader {
 public:
  // All references outlive the loader.
  RuleLoader(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
             engine::Engine& engine);

  void Start();
  net::Task<void> Stop();

 private:
  void Changed(const client::ObjectPtr& before, const client::ObjectPtr& after);

  net::TaskGroup group_;
  engine::Engine& engine_;
  client::EventRecorder events_;
  client::Informer informer_;
};

}  // namespace weir::app
