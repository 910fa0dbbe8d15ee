// What the small programs that get scaled have in common. Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/clock.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::workload {

// The environment variable's value, or `fallback` where it is not set or empty.
std::string EnvOr(const char* name, std::string fallback);

// `--http :8080` of a pod: without a host its own address ($POD_IP), or loopback. kInvalid names
// the option.
Result<net::ListenAddress> ListenOption(std::string_view option, std::string_view text);
// A duration such as 1s or 250ms, not below zero. kInvalid names the option.
Result<Duration> DurationOption(std::string_view option, std::string_view text);

// Work on one message: waits, or computes on a thread of its own so that heartbeats go on.
class Work {
 public:
  Work(net::Loop& loop, env::Clock& clock, Duration duration, bool cpu_burn);
  // False when cancelled.
  net::Task<bool> Do();

 private:
  net::BlockingPool pool_;
  env::Clock& clock_;
  Duration duration_;
  bool cpu_burn_;
};

// Logs to standard output, with times.
void StartLogging();

// Runs the loop until SIGTERM or SIGINT, then `stop`, then ends. Returns the exit status.
int RunUntilStopped(net::Loop& loop, std::function<net::Task<void>()> stop);

// `NAME: message` on standard error; the exit status of a program that cannot start.
int CannotStart(std::string_view name, const std::string& message);

}  // namespace weir::workload
