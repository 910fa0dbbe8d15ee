// Everything that `weir up` runs, built top-down and stopped in reverse. The one place where the
// modules meet: what one of them announces is passed on here to whom it concerns.
#pragma once

#include <prometheus/registry.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "apiserver/server.h"
#include "app/credentials.h"
#include "app/hops.h"
#include "app/metrics_page.h"
#include "app/networks.h"
#include "app/preflight.h"
#include "app/rule_loader.h"
#include "client/client.h"
#include "client/shared_informers.h"
#include "controllers/hpa_controller.h"
#include "controllers/manager.h"
#include "engine/engine.h"
#include "kubelet/kubelet.h"
#include "kubestore/store.h"
#include "metricsserver/server.h"
#include "net/http.h"
#include "platform/journal.h"
#include "platform/system.h"
#include "proxy/proxy.h"
#include "scrape/manager.h"
#include "tsdb/head.h"

namespace weir::app {

class LocalCluster {
 public:
  // Opens the data folder and binds the API's port. Errors as a person should read them.
  static Result<std::unique_ptr<LocalCluster>> Make(net::Loop& loop, CheckedOptions checked);
  ~LocalCluster();
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;

  // Serves, starts the components, applies the manifests. After an error: Stop.
  net::Task<Status> Start();
  // Ends in reverse order: the pods get their grace period. Once.
  net::Task<void> Stop();

  std::string url() const;
  std::string kubeconfig_path() const;

 private:
  // One component's way into the API: its user, and a client as that user.
  struct Access {
    Access(net::Loop& loop, apiserver::Server& server, const std::string& token,
           const std::string& agent);
    std::unique_ptr<client::Transport> transport;
    client::Client client;
  };

  LocalCluster(net::Loop& loop, CheckedOptions checked);

  Status OpenData();
  Status Listen();
  void MakeComponents();
  void MakeMetricsPath();
  void MakeWorkloadPath();
  void MakeNode();
  void Connect();
  void ConnectHops();
  void OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void TellHpas(const std::vector<std::string>& series_names);
  Result<std::vector<Manifest>> BuiltInKinds() const;
  Status WriteKubeconfig();
  apiserver::TokenMap MakeTokens();
  Access& AddAccess(const std::string& component);
  std::string MetricsPage() const;
  void AddNodeMetrics(app::MetricsPage& page) const;
  net::Task<void> ServeHops(net::ResponseWriter& writer);
  net::Task<void> TruncateSeries();
  net::Task<void> SampleUsage();

  net::Loop& loop_;
  CheckedOptions checked_;
  platform::SystemClock clock_;
  platform::SystemRandom random_;
  platform::SystemFileSystem files_;
  prometheus::Registry metrics_;
  HopRecorder hops_;
  net::TaskGroup tasks_;
  bool stopping_ = false;

  std::optional<Networks> networks_;
  Credentials credentials_;
  std::map<std::string, std::string> component_tokens_;
  std::unique_ptr<platform::SqliteJournal> journal_;
  std::unique_ptr<kubestore::Store> store_;
  std::unique_ptr<apiserver::Server> api_;
  std::unique_ptr<net::HttpServer> http_;
  std::vector<std::unique_ptr<Access>> accesses_;
  std::unique_ptr<client::SharedInformers> informers_;

  metricsapi::Resolver resolver_;

  std::unique_ptr<tsdb::Head> head_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<RuleLoader> rules_;
  std::unique_ptr<scrape::Manager> scrape_;
  std::unique_ptr<metricsserver::Server> metrics_server_;
  std::unique_ptr<controllers::HpaController> hpa_;
  std::unique_ptr<controllers::ControllerManager> controllers_;
  std::unique_ptr<proxy::Proxy> proxy_;        // none without a node
  std::unique_ptr<kubelet::Kubelet> kubelet_;  // none without a node
  std::set<std::string> unmapped_series_;      // changed, but no metric was made of them yet
  client::Informer::Registration hear_pods_;   // for the hop times

  // Batches that changed a metric, newest last, until a decision asks for them.
  struct Batch {
    Time sampled{}, committed{}, recorded{};
  };
  std::deque<Batch> batches_;
  Batch batch_;  // under way
};

}  // namespace weir::app
