#include "app/up.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>

#include "app/local_cluster.h"
#include "app/preflight.h"
#include "platform/system.h"

namespace weir::app {
namespace {

constexpr int kSecondSignal = 130;

// The first signal drains, a second one ends the program at once (and with it, by their
// parent-death signal, all pods).
class Signals {
 public:
  Signals(net::Loop& loop, std::function<void()> drain)
      : set_(loop.context(), SIGINT, SIGTERM), drain_(std::move(drain)) {
    Wait();
  }
  void Cancel() { set_.cancel(); }

 private:
  void Wait() {
    set_.async_wait([this](boost::system::error_code error, int) {
      if (error) return;
      if (draining_) _exit(kSecondSignal);
      draining_ = true;
      fmt::print(stderr, "weir up: stopping the pods (again to kill them)\n");
      drain_();
      Wait();
    });
  }

  boost::asio::signal_set set_;
  std::function<void()> drain_;
  bool draining_ = false;
};

void SetUpLog() {
  auto logger = spdlog::stderr_logger_st("weir");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(logger);
}

net::Task<void> StartAndReport(LocalCluster& cluster, net::Loop& loop, bool& failed, Duration began,
                               env::Clock& clock) {
  Status started = co_await cluster.Start();
  if (!started) {
    fmt::print(stderr, "weir up: {}\n", started.error().message);
    failed = true;
    co_await cluster.Stop();
    loop.Stop();
    co_return;
  }
  fmt::print("weir up: ready in {:.2f} s, Kubernetes 1.36 API on {}\n",
             ToSeconds(clock.Monotonic() - began), cluster.url());
  fmt::print("export KUBECONFIG={}\n", cluster.kubeconfig_path());
  std::fflush(stdout);
}

net::Task<void> Drain(LocalCluster& cluster, net::Loop& loop) {
  co_await cluster.Stop();
  loop.Stop();
}

}  // namespace

int RunUp(const UpOptions& options) {
  SetUpLog();
  platform::SystemClock clock;
  const Duration began = clock.Monotonic();
  platform::SystemFileSystem files;
  auto checked = Preflight(options, files);
  if (!checked) {
    fmt::print(stderr, "weir up: {}\n", checked.error().message);
    return 1;
  }
  bool failed = false;
  net::Loop loop;
  {
    net::TaskGroup tasks(loop, "up");
    auto cluster = LocalCluster::Make(loop, std::move(*checked));
    if (!cluster) {
      fmt::print(stderr, "weir up: {}\n", cluster.error().message);
      return 1;
    }
    Signals signals(loop, [&] { tasks.Spawn(Drain(**cluster, loop)); });
    tasks.Spawn(StartAndReport(**cluster, loop, failed, began, clock));
    loop.Run();
    signals.Cancel();
  }
  return failed ? 1 : 0;
}

}  // namespace weir::app
