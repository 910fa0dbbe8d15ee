#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "consumer.h"
#include "platform/system.h"
#include "workload/program.h"

namespace weir::consumer {
namespace {

net::Task<void> DrainAndStop(consumer::Consumer* worker) {
  worker->Drain();
  std::ignore = co_await worker->Drained();
  co_await worker->Stop();
}

// The pod's name (the host's, as in Kubernetes, where POD_NAME is not set) and a part of its own
// for each run.
std::string OwnerName(env::Random& random) {
  const std::string pod = workload::EnvOr("POD_NAME", workload::EnvOr("HOSTNAME", "consumer"));
  return fmt::format("{}:{}", pod, random.NameSuffix(8));
}

int Main(int argc, char** argv) {
  CLI::App flags("Takes items from a Redis list, one at a time, and works on each.");
  std::string http = ":8080";
  std::string server_address = "redis-master:6379";
  std::string per_item = "1s";
  consumer::Options options;
  flags.add_option("--http", http, "address to serve on; without a host, $POD_IP or loopback");
  flags.add_option("--redis-server", server_address,
                   "host:port or redis://user:password@host:port");
  flags.add_option("--redis-queue", options.queue, "the list");
  flags.add_option("--per-msg", per_item, "time that an item takes, such as 1s or 250ms");
  flags.add_flag("--cpu-burn", options.cpu_burn, "compute for that time instead of waiting");
  CLI11_PARSE(flags, argc, argv);

  workload::StartLogging();
  const auto listen = workload::ListenOption("--http", http);
  if (!listen) return workload::CannotStart("consumer", listen.error().message);
  options.listen = *listen;
  const auto redis = brokers::ParseRedisAddress(server_address);
  if (!redis) return workload::CannotStart("consumer", "--redis-server: " + redis.error().message);
  options.redis = *redis;
  if (options.redis.password.empty()) options.redis.password = platform::GetEnv("REDIS_PASSWORD");
  const auto duration = workload::DurationOption("--per-msg", per_item);
  if (!duration) return workload::CannotStart("consumer", duration.error().message);
  options.per_item = *duration;
  platform::SystemRandom random;
  options.owner = OwnerName(random);

  net::Loop loop;
  platform::SystemClock clock;
  consumer::Consumer worker(loop, clock, options);
  if (const Status started = worker.Start(); !started) {
    return workload::CannotStart("consumer", started.error().message);
  }
  spdlog::info("serving on {}:{}, taking from {} at {} as {}", options.listen.address,
               worker.port(), options.queue, server_address, options.owner);
  return workload::RunUntilStopped(loop, [&worker] { return DrainAndStop(&worker); });
}

}  // namespace
}  // namespace weir::consumer

// NOLINTNEXTLINE(bugprone-exception-escape): it ends the program with its words, as it should
int main(int argc, char** argv) { return weir::consumer::Main(argc, argv); }
