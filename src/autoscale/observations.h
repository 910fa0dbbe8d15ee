// What a decision is made from: the target's scale, the pods of the namespace, what the metrics
// APIs answered. Whoever decides (the controller, a replay, a simulator) fills it in. Values, any
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "kube/quantity.h"
#include "kube/selector.h"

namespace weir::autoscale {

using Amounts = std::map<std::string, kube::Quantity>;  // resource -> amount

struct Container {
  std::string name;
  Amounts amounts;           // requests of a pod's container, usage of a measured one
  bool restartable = false;  // init containers: restartPolicy Always
};

struct Pod {
  std::string name;
  Json labels;
  std::string phase;
  bool deleted = false;
  std::string ready;  // status of the condition Ready; empty: no such condition
  Time ready_since;
  std::optional<Time> started;
  std::vector<Container> containers;
  std::vector<Container> init_containers;
  Amounts requests;  // of the pod as a whole
};

// Shared by the decisions that saw it.
using PodPtr = std::shared_ptr<const Pod>;

// Reads a v1 Pod. Amounts that are no quantities count as absent.
Pod PodFromJson(const Json& pod);

struct Scale {
  std::int32_t spec_replicas = 0;
  std::int32_t status_replicas = 0;
  std::string selector;  // text form
};

struct PodUsage {
  std::string pod;
  std::vector<Container> containers;  // metrics.k8s.io
  kube::Quantity value;               // custom.metrics.k8s.io
  Time timestamp;
  Duration window{0};
};

struct MetricResult {
  std::optional<std::string> error;    // why the request failed, as client-go words it
  std::vector<PodUsage> pods;          // Resource, ContainerResource, Pods
  std::vector<kube::Quantity> values;  // Object: one; External: any number
  std::optional<Time> timestamp;       // the oldest of the values'; decides nothing
};

enum class MetricsApi { kResource, kCustom, kExternal };

// One request to a metrics API. `index` is the metric's place in spec.metrics.
struct MetricRequest {
  std::size_t index = 0;
  MetricsApi api = MetricsApi::kExternal;
  std::string ns;    // empty: root scoped
  std::string kind;  // custom: kind and group of the described object
  std::string group;
  std::string object;  // custom: its name, `*` for all that label_selector selects
  std::string metric;  // custom, external
  std::string label_selector;
  std::string metric_label_selector;
};

// Another autoscaler of the namespace, and the pods it has been seen to scale.
struct Neighbour {
  std::string name;
  kube::LabelSelector selector;
};

struct Observations {
  // Why the target's scale could not be read, and the words that the log puts before it.
  std::optional<std::string> scale_error;
  std::string scale_error_context;
  Scale scale;
  std::vector<PodPtr> pods;  // of the namespace, in list order; none is null
  std::vector<Neighbour> neighbours;
  std::vector<MetricResult> metrics;  // same index as spec.metrics; those not requested are empty
};

}  // namespace weir::autoscale
