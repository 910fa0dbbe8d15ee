#include "app/local_cluster.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "apiserver/service_plan.h"
#include "app/embedded.h"
#include "kube/typed_text.h"

namespace weir::app {
namespace {

constexpr std::uint16_t kDefaultPort = 6443;
// Upstream's usual one: nothing here leads to its addresses where no node is.
constexpr std::string_view kServicesWithoutNode = "10.96.0.0/16";
constexpr Duration kHttpGrace = std::chrono::seconds(2);

apiserver::User ComponentUser(const std::string& component) {
  return {"system:weir:" + component,
          "",
          {std::string(apiserver::kMasters), std::string(apiserver::kWeirGroup),
           "system:authenticated"}};
}

}  // namespace

LocalCluster::Access::Access(net::Loop& loop, apiserver::Server& server, const std::string& token,
                             const std::string& agent)
    : transport(client::MakeInProcessTransport(
          loop,
          [&server](net::HttpRequest request, net::Peer peer, net::ResponseWriter& writer) {
            return server.Handle(std::move(request), std::move(peer), writer);
          },
          token)),
      client(*transport, agent) {}

LocalCluster::LocalCluster(net::Loop& loop, CheckedOptions checked)
    : loop_(loop), checked_(std::move(checked)), hops_(metrics_), tasks_(loop, "cluster") {}

LocalCluster::~LocalCluster() = default;

Result<std::unique_ptr<LocalCluster>> LocalCluster::Make(net::Loop& loop, CheckedOptions checked) {
  std::unique_ptr<LocalCluster> cluster(new LocalCluster(loop, std::move(checked)));
  if (auto s = cluster->OpenData(); !s) return std::unexpected(s.error());
  if (auto s = cluster->Listen(); !s) return std::unexpected(s.error());
  cluster->MakeComponents();
  return cluster;
}

Status LocalCluster::OpenData() {
  const std::string& dir = checked_.options.data_dir;
  auto networks = Networks::Claim(files_, dir);
  if (!networks) return std::unexpected(networks.error());
  networks_ = std::move(*networks);
  if (!checked_.options.node) networks_->services = kServicesWithoutNode;
  const apiserver::Options ports;
  const auto range = apiserver::ParseServiceRange(networks_->services, ports.node_port_first,
                                                  ports.node_port_last);
  if (!range) return std::unexpected(range.error());
  auto credentials =
      LoadOrMakeCredentials(files_, random_, dir, apiserver::FirstAddress(*range), clock_.Now());
  if (!credentials) return std::unexpected(credentials.error());
  credentials_ = std::move(*credentials);
  auto journal = platform::SqliteJournal::Open(
      dir + "/objects.db", [this](std::function<void()> fn) { loop_.Post(std::move(fn)); });
  if (!journal) return std::unexpected(journal.error());
  journal_ = std::move(*journal);
  store_ = std::make_unique<kubestore::Store>(
      *journal_, kubestore::StoreLimits{},
      [](const Json& object) { return kube::DumpObject(object); });
  return store_->Load();
}

// Binds the API's port first: discovery tells it, and a taken port must fail before anything runs.
Status LocalCluster::Listen() {
  auto tls = net::TlsServerContext::Make(credentials_.server, credentials_.ca_pem);
  if (!tls) return std::unexpected(tls.error());
  net::HttpServerOptions options;
  options.tls = std::move(*tls);
  options.pass_oversized = true;  // answered with a Status
  options.port = checked_.options.port.value_or(kDefaultPort);
  const auto handler = [this](net::HttpRequest request, net::Peer peer,
                              net::ResponseWriter& writer) {
    return api_->Handle(std::move(request), std::move(peer), writer);
  };
  http_ = std::make_unique<net::HttpServer>(loop_, options, handler);
  Status started = http_->Start();
  if (!started && !checked_.options.port && started.error().code == Code::kConflict) {
    options.port = 0;
    http_ = std::make_unique<net::HttpServer>(loop_, options, handler);
    started = http_->Start();
  }
  if (!started) {
    return Fail(started.error().code,
                fmt::format("cannot serve the API: {} (choose another with --port)",
                            started.error().message));
  }
  return {};
}

LocalCluster::Access& LocalCluster::AddAccess(const std::string& component) {
  accesses_.push_back(
      std::make_unique<Access>(loop_, *api_, component_tokens_.at(component), component));
  return *accesses_.back();
}

std::string LocalCluster::url() const { return fmt::format("https://127.0.0.1:{}", http_->port()); }

std::string LocalCluster::kubeconfig_path() const {
  return checked_.options.data_dir + "/kubeconfig";
}

Status LocalCluster::WriteKubeconfig() {
  client::ClusterAccess access;
  access.endpoint = {true, "127.0.0.1", http_->port()};
  access.ca_pem = credentials_.ca_pem;
  access.certificate = credentials_.admin;
  return files_.Write(kubeconfig_path(), client::BuildKubeconfig("weir", access), 0600);
}

apiserver::TokenMap LocalCluster::MakeTokens() {
  apiserver::TokenMap tokens = checked_.tokens;
  tokens[credentials_.admin_token] = {
      "kubernetes-admin", "", {std::string(apiserver::kMasters), "system:authenticated"}};
  for (const char* component : {"app", "rules", "scrape", "metrics-server", "controllers",
                                "horizontal-pod-autoscaler", "kubelet", "proxy", "caches"}) {
    const std::string token = MakeToken(random_);
    component_tokens_[component] = token;
    tokens[token] = ComponentUser(component);
  }
  return tokens;
}

// Weir's own kind is none that a Kubernetes cluster has.
Result<std::vector<Manifest>> LocalCluster::BuiltInKinds() const {
  auto kinds = ParseManifests("deploy/monitoring-crds.yaml", k_embedded_monitoring_crds_yaml);
  if (!kinds || checked_.options.upstream_exact) return kinds;
  auto own = ParseManifests("deploy/weir-crds.yaml", k_embedded_weir_crds_yaml);
  if (!own) return own;
  for (Manifest& manifest : *own) kinds->push_back(std::move(manifest));
  return kinds;
}

net::Task<Status> LocalCluster::Start() {
  if (auto s = api_->Start(); !s) co_return s;
  Access& access = AddAccess("app");
  auto kinds = BuiltInKinds();
  if (!kinds) co_return std::unexpected(kinds.error());
  Status applied = co_await ApplyManifests(access.client, api_->registry(), std::move(*kinds));
  if (!applied) co_return applied;

  if (kubelet_) {
    if (auto s = kubelet_->Start(); !s) co_return s;
    proxy_->Start();
  }
  controllers_->Start();
  scrape_->Start();
  engine_->Start();
  metrics_server_->Start();
  hpa_->Start();
  informers_->Start();  // all who listen are there
  tasks_.Spawn(TruncateSeries());
  if (kubelet_) tasks_.Spawn(SampleUsage());

  if (!checked_.adapter_config.empty()) {
    Status configured =
        metrics_server_->SetConfig(checked_.options.adapter_config_file, checked_.adapter_config);
    if (!configured) co_return configured;
  }
  applied = co_await ApplyManifests(access.client, api_->registry(),
                                    InOrderOfCreation(std::move(checked_.manifests)));
  if (!applied) co_return Prefixed("-f", applied.error());
  co_return WriteKubeconfig();
}

net::Task<void> LocalCluster::Stop() {
  if (stopping_) co_return;
  stopping_ = true;
  co_await tasks_.Stop();
  co_await hpa_->Stop();
  co_await metrics_server_->Stop();
  co_await engine_->Stop();
  co_await rules_->Stop();
  co_await scrape_->Stop();
  co_await controllers_->Stop();
  if (kubelet_) {
    co_await kubelet_->Stop();
    co_await proxy_->Stop();
  }
  co_await informers_->Stop();
  co_await api_->Stop();
  co_await http_->Stop(kHttpGrace);
}

}  // namespace weir::app
