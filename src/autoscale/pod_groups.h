// Which pods count in a metric that every pod has of its own, and their requests. The rules are
// groupPods and calculatePodRequests of upstream's replica calculator. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "autoscale/numbers.h"
#include "autoscale/observations.h"
#include "autoscale/options.h"
#include "autoscale/spec.h"
#include "base/result.h"
#include "kube/selector.h"

namespace weir::autoscale {

struct PodMetric {
  std::int64_t milli = 0;
  Time timestamp;
  Duration window{0};
};
using PodMetrics = std::map<std::string, PodMetric>;

struct PodGroups {
  std::int64_t ready = 0;  // how many have a metric that counts
  std::set<std::string> unready;
  std::set<std::string> missing;  // running, but without a metric
  std::set<std::string> ignored;  // failed or on their way out
};

std::vector<const Pod*> SelectPods(const Observations& seen, const kube::LabelSelector& selector);

// The pods' values of a Resource, ContainerResource or Pods metric. A pod that lacks the resource
// in any of its containers (or the named container) is absent.
PodMetrics ValuesByPod(const MetricSpec& metric, const MetricResult& result, Numbers numbers);

PodGroups GroupPods(const std::vector<const Pod*>& pods, const PodMetrics& metrics, bool cpu,
                    Time now, const Options& options);

// Thousandths requested by each pod; `container` empty: by all its containers.
Result<std::map<std::string, std::int64_t>> RequestsByPod(const std::vector<const Pod*>& pods,
                                                          const std::string& resource,
                                                          const std::string& container,
                                                          Numbers numbers);

}  // namespace weir::autoscale
