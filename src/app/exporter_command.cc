#include "app/exporter_command.h"

#include <fmt/core.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "exporters/rabbit_exporter.h"
#include "exporters/redis_exporter.h"
#include "platform/system.h"

namespace weir::app {
namespace {

constexpr Duration kGrace = std::chrono::seconds(2);

template <class Exporter>
net::Task<void> StopExporter(Exporter* exporter, net::Loop* loop) {
  co_await exporter->Stop(kGrace);
  loop->Stop();
}

int Refused(std::string_view name, const std::string& message) {
  fmt::print(stderr, "weir exporter {}: {}\n", name, message);
  return 1;
}

// Serves until SIGINT or SIGTERM.
template <class Exporter, class Options>
int Serve(std::string_view name, std::string_view path, const Options& options) {
  net::Loop loop;
  net::TaskGroup tasks(loop, "exporter");
  Exporter exporter(loop, options);
  if (Status started = exporter.Start(); !started) return Refused(name, started.error().message);
  fmt::print("weir exporter {}: serving {} on port {}\n", name, path, exporter.port());
  std::fflush(stdout);
  boost::asio::signal_set signals(loop.context(), SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) tasks.Spawn(StopExporter(&exporter, &loop));
  });
  loop.Run();
  return 0;
}

std::string Variable(const char* name) { return platform::GetEnv(name); }

int RunRedis(const std::vector<std::string>& arguments) {
  const auto options = exporters::ParseRedisExporterOptions(arguments, Variable);
  if (!options) return Refused("redis", options.error().message);
  if (options->help) {
    fmt::print("{}", exporters::RedisExporterUsage());
    return 0;
  }
  return Serve<exporters::RedisExporter>("redis", options->telemetry_path, *options);
}

int RunRabbit(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) {
    const bool help = arguments.front() == "--help" || arguments.front() == "-h";
    if (!help) return Refused("rabbitmq", "unexpected argument `" + arguments.front() + "`");
    fmt::print("{}", exporters::RabbitExporterUsage());
    return 0;
  }
  const auto options = exporters::ParseRabbitExporterOptions(Variable);
  if (!options) return Refused("rabbitmq", options.error().message);
  return Serve<exporters::RabbitExporter>("rabbitmq", "/metrics", *options);
}

}  // namespace

int RunExporter(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) {
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (arguments.front() == "redis") return RunRedis(rest);
    if (arguments.front() == "rabbitmq") return RunRabbit(rest);
  }
  fmt::print(stderr, "weir exporter: expected `redis` or `rabbitmq`, found {}\n",
             arguments.empty() ? "nothing" : "`" + arguments.front() + "`");
  return 1;
}

}  // namespace weir::app
