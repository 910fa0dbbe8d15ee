#include "app/exporter_command.h"

#include <fmt/core.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "base/json.h"
#include "exporters/rabbit_exporter.h"
#include "exporters/redis_exporter.h"
#include "platform/system.h"

namespace weir::app {
namespace {

constexpr Duration kGrace = std::chrono::seconds(2);

// The message as a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = DumpJson(std::string(message.payload.data(), message.payload.size()));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

void LogAsJson() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<JsonMessage>('*').set_pattern(
      R"({"level":"%l","msg":%*,"time":"%Y-%m-%dT%H:%M:%S%z"})");
  spdlog::set_formatter(std::move(formatter));
}

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
  spdlog::info("weir exporter {}: serving {} on port {}", name, path, exporter.port());
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
    if (!help) {
      return Refused("rabbitmq", "unexpected argument `" + arguments.front() +
                                     "`: environment variables configure it (--help)");
    }
    fmt::print("{}", exporters::RabbitExporterUsage());
    return 0;
  }
  const auto read = [](const std::string& path) { return platform::SystemFileSystem().Read(path); };
  const auto options = exporters::ParseRabbitExporterOptions({Variable, read});
  if (!options) return Refused("rabbitmq", options.error().message);
  spdlog::set_level(spdlog::level::from_str(options->log_level));
  if (options->log_json) LogAsJson();
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
