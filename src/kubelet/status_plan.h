// The status that the kubelet reports for a pod: phase, conditions and container statuses, from the
// pod and what is known of its containers. Rules of upstream's generateAPIPodStatus and
// pkg/kubelet/status/generate.go. Pure.
#pragma once

#include "kubelet/pod_state.h"

namespace weir::kubelet {

struct StatusInputs {
  std::string host_ip;
  // The pod is over (deleted, failed or complete) and nothing of it runs any more.
  bool ended = false;
  // The status reported last, which the cache may not show yet; null: the object's own counts.
  Json reported;
};

// The whole status. Conditions that others own are kept; a transition time changes with its status
// alone.
Json BuildStatus(const Json& pod, const PodState& state, const StatusInputs& inputs, Time now);

// `{"status": ...}` as a merge patch from what the object has now to `wanted`; null where they are
// equal.
Json StatusPatch(const Json& pod, const Json& wanted);

// Guaranteed, Burstable or BestEffort (pkg/apis/core/v1/helper/qos).
std::string QosClass(const Json& pod);

// How a run that ended with this code is told: Completed or Error.
std::string TerminationReason(int exit_code);

}  // namespace weir::kubelet
