#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "platform/system.h"
#include "web_server.h"
#include "workload/program.h"
#include "workload/rabbit.h"

namespace weir::web_server {
namespace {

int Main(int argc, char** argv) {
  CLI::App flags("Publishes a message to a RabbitMQ queue for each GET /generate.\n" +
                 std::string(workload::kRabbitVariables) + " PORT (3000).");
  CLI11_PARSE(flags, argc, argv);

  workload::StartLogging();
  web_server::Options options;
  const auto listen = workload::ListenOption("PORT", ":" + workload::EnvOr("PORT", "3000"));
  if (!listen) return workload::CannotStart("web-server", listen.error().message);
  options.listen = *listen;
  const auto rabbit = workload::RabbitFromEnv("web-server");
  if (!rabbit) return workload::CannotStart("web-server", rabbit.error().message);
  options.rabbit = rabbit->options;
  options.queue = rabbit->queue;

  net::Loop loop;
  platform::SystemRandom random;
  web_server::WebServer server(loop, random, options);
  if (const Status started = server.Start(); !started) {
    return workload::CannotStart("web-server", started.error().message);
  }
  spdlog::info("serving on {}:{}, publishing to {} at {}:{}", options.listen.address, server.port(),
               options.queue, options.rabbit.host, options.rabbit.port);
  return workload::RunUntilStopped(loop,
                                   [&server] { return server.Stop(std::chrono::seconds(5)); });
}

}  // namespace
}  // namespace weir::web_server

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program with its words, as it should
int main(int argc, char** argv) { return weir::web_server::Main(argc, argv); }
