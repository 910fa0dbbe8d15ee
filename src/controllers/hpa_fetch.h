// What an autoscaler's pass reads and writes beside its own object: the target's scale and the
// metrics APIs, all through the API server. Owned by HpaController. Loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autoscale/observations.h"
#include "autoscale/spec.h"
#include "client/client.h"
#include "env/clock.h"
#include "kube/resource.h"

namespace weir::controllers {

// The resource that a group serves for a kind, or null: the REST mapping of the cluster's
// discovery.
using ResolveFn =
    std::function<const kube::Resource*(std::string_view group, std::string_view kind)>;

class HpaFetch {
 public:
  // `cache_for`: how long the version of custom.metrics.k8s.io is believed.
  HpaFetch(client::Client& client, const env::Clock& clock, ResolveFn resolve, Duration cache_for);

  struct Target {
    std::optional<client::ResourceRef> resource;  // none where the cluster has no such kind
    std::string path;                             // of the scale
    Json scale;                                   // as read
    // Why there is none, and what the log says before it.
    std::optional<std::string> error;
    std::string error_context;
  };
  net::Task<Target> ReadTarget(autoscale::HpaSpec spec, std::string ns);

  // Puts `replicas` into the scale. A conflict is answered by reading again and writing the same
  // number, five times at most. None on success, else the error's text.
  net::Task<std::optional<std::string>> WriteScale(Target target, std::int32_t replicas);

  // One result for each of the `count` metrics of a spec; those not asked for stay empty.
  net::Task<std::vector<autoscale::MetricResult>> ReadMetrics(
      std::vector<autoscale::MetricRequest> requests, std::size_t count);

  // "ingresses.networking.k8s.io", or empty.
  std::string ResourceName(const std::string& group, const std::string& kind) const;

 private:
  net::Task<autoscale::MetricResult> ReadMetric(autoscale::MetricRequest request);
  net::Task<Result<std::string>> CustomVersion();

  client::Client& client_;
  const env::Clock& clock_;
  ResolveFn resolve_;
  Duration cache_for_;
  std::string custom_version_;
  Duration custom_version_until_{0};
};

}  // namespace weir::controllers
