#include "exporters/redis_exporter.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <set>
#include <utility>

#include "brokers/redis.h"
#include "exporters/redis_page_plan.h"
#include "exposition/writer.h"
#include "net/http.h"

namespace weir::exporters {
namespace {

// Of one pattern; beyond it the scrape fails, for a page with part of the keys would be a lie.
constexpr std::size_t kMatchesMax = 10'000;

}  // namespace

struct RedisExporter::State {
  State(net::Loop& loop, RedisExporterOptions o) : options(std::move(o)) {
    // A connection for each database: two scrapes at once cannot select it from each other.
    std::set<int> databases{options.redis.database};
    for (const RedisKey& key : options.single_keys) databases.insert(key.database);
    for (const RedisKey& key : options.key_patterns) databases.insert(key.database);
    for (const int database : databases) {
      brokers::RedisOptions redis = options.redis;
      redis.database = database;
      connections[database] = std::make_unique<brokers::Redis>(loop, std::move(redis));
    }
    net::HttpServerOptions http;
    http.address = options.listen.address;
    http.port = options.listen.port;
    server = std::make_unique<net::HttpServer>(
        loop, http, [this](net::HttpRequest request, net::Peer, net::ResponseWriter& writer) {
          return Answer(std::move(request), &writer);
        });
  }

  net::Task<void> Answer(net::HttpRequest request, net::ResponseWriter* writer) {
    net::HttpResponse response;
    if (request.method != "GET" && request.method != "HEAD") {
      response = net::HttpResponse::Text(405, "expected GET\n");
    } else if (request.Path() == options.telemetry_path) {
      response.headers["content-type"] = exposition::kTextContentType;
      response.body = co_await Page();
    } else if (request.Path() == "/health") {
      response = net::HttpResponse::Text(200, "ok\n");
    } else if (request.Path() == "/") {
      response = net::HttpResponse::Text(
          200, fmt::format("weir exporter redis: metrics at {}\n", options.telemetry_path));
    } else {
      response = net::HttpResponse::Text(
          404, fmt::format("not found; metrics are at {}\n", options.telemetry_path));
    }
    std::ignore = co_await writer->Send(std::move(response));
  }

  net::Task<std::string> Page() {
    RedisFindings findings;
    for (const auto& [database, connection] : connections) {
      const Status measured = co_await Measure(database, connection.get(), &findings.sizes);
      if (measured) continue;
      findings.error = measured.error();
      break;
    }
    if (findings.error && !failing) spdlog::warn("{}", findings.error->message);
    if (!findings.error && failing) spdlog::info("redis {} answers again", options.redis.host);
    failing = findings.error.has_value();
    co_return RedisPage(findings, options, ++scrapes);
  }

  static Status Refused(const brokers::Redis& redis, const brokers::RespValue& answer) {
    return Fail(Code::kUnavailable, fmt::format("redis {}: {}", redis.where(), answer.text));
  }

  net::Task<Status> Measure(int database, brokers::Redis* redis, std::vector<KeySize>* sizes) {
    std::set<std::string> keys;
    for (const RedisKey& key : options.single_keys) {
      if (key.database == database) keys.insert(key.name);
    }
    for (const RedisKey& pattern : options.key_patterns) {
      if (pattern.database != database) continue;
      auto found = co_await redis->Keys(pattern.name, kMatchesMax);
      if (!found) co_return std::unexpected(found.error());
      keys.insert(found->begin(), found->end());
    }
    std::vector<brokers::RedisCommand> types;
    types.reserve(keys.size() + 1);
    for (const std::string& key : keys) types.push_back({"TYPE", key});
    types.push_back({"PING"});  // so that Redis is asked even where there are no keys
    const auto told = co_await redis->Pipeline(std::move(types));
    if (!told) co_return std::unexpected(told.error());

    for (const brokers::RespValue& answer : *told) {
      if (answer.type == brokers::RespValue::Type::kError) co_return Refused(*redis, answer);
    }
    std::vector<brokers::RedisCommand> commands;
    std::vector<std::string> asked;
    std::size_t at = 0;
    for (const std::string& key : keys) {
      std::optional<brokers::RedisCommand> command = LengthCommand((*told)[at++].text, key);
      if (!command) continue;
      commands.push_back(std::move(*command));
      asked.push_back(key);
    }
    if (commands.empty()) co_return Status();
    const auto lengths = co_await redis->Pipeline(std::move(commands));
    if (!lengths) co_return std::unexpected(lengths.error());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const brokers::RespValue& length = (*lengths)[i];
      // A key that changed its type meanwhile is measured by the next scrape.
      if (length.text.starts_with("WRONGTYPE")) continue;
      if (length.type == brokers::RespValue::Type::kError) co_return Refused(*redis, length);
      sizes->push_back(KeySize{RedisKey{database, asked[i]}, length.integer});
    }
    co_return Status();
  }

  RedisExporterOptions options;
  std::map<int, std::unique_ptr<brokers::Redis>> connections;
  std::unique_ptr<net::HttpServer> server;
  std::uint64_t scrapes = 0;
  bool failing = false;
};

RedisExporter::RedisExporter(net::Loop& loop, RedisExporterOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

RedisExporter::~RedisExporter() = default;

Status RedisExporter::Start() { return state_->server->Start(); }
std::uint16_t RedisExporter::port() const { return state_->server->port(); }
net::Task<void> RedisExporter::Stop(Duration grace) { return state_->server->Stop(grace); }
net::Task<std::string> RedisExporter::Page() { return state_->Page(); }

}  // namespace weir::exporters
