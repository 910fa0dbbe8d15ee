// Kubernetes' REST interface as typed-enough calls on JSON documents. Owned by app, shared by all
// controllers by reference. Loop thread only.
//
// Errors: the API's Status message is Error::message, word for word; codes map as 400, 413, 415,
// 422 -> kInvalid, 401, 403 -> kForbidden, 404, 410 -> kNotFound, 409 -> kConflict, 408, 504 ->
// kTimeout, 429, 503 -> kUnavailable, others kInternal; transport errors keep their code.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "client/transport.h"

namespace weir::client {

// A resource's place in the API: `{"apps", "v1", "deployments"}`; the core group is "".
struct ResourceRef {
  std::string group;
  std::string version;
  std::string plural;
  auto operator<=>(const ResourceRef&) const = default;
  // `/apis/apps/v1/namespaces/NS/deployments[/NAME[/SUB]]`; ns empty: all namespaces or a
  // cluster-scoped resource.
  std::string Path(std::string_view ns, std::string_view name = {},
                   std::string_view subresource = {}) const;
};

namespace refs {
inline const ResourceRef kPods{"", "v1", "pods"};
inline const ResourceRef kServices{"", "v1", "services"};
inline const ResourceRef kNodes{"", "v1", "nodes"};
inline const ResourceRef kNamespaces{"", "v1", "namespaces"};
inline const ResourceRef kConfigMaps{"", "v1", "configmaps"};
inline const ResourceRef kSecrets{"", "v1", "secrets"};
inline const ResourceRef kServiceAccounts{"", "v1", "serviceaccounts"};
inline const ResourceRef kEvents{"", "v1", "events"};
inline const ResourceRef kDeployments{"apps", "v1", "deployments"};
inline const ResourceRef kReplicaSets{"apps", "v1", "replicasets"};
inline const ResourceRef kStatefulSets{"apps", "v1", "statefulsets"};
inline const ResourceRef kControllerRevisions{"apps", "v1", "controllerrevisions"};
inline const ResourceRef kJobs{"batch", "v1", "jobs"};
inline const ResourceRef kCronJobs{"batch", "v1", "cronjobs"};
inline const ResourceRef kVolumeClaims{"", "v1", "persistentvolumeclaims"};
inline const ResourceRef kEndpoints{"", "v1", "endpoints"};
inline const ResourceRef kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices"};
inline const ResourceRef kHpas{"autoscaling", "v2", "horizontalpodautoscalers"};
inline const ResourceRef kCrds{"apiextensions.k8s.io", "v1", "customresourcedefinitions"};
inline const ResourceRef kServiceMonitors{"monitoring.coreos.com", "v1", "servicemonitors"};
inline const ResourceRef kPrometheusRules{"monitoring.coreos.com", "v1", "prometheusrules"};
}  // namespace refs

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
};

// kApply: server-side apply in this client's name, which takes fields over from other managers and
// refuses unknown ones; creates the object where there is none.
enum class PatchType { kJson, kMerge, kStrategic, kApply };

enum class WatchType { kAdded, kModified, kDeleted, kBookmark };
struct WatchEvent {
  WatchType type;
  Json object;
};

class Client {
 public:
  // `agent` is the User-Agent and the field manager, for example "deployment-controller".
  Client(Transport& transport, std::string agent);

  // GET of any path; for the metrics APIs, discovery and scale.
  net::Task<Result<Json>> GetPath(std::string path);
  // The answer to a GET of any path as it came, whatever its status.
  net::Task<Result<net::HttpResponse>> GetRaw(std::string path);
  // PUT, POST and so on of any path.
  net::Task<Result<Json>> Send(std::string method, std::string path, Json body);

  net::Task<Result<Json>> Get(ResourceRef ref, std::string ns, std::string name,
                              std::string subresource = {});
  net::Task<Result<Json>> List(ResourceRef ref, std::string ns, ListOptions options = {});
  net::Task<Result<Json>> Create(ResourceRef ref, std::string ns, Json object);
  // Full replacement; metadata.resourceVersion makes it conditional.
  net::Task<Result<Json>> Update(ResourceRef ref, std::string ns, std::string name, Json object,
                                 std::string subresource = {});
  net::Task<Result<Json>> Patch(ResourceRef ref, std::string ns, std::string name, PatchType type,
                                Json patch, std::string subresource = {});
  struct DeleteOptions {
    std::optional<std::int64_t> grace_period_seconds;
    std::string propagation_policy;  // Background, Foreground, Orphan; empty: the kind's default
    std::string uid;                 // precondition, where not empty
  };
  net::Task<Status> Delete(ResourceRef ref, std::string ns, std::string name,
                           DeleteOptions options = {});
  // One watch request: `on_event` for each event until the server ends it (OK), it fails, or
  // on_event returns false. A 410 (also as an ERROR event) is kNotFound: list again.
  net::Task<Status> Watch(ResourceRef ref, std::string ns, ListOptions options,
                          std::string resource_version, std::function<bool(WatchEvent)> on_event);

 private:
  Transport& transport_;
  std::string agent_;
};

}  // namespace weir::client
