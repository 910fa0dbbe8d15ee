// What every controller of the manager is given. Owned by the manager.
#pragma once

#include "client/client.h"
#include "client/controller.h"
#include "client/informer.h"
#include "client/shared_informers.h"
#include "env/clock.h"
#include "env/random.h"

namespace weir::controllers {

struct Context {
  net::Loop& loop;
  env::Clock& clock;
  env::Random& random;
  client::Client& client;
  client::SharedInformers& informers;
  // For writes that run beside each other and for events; ends after all controllers.
  net::TaskGroup& tasks;
};

// What a reconcile function returns when nothing is left to do.
inline Result<client::ReconcileResult> Done() { return client::ReconcileResult{}; }

}  // namespace weir::controllers
