#include "kubelet/status_plan.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "kube/quantity.h"

namespace weir::kubelet {
namespace {

Json TerminatedJson(const Termination& end) {
  Json json = {{"exitCode", end.exit_code},
               {"reason", end.reason},
               {"startedAt", FormatRfc3339(end.started_at)},
               {"finishedAt", FormatRfc3339(end.finished_at)},
               {"containerID", end.container_id}};
  if (end.signal != 0) json["signal"] = end.signal;
  if (!end.message.empty()) json["message"] = end.message;
  return json;
}

// A container that has not been tried yet.
std::string FirstReason(const ContainerState& container, const PodState& state) {
  if (container.kind != ContainerKind::kMain) return "PodInitializing";
  const bool has_init = state.containers.front().kind != ContainerKind::kMain;
  return has_init ? "PodInitializing" : "ContainerCreating";
}

Json StateJson(const ContainerState& container, const PodState& state) {
  switch (container.phase) {
    case ContainerPhase::kRunning:
      return {{"running", {{"startedAt", FormatRfc3339(container.started_at)}}}};
    case ContainerPhase::kTerminated:
      return {{"terminated", TerminatedJson(container.ended)}};
    case ContainerPhase::kWaiting:
      break;
  }
  Json waiting = {{"reason", container.waiting_reason.empty() ? FirstReason(container, state)
                                                              : container.waiting_reason}};
  if (!container.waiting_message.empty()) waiting["message"] = container.waiting_message;
  return {{"waiting", waiting}};
}

// An init container is ready once it has completed, others while their readiness probe succeeds.
bool IsReady(const ContainerState& container) {
  if (container.kind == ContainerKind::kInit) {
    return container.phase == ContainerPhase::kTerminated && container.ended.exit_code == 0;
  }
  return container.phase == ContainerPhase::kRunning && container.ready;
}

Json ContainerJson(const Json& spec, const ContainerState& container, const PodState& state) {
  const bool running = container.phase == ContainerPhase::kRunning;
  Json json = {{"name", container.name},
               {"image", GetString(spec, "image")},
               {"imageID", container.image_id},
               {"restartCount", container.restart_count},
               {"ready", IsReady(container)},
               {"started", running && container.started},
               {"state", StateJson(container, state)},
               {"lastState", Json::object()}};
  if (!container.container_id.empty()) json["containerID"] = container.container_id;
  if (container.last) json["lastState"] = {{"terminated", TerminatedJson(*container.last)}};
  return json;
}

// getPhase of upstream.
std::string Phase(const Json& pod, const PodState& state, bool ended) {
  const std::string policy = GetString(pod, {"spec", "restartPolicy"}, "Always");
  int waiting = 0;
  int running = 0;
  int stopped = 0;
  int succeeded = 0;
  bool initialising = false;
  bool init_failed = false;
  for (const ContainerState& c : state.containers) {
    const bool is_ended = c.phase == ContainerPhase::kTerminated;
    if (c.kind == ContainerKind::kSidecar) {
      if (!c.started && !is_ended) initialising = true;
      continue;
    }
    if (c.kind == ContainerKind::kInit) {
      if (!is_ended || c.ended.exit_code != 0) initialising = true;
      if (is_ended && c.ended.exit_code != 0 && policy == "Never") init_failed = true;
      continue;
    }
    if (c.phase == ContainerPhase::kRunning) ++running;
    if (c.phase == ContainerPhase::kWaiting) ++(c.last ? stopped : waiting);
    if (is_ended) ++stopped;
    if (is_ended && c.ended.exit_code == 0) ++succeeded;
  }
  if (init_failed || (ended && !state.failed_reason.empty())) return "Failed";
  if (running == 0 && stopped == 0 && initialising && !ended) return "Pending";
  if (waiting > 0 && !ended) return "Pending";
  if (running > 0) return "Running";
  if (stopped == 0 && !ended) return "Pending";
  if (ended) return stopped == succeeded && waiting == 0 && stopped > 0 ? "Succeeded" : "Failed";
  if (policy == "Always") return "Running";
  if (stopped == succeeded) return "Succeeded";
  return policy == "Never" ? "Failed" : "Running";
}

struct Condition {
  std::string type;
  bool status = true;
  std::string reason;
  std::string message;
};

std::string Listed(std::string_view what, const std::vector<std::string>& names) {
  return std::string(what) + ": [" + Join(names, " ") + "]";
}

Condition Initialized(const PodState& state, const std::string& phase) {
  if (phase == "Succeeded") return {"Initialized", true, "PodCompleted", ""};
  std::vector<std::string> incomplete;
  bool main_began = false;
  for (const ContainerState& c : state.containers) {
    if (c.kind == ContainerKind::kInit && !IsReady(c)) incomplete.push_back(c.name);
    if (c.kind == ContainerKind::kSidecar && !c.started) incomplete.push_back(c.name);
    if (c.kind == ContainerKind::kMain && c.phase != ContainerPhase::kWaiting) main_began = true;
  }
  if (incomplete.empty() || main_began) return {"Initialized", true, "", ""};
  return {"Initialized", false, "ContainersNotInitialized",
          Listed("containers with incomplete status", incomplete)};
}

Condition ContainersReady(const PodState& state, const std::string& phase) {
  Condition condition{"ContainersReady", true, "", ""};
  if (phase == "Succeeded" || phase == "Failed") {
    condition.status = false;
    condition.reason = phase == "Succeeded" ? "PodCompleted" : "PodFailed";
    return condition;
  }
  std::vector<std::string> unready;
  for (const ContainerState& c : state.containers) {
    if (c.kind != ContainerKind::kInit && !IsReady(c)) unready.push_back(c.name);
  }
  if (!unready.empty()) {
    condition.status = false;
    condition.reason = "ContainersNotReady";
    condition.message = Listed("containers with unready status", unready);
  }
  return condition;
}

const Json* FindCondition(const Json& status, std::string_view type) {
  for (const Json& condition : GetArray(status, {"conditions"})) {
    if (GetString(condition, "type") == type) return &condition;
  }
  return nullptr;
}

// Ready is ContainersReady and every readiness gate.
Condition Ready(const Json& pod, Condition containers) {
  containers.type = "Ready";
  if (!containers.status) return containers;
  for (const Json& gate : GetArray(pod, {"spec", "readinessGates"})) {
    const std::string type = GetString(gate, "conditionType");
    const Json* condition = FindCondition(GetObject(pod, {"status"}), type);
    if (condition != nullptr && GetString(*condition, "status") == "True") continue;
    return {"Ready", false, "ReadinessGatesNotReady",
            condition == nullptr
                ? "corresponding condition of pod readiness gate \"" + type + "\" does not exist."
                : "the status of pod readiness gate \"" + type + "\" is not \"True\", but " +
                      GetString(*condition, "status")};
  }
  return containers;
}

Json ConditionJson(const Json& pod, const Json& reported, const Condition& condition, Time now) {
  const std::string status = condition.status ? "True" : "False";
  const Json* before = FindCondition(reported, condition.type);
  if (before == nullptr) before = FindCondition(GetObject(pod, {"status"}), condition.type);
  const bool same = before != nullptr && GetString(*before, "status") == status;
  Json json = {
      {"type", condition.type},
      {"status", status},
      {"lastTransitionTime", same ? GetString(*before, "lastTransitionTime") : FormatRfc3339(now)}};
  if (const auto generation = GetInt(pod, {"metadata", "generation"})) {
    json["observedGeneration"] = *generation;
  }
  if (!condition.reason.empty()) json["reason"] = condition.reason;
  if (!condition.message.empty()) json["message"] = condition.message;
  return json;
}

Json Conditions(const Json& pod, const PodState& state, const std::string& phase,
                const StatusInputs& inputs, Time now) {
  const Condition containers = ContainersReady(state, phase);
  const std::array<Condition, 5> own{
      Condition{"PodReadyToStartContainers", state.sandbox_ready && !inputs.ended, "", ""},
      Initialized(state, phase), Ready(pod, containers), containers,
      Condition{"PodScheduled", true, "", ""}};
  Json conditions = Json::array();
  for (const Condition& condition : own) {
    conditions.push_back(ConditionJson(pod, inputs.reported, condition, now));
  }
  for (const Json& other : GetArray(pod, {"status", "conditions"})) {
    const auto is_it = [&other](const Condition& c) { return c.type == GetString(other, "type"); };
    if (std::ranges::none_of(own, is_it)) conditions.push_back(other);
  }
  return conditions;
}

// requests and limits of cpu and memory that are there and not zero.
struct ComputeResources {
  std::optional<kube::Quantity> request;
  std::optional<kube::Quantity> limit;
};

std::optional<kube::Quantity> Amount(const Json& container, std::string_view kind,
                                     std::string_view resource) {
  const Json* value = Find(container, {"resources", kind, resource});
  if (value == nullptr) return std::nullopt;
  const auto quantity =
      kube::Quantity::Parse(value->is_string() ? value->get<std::string>() : DumpJson(*value));
  if (!quantity || quantity->Sign() == 0) return std::nullopt;
  return *quantity;
}

}  // namespace

Json BuildStatus(const Json& pod, const PodState& state, const StatusInputs& inputs, Time now) {
  const std::string phase = Phase(pod, state, inputs.ended);
  Json status = {{"phase", phase},
                 {"conditions", Conditions(pod, state, phase, inputs, now)},
                 {"qosClass", QosClass(pod)}};
  if (const auto generation = GetInt(pod, {"metadata", "generation"})) {
    status["observedGeneration"] = *generation;
  }
  if (!inputs.host_ip.empty()) {
    status["hostIP"] = inputs.host_ip;
    status["hostIPs"] = Json::array({{{"ip", inputs.host_ip}}});
  }
  if (!state.pod_ip.empty()) {
    status["podIP"] = state.pod_ip;
    status["podIPs"] = Json::array({{{"ip", state.pod_ip}}});
  }
  if (state.start_time) status["startTime"] = FormatRfc3339(*state.start_time);
  if (!state.failed_reason.empty()) status["reason"] = state.failed_reason;
  if (!state.failed_message.empty()) status["message"] = state.failed_message;
  Json init = Json::array();
  Json main = Json::array();
  for (std::size_t i = 0; i < state.containers.size(); ++i) {
    const ContainerState& container = state.containers[i];
    Json& list = container.kind == ContainerKind::kMain ? main : init;
    list.push_back(ContainerJson(ContainerSpec(pod, i), container, state));
  }
  if (!init.empty()) status["initContainerStatuses"] = std::move(init);
  status["containerStatuses"] = std::move(main);
  return status;
}

Json StatusPatch(const Json& pod, const Json& wanted) {
  const Json& now = GetObject(pod, {"status"});
  Json changed = Json::object();
  for (const auto& [key, value] : wanted.items()) {
    const Json* have = Find(now, key);
    if (have == nullptr || *have != value) changed[key] = value;
  }
  return changed.empty() ? Json(nullptr) : Json{{"status", std::move(changed)}};
}

std::string QosClass(const Json& pod) {
  bool any = false;
  bool guaranteed = true;
  for (const std::string_view list : {"containers", "initContainers"}) {
    for (const Json& container : GetArray(pod, {"spec", list})) {
      for (const std::string_view resource : {"cpu", "memory"}) {
        const auto limit = Amount(container, "limits", resource);
        const auto request = Amount(container, "requests", resource);
        if (limit || request) any = true;
        // A limit alone is its own request.
        if (!limit || (request && request->Compare(*limit) != 0)) guaranteed = false;
      }
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

std::string TerminationReason(int exit_code) { return exit_code == 0 ? "Completed" : "Error"; }

}  // namespace weir::kubelet
