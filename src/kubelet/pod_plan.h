// What to do next with a pod's containers: start, stop, kill, wait. Pure: the worker (pod_worker.h)
// performs it, updates the state and asks again. Rules of upstream's computePodActions
// (pkg/kubelet/kuberuntime), with init containers in sequence, sidecars, restart policies and
// back-off.
#pragma once

#include <optional>
#include <vector>

#include "kubelet/pod_state.h"

namespace weir::kubelet {

struct PodActions {
  std::vector<std::size_t> start;     // containers to start now, again or for the first time
  std::vector<std::size_t> back_off;  // terminated ones that now wait in CrashLoopBackOff
  struct Stop {
    std::size_t container = 0;
    Duration grace{0};
    bool operator==(const Stop&) const = default;
  };
  std::vector<Stop> stop;         // ask to end, or shorten the grace of one that was asked before
  std::vector<std::size_t> kill;  // the grace is over
  bool ended = false;             // nothing runs and nothing will
  bool past_deadline = false;     // activeDeadlineSeconds has passed just now
  std::optional<Time> wake;       // ask again then, at the latest

  bool operator==(const PodActions&) const = default;
};

enum class PodGoal {
  kRun,
  kDelete,    // the object has a deletionTimestamp
  kShutDown,  // we are stopping; the object stays
};

PodActions PlanPod(const Json& pod, const PodState& state, PodGoal goal, Time now);

inline constexpr Duration kBackoffInitial = std::chrono::seconds(10);
inline constexpr Duration kBackoffMax = std::chrono::seconds(300);

// The delay to respect after something ended at `since`; nullopt: none (any more).
std::optional<Time> BackoffUntil(const Backoff& backoff, Time since, Time now);
// Raises the delay for the next time.
void RaiseBackoff(Backoff& backoff, Time now);

// `10s`, `1m20s`: the back-off in messages.
std::string CrashMessage(const Json& pod, const ContainerState& container);

// Whether the pod reached its final phase by itself: it never runs again.
bool IsTerminal(const Json& pod);

// The grace period of a pod that is being deleted, else spec.terminationGracePeriodSeconds.
Duration GracePeriod(const Json& pod);

}  // namespace weir::kubelet
