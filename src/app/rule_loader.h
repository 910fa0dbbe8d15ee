// Keeps the engine's rule groups equal to the cluster's PrometheusRule objects, from its making
// until its end. Loop thread only.
#pragma once

#include <string>

#include "client/client.h"
#include "client/events.h"
#include "client/shared_informers.h"
#include "engine/engine.h"
#include "env/clock.h"
#include "env/random.h"

namespace weir::app {

class RuleLoader {
 public:
  // All references outlive the loader.
  RuleLoader(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
             client::SharedInformers& informers, engine::Engine& engine);

  net::Task<void> Stop();

 private:
  void Changed(const client::ObjectPtr& before, const client::ObjectPtr& after);

  net::TaskGroup group_;
  engine::Engine& engine_;
  client::EventRecorder events_;
  client::Informer::Registration listening_;
};

}  // namespace weir::app
