// A request to the metrics APIs: its path and parameters taken apart, or the refusal of it. Pure
// functions.
#pragma once

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

// An answer ready to send.
struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

// A metav1.Status in the order of its fields; `details` is left out where empty.
Reply Refuse(int code, std::string_view reason, std::string_view message,
             std::string_view details = {});

// GET /apis/GROUP and /apis/GROUP/VERSION.
struct GroupDocument {
  bool external = false;
};
struct ListDocument {
  bool external = false;
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

using Parsed = std::variant<Reply, GroupDocument, ListDocument, MetricRequest>;

// `path` is percent-encoded and begins with /apis/GROUP; `query` holds decoded parameters.
Parsed ParseRequest(std::string_view method, std::string_view path,
                    const std::vector<std::pair<std::string, std::string>>& query);

// The APIGroup document; custom lists v1beta2 first, as APIServices with the usual priorities do.
Reply GroupReply(bool external);

}  // namespace weir::metricsapi
