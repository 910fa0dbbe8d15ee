#include "producer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "workload/server.h"

namespace weir::producer {
namespace {

constexpr std::int64_t kCountMax = 1'000'000;
// Items of one push, and pushes that travel together.
constexpr std::int64_t kItemsPerPush = 1000;
constexpr std::int64_t kPushesPerTrip = 10;

// Pushes and counts in one step, so that the count is exact whatever breaks.
constexpr std::string_view kPushScript =
    "redis.call('LPUSH', KEYS[1], unpack(ARGV)) return redis.call('INCRBY', KEYS[2], #ARGV)";

}  // namespace

Result<std::int64_t> CountOf(std::string_view path) {
  constexpr std::string_view kPath = "/publish";
  if (!path.starts_with(kPath)) return Fail(Code::kNotFound, "not found; POST /publish/{count}");
  std::string_view rest = path.substr(kPath.size());
  if (rest.empty() || rest == "/") return 1;
  if (!rest.starts_with('/')) return Fail(Code::kNotFound, "not found; POST /publish/{count}");
  rest.remove_prefix(1);
  const std::optional<std::int64_t> count = ParseInt(rest);
  if (count && *count >= 1 && *count <= kCountMax) return *count;
  return Fail(Code::kInvalid,
              fmt::format("count {}: expected a number from 1 to {}", Quote(rest), kCountMax));
}

struct Producer::State {
  State(net::Loop& loop, env::Random& random, Options o)
      : options(std::move(o)),
        redis(loop, options.redis),
        run_id(fmt::format("{:016x}", random.Next())),
        published(workload::AddCounter(registry, "producer_messages_published_total",
                                       "Items that Redis has confirmed.",
                                       {{"queue", options.queue}})),
        failures(workload::AddCounter(registry, "producer_publish_failures_total",
                                      "Requests that were not carried out in full.",
                                      {{"queue", options.queue}})),
        server(loop, options.listen, registry,
               [this](net::HttpRequest request) { return Answer(std::move(request)); }) {}

  net::Task<net::HttpResponse> Answer(net::HttpRequest request) {
    const Result<std::int64_t> count = CountOf(request.Path());
    if (!count) {
      const int status = count.error().code == Code::kNotFound ? 404 : 400;
      co_return net::HttpResponse::Text(status, count.error().message + "\n");
    }
    if (request.method != "POST") {
      net::HttpResponse refused = net::HttpResponse::Text(405, "expected POST\n");
      refused.headers["allow"] = "POST";
      co_return refused;
    }
    co_return co_await Publish(*count);
  }

  net::Task<net::HttpResponse> Publish(std::int64_t count) {
    std::int64_t pushed = 0;
    while (pushed < count) {
      const Result<std::int64_t> confirmed = co_await PushSome(count - pushed, &pushed);
      if (confirmed) continue;
      failures.Increment();
      spdlog::warn("pushed {} of {}: {}", pushed, count, confirmed.error().message);
      co_return net::HttpResponse::Text(
          503, fmt::format("pushed {} of {}: {}\n", pushed, count, confirmed.error().message));
    }
    spdlog::info("pushed {} to {}", count, options.queue);
    co_return net::HttpResponse::Text(200,
                                      fmt::format("published {} to {}\n", count, options.queue));
  }

  // One trip to Redis: adds what was confirmed to `pushed`, also where it ends with an error.
  net::Task<Result<std::int64_t>> PushSome(std::int64_t wanted, std::int64_t* pushed) {
    std::vector<brokers::RedisCommand> commands;
    std::vector<std::int64_t> sizes;
    for (std::int64_t i = 0; i < kPushesPerTrip && wanted > 0; ++i) {
      const std::int64_t size = std::min(wanted, kItemsPerPush);
      wanted -= size;
      sizes.push_back(size);
      brokers::RedisCommand command{"EVAL", std::string(kPushScript), "2", options.queue,
                                    options.queue + ":published"};
      for (std::int64_t item = 0; item < size; ++item) {
        command.push_back(fmt::format("{}-{}", run_id, ++sequence));
      }
      commands.push_back(std::move(command));
    }
    std::vector<brokers::RespValue> replies;
    const Status sent = co_await redis.Exchange(std::move(commands), &replies);
    std::int64_t confirmed = 0;
    std::optional<Error> refused;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      if (replies[i].type == brokers::RespValue::Type::kInteger) {
        confirmed += sizes[i];
      } else {
        refused =
            Error{Code::kUnavailable, fmt::format("redis {}: {}", redis.where(), replies[i].text)};
      }
    }
    *pushed += confirmed;
    published.Increment(static_cast<double>(confirmed));
    if (!sent) co_return std::unexpected(sent.error());
    if (refused) co_return std::unexpected(*refused);
    co_return confirmed;
  }

  Options options;
  brokers::Redis redis;
  std::string run_id;
  std::uint64_t sequence = 0;
  prometheus::Registry registry;
  prometheus::Counter& published;
  prometheus::Counter& failures;
  workload::Server server;
};

Producer::Producer(net::Loop& loop, env::Random& random, Options options)
    : state_(std::make_shared<State>(loop, random, std::move(options))) {}

Producer::~Producer() = default;

Status Producer::Start() { return state_->server.Start(); }
std::uint16_t Producer::port() const { return state_->server.port(); }
net::Task<void> Producer::Stop(Duration grace) { return state_->server.Stop(grace); }

}  // namespace weir::producer
