// Where time comes from. Only shells and the stateful pure modules (tsdb, kubestore) hold a Clock;
// all else takes `now` as an argument. The live clock is platform's; FakeClock is for tests.
#pragma once

#include "base/time.h"

namespace weir::env {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time. May jump.
  virtual Time Now() const = 0;
  // Time since an arbitrary start; never goes back. For measuring and deadlines.
  virtual Duration Monotonic() const = 0;
};

// Moves only when told. Not thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start = Time(std::chrono::seconds(1767225600))) : now_(start) {}
  Time Now() const override { return now_; }
  Duration Monotonic() const override { return monotonic_; }
  void Advance(Duration by) {
    now_ += by;
    monotonic_ += by;
  }

 private:
  Time now_;
  Duration monotonic_{0};
};

}  // namespace weir::env
