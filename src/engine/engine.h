// The metrics engine at work: evaluates rule groups by timer and whenever a commit touches what
// they read, tells listeners which metrics changed, and answers PromQL, in process (model::Querier)
// and over Prometheus' HTTP API. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "engine/api_plan.h"
#include "engine/rule_runner_plan.h"
#include "env/clock.h"
#include "model/storage.h"
#include "net/http.h"
#include "net/loop.h"
#include "promql/ast.h"
#include "promql/evaluator.h"

namespace weir::engine {

struct Options {
  RunnerOptions rules;
  promql::EvalOptions queries;
};

class Engine final : public model::Querier {
 public:
  using MetricChangedListener =
      std::function<void(const std::vector<std::string>& series_names, Time at)>;

  // All references outlive the engine. `appenders` opens a batch of the storage that `storage`
  // reads; its commits come back through OnCommit.
  Engine(net::Loop& loop, env::Clock& clock, const model::Queryable& storage,
         RuleRunner::AppenderFactory appenders, Options options = {});
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Starts the timers. Groups set before are evaluated soon.
  void Start();
  net::Task<void> Stop();

  // `source` names where the groups are defined ("default/redis-rules"); replaces what it had.
  void SetGroups(const std::string& source, std::vector<rules::Group> groups);

  // For the storage's commit listener: every commit, the engine's own ones too.
  void OnCommit(const model::CommitInfo& info);

  // Called with the names of series whose value changed, once for a commit and all that rules made
  // of it, and once for a round of timers that changed something.
  void SetMetricChangedListener(MetricChangedListener listener);

  // Both call `done` before they return. A query at the present moment sees the newest commit even
  // where that has been stamped up to a second ahead.
  void Query(std::string query, Time at,
             std::function<void(Result<model::QueryValue>)> done) override;
  void Series(std::string selector, Time start,
              std::function<void(Result<std::vector<model::Labels>>)> done) override;

  // Prometheus' HTTP API.
  net::Task<void> Handle(net::HttpRequest request, net::Peer peer, net::ResponseWriter& writer);

  struct Counters {
    RuleRunner::Counters rules;
    std::uint64_t queries = 0, query_failures = 0;
  };
  Counters counters() const;

 private:
  net::Task<void> RunTimers();
  Result<std::shared_ptr<const promql::Expr>> Parsed(const std::string& query);

  env::Clock& clock_;
  const model::Queryable& storage_;
  Options options_;
  RuleRunner runner_;
  net::TaskGroup tasks_;
  net::Signal groups_changed_;
  std::int64_t newest_ms_ = 0;  // of all commits
  std::uint64_t queries_ = 0;
  std::uint64_t query_failures_ = 0;
  // HPAs ask the same queries again and again.
  std::map<std::string, std::shared_ptr<const promql::Expr>, std::less<>> parsed_;
};

// A real Prometheus as Querier: HTTP requests, with a deadline each, run in `tasks`.
class RemoteQuerier final : public model::Querier {
 public:
  // `base_url` may have a path. All references outlive the querier.
  static Result<std::unique_ptr<RemoteQuerier>> Make(net::HttpClient& client, net::TaskGroup& tasks,
                                                     const std::string& base_url,
                                                     Duration timeout = std::chrono::seconds(30));

  void Query(std::string query, Time at,
             std::function<void(Result<model::QueryValue>)> done) override;
  void Series(std::string selector, Time start,
              std::function<void(Result<std::vector<model::Labels>>)> done) override;

 private:
  using Answer = std::function<void(Result<net::HttpResponse>)>;
  RemoteQuerier(net::HttpClient& client, net::TaskGroup& tasks, net::Url url, Duration timeout);
  void Get(std::string path, std::vector<std::pair<std::string, std::string>> parameters,
           Answer answer);

  net::HttpClient& client_;
  net::TaskGroup& tasks_;
  net::Url url_;
  Duration timeout_;
};

}  // namespace weir::engine
