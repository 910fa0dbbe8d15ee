// The second half of LocalCluster: which component gets what, and who tells whom.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <utility>

#include "app/local_cluster.h"
#include "app/metrics_page.h"
#include "app/usage_series.h"
#include "app/version.h"
#include "controllers/decision_plan.h"
#include "kubelet/node_plan.h"

namespace weir::app {
namespace {

// How long series are kept in memory, and how often what is older is forgotten.
constexpr Duration kRetention = std::chrono::hours(1);
constexpr Duration kTruncateEvery = std::chrono::minutes(1);
// Where Prometheus' HTTP API stands, behind the API server's authentication and authorisation.
constexpr std::string_view kPrometheusPrefix = "/prometheus";
constexpr Duration kUsageEvery = std::chrono::seconds(1);
constexpr std::size_t kKeptBatches = 64;
constexpr std::size_t kKeptUnmapped = 10'000;
// Of each autoscaler.
constexpr std::size_t kKeptDecisions = 10;

// "namespace/name" of the workload that a pod belongs to: its ReplicaSet without the template's
// hash.
std::string WorkloadOf(const Json& pod) {
  for (const Json& owner : GetArray(pod, {"metadata", "ownerReferences"})) {
    if (!GetBool(owner, {"controller"}, false)) continue;
    std::string name = GetString(owner, "name");
    if (GetString(owner, "kind") == "ReplicaSet") name = name.substr(0, name.rfind('-'));
    return GetString(pod, {"metadata", "namespace"}) + "/" + name;
  }
  return {};
}

controllers::MetricRef ToHpaMetric(const metricsapi::MetricRef& metric) {
  return {metric.external ? autoscale::MetricsApi::kExternal : autoscale::MetricsApi::kCustom,
          metric.metric, metric.resource};
}

bool IsStarted(const Json& pod) {
  for (const Json& status : GetArray(pod, {"status", "containerStatuses"})) {
    if (Find(status, {"state", "running"}) != nullptr) return true;
  }
  return false;
}

bool IsReady(const Json& pod) {
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") == "Ready") return GetString(condition, "status") == "True";
  }
  return false;
}

}  // namespace

void LocalCluster::MakeComponents() {
  apiserver::Options options;
  options.upstream_exact = checked_.options.upstream_exact;
  options.tokens = MakeTokens();
  options.token_key = credentials_.token_key;
  options.address = fmt::format("127.0.0.1:{}", http_->port());
  options.service_network = networks_->services;
  api_ = std::make_unique<apiserver::Server>(loop_, clock_, random_, *store_, options);
  resolver_ = [this](std::string_view group, std::string_view name) {
    const kube::Registry& registry = api_->registry();
    return group.empty() ? registry.ResolveAnyGroup(name) : registry.Resolve(group, name);
  };
  informers_ =
      std::make_unique<client::SharedInformers>(loop_, AddAccess("caches").client, random_);
  MakeMetricsPath();
  MakeWorkloadPath();
  Connect();
  ConnectHops();
}

void LocalCluster::MakeMetricsPath() {
  const auto appenders = [this] { return head_->NewAppender(); };
  head_ = std::make_unique<tsdb::Head>();
  engine_ = std::make_unique<engine::Engine>(loop_, clock_, *head_, appenders);
  rules_ = std::make_unique<RuleLoader>(loop_, clock_, random_, AddAccess("rules").client,
                                        *informers_, *engine_);
  scrape_ = std::make_unique<scrape::Manager>(loop_, clock_, random_, AddAccess("scrape").client,
                                              *informers_, appenders);
  for (const scrape::StaticTargets& list : checked_.scrape.lists) scrape_->AddStatic(list);
  for (auto& [file, groups] : checked_.scrape.groups) engine_->SetGroups(file, std::move(groups));
  metricsserver::Options options;
  options.values.upstream_exact = checked_.options.upstream_exact;
  if (const auto interval = checked_.options.metrics_relist_interval) {
    options.immediate = false;
    options.relist_interval = *interval;
    options.max_age = *interval;
  }
  options.max_age = checked_.options.metrics_max_age.value_or(options.max_age);
  metrics_server_ = std::make_unique<metricsserver::Server>(
      loop_, clock_, random_, AddAccess("metrics-server").client, *engine_, resolver_, options);
}

void LocalCluster::MakeWorkloadPath() {
  const UpOptions& wanted = checked_.options;
  controllers::HpaOptions hpa;
  hpa.sync_period = wanted.hpa_sync_period;
  hpa.upstream_exact = wanted.upstream_exact;
  hpa.autoscale.downscale_stabilization = wanted.downscale_stabilization;
  // Upstream has no such objects.
  hpa.decisions_kept = wanted.upstream_exact ? 0 : kKeptDecisions;
  hpa_ = std::make_unique<controllers::HpaController>(loop_, clock_, random_,
                                                      AddAccess("horizontal-pod-autoscaler").client,
                                                      *informers_, resolver_, hpa);
  controllers::ManagerOptions manager;
  manager.root_ca = credentials_.ca_pem;
  controllers_ = std::make_unique<controllers::ControllerManager>(
      loop_, clock_, random_, AddAccess("controllers").client, *informers_, manager);
  if (wanted.node) MakeNode();
}

void LocalCluster::MakeNode() {
  const UpOptions& wanted = checked_.options;
  proxy_ = std::make_unique<proxy::Proxy>(loop_, clock_, random_, AddAccess("proxy").client,
                                          *informers_);
  kubelet::Options kubelet;
  kubelet.data_dir = wanted.data_dir;
  kubelet.catalogue = checked_.catalogue;
  kubelet.pod_network = networks_->pods;
  kubelet.version = std::string(kVersion);
  kubelet.weir_path = platform::SelfPath();
  kubelet.bin_dir = std::filesystem::path(kubelet.weir_path).parent_path().string();
  if (std::string path = platform::GetEnv("PATH"); !path.empty()) kubelet.path = path;
  kubelet_ = std::make_unique<kubelet::Kubelet>(loop_, clock_, random_, AddAccess("kubelet").client,
                                                *informers_, kubelet);
}

// What one component announces goes to whom it concerns.
void LocalCluster::Connect() {
  head_->SetCommitListener([this](const model::CommitInfo& info) {
    batch_ = {FromUnixMillis(info.time_ms), clock_.Now(), {}};
    metrics_server_->OnCommit(info);
    engine_->OnCommit(info);
  });
  engine_->SetMetricChangedListener([this](const std::vector<std::string>& names, Time) {
    batch_.recorded = clock_.Now();
    batches_.push_back(batch_);
    if (batches_.size() > kKeptBatches) batches_.pop_front();
    TellHpas(names);
  });
  // A series may be there before the metric that it feeds: its change is told again then.
  metrics_server_->SetMetricsListener([this] {
    const std::set<std::string> names = std::exchange(unmapped_series_, {});
    TellHpas({names.begin(), names.end()});
  });
  if (kubelet_) {
    api_->SetLogHandler(
        [this](std::string ns, std::string name, std::string query, net::ResponseWriter& writer) {
          return kubelet_->ServeLog(std::move(ns), std::move(name), std::move(query), writer);
        });
  }
  api_->SetMetricsHandler([this] { return MetricsPage(); });
  if (!checked_.options.upstream_exact) {
    api_->SetOwnResource(std::string(controllers::kDecisionResource),
                         [this](std::string_view ns, std::string_view name) {
                           return hpa_->decisions().InMemory(ns, name);
                         });
  }
  for (const std::string_view group :
       {metricsapi::kCustomGroup, metricsapi::kExternalGroup, metricsapi::kResourceGroup}) {
    api_->Mount(
        fmt::format("/apis/{}", group),
        [this](net::HttpRequest request, const apiserver::User&, net::ResponseWriter& writer) {
          return metrics_server_->Handle(std::move(request), writer);
        });
    api_->MountGroup(std::string(group), [this, name = std::string(group)] {
      return metrics_server_->Discovery(name);
    });
  }
  if (!checked_.options.upstream_exact) {
    api_->Mount(
        std::string(kPrometheusPrefix) + "/",
        [this](net::HttpRequest request, const apiserver::User&, net::ResponseWriter& writer) {
          request.target.erase(0, kPrometheusPrefix.size());
          return engine_->Handle(std::move(request), net::Peer{}, writer);
        });
  }
  api_->Mount("/debug/weir/hops",
              [this](net::HttpRequest, const apiserver::User&, net::ResponseWriter& writer) {
                return ServeHops(writer);
              });
}

void LocalCluster::TellHpas(const std::vector<std::string>& series_names) {
  std::vector<controllers::MetricRef> changed;
  bool usage = false;
  for (const std::string& name : series_names) {
    usage = usage || metrics_server_->FeedsUsage(name);
    const auto metrics = metrics_server_->MetricsOfSeries(name);
    if (metrics.empty() && unmapped_series_.size() < kKeptUnmapped) unmapped_series_.insert(name);
    for (const metricsapi::MetricRef& metric : metrics) changed.push_back(ToHpaMetric(metric));
  }
  if (usage) changed.push_back({autoscale::MetricsApi::kResource, "", ""});
  if (!changed.empty()) hpa_->MetricChanged(changed);
}

void LocalCluster::ConnectHops() {
  hpa_->SetWakeListener([this](Duration after) { hops_.Woken(after); });
  hpa_->SetDecisionListener([this](const controllers::ScaleDecision& decision) {
    if (decision.to <= decision.from) return;
    ScaleUp s;
    s.hpa = decision.hpa;
    s.workload = decision.target;
    s.from = decision.from;
    s.to = decision.to;
    s.reason = decision.reason;
    s.decided = decision.decided;
    s.written = decision.written;
    for (const Batch& batch : batches_) {
      if (!decision.metric_changed || batch.recorded > *decision.metric_changed) break;
      s.sampled = batch.sampled;
      s.committed = batch.committed;
      s.recorded = batch.recorded;
    }
    hops_.Decided(std::move(s));
  });
  client::Informer& pods = informers_->Get(client::refs::kPods);
  hear_pods_ = pods.AddListener([this](const client::ObjectPtr& before,
                                       const client::ObjectPtr& after) { OnPod(before, after); });
}

void LocalCluster::OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  if (!after) return;
  const std::string workload = WorkloadOf(*after);
  if (workload.empty()) return;
  const Time now = clock_.Now();
  const std::string uid = GetString(*after, {"metadata", "uid"});
  if (!before) hops_.Pod(workload, uid, "created", now);
  if (IsStarted(*after) && !(before && IsStarted(*before))) {
    hops_.Pod(workload, uid, "started", now);
  }
  if (IsReady(*after) && !(before && IsReady(*before))) hops_.Pod(workload, uid, "ready", now);
}

net::Task<void> LocalCluster::ServeHops(net::ResponseWriter& writer) {
  net::HttpResponse response = net::HttpResponse::JsonText(200, DumpJson(hops_.ToJson()) + "\n");
  (void)co_await writer.Send(std::move(response));
}

net::Task<void> LocalCluster::SampleUsage() {
  // An adapter configuration that says itself what usage is made of comes after this one.
  (void)metrics_server_->SetConfig("", kUsageRules);
  for (bool slept = true; slept; slept = co_await net::Sleep(kUsageEvery)) {
    const std::unique_ptr<model::Appender> batch = head_->NewAppender();
    const Status appended =
        AppendUsage(*batch, kubelet_->ReadUsage(), kubelet::Options().node_name, clock_.Now());
    if (!appended) spdlog::warn("usage of pods: {}", appended.error().message);
  }
}

net::Task<void> LocalCluster::TruncateSeries() {
  for (bool slept = co_await net::Sleep(kTruncateEvery); slept;
       slept = co_await net::Sleep(kTruncateEvery)) {
    head_->Truncate(ToUnixMillis(clock_.Now() - kRetention));
  }
}

std::string LocalCluster::MetricsPage() const {
  app::MetricsPage page;
  page.AddApi(api_->metrics());
  page.Add(metrics_.Collect());
  const auto count = [](auto value) { return static_cast<double>(value); };
  const tsdb::Head::Counters& head = head_->counters();
  page.Gauge("weir_tsdb_head_series", "Series in memory.", count(head.series));
  page.Counter("weir_tsdb_samples_total", "Samples appended.", count(head.samples));
  page.Counter("weir_tsdb_series_refused_total", "New series refused for the limit.",
               count(head.series_refused));
  const engine::Engine::Counters queries = engine_->counters();
  page.Counter("weir_queries_total", "PromQL queries.", count(queries.queries));
  page.Counter("weir_query_failures_total", "PromQL queries that failed.",
               count(queries.query_failures));
  const client::Controller::Counters hpa = hpa_->counters();
  page.Counter("weir_hpa_passes_total", "Evaluations of autoscalers.", count(hpa.reconciles));
  page.Counter("weir_hpa_errors_total", "Evaluations that failed.", count(hpa.errors));
  const controllers::DecisionLog::Counters& decisions = hpa_->decisions().counters();
  page.Counter("weir_decisions_stored_total", "Decisions stored as objects.",
               count(decisions.stored));
  page.Counter("weir_decisions_failed_total", "Decisions that could not be stored.",
               count(decisions.failed));
  page.Counter("weir_decisions_let_go_total", "Decisions not stored because too many waited.",
               count(decisions.let_go));
  const net::HttpServer::Counters http = http_->counters();
  page.Counter("weir_http_connections_total", "Connections to the API.", count(http.connections));
  page.Counter("weir_http_connections_refused_total", "Connections above the limit.",
               count(http.refused));
  page.Counter("weir_http_oversized_total", "Requests above the size limits.",
               count(http.oversized));
  if (kubelet_) AddNodeMetrics(page);
  return page.ToText();
}

void LocalCluster::AddNodeMetrics(app::MetricsPage& page) const {
  const auto count = [](auto value) { return static_cast<double>(value); };
  page.Gauge("weir_kubelet_pods", "Pods on the node.", count(kubelet_->counters().pods));
  const proxy::Proxy::Counters services = proxy_->counters();
  page.Counter("weir_proxy_connections_total", "Connections to Services.",
               count(services.connections));
  page.Counter("weir_proxy_unreachable_total", "Connections that no backend took.",
               count(services.unreachable));
  page.Counter("weir_proxy_refused_total", "Connections above the limit.", count(services.refused));
}

}  // namespace weir::app
