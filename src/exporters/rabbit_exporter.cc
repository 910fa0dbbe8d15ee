#include "exporters/rabbit_exporter.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/strings.h"
#include "brokers/amqp.h"
#include "exporters/rabbit_page_plan.h"
#include "exposition/writer.h"
#include "net/http.h"

namespace weir::exporters {
namespace {

// How long a scrape that knows the queues already waits for a new listing.
constexpr Duration kListingWait = std::chrono::milliseconds(250);
// Listings may take one part in so many of the time: those of many queues cost the broker much.
constexpr int kListingShare = 10;
// But no rarer than this, so that what they told does not lapse (kListingAgeMax) on a slow broker.
constexpr Duration kListingPauseMax = std::chrono::seconds(15);
// Rates are listed apart: the management API needs far more time for them than for counts.
constexpr Duration kRatesEvery = std::chrono::seconds(5);

// Counts alone where the broker knows these parameters (3.9 and later); everything where not.
constexpr std::string_view kCounts = "/api/queues?disable_stats=true&enable_queue_totals=true";
constexpr std::string_view kRates =
    "/api/queues?columns=vhost,name,message_stats.publish,message_stats.publish_details.rate,"
    "message_stats.deliver,message_stats.deliver_details.rate,message_stats.ack,"
    "message_stats.ack_details.rate,message_stats.redeliver,message_stats.redeliver_details.rate";
constexpr std::string_view kOverview = "/api/overview?columns=cluster_name,node";

}  // namespace

struct RabbitExporter::State {
  State(net::Loop& l, RabbitExporterOptions o)
      : loop(l), options(std::move(o)), group(l, "rabbitmq exporter"), listed(l), freed(l) {
    net::HttpServerOptions server_options;
    server_options.address = options.listen.address;
    server_options.port = options.listen.port;
    server = std::make_unique<net::HttpServer>(
        loop, server_options,
        [this](net::HttpRequest request, net::Peer, net::ResponseWriter& writer) {
          return Answer(std::move(request), &writer);
        });
  }

  net::Task<void> Answer(net::HttpRequest request, net::ResponseWriter* writer) {
    net::HttpResponse response;
    if (request.method != "GET" && request.method != "HEAD") {
      response = net::HttpResponse::Text(405, "expected GET\n");
    } else if (request.Path() == "/metrics") {
      response.headers["content-type"] = exposition::kTextContentType;
      response.body = co_await Page();
    } else if (request.Path() == "/health") {
      response = net::HttpResponse::Text(200, "ok\n");
    } else if (request.Path() == "/") {
      response = net::HttpResponse::Text(200, "weir exporter rabbitmq: metrics at /metrics\n");
    } else {
      response = net::HttpResponse::Text(404, "not found; metrics are at /metrics\n");
    }
    std::ignore = co_await writer->Send(std::move(response));
  }

  Status Start();
  net::Task<std::string> Page();
  net::Task<void> List();
  net::Task<Status> ListNow();
  net::Task<Result<std::string>> Ask(std::string_view path);
  net::Task<Status> Declare(std::vector<RabbitQueueKey> queues);
  void Report();
  brokers::Amqp& ConnectionTo(const std::string& vhost);
  std::vector<RabbitQueueKey> Undeclared() const;

  net::Loop& loop;
  RabbitExporterOptions options;
  std::shared_ptr<net::TlsClientContext> tls;  // none where neither protocol needs it
  std::unique_ptr<net::HttpClient> http;
  net::TaskGroup group;
  net::Signal listed;  // a listing has ended, well or not
  net::Signal freed;   // a scrape has ended
  std::map<std::string, std::unique_ptr<brokers::Amqp>> connections;  // by virtual host
  std::unique_ptr<net::HttpServer> server;
  RabbitFindings findings;
  Duration listed_at{}, rates_at{};
  Duration list_next{};  // not before
  Duration list_took{};  // the last time
  bool listing_now = false;
  bool scraping = false;
  std::string reported;
};

Status RabbitExporter::State::Start() {
  if (options.management.tls || options.amqp_tls) {
    auto made = net::TlsClientContext::Make(options.ca_pem, options.certificate, options.insecure);
    if (!made) return Prefixed("CAFILE, CERTFILE and KEYFILE", made.error());
    tls = std::move(*made);
  }
  http = std::make_unique<net::HttpClient>(loop, tls);
  for (const std::string& notice : options.notices) spdlog::warn("{}", notice);
  return server->Start();
}

brokers::Amqp& RabbitExporter::State::ConnectionTo(const std::string& vhost) {
  std::unique_ptr<brokers::Amqp>& connection = connections[vhost];
  if (connection == nullptr) {
    brokers::AmqpOptions amqp;
    amqp.host = options.amqp_host;
    amqp.port = options.amqp_port;
    if (options.amqp_tls) amqp.tls = tls;
    amqp.login.user = options.user;
    amqp.login.password = options.password;
    amqp.login.vhost = vhost;
    amqp.login.connection_name = "weir exporter rabbitmq";
    connection = std::make_unique<brokers::Amqp>(loop, amqp);
  }
  return *connection;
}

net::Task<Result<std::string>> RabbitExporter::State::Ask(std::string_view path) {
  net::HttpRequest request;
  request.target = options.management_path + std::string(path);
  request.headers["authorization"] = "Basic " + Base64Encode(options.user + ":" + options.password);
  const auto answer = co_await http->Do(options.management, request, options.timeout);
  if (!answer) co_return Prefixed("management API", answer.error());
  if (answer->status == 200) co_return answer->body;
  co_return Fail(
      answer->status == 401 || answer->status == 403 ? Code::kForbidden : Code::kUnavailable,
      fmt::format("management API: status {} for {}", answer->status,
                  path.substr(0, path.find('?'))));
}

net::Task<Status> RabbitExporter::State::ListNow() {
  if (findings.cluster.empty()) {
    // First, for they are labels of all that follows.
    const auto overview = co_await Ask(kOverview);
    if (!overview) co_return std::unexpected(overview.error());
    if (const auto document = ParseJson(*overview)) {
      findings.cluster = GetString(*document, {"cluster_name"});
      findings.node = GetString(*document, {"node"});
    }
  }
  const auto counts = co_await Ask(kCounts);
  if (!counts) co_return std::unexpected(counts.error());
  auto listing = ReadListing(*counts, options);
  if (!listing) co_return Prefixed("management API", listing.error());
  findings.listing = std::move(*listing);
  listed_at = loop.Monotonic();
  findings.listing_age = Duration::zero();
  // A scrape need not wait for the rest.
  listed.Notify();
  if (findings.statistics_age && listed_at - rates_at < kRatesEvery) co_return Status();
  const std::string path = std::string(kRates) + (options.no_sort ? "&sort=" : "");
  const auto rates = co_await Ask(path);
  if (!rates) co_return std::unexpected(rates.error());
  auto statistics = ReadListing(*rates, options);
  if (!statistics) co_return Prefixed("management API", statistics.error());
  findings.statistics = std::move(*statistics);
  rates_at = loop.Monotonic();
  findings.statistics_age = Duration::zero();
  co_return Status();
}

net::Task<void> RabbitExporter::State::List() {
  const Duration begun = loop.Monotonic();
  const Status status = co_await ListNow();
  list_took = loop.Monotonic() - begun;
  list_next = begun + std::min<Duration>(kListingShare * list_took, kListingPauseMax);
  findings.management_error.reset();
  if (!status) findings.management_error = status.error();
  listing_now = false;
  listed.Notify();
}

net::Task<Status> RabbitExporter::State::Declare(std::vector<RabbitQueueKey> queues) {
  std::map<std::string, std::vector<std::string>> by_vhost;
  for (RabbitQueueKey& key : queues) by_vhost[key.first].push_back(std::move(key.second));
  for (const auto& [vhost, names] : by_vhost) {
    const auto states = co_await ConnectionTo(vhost).Inspect(names);
    if (!states) co_return std::unexpected(states.error());
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& state = (*states)[i];
      if (state) findings.declared[{vhost, names[i]}] = {state->ready, state->consumers};
    }
  }
  co_return Status();
}

// The queues that were listed and not asked yet.
std::vector<RabbitQueueKey> RabbitExporter::State::Undeclared() const {
  std::vector<RabbitQueueKey> keys;
  for (const auto& [key, queue] : findings.listing) {
    if (!findings.declared.contains(key)) keys.push_back(key);
  }
  return keys;
}

net::Task<std::string> RabbitExporter::State::Page() {
  while (scraping) {
    const bool ok = co_await freed.Wait();
    if (!ok) co_return std::string();
  }
  scraping = true;
  const Duration before = listed_at;
  if (!listing_now && loop.Monotonic() >= list_next) {
    listing_now = true;
    group.Spawn(List());
  }
  findings.declared.clear();
  findings.error.reset();
  const std::vector<RabbitQueueKey> known = Undeclared();
  Status declared = co_await Declare(known);
  const Duration wait_until = loop.Monotonic() + (!findings.listing_age      ? options.timeout
                                                  : list_took < kListingWait ? kListingWait
                                                                             : Duration::zero());
  while (listing_now && listed_at == before && loop.Monotonic() < wait_until) {
    co_await listed.WaitFor(wait_until - loop.Monotonic());
    const bool cancelled = co_await net::IsCancelled();
    if (cancelled) break;
  }
  if (declared) {
    std::vector<RabbitQueueKey> fresh = Undeclared();
    std::erase_if(fresh, [&known](const RabbitQueueKey& key) {
      return std::ranges::binary_search(known, key);
    });
    declared = co_await Declare(std::move(fresh));
  }
  if (!declared) findings.error = declared.error();
  const Duration now = loop.Monotonic();
  if (findings.listing_age) findings.listing_age = now - listed_at;
  if (findings.statistics_age) findings.statistics_age = now - rates_at;
  Report();
  std::string page = RabbitPage(findings, options);
  scraping = false;
  freed.Notify();
  co_return page;
}

// Logs what is wrong once, and that it is well again.
void RabbitExporter::State::Report() {
  const auto& error = findings.error ? findings.error : findings.management_error;
  std::string now = error ? error->message : std::string();
  if (now == reported) return;
  if (error) {
    spdlog::warn("{}", now);
  } else {
    spdlog::info("rabbitmq {} answers again", options.amqp_host);
  }
  reported = std::move(now);
}

RabbitExporter::RabbitExporter(net::Loop& loop, RabbitExporterOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

RabbitExporter::~RabbitExporter() = default;

Status RabbitExporter::Start() { return state_->Start(); }
std::uint16_t RabbitExporter::port() const { return state_->server->port(); }

net::Task<void> RabbitExporter::Stop(Duration grace) {
  const std::shared_ptr<State> state = state_;
  co_await state->server->Stop(grace);
  co_await state->group.Stop();
  for (const auto& [vhost, connection] : state->connections) co_await connection->Stop();
}

net::Task<std::string> RabbitExporter::Page() { return state_->Page(); }

}  // namespace weir::exporters
