// What the HPA controller decides beside the number of replicas: which autoscalers a changed metric
// concerns, when a pass is due, which statuses are worth a write. Pure functions, any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "autoscale/decide.h"
#include "autoscale/observations.h"
#include "autoscale/spec.h"
#include "base/json.h"
#include "base/time.h"

namespace weir::controllers {

// A metric whose values have changed.
struct MetricRef {
  autoscale::MetricsApi api = autoscale::MetricsApi::kExternal;
  std::string metric;    // empty with kResource: usage of pods
  std::string resource;  // custom: of what ("services", "pods"); empty: of anything
  auto operator<=>(const MetricRef&) const = default;
};

// Plural and group of a kind ("ingresses.networking.k8s.io"); empty where the cluster has none.
using ResourceNameFn =
    std::function<std::string(const std::string& group, const std::string& kind)>;

// The metrics that an autoscaler reads.
std::vector<MetricRef> MetricsOf(const autoscale::HpaSpec& spec, const ResourceNameFn& name);
bool Concerns(const MetricRef& changed, const MetricRef& read);

// Whether the pods of the target matter to the spec's metrics.
bool ReadsPods(const autoscale::HpaSpec& spec);
// Whether something that a pass depends on differs: not where only the status was written.
bool WantsPass(const Json& before, const Json& after);
// Whether it has another target or other metrics, or is another autoscaler of that name: what may
// have come along with it.
bool ReadsOtherwise(const Json& before, const Json& after);
// Whether a pod begins or ends to count in a ratio: phase, readiness, deletion.
bool PodCountsDifferently(const Json& before, const Json& after);

struct StatusWrite {
  bool upstream_exact = false;
  // A sync period has passed since current values were last written, or they were averages over
  // another number of replicas, which say nothing any more.
  bool values_due = false;
  // Other autoscalers wait for their pass, and this one has not had to stand back before.
  bool others_wait = false;
};
enum class Write { kNot, kLater, kNow };
// Conditions and replicas are written at once. Current values alone once a sync period: a metric
// changes with every scrape, and each write goes to every watcher; and not before those who wait
// for the same metric have decided.
Write WorthWriting(const autoscale::Decision& decision, const StatusWrite& when);

// An autoscaler is often applied together with its target and with what measures its metrics, in
// any order. Until it, or what it reads, is a sync period old, which is when Kubernetes looks for
// the first time, what cannot be read is waited for. Takes the warnings about that out of the
// decision. True where nothing remains: the pass counts as not made.
bool PutOffFailures(autoscale::Decision& decision);

// How long until the next pass if nothing happens before.
Duration NextPass(const autoscale::Decision& decision, Time now, Duration sync_period);

// The path of the target's scale.
std::string ScalePath(std::string_view group, std::string_view version, std::string_view plural,
                      std::string_view ns, std::string_view name);
autoscale::Scale ReadScale(const Json& scale);

}  // namespace weir::controllers
