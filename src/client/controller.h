// The reconcile loop: events enqueue keys, a worker takes a key and brings the world closer to what
// is wanted. Guarantees, as client-go's workqueue: a key is processed by one worker at a time; a
// key added while it waits is processed once; added while it is processed, once more after.
// Failures are retried with back-off (5 ms doubling to 30 s, per key). Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "env/clock.h"
#include "net/loop.h"

namespace weir::client {

struct ReconcileResult {
  // Run this key again after so long; zero: only on the next event.
  Duration requeue_after{0};
};

using ReconcileFn = std::function<net::Task<Result<ReconcileResult>>(std::string key)>;

class Controller {
 public:
  // `name` for logs and metrics. `workers` keys at once.
  Controller(net::Loop& loop, std::string name, int workers, ReconcileFn reconcile);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  void Enqueue(std::string key);
  // Not before `delay` from now; an earlier time for the same key wins.
  void EnqueueAfter(std::string key, Duration delay);
  // Keys enqueued before Start wait for it.
  void Start();
  net::Task<void> Stop();

  struct Counters {
    std::uint64_t reconciles = 0, errors = 0;
    std::size_t queued = 0;
  };
  Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::client
