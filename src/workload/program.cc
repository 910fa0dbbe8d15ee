#include "workload/program.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <utility>

#include "platform/system.h"

namespace weir::workload {

std::string EnvOr(const char* name, std::string fallback) {
  std::string value = platform::GetEnv(name);
  return value.empty() ? std::move(fallback) : value;
}

Result<net::ListenAddress> ListenOption(std::string_view option, std::string_view text) {
  auto listen = net::ParseListenAddress(text, EnvOr("POD_IP", "127.0.0.1"));
  if (!listen) return Prefixed(option, listen.error());
  return listen;
}

Result<Duration> DurationOption(std::string_view option, std::string_view text) {
  const Result<Duration> duration = ParseGoDuration(text);
  if (duration && *duration >= Duration::zero()) return *duration;
  return Fail(Code::kInvalid, fmt::format("{}: expected a duration such as 1s or 250ms", option));
}

Work::Work(net::Loop& loop, env::Clock& clock, Duration duration, bool cpu_burn)
    : pool_(loop, 1, 1), clock_(clock), duration_(duration), cpu_burn_(cpu_burn) {}

net::Task<bool> Work::Do() {
  if (!cpu_burn_) co_return co_await net::Sleep(duration_);
  auto burn = [&clock = clock_, duration = duration_] {
    const Duration end = clock.Monotonic() + duration;
    volatile std::uint64_t sum = 0;
    while (clock.Monotonic() < end) {
      for (std::uint64_t i = 0; i < 10'000; ++i) sum = sum + i;
    }
  };
  const Status burnt = co_await pool_.Run(burn);
  const bool cancelled = co_await net::IsCancelled();
  co_return burnt.has_value() && !cancelled;
}

void StartLogging() { spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v"); }

namespace {

net::Task<void> StopAndEnd(std::function<net::Task<void>()> stop, net::Loop* loop) {
  co_await stop();
  loop->Stop();
}

}  // namespace

int RunUntilStopped(net::Loop& loop, std::function<net::Task<void>()> stop) {
  net::TaskGroup group(loop, "main");
  boost::asio::signal_set signals(loop.context(), SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) group.Spawn(StopAndEnd(stop, &loop));
  });
  loop.Run();
  return 0;
}

int CannotStart(std::string_view name, const std::string& message) {
  fmt::print(stderr, "{}: {}\n", name, message);
  return 1;
}

}  // namespace weir::workload
