// The local cluster's API server: everything under /api, /apis, /openapi, /version and the health
// endpoints, above a kubestore::Store. Handle() is the one entry, for HTTPS and for the in-process
// transport alike: authentication, authorisation and validation are the same for both. Loop thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "apiserver/auth_plan.h"
#include "apiserver/metrics.h"
#include "env/clock.h"
#include "env/random.h"
#include "kube/resource.h"
#include "kubestore/store.h"
#include "net/http.h"

namespace weir::apiserver {

struct Options {
  bool upstream_exact = false;
  // Bearer token -> user. The admin's, the in-process components', and those of --token-auth-file.
  TokenMap tokens;
  // What tokens of ServiceAccounts are signed with; a secret of the cluster. Empty: a new one, so
  // that tokens end with the process.
  std::string token_key;
  // Where ClusterIPs and NodePorts come from. ClusterIPs are loopback addresses, 127.<n>.0.0/16.
  std::string service_network = "127.96.0.0/16";
  std::uint16_t node_port_first = 30000, node_port_last = 32767;
  // host:port under which clients reach the server; discovery tells it.
  std::string address = "127.0.0.1:6443";
  // Watches: at most this much waits for a slow reader before its stream ends with 410.
  std::size_t watch_queue_events = 4096;
  std::size_t watch_queue_bytes = 16U << 20U;
};

class Server {
 public:
  Server(net::Loop& loop, env::Clock& clock, env::Random& random, kubestore::Store& store,
         Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // After Store::Load: registers stored CRDs, creates what every cluster has (namespaces default,
  // kube-system, kube-public, kube-node-lease, Service kubernetes). kInvalid for Options that make
  // no sense.
  Status Start();
  // Ends watches; from then on requests are answered with 503. Resumes when the watches have ended.
  net::Task<void> Stop();

  // Bodies above 3 MiB, and those that the transport did not take for their size, are answered with
  // a Status of 413.
  net::Task<void> Handle(net::HttpRequest request, net::Peer peer, net::ResponseWriter& writer);

  // Who a mounted handler serves. It gets requests that were authenticated and authorised.
  using MountedHandler =
      std::function<net::Task<void>(net::HttpRequest, const User&, net::ResponseWriter&)>;
  // Passes requests under `prefix` ("/apis/custom.metrics.k8s.io") on. Longest prefix wins.
  void Mount(std::string prefix, MountedHandler handler);
  // An aggregated group for discovery: an APIGroupDiscovery object, asked for on each request.
  void MountGroup(std::string group, std::function<Json()> discovery);
  // The kubelet's part of pods/NAME/log: asked with namespace, name and query; answers on `writer`.
  // The pod exists, is bound to a node, and has the container that the query names.
  using LogHandler = std::function<net::Task<void>(std::string ns, std::string name,
                                                   std::string query, net::ResponseWriter&)>;
  void SetLogHandler(LogHandler handler);
  // A resource that this program alone writes ("decisions.weir.dev"). Others only read it, and see
  // beside what is stored what `in_memory` tells of a namespace and name, each all where empty. A
  // watch tells of stored objects only, and this program's own components see only those.
  using ObjectsFn = std::function<std::vector<Json>(std::string_view ns, std::string_view name)>;
  void SetOwnResource(std::string group_resource, ObjectsFn in_memory);
  // The text of /metrics (Prometheus' text format); 404 until it is set.
  void SetMetricsHandler(std::function<std::string()> handler);

  const kube::Registry& registry() const;
  // What was served so far, for whoever exports metrics.
  const Metrics& metrics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::apiserver
