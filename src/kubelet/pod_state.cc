#include "kubelet/pod_state.h"

namespace weir::kubelet {
namespace {

constexpr int kUnknownExitCode = 255;

Time ReadTime(const Json& object, std::string_view key, Time fallback) {
  return ParseRfc3339(GetString(object, key)).value_or(fallback);
}

Termination ReadTermination(const Json& terminated, Time now) {
  Termination end;
  end.exit_code = static_cast<int>(GetInt(terminated, {"exitCode"}, 0));
  end.signal = static_cast<int>(GetInt(terminated, {"signal"}, 0));
  end.reason = GetString(terminated, "reason");
  end.message = GetString(terminated, "message");
  end.started_at = ReadTime(terminated, "startedAt", now);
  end.finished_at = ReadTime(terminated, "finishedAt", now);
  end.container_id = GetString(terminated, "containerID");
  return end;
}

// Carries on from what was reported last.
void TakeOver(const Json& status, Time now, ContainerState& container) {
  container.restart_count = static_cast<int>(GetInt(status, {"restartCount"}, 0));
  container.container_id = GetString(status, "containerID");
  container.image_id = GetString(status, "imageID");
  if (const Json* last = Find(status, {"lastState", "terminated"})) {
    container.last = ReadTermination(*last, now);
  }
  if (const Json* ended = Find(status, {"state", "terminated"})) {
    container.phase = ContainerPhase::kTerminated;
    container.ended = ReadTermination(*ended, now);
    container.started = container.ended.exit_code == 0;
  } else if (const Json* running = Find(status, {"state", "running"})) {
    container.phase = ContainerPhase::kTerminated;
    container.ended.exit_code = kUnknownExitCode;
    container.ended.reason = "Unknown";
    container.ended.started_at = ReadTime(*running, "startedAt", now);
    container.ended.finished_at = now;
    container.ended.container_id = container.container_id;
  }
}

void AddContainers(const Json& pod, std::string_view specs, std::string_view statuses, Time now,
                   PodState& state) {
  for (const Json& spec : GetArray(pod, {"spec", specs})) {
    ContainerState container;
    container.name = GetString(spec, "name");
    if (specs == "initContainers") {
      container.kind = GetString(spec, "restartPolicy") == "Always" ? ContainerKind::kSidecar
                                                                    : ContainerKind::kInit;
    }
    for (const Json& status : GetArray(pod, {"status", statuses})) {
      if (GetString(status, "name") == container.name) TakeOver(status, now, container);
    }
    state.containers.push_back(std::move(container));
  }
}

}  // namespace

const Json& ContainerSpec(const Json& pod, std::size_t index) {
  const Json& init = GetArray(pod, {"spec", "initContainers"});
  return index < init.size() ? init[index]
                             : GetArray(pod, {"spec", "containers"})[index - init.size()];
}

PodState InitialState(const Json& pod, Time now) {
  PodState state;
  AddContainers(pod, "initContainers", "initContainerStatuses", now, state);
  AddContainers(pod, "containers", "containerStatuses", now, state);
  state.pod_ip = GetString(pod, {"status", "podIP"});
  state.start_time = ParseRfc3339(GetString(pod, {"status", "startTime"}));
  state.failed_reason = GetString(pod, {"status", "reason"});
  state.failed_message = GetString(pod, {"status", "message"});
  return state;
}

std::string PodText(const Json& pod) {
  return GetString(pod, {"metadata", "name"}) + "_" + GetString(pod, {"metadata", "namespace"}) +
         "(" + GetString(pod, {"metadata", "uid"}) + ")";
}

}  // namespace weir::kubelet
