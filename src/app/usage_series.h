// What the pods' processes use, as the series that a kubelet's cAdvisor would serve, and the
// adapter rules that make metrics.k8s.io of them. A configuration with resourceRules of its own
// replaces these. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "kubelet/kubelet.h"
#include "model/storage.h"

namespace weir::app {

// An adapter configuration; its source has the empty name, which comes before all others.
extern const std::string_view kUsageRules;

// Appends container_cpu_usage_seconds_total and container_memory_working_set_bytes, one of each for
// a container.
Status AppendUsage(model::Appender& batch, const std::vector<kubelet::Kubelet::Usage>& usage,
                   std::string_view node, Time now);

}  // namespace weir::app
