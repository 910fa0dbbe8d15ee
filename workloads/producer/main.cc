#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "platform/system.h"
#include "producer.h"
#include "workload/program.h"

namespace weir::producer {
namespace {

int Main(int argc, char** argv) {
  CLI::App flags("Puts items into a Redis list: POST /publish, POST /publish/{count}.");
  std::string http = ":8080";
  std::string server_address = "redis-master:6379";
  producer::Options options;
  flags.add_option("--http", http, "address to serve on; without a host, $POD_IP or loopback");
  flags.add_option("--redis-server", server_address,
                   "host:port or redis://user:password@host:port");
  flags.add_option("--redis-queue", options.queue, "the list");
  CLI11_PARSE(flags, argc, argv);

  workload::StartLogging();
  const auto listen = workload::ListenOption("--http", http);
  if (!listen) return workload::CannotStart("producer", listen.error().message);
  options.listen = *listen;
  const auto redis = brokers::ParseRedisAddress(server_address);
  if (!redis) return workload::CannotStart("producer", "--redis-server: " + redis.error().message);
  options.redis = *redis;
  if (options.redis.password.empty()) options.redis.password = platform::GetEnv("REDIS_PASSWORD");

  net::Loop loop;
  platform::SystemRandom random;
  producer::Producer server(loop, random, options);
  if (const Status started = server.Start(); !started) {
    return workload::CannotStart("producer", started.error().message);
  }
  spdlog::info("serving on {}:{}, pushing to {} at {}", options.listen.address, server.port(),
               options.queue, server_address);
  return workload::RunUntilStopped(loop,
                                   [&server] { return server.Stop(std::chrono::seconds(5)); });
}

}  // namespace
}  // namespace weir::producer

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program with its words, as it should
int main(int argc, char** argv) { return weir::producer::Main(argc, argv); }
