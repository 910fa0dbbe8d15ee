// custom.metrics.k8s.io (v1beta1, v1beta2), external.metrics.k8s.io and metrics.k8s.io (v1beta1)
// over HTTP: takes adapter rules from files and ConfigMaps, keeps the list of metrics equal to the
// series that exist, answers requests by asking PromQL. Requests come authenticated and authorised.
// Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "client/client.h"
#include "client/events.h"
#include "client/informer.h"
#include "env/clock.h"
#include "env/random.h"
#include "kube/resource.h"
#include "metricsapi/answer.h"
#include "metricsapi/catalog.h"
#include "metricsapi/usage.h"
#include "metricsserver/config_plan.h"
#include "model/storage.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::metricsserver {

inline constexpr std::string_view kConfigLabel = "weir.dev/adapter-config";

struct Options {
  metricsapi::Options values;
  // How often series are listed anew, and how long a series without samples stays listed:
  // prometheus-adapter's --metrics-relist-interval and --metrics-max-age.
  Duration relist_interval = std::chrono::seconds(30);
  Duration max_age = std::chrono::minutes(5);
  // List at once when a commit brings a new series. Without, as prometheus-adapter, by the interval
  // alone.
  bool immediate = true;
  // Of each question to PromQL and of each list of objects.
  Duration timeout = std::chrono::seconds(10);
};

class Server {
 public:
  // All references outlive the server. `resolve`: see metricsapi::Resolver (the empty group stands
  // for any).
  Server(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
         model::Querier& querier, metricsapi::Resolver resolve, Options options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Starts to watch ConfigMaps labelled weir.dev/adapter-config (any value but "false") and to list
  // series.
  void Start();
  net::Task<void> Stop();

  // A configuration from elsewhere, such as --adapter-config's file: `source` names it. A bad one
  // is returned and logged, and leaves what the source had before in force.
  Status SetConfig(const std::string& source, std::string_view text);
  // By source (`default/my-rules` for a ConfigMap): configurations that were refused, and why.
  const std::map<std::string, std::string>& config_errors() const { return configs_.errors(); }

  // For the storage's commit listener: a new series may be a new metric.
  void OnCommit(const model::CommitInfo& info);

  // The metrics that a series feeds. An HPA that reads one of them is to look again when the
  // series has changed.
  std::vector<metricsapi::MetricRef> MetricsOfSeries(const std::string& series_name) const;
  // Whether the usage of pods is made of this series.
  bool FeedsUsage(std::string_view series_name) const { return usage_words_.contains(series_name); }
  // Called when the set of metrics has changed: a metric that an HPA misses may be there now.
  void SetMetricsListener(std::function<void()> listener);

  // Whether a group is served: where it has rules, as upstream.
  bool Serves(std::string_view group) const;

  // Paths under /apis/ and a group of metricsapi::Api. As of an unknown group where there are no
  // rules for it.
  net::Task<void> Handle(net::HttpRequest request, net::ResponseWriter& writer);

  // The APIGroupDiscovery object of a group, null where it is not served. As that of an aggregated
  // server that the API server has not asked yet, it names the versions of metrics and no
  // resources: kubectl would take metrics for kinds of objects. Those of metrics.k8s.io are kinds.
  Json Discovery(const std::string& group) const;

  struct Counters {
    std::uint64_t requests = 0, failures = 0, relists = 0, relist_failures = 0;
    std::size_t config_errors = 0;
  };
  Counters counters() const;

 private:
  net::Task<void> KeepListing();
  net::Task<void> Relist();
  void TakeListing(std::unique_ptr<metricsapi::Catalog> fresh,
                   const std::map<std::string, std::vector<model::Labels>>& listing);
  void ConfigChanged();
  void ConfigMapChanged(const client::ObjectPtr& before, const client::ObjectPtr& after);
  net::Task<metricsapi::Reply> Route(net::HttpRequest request);
  net::Task<metricsapi::Reply> Answer(metricsapi::MetricRequest request);
  metricsapi::Reply Failed(const Error& error);
  net::Task<metricsapi::Reply> AnswerNames(metricsapi::MetricRequest request,
                                           std::vector<std::string> names, kube::Resource kind);
  net::Task<Result<std::vector<std::string>>> ObjectNames(metricsapi::MetricRequest request,
                                                          kube::Resource kind);
  net::Task<metricsapi::Reply> AnswerUsage(metricsapi::UsageRequest request);
  net::Task<metricsapi::Reply> AnswerUsageOf(metricsapi::UsageRequest request,
                                             std::vector<metricsapi::UsageObject> objects);
  net::Task<Result<metricsapi::Usage>> UsageIn(metricsapi::UsagePlan plan);
  net::Task<Result<model::QueryValue>> Query(std::string query);
  net::Task<Result<std::vector<model::Labels>>> Series(std::string selector, Time start);

  net::Loop& loop_;
  env::Clock& clock_;
  client::Client& client_;
  model::Querier& querier_;
  metricsapi::Resolver resolve_;
  Options options_;
  net::TaskGroup tasks_;
  client::EventRecorder events_;
  client::Informer config_maps_;
  client::Informer::Registration listening_;
  ConfigSet configs_;
  std::unique_ptr<metricsapi::Catalog> catalog_;
  metricsapi::Config config_;                          // all in force
  std::set<std::string, std::less<>> usage_words_;     // of the queries of resourceRules
  std::uint64_t config_version_ = 0;                   // raised with each configuration
  std::uint64_t catalog_version_ = 0;                  // of the configuration that the catalog has
  std::set<std::string, std::less<>> ignored_series_;  // of no metric at the last listing
  std::set<std::string, std::less<>> listed_series_;
  net::Signal relist_;
  std::string last_failure_;  // of a listing, to be told once
  std::function<void()> on_metrics_;
  Counters counters_;
};

}  // namespace weir::metricsserver
