// What an autoscaler's pass reads and writes beside its own object: the target's scale and the
// metrics APIs, all through the API server. A target that a cache has needs no request, and passes
// of the same moment share what they ask of the metrics APIs. Owned by HpaController. Loop thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
  struct Options {
    // How long the version of custom.metrics.k8s.io is believed.
    Duration version_lasts = std::chrono::seconds(15);
    // How long the answer of a metrics API serves others who ask the same: many autoscalers may
    // read one metric at the moment when it changes. 0: not at all.
    Duration answers_last{0};
  };
  HpaFetch(client::Client& client, const env::Clock& clock, ResolveFn resolve, Options options);

  struct Target {
    std::optional<client::ResourceRef> resource;  // none where the cluster has no such kind
    const kube::Resource* kind = nullptr;         // the same, until the next wait
    std::string path;                             // of the scale
    std::shared_ptr<const Json> scale;            // as read; null where there is none
    // Why there is none, and what the log says before it.
    std::optional<std::string> error;
    std::string error_context;
  };
  // Which one it is, without its scale; with an error where the cluster has no such kind.
  Target FindTarget(const autoscale::HpaSpec& spec, const std::string& ns) const;
  // The scale of one that was found, from the object in a cache. Null where that gives none: then
  // ReadTarget tells why.
  static std::shared_ptr<const Json> ScaleOf(const Target& target, const Json& object);
  // Whether a target's spec or scale differs, the latter by the paths of its kind.
  bool TargetDiffers(const Json& before, const Json& after) const;
  // The scale of one that was found, by GET.
  net::Task<Target> ReadTarget(Target target, std::string description);

  // Puts `replicas` into the scale. A conflict is answered by reading again and writing the same
  // number, five times at most. The scale as written, or the error.
  net::Task<Result<Json>> WriteScale(Target target, std::int32_t replicas);

  // Some metric has another value: what was asked before serves nobody any more.
  void ForgetAnswers();
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
  Options options_;
  std::string custom_version_;
  Duration custom_version_until_{0};
  std::map<std::string, autoscale::MetricResult> answers_;  // by path
  Duration answers_until_{0};
  std::uint64_t moment_ = 0;  // grows with each ForgetAnswers
};

}  // namespace weir::controllers
