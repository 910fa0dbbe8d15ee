#include <fmt/format.h>

#include <algorithm>

#include "kube/table_cells.h"

namespace weir::kube {
namespace {

struct PodSummary {
  std::string reason;
  std::int64_t restarts = 0;
  std::int64_t ready = 0;
  std::int64_t total = 0;
  std::optional<Time> last_restart;
};

std::optional<Time> LastTermination(const Json& status) {
  return ParseRfc3339(GetString(status, {"lastState", "terminated", "finishedAt"}));
}

void Later(std::optional<Time>& latest, std::optional<Time> candidate) {
  if (candidate && (!latest || *candidate > *latest)) latest = candidate;
}

bool HasCondition(const Json& pod, std::string_view type) {
  const Json& conditions = GetArray(pod, {"status", "conditions"});
  return std::any_of(conditions.begin(), conditions.end(), [&](const Json& condition) {
    return GetString(condition, "type") == type && GetString(condition, "status") == "True";
  });
}

bool IsSidecar(const Json& pod, std::string_view name) {
  const Json& containers = GetArray(pod, {"spec", "initContainers"});
  return std::any_of(containers.begin(), containers.end(), [&](const Json& container) {
    return GetString(container, "name") == name &&
           GetString(container, "restartPolicy") == "Always";
  });
}

// `Signal:9` or `ExitCode:3`, or the reason that is given.
std::string TerminationReason(const Json& terminated) {
  std::string reason = GetString(terminated, "reason");
  if (!reason.empty()) return reason;
  std::int64_t signal = GetInt(terminated, {"signal"}, 0);
  if (signal != 0) return fmt::format("Signal:{}", signal);
  return fmt::format("ExitCode:{}", GetInt(terminated, {"exitCode"}, 0));
}

// Init containers: returns whether the pod still initialises.
bool SummarizeInit(const Json& pod, PodSummary& all, PodSummary& sidecars) {
  const Json& statuses = GetArray(pod, {"status", "initContainerStatuses"});
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const Json& status = statuses[i];
    std::int64_t restarts = GetInt(status, {"restartCount"}, 0);
    bool sidecar = IsSidecar(pod, GetString(status, "name"));
    for (PodSummary* summary : {&all, &sidecars}) {
      if (summary == &sidecars && !sidecar) continue;
      summary->restarts += restarts;
      Later(summary->last_restart, LastTermination(status));
    }
    const Json* terminated = Find(status, {"state", "terminated"});
    std::string waiting = GetString(status, {"state", "waiting", "reason"});
    if (terminated != nullptr && GetInt(*terminated, {"exitCode"}, 0) == 0) continue;
    if (sidecar && GetBool(status, {"started"}, false)) {
      if (GetBool(status, {"ready"}, false)) ++all.ready;
      continue;
    }
    if (terminated != nullptr) {
      all.reason = "Init:" + TerminationReason(*terminated);
    } else if (!waiting.empty() && waiting != "PodInitializing") {
      all.reason = "Init:" + waiting;
    } else {
      all.reason = fmt::format("Init:{}/{}", i, GetArray(pod, {"spec", "initContainers"}).size());
    }
    return true;
  }
  return false;
}

void SummarizeContainers(const Json& pod, PodSummary& all, const PodSummary& sidecars) {
  all.restarts = sidecars.restarts;
  all.last_restart = sidecars.last_restart;
  bool running = false;
  const Json& statuses = GetArray(pod, {"status", "containerStatuses"});
  for (std::size_t i = statuses.size(); i-- > 0;) {
    const Json& status = statuses[i];
    all.restarts += GetInt(status, {"restartCount"}, 0);
    Later(all.last_restart, LastTermination(status));
    const Json* terminated = Find(status, {"state", "terminated"});
    std::string waiting = GetString(status, {"state", "waiting", "reason"});
    if (!waiting.empty()) {
      all.reason = waiting;
    } else if (terminated != nullptr) {
      all.reason = TerminationReason(*terminated);
    } else if (GetBool(status, {"ready"}, false) && Find(status, {"state", "running"}) != nullptr) {
      running = true;
      ++all.ready;
    }
  }
  // One container that has ended does not complete the pod.
  if (all.reason == "Completed" && running) {
    all.reason = HasCondition(pod, "Ready") ? "Running" : "NotReady";
  }
}

PodSummary Summarize(const Json& pod) {
  PodSummary all, sidecars;
  std::string phase = GetString(pod, {"status", "phase"});
  std::string status_reason = GetString(pod, {"status", "reason"});
  all.reason = status_reason.empty() ? phase : status_reason;
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") == "PodScheduled" &&
        GetString(condition, "reason") == "SchedulingGated") {
      all.reason = "SchedulingGated";
    }
  }
  all.total = std::int64_t(GetArray(pod, {"spec", "containers"}).size());
  for (const Json& container : GetArray(pod, {"spec", "initContainers"})) {
    if (GetString(container, "restartPolicy") == "Always") ++all.total;
  }
  bool initializing = SummarizeInit(pod, all, sidecars);
  if (!initializing || HasCondition(pod, "Initialized")) {
    SummarizeContainers(pod, all, sidecars);
  }
  if (Find(pod, {"metadata", "deletionTimestamp"}) != nullptr) {
    if (status_reason == "NodeLost") {
      all.reason = "Unknown";
    } else if (phase != "Succeeded" && phase != "Failed") {
      all.reason = "Terminating";
    }
  }
  return all;
}

std::string OrNone(std::string text) { return text.empty() ? "<none>" : text; }

std::string ReadinessGates(const Json& pod) {
  const Json& gates = GetArray(pod, {"spec", "readinessGates"});
  if (gates.empty()) return "<none>";
  auto met = std::count_if(gates.begin(), gates.end(), [&](const Json& gate) {
    return HasCondition(pod, GetString(gate, "conditionType"));
  });
  return fmt::format("{}/{}", met, gates.size());
}

}  // namespace

Json PodCells(const Json& pod, Time now) {
  PodSummary summary = Summarize(pod);
  std::string restarts = fmt::format("{}", summary.restarts);
  if (summary.restarts != 0 && summary.last_restart) {
    restarts += fmt::format(" ({} ago)", FormatAge(now - *summary.last_restart));
  }
  return Json::array(
      {GetString(pod, {"metadata", "name"}), fmt::format("{}/{}", summary.ready, summary.total),
       summary.reason, restarts, CreationAge(pod, now), OrNone(GetString(pod, {"status", "podIP"})),
       OrNone(GetString(pod, {"spec", "nodeName"})),
       OrNone(GetString(pod, {"status", "nominatedNodeName"})), ReadinessGates(pod)});
}

}  // namespace weir::kube
