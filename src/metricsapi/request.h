// A request to one of the metrics APIs: its path and parameters taken apart, or the refusal of it.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "kube/selector.h"
#include "metricsapi/config.h"

namespace weir::metricsapi {

inline constexpr std::string_view kCustomGroup = "custom.metrics.k8s.io";
inline constexpr std::string_view kExternalGroup = "external.metrics.k8s.io";
inline constexpr std::string_view kResourceGroup = "metrics.k8s.io";

enum class Api { kCustom, kExternal, kResource };
std::string_view GroupOf(Api api);
std::optional<Api> ApiOfGroup(std::string_view group);
// The preferred one first, as APIServices with the usual priorities order them.
std::vector<std::string_view> VersionsOf(Api api);

// An answer ready to send.
struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// A metav1.Status in the order of its fields; `details` is left out where empty.
Reply Refuse(int code, std::string_view reason, std::string_view message,
             std::string_view details = {});

// What a server says to a path under which it serves nothing.
Reply PageNotFound();

// GET /apis/GROUP and /apis/GROUP/VERSION.
struct GroupDocument {
  Api api = Api::kCustom;
};
struct ListDocument {
  Api api = Api::kCustom;
  std::string version;
};

struct MetricRequest {
  bool external = false;
  std::string version;
  std::string ns;  // empty: not namespaced
  // Custom: as asked for (`pods`, `deployment.apps`), split at the first point.
  std::string resource;
  std::string group;
  std::string name;  // `*`: all objects that object_selector selects
  std::string metric;
  std::string object_selector;  // labelSelector's text
  kube::LabelSelector metric_selector;

  bool wildcard() const { return name == "*"; }
  // The resource as messages name it.
  std::string ResourceText() const { return group.empty() ? resource : resource + "." + group; }
};

// The usage of nodes or pods: metrics.k8s.io.
struct UsageRequest {
  bool nodes = false;
  std::string ns;    // pods; empty: of all namespaces
  std::string name;  // empty: a list
  std::string label_selector;
  std::vector<kube::FieldRequirement> fields;  // of a list: metadata.name, metadata.namespace
  bool table = false;                          // as kubectl asks for it
};

using Parsed = std::variant<Reply, GroupDocument, ListDocument, MetricRequest, UsageRequest>;

// `path` is percent-encoded and begins with /apis/GROUP; `query` holds decoded parameters; `accept`
// is the header.
Parsed ParseRequest(std::string_view method, std::string_view path,
                    const std::vector<std::pair<std::string, std::string>>& query,
                    std::string_view accept = {});

// The reply as the client's Accept header asks for it: JSON, or YAML where that comes first.
Reply Negotiated(Reply reply, std::string_view accept);

// The APIGroup document.
Reply GroupReply(Api api);
// The APIResourceList of metrics.k8s.io; the other groups' are the catalog's.
Reply UsageListReply();

}  // namespace weir::metricsapi
