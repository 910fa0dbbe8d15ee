#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>

#include "consumer.h"
#include "platform/system.h"

namespace {

using namespace weir;

net::Task<void> Drain(consumer::Consumer* worker, net::Loop* loop) {
  worker->Drain();
  std::ignore = co_await worker->Drained();
  co_await worker->Stop();
  loop->Stop();
}

int Fatal(const std::string& message) {
  fmt::print(stderr, "consumer: {}\n", message);
  return 1;
}

// The pod's name (the host's, as in Kubernetes, where POD_NAME is not set) and a part of its own
// for each run.
std::string OwnerName(env::Random& random) {
  std::string pod = platform::GetEnv("POD_NAME");
  if (pod.empty()) pod = platform::GetEnv("HOSTNAME");
  if (pod.empty()) pod = "consumer";
  return fmt::format("{}:{}", pod, random.NameSuffix(8));
}

}  // namespace

int main(int argc, char** argv) {
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

  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
  const std::string pod_ip = platform::GetEnv("POD_IP");
  const auto listen = net::ParseListenAddress(http, pod_ip.empty() ? "127.0.0.1" : pod_ip);
  if (!listen) return Fatal("--http: " + listen.error().message);
  options.listen = *listen;
  const auto redis = brokers::ParseRedisAddress(server_address);
  if (!redis) return Fatal("--redis-server: " + redis.error().message);
  options.redis = *redis;
  if (options.redis.password.empty()) options.redis.password = platform::GetEnv("REDIS_PASSWORD");
  const Result<Duration> duration = ParseGoDuration(per_item);
  if (!duration || *duration < Duration::zero()) {
    return Fatal("--per-msg: expected a duration such as 1s or 250ms");
  }
  options.per_item = *duration;
  platform::SystemRandom random;
  options.owner = OwnerName(random);

  net::Loop loop;
  platform::SystemClock clock;
  consumer::Consumer worker(loop, clock, options);
  if (const Status started = worker.Start(); !started) return Fatal(started.error().message);
  spdlog::info("serving on {}:{}, taking from {} at {} as {}", options.listen.address,
               worker.port(), options.queue, server_address, options.owner);
  net::TaskGroup group(loop, "main");
  boost::asio::signal_set signals(loop.context(), SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) group.Spawn(Drain(&worker, &loop));
  });
  loop.Run();
  return 0;
}
