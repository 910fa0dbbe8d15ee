#include "kubelet/pod_plan.h"

#include <algorithm>

namespace weir::kubelet {
namespace {

using std::chrono::seconds;

void WakeAt(PodActions& actions, Time at) {
  if (!actions.wake || at < *actions.wake) actions.wake = at;
}

bool Failed(const ContainerState& container) { return container.ended.exit_code != 0; }

// Whether a container that has ended starts again (ShouldContainerBeRestarted; sidecars always,
// init containers after a failure unless the pod says Never).
bool Restarts(const ContainerState& container, const std::string& policy) {
  switch (container.kind) {
    case ContainerKind::kSidecar:
      return true;
    case ContainerKind::kInit:
      return Failed(container) && policy != "Never";
    case ContainerKind::kMain:
      return policy == "Always" || (policy == "OnFailure" && Failed(container));
  }
  return false;
}

class Planner {
 public:
  Planner(const Json& pod, const PodState& state, Time now)
      : pod_(pod),
        state_(state),
        now_(now),
        policy_(GetString(pod, {"spec", "restartPolicy"}, "Always")) {}

  PodActions Run() {
    if (!state_.failed_reason.empty() || PastDeadline() || InitFailed()) {
      return StopAll(GracePeriod(pod_));
    }
    for (std::size_t i = 0; i < state_.containers.size(); ++i) StopUnhealthy(i);
    if (!Initialise()) return std::move(actions_);
    bool main_left = false;
    for (std::size_t i = 0; i < state_.containers.size(); ++i) {
      if (state_.containers[i].kind == ContainerKind::kMain && Advance(i)) main_left = true;
    }
    if (!main_left) return StopAll(GracePeriod(pod_));
    return std::move(actions_);
  }

  // Main containers first, then sidecars, the last one first.
  PodActions StopAll(Duration grace) {
    actions_.start.clear();
    actions_.back_off.clear();
    bool main_runs = false;
    bool sidecar_runs = false;
    for (std::size_t i = 0; i < state_.containers.size(); ++i) {
      const ContainerState& container = state_.containers[i];
      if (container.phase != ContainerPhase::kRunning) continue;
      if (container.kind == ContainerKind::kSidecar) continue;
      main_runs = true;
      Stop(i, grace);
    }
    for (std::size_t i = state_.containers.size(); i-- > 0 && !main_runs && !sidecar_runs;) {
      const ContainerState& container = state_.containers[i];
      if (container.kind != ContainerKind::kSidecar) continue;
      if (container.phase != ContainerPhase::kRunning) continue;
      sidecar_runs = true;
      Stop(i, grace);
    }
    actions_.ended = !main_runs && !sidecar_runs;
    return std::move(actions_);
  }

 private:
  bool PastDeadline() {
    const auto limit = GetInt(pod_, {"spec", "activeDeadlineSeconds"});
    if (!limit || !state_.start_time) return false;
    const Time deadline = *state_.start_time + seconds(*limit);
    if (now_ < deadline) WakeAt(actions_, deadline);
    actions_.past_deadline = now_ >= deadline;
    return actions_.past_deadline;
  }

  void Stop(std::size_t i, Duration grace) {
    const ContainerState& container = state_.containers[i];
    if (!container.stopping) {
      actions_.stop.push_back({i, grace});
      return;
    }
    // Deleted again with a shorter grace period: the earlier end counts.
    if (container.kill_at && *container.kill_at > now_ + grace) actions_.stop.push_back({i, grace});
    if (container.kill_at && *container.kill_at <= now_) {
      actions_.kill.push_back(i);
    } else if (container.kill_at) {
      WakeAt(actions_, *container.kill_at);
    }
  }

  void StopUnhealthy(std::size_t i) {
    const ContainerState& container = state_.containers[i];
    if (container.phase != ContainerPhase::kRunning || !container.unhealthy) return;
    Stop(i, container.probe_grace.value_or(GracePeriod(pod_)));
  }

  // An init container failed for good: so has the pod.
  bool InitFailed() const {
    return std::ranges::any_of(state_.containers, [this](const ContainerState& c) {
      return c.kind == ContainerKind::kInit && c.phase == ContainerPhase::kTerminated &&
             Failed(c) && !Restarts(c, policy_);
    });
  }

  // Takes init containers one step further; true when the main containers may run.
  bool Initialise() {
    const bool main_began = std::ranges::any_of(state_.containers, [](const ContainerState& c) {
      return c.kind == ContainerKind::kMain &&
             (c.phase != ContainerPhase::kWaiting || c.last.has_value());
    });
    for (std::size_t i = 0; i < state_.containers.size(); ++i) {
      const ContainerState& container = state_.containers[i];
      switch (container.kind) {
        case ContainerKind::kMain:
          return true;
        case ContainerKind::kSidecar:
          Advance(i);
          if (!main_began && !container.started) return false;
          break;
        case ContainerKind::kInit:
          if (main_began) break;  // an init container runs once, whatever its record says
          if (container.phase == ContainerPhase::kTerminated && !Failed(container)) break;
          Advance(i);
          return false;
      }
    }
    return true;
  }

  // Starts the container if that is due. False when it has ended for good.
  bool Advance(std::size_t i) {
    const ContainerState& container = state_.containers[i];
    switch (container.phase) {
      case ContainerPhase::kRunning:
        return true;
      case ContainerPhase::kWaiting:
        if (container.retry_at && *container.retry_at > now_) {
          WakeAt(actions_, *container.retry_at);
        } else {
          actions_.start.push_back(i);
        }
        return true;
      case ContainerPhase::kTerminated:
        if (!Restarts(container, policy_)) return false;
        if (BackoffUntil(container.crash_backoff, container.ended.finished_at, now_)) {
          actions_.back_off.push_back(i);
        } else {
          actions_.start.push_back(i);
        }
        return true;
    }
    return false;
  }

  const Json& pod_;
  const PodState& state_;
  Time now_;
  std::string policy_;
  PodActions actions_;
};

}  // namespace

PodActions PlanPod(const Json& pod, const PodState& state, PodGoal goal, Time now) {
  Planner planner(pod, state, now);
  if (goal != PodGoal::kRun) return planner.StopAll(GracePeriod(pod));
  if (IsTerminal(pod)) return planner.StopAll(Duration{0});
  return planner.Run();
}

std::optional<Time> BackoffUntil(const Backoff& backoff, Time since, Time now) {
  if (backoff.delay == Duration{0} || since - backoff.updated > 2 * kBackoffMax)
    return std::nullopt;
  const Time until = since + backoff.delay;
  return until > now ? std::optional(until) : std::nullopt;
}

void RaiseBackoff(Backoff& backoff, Time now) {
  const bool forgotten = now - backoff.updated > 2 * kBackoffMax;
  backoff.delay = backoff.delay == Duration{0} || forgotten
                      ? kBackoffInitial
                      : std::min(backoff.delay * 2, kBackoffMax);
  backoff.updated = now;
}

std::string CrashMessage(const Json& pod, const ContainerState& container) {
  return "back-off " + FormatGoDuration(container.crash_backoff.delay) +
         " restarting failed container=" + container.name + " pod=" + PodText(pod);
}

bool IsTerminal(const Json& pod) {
  const std::string phase = GetString(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

Duration GracePeriod(const Json& pod) {
  if (const auto grace = GetInt(pod, {"metadata", "deletionGracePeriodSeconds"})) {
    return seconds(*grace);
  }
  return seconds(GetInt(pod, {"spec", "terminationGracePeriodSeconds"}, 30));
}

}  // namespace weir::kubelet
