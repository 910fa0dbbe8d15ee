// Whether a pod may run on a node: the part of upstream's scheduler that one node leaves. Pure.
#pragma once

#include <string>
#include <vector>

#include "kubelet/pod_state.h"

namespace weir::kubelet {

struct Placement {
  bool wanted = false;  // the pod waits for a scheduler, and we are it
  bool fits = false;
  std::string message;  // where it does not fit: upstream's words for FailedScheduling
};

// `bound` are the pods that have the node already. Looked at are schedulerName, schedulingGates,
// nodeSelector, taints of `node` through spec.unschedulable, and the sums of requests against
// status.allocatable.
Placement PlanPlacement(const Json& pod, const Json& node, const std::vector<ObjectPtr>& bound);

// The requests of a pod for `cpu` (thousandths) or `memory` (thousandths of bytes): the larger of
// its containers' sum and its largest init container.
std::int64_t RequestedMilli(const Json& pod, std::string_view resource);

}  // namespace weir::kubelet
