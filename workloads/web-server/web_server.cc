#include "web_server.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "workload/server.h"

namespace weir::web_server {
namespace {

brokers::AmqpOptions WithQueue(const Options& options) {
  brokers::AmqpOptions rabbit = options.rabbit;
  brokers::AmqpQueueSpec queue;
  queue.name = options.queue;
  rabbit.queues = {queue};
  return rabbit;
}

}  // namespace

struct WebServer::State {
  State(net::Loop& loop, env::Random& random, Options o)
      : options(std::move(o)),
        rabbit(loop, WithQueue(options)),
        run_id(fmt::format("{:016x}", random.Next())),
        requests(prometheus::BuildCounter()
                     .Name("http_request_total")
                     .Help("Requests answered, by route and status.")
                     .Register(registry)),
        statuses(prometheus::BuildCounter()
                     .Name("request_status")
                     .Help("Answers by route and status.")
                     .Register(registry)),
        server(
            loop, options.listen, registry,
            [this](net::HttpRequest request) { return Answer(std::move(request)); },
            [this](const std::string& path, int status) { Count(path, status); }) {}

  // Only routes that exist are labels: clients may ask for any path.
  void Count(const std::string& path, int status) {
    const bool known = path == "/generate" || path == "/metrics" || path == "/healthz";
    const prometheus::Labels labels{{"route", known ? path : "other"},
                                    {"status", std::to_string(status)}};
    requests.Add(labels).Increment();
    statuses.Add(labels).Increment();
  }

  net::Task<net::HttpResponse> Answer(net::HttpRequest request) {
    if (request.Path() != "/generate") {
      co_return net::HttpResponse::Text(404, "not found; GET /generate, /metrics, /healthz\n");
    }
    if (request.method != "GET") {
      net::HttpResponse refused = net::HttpResponse::Text(405, "expected GET\n");
      refused.headers["allow"] = "GET";
      co_return refused;
    }
    brokers::AmqpMessage message;
    message.id = fmt::format("{}-{}", run_id, ++sequence);
    message.body = fmt::format("order {}", sequence);
    for (const auto& [name, value] : net::ParseQuery(request.Query())) {
      if (name == "body") message.body = value;
    }
    const std::string id = message.id;
    const Status published = co_await rabbit.Publish(options.queue, std::move(message));
    if (published) {
      co_return net::HttpResponse::Text(200,
                                        fmt::format("published {} to {}\n", id, options.queue));
    }
    spdlog::warn("{} was not confirmed: {}", id, published.error().message);
    co_return net::HttpResponse::Text(503, published.error().message + "\n");
  }

  Options options;
  brokers::Amqp rabbit;
  std::string run_id;
  std::uint64_t sequence = 0;
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Counter>& statuses;
  workload::Server server;
};

WebServer::WebServer(net::Loop& loop, env::Random& random, Options options)
    : state_(std::make_shared<State>(loop, random, std::move(options))) {}

WebServer::~WebServer() = default;

Status WebServer::Start() { return state_->server.Start(); }
std::uint16_t WebServer::port() const { return state_->server.port(); }

net::Task<void> WebServer::Stop(Duration grace) {
  const std::shared_ptr<State> state = state_;
  co_await state->server.Stop(grace);
  co_await state->rabbit.Stop();
}

}  // namespace weir::web_server
