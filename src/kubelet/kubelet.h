// The kubelet of the local cluster: one node, pods as processes of this machine. An API client like
// any other: it registers its node, gives pods without a node to it, runs those that it has, and
// reports. Owned by app. Loop thread only.
//
//   Kubelet kubelet(loop, clock, random, client, options);
//   kubelet.Start();   ...   co_await kubelet.Stop();
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/shared_informers.h"
#include "env/clock.h"
#include "env/random.h"
#include "kubelet/catalogue_plan.h"
#include "kubelet/node_plan.h"
#include "net/http.h"

namespace weir::kubelet {

struct Options {
  std::string node_name = "weir";
  std::string data_dir;                       // pods/ and hosts/ are kept below it
  std::string pod_network = "127.64.0.0/16";  // where pod addresses come from
  std::string host_ip = "127.0.0.1";
  Catalogue catalogue = Catalogue::BuiltIn();
  std::string weir_path;  // ${WEIR}
  std::string bin_dir;    // ${WEIR_BIN_DIR}: the folder of the workloads' programs
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";  // pods' PATH
  std::string version;  // weir's own, in nodeInfo
};

class Kubelet {
 public:
  // All references outlive the kubelet.
  Kubelet(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
          client::SharedInformers& informers, Options options);
  ~Kubelet();
  Kubelet(const Kubelet&) = delete;
  Kubelet& operator=(const Kubelet&) = delete;

  // Starts to listen to the caches and to work. kInvalid for a pod network that is none;
  // kUnavailable where the kernel refuses namespaces (platform::CheckNamespaces) or the data folder
  // cannot be written.
  Status Start();
  // Asks every pod's processes to end, kills those that have not after their grace period, and
  // leaves the objects as they are: the next start runs them again. Kill makes it short.
  net::Task<void> Stop();
  // Ends every process at once.
  void Kill();

  // Answers GET pods/NAME/log (apiserver::Server::SetLogHandler): options in `query`.
  net::Task<void> ServeLog(std::string ns, std::string name, std::string query,
                           net::ResponseWriter& writer);

  // What the containers that run now have used.
  struct Usage {
    std::string ns, pod, container;
    double cpu_seconds = 0;
    std::int64_t memory_bytes = 0;
  };
  std::vector<Usage> ReadUsage() const;

  struct Counters {
    std::size_t pods = 0;
    std::uint64_t bound = 0;  // pods given to the node
  };
  Counters counters() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace weir::kubelet
