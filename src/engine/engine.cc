#include "engine/engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "promql/parser.h"

namespace weir::engine {
namespace {

constexpr std::size_t kMaxParsedQueries = 1000;
constexpr std::int64_t kMaxAheadMs = 1000;

}  // namespace

Engine::Engine(net::Loop& loop, env::Clock& clock, const model::Queryable& storage,
               RuleRunner::AppenderFactory appenders, Options options)
    : clock_(clock),
      storage_(storage),
      options_(options),
      runner_(storage, std::move(appenders), options.rules),
      tasks_(loop, "engine"),
      groups_changed_(loop) {
  runner_.SetErrorListener([](const std::string& rule, const Error& error) {
    spdlog::warn("rule {}: {}", rule, error.message);
  });
}

Engine::~Engine() = default;

void Engine::Start() { tasks_.Spawn(RunTimers()); }

net::Task<void> Engine::Stop() { co_await tasks_.Stop(); }

net::Task<void> Engine::RunTimers() {
  while (!tasks_.stopping()) {
    runner_.RunDue(clock_.Now(), clock_.Monotonic());
    const auto next = runner_.NextDue();
    if (next) {
      // At least a moment, should the clock stand still.
      const Duration wait =
          std::max<Duration>(*next - clock_.Monotonic(), std::chrono::milliseconds(1));
      co_await groups_changed_.WaitFor(wait);
    } else if (const bool woken = co_await groups_changed_.Wait(); !woken) {
      co_return;
    }
  }
}

void Engine::SetGroups(const std::string& source, std::vector<rules::Group> groups) {
  runner_.SetGroups(source, std::move(groups), clock_.Now());
  groups_changed_.Notify();
}

void Engine::OnCommit(const model::CommitInfo& info) {
  newest_ms_ = std::max(newest_ms_, info.time_ms);
  runner_.OnCommit(info, clock_.Now());
}

void Engine::SetMetricChangedListener(MetricChangedListener listener) {
  runner_.SetChangeListener(std::move(listener));
}

Result<std::shared_ptr<const promql::Expr>> Engine::Parsed(const std::string& query) {
  const auto found = parsed_.find(query);
  if (found != parsed_.end()) return found->second;
  auto expr = promql::Parse(query);
  if (!expr) return std::unexpected(expr.error());
  if (parsed_.size() >= kMaxParsedQueries) parsed_.clear();
  auto shared = std::make_shared<const promql::Expr>(std::move(*expr));
  parsed_[query] = shared;
  return shared;
}

void Engine::Query(std::string query, Time at,
                   std::function<void(Result<model::QueryValue>)> done) {
  ++queries_;
  const std::int64_t at_ms = ToUnixMillis(at);
  if (newest_ms_ > at_ms && newest_ms_ - at_ms <= kMaxAheadMs) at = FromUnixMillis(newest_ms_);
  const auto expr = Parsed(query);
  Result<model::QueryValue> value = expr ? promql::Evaluate(**expr, at, storage_, options_.queries)
                                         : Result<model::QueryValue>(std::unexpected(expr.error()));
  if (!value) ++query_failures_;
  done(std::move(value));
}

void Engine::Series(std::string selector, Time start,
                    std::function<void(Result<std::vector<model::Labels>>)> done) {
  const auto matchers = promql::ParseSelector(selector);
  if (!matchers) return done(std::unexpected(matchers.error()));
  auto series =
      storage_.Select(*matchers, ToUnixMillis(start), std::numeric_limits<std::int64_t>::max() / 2);
  if (!series) return done(std::unexpected(series.error()));
  std::vector<model::Labels> labels;
  labels.reserve(series->size());
  for (model::SeriesData& one : *series) labels.push_back(std::move(one.labels));
  done(std::move(labels));
}

net::Task<void> Engine::Handle(net::HttpRequest request, net::Peer, net::ResponseWriter& writer) {
  ApiRequest api{request.method, std::string(request.Path()), net::ParseQuery(request.Query())};
  if (request.method == "POST") {
    for (auto& parameter : net::ParseQuery(request.body)) {
      api.parameters.push_back(std::move(parameter));
    }
  }
  ApiReply reply = AnswerApi(api, clock_.Now(), storage_, runner_, options_.queries);
  net::HttpResponse response;
  response.status = reply.status;
  response.headers["content-type"] = std::move(reply.content_type);
  response.body = std::move(reply.body);
  // A client that has gone needs no answer.
  static_cast<void>(co_await writer.Send(std::move(response)));
}

Engine::Counters Engine::counters() const {
  return {runner_.counters(), queries_, query_failures_};
}

}  // namespace weir::engine
