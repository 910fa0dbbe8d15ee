#include "app/exporter_command.h"

#include <fmt/core.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "exporters/redis_exporter.h"
#include "platform/system.h"

namespace weir::app {
namespace {

constexpr Duration kGrace = std::chrono::seconds(2);

net::Task<void> StopExporter(exporters::RedisExporter& exporter, net::Loop& loop) {
  co_await exporter.Stop(kGrace);
  loop.Stop();
}

int RunRedis(const std::vector<std::string>& arguments) {
  auto options = exporters::ParseRedisExporterOptions(
      arguments, [](const char* name) { return platform::GetEnv(name); });
  if (!options) {
    fmt::print(stderr, "weir exporter redis: {}\n", options.error().message);
    return 1;
  }
  if (options->help) {
    fmt::print("{}", exporters::RedisExporterUsage());
    return 0;
  }
  net::Loop loop;
  net::TaskGroup tasks(loop, "exporter");
  exporters::RedisExporter exporter(loop, *options);
  if (Status started = exporter.Start(); !started) {
    fmt::print(stderr, "weir exporter redis: {}\n", started.error().message);
    return 1;
  }
  fmt::print("weir exporter redis: serving {} on port {}\n", options->telemetry_path,
             exporter.port());
  std::fflush(stdout);
  boost::asio::signal_set signals(loop.context(), SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) tasks.Spawn(StopExporter(exporter, loop));
  });
  loop.Run();
  return 0;
}

}  // namespace

int RunExporter(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "redis") {
    return RunRedis({arguments.begin() + 1, arguments.end()});
  }
  fmt::print(stderr, "weir exporter: expected `redis`, found {}\n",
             arguments.empty() ? "nothing" : "`" + arguments.front() + "`");
  return 1;
}

}  // namespace weir::app
