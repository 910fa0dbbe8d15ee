#include "app/up.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>
#include <tuple>

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

// One life of the cluster: starts it, and ends it in order after a signal, also one that comes
// while it starts, or after an error.
class Life {
 public:
  Life(net::Loop& loop, LocalCluster& cluster, env::Clock& clock, Duration began)
      : loop_(loop),
        cluster_(cluster),
        clock_(clock),
        began_(began),
        starting_(loop, "start"),
        end_asked_(loop) {}

  void End() { end_asked_.Notify(); }
  bool failed() const { return failed_; }

  net::Task<void> Run() {
    starting_.Spawn(Start());
    std::ignore = co_await end_asked_.Wait();
    ending_ = true;
    co_await starting_.Stop();
    co_await cluster_.Stop();
    loop_.Stop();
  }

 private:
  net::Task<void> Start() {
    const Status started = co_await cluster_.Start();
    if (ending_) co_return;
    if (!started) {
      fmt::print(stderr, "weir up: {}\n", started.error().message);
      failed_ = true;
      End();
      co_return;
    }
    fmt::print("weir up: ready in {:.2f} s, Kubernetes 1.36 API on {}\n",
               ToSeconds(clock_.Monotonic() - began_), cluster_.url());
    fmt::print("export KUBECONFIG={}\n", cluster_.kubeconfig_path());
    std::fflush(stdout);
  }

  net::Loop& loop_;
  LocalCluster& cluster_;
  env::Clock& clock_;
  Duration began_;
  net::TaskGroup starting_;
  net::Signal end_asked_;
  bool ending_ = false;
  bool failed_ = false;
};

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
  net::Loop loop;
  net::TaskGroup tasks(loop, "up");
  auto cluster = LocalCluster::Make(loop, std::move(*checked));
  if (!cluster) {
    fmt::print(stderr, "weir up: {}\n", cluster.error().message);
    return 1;
  }
  Life life(loop, **cluster, clock, began);
  Signals signals(loop, [&] { life.End(); });
  tasks.Spawn(life.Run());
  loop.Run();
  signals.Cancel();
  return life.failed() ? 1 : 0;
}

}  // namespace weir::app
