#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>

#include "platform/system.h"
#include "producer.h"

namespace {

using namespace weir;

net::Task<void> Drain(producer::Producer* server, net::Loop* loop) {
  co_await server->Stop(std::chrono::seconds(5));
  loop->Stop();
}

int Fatal(const std::string& message) {
  fmt::print(stderr, "producer: {}\n", message);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App flags("Puts items into a Redis list: POST /publish, POST /publish/{count}.");
  std::string http = ":8080";
  std::string server_address = "redis-master:6379";
  producer::Options options;
  flags.add_option("--http", http, "address to serve on; without a host, $POD_IP or loopback");
  flags.add_option("--redis-server", server_address,
                   "host:port or redis://user:password@host:port");
  flags.add_option("--redis-queue", options.queue, "the list");
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

  net::Loop loop;
  platform::SystemRandom random;
  producer::Producer server(loop, random, options);
  if (const Status started = server.Start(); !started) return Fatal(started.error().message);
  spdlog::info("serving on {}:{}, pushing to {} at {}", options.listen.address, server.port(),
               options.queue, server_address);
  net::TaskGroup group(loop, "producer");
  boost::asio::signal_set signals(loop.context(), SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) group.Spawn(Drain(&server, &loop));
  });
  loop.Run();
  return 0;
}
