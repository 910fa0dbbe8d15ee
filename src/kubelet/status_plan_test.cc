#include "kubelet/status_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/yaml.h"

namespace weir::kubelet {
namespace {

using std::chrono::seconds;
const Time kNow = Time(seconds(1'800'000'000));

Json Pod(std::string_view yaml) {
  auto pod = ParseYamlDocument(yaml);
  EXPECT_TRUE(pod) << (pod ? "" : pod.error().message);
  return pod ? *pod : Json();
}

// `a:run b:wait c:done0 d:done1 e:back f:unready g:starting`, as containers come.
PodState State(const Json& pod, const std::string& words) {
  PodState state = InitialState(pod, kNow);
  state.sandbox_ready = true;
  for (const std::string& word : Split(words, ' ')) {
    for (ContainerState& c : state.containers) {
      if (!word.starts_with(c.name + ":")) continue;
      const std::string what = word.substr(c.name.size() + 1);
      if (what == "run" || what == "unready" || what == "starting") {
        c.phase = ContainerPhase::kRunning;
        c.started = what != "starting";
        c.ready = what == "run";
      }
      if (what.starts_with("done")) {
        c.phase = ContainerPhase::kTerminated;
        c.ended.exit_code = what == "done0" ? 0 : 1;
        c.ended.reason = TerminationReason(c.ended.exit_code);
      }
      if (what == "back") {
        c.last = Termination();
        c.waiting_reason = "CrashLoopBackOff";
      }
    }
  }
  return state;
}

// `Running Initialized=True Ready=False(ContainersNotReady: ...) ...`
std::string Print(const Json& status) {
  std::string text = GetString(status, "phase");
  for (const Json& condition : GetArray(status, {"conditions"})) {
    const std::string type = GetString(condition, "type");
    if (type == "PodScheduled" || type == "PodReadyToStartContainers") continue;
    text += " " + type + "=" + GetString(condition, "status");
    const std::string reason = GetString(condition, "reason");
    const std::string message = GetString(condition, "message");
    if (!reason.empty()) text += "(" + reason + (message.empty() ? "" : ": " + message) + ")";
  }
  return text;
}

constexpr std::string_view kAlways = "spec: {containers: [{name: a}, {name: b}]}";
constexpr std::string_view kNever =
    "spec: {restartPolicy: Never, containers: [{name: a}, {name: b}]}";
constexpr std::string_view kOnFailure =
    "spec: {restartPolicy: OnFailure, containers: [{name: a}, {name: b}]}";
constexpr std::string_view kInit =
    "spec: {initContainers: [{name: i}, {name: s, restartPolicy: Always}], containers: [{name: "
    "a}]}";
constexpr std::string_view kInitNever =
    "spec: {restartPolicy: Never, initContainers: [{name: i}], containers: [{name: a}]}";
constexpr std::string_view kGate =
    "spec: {readinessGates: [{conditionType: x/y}], containers: [{name: a}]}";

TEST(BuildStatus, PhaseAndConditions) {
  const std::string not_ready_ab =
      "Ready=False(ContainersNotReady: containers with unready status: [a b]) "
      "ContainersReady=False(ContainersNotReady: containers with unready status: [a b])";
  const std::string not_ready_b =
      "Ready=False(ContainersNotReady: containers with unready status: [b]) "
      "ContainersReady=False(ContainersNotReady: containers with unready status: [b])";
  const std::string not_ready_a =
      "Ready=False(ContainersNotReady: containers with unready status: [a]) "
      "ContainersReady=False(ContainersNotReady: containers with unready status: [a])";
  const std::string completed = "Ready=False(PodCompleted) ContainersReady=False(PodCompleted)";
  const std::string failed = "Ready=False(PodFailed) ContainersReady=False(PodFailed)";
  const struct {
    std::string_view pod;
    const char* state;
    bool ended;
    std::string want;
  } cases[] = {
      {kAlways, "", false, "Pending Initialized=True " + not_ready_ab},
      {kAlways, "a:run", false, "Pending Initialized=True " + not_ready_b},
      {kAlways, "a:run b:run", false, "Running Initialized=True Ready=True ContainersReady=True"},
      {kAlways, "a:run b:unready", false, "Running Initialized=True " + not_ready_b},
      {kAlways, "a:run b:back", false, "Running Initialized=True " + not_ready_b},
      {kAlways, "a:back b:back", false, "Running Initialized=True " + not_ready_ab},
      {kAlways, "a:done0 b:done0", false, "Running Initialized=True " + not_ready_ab},
      // The end of a pod that was deleted.
      {kAlways, "a:done0 b:done0", true, "Succeeded Initialized=True(PodCompleted) " + completed},
      {kAlways, "a:done0 b:done1", true, "Failed Initialized=True " + failed},
      {kNever, "a:done0 b:done0", true, "Succeeded Initialized=True(PodCompleted) " + completed},
      {kNever, "a:done1 b:run", false, "Running Initialized=True " + not_ready_a},
      {kNever, "a:done1 b:done0", true, "Failed Initialized=True " + failed},
      {kOnFailure, "a:done0 b:done1", false, "Running Initialized=True " + not_ready_ab},
      {kInit, "", false,
       "Pending Initialized=False(ContainersNotInitialized: containers with incomplete status: "
       "[i s]) Ready=False(ContainersNotReady: containers with unready status: [s a]) "
       "ContainersReady=False(ContainersNotReady: containers with unready status: [s a])"},
      {kInit, "i:done0 s:run a:run", false,
       "Running Initialized=True Ready=True ContainersReady=True"},
      {kInitNever, "i:done1", true,
       "Failed Initialized=False(ContainersNotInitialized: containers with incomplete status: "
       "[i]) " +
           failed},
      {kGate, "a:run", false,
       "Running Initialized=True Ready=False(ReadinessGatesNotReady: corresponding condition of "
       "pod "
       "readiness gate \"x/y\" does not exist.) ContainersReady=True"},
  };
  for (const auto& c : cases) {
    const Json pod = Pod(c.pod);
    StatusInputs inputs;
    inputs.ended = c.ended;
    EXPECT_EQ(Print(BuildStatus(pod, State(pod, c.state), inputs, kNow)), c.want) << c.pod << "\n"
                                                                                  << c.state;
  }
}

TEST(BuildStatus, ReportsContainers) {
  const Json pod =
      Pod("metadata: {generation: 3}\n"
          "spec: {containers: [{name: a, image: redis:7}, {name: b}]}");
  PodState state = State(pod, "a:run b:back");
  state.pod_ip = "127.64.0.1";
  state.start_time = kNow;
  state.containers[0].started_at = kNow;
  state.containers[0].container_id = "weir://1";
  state.containers[1].last->exit_code = 137;
  state.containers[1].last->signal = 9;
  state.containers[1].waiting_message = "back-off";
  state.containers[1].restart_count = 4;
  StatusInputs inputs;
  inputs.host_ip = "127.0.0.1";
  const Json status = BuildStatus(pod, state, inputs, kNow);
  EXPECT_EQ(GetString(status, "podIP"), "127.64.0.1");
  EXPECT_EQ(GetString(status, "hostIP"), "127.0.0.1");
  EXPECT_EQ(GetString(status, "startTime"), "2027-01-15T08:00:00Z");
  EXPECT_EQ(GetInt(status, {"observedGeneration"}), 3);
  EXPECT_EQ(GetString(status, "qosClass"), "BestEffort");
  EXPECT_EQ(DumpJson(GetArray(status, {"containerStatuses"})[0]),
            R"({"containerID":"weir://1","image":"redis:7","imageID":"","lastState":{},"name":"a",)"
            R"("ready":true,"restartCount":0,"started":true,)"
            R"("state":{"running":{"startedAt":"2027-01-15T08:00:00Z"}}})");
  const Json& b = GetArray(status, {"containerStatuses"})[1];
  EXPECT_EQ(DumpJson(GetObject(b, {"state"})),
            R"({"waiting":{"message":"back-off","reason":"CrashLoopBackOff"}})");
  EXPECT_EQ(GetInt(b, {"lastState", "terminated", "exitCode"}), 137);
  EXPECT_EQ(GetInt(b, {"lastState", "terminated", "signal"}), 9);
  EXPECT_EQ(GetInt(b, {"restartCount"}), 4);
}

TEST(BuildStatus, KeepsTransitionTimesAndConditionsOfOthers) {
  Json pod =
      Pod("spec: {containers: [{name: a}]}\n"
          "status: {conditions: [{type: Mine, status: 'True'}]}");
  const Json first = BuildStatus(pod, State(pod, ""), {}, kNow);
  StatusInputs inputs;
  inputs.reported = first;
  const Json second = BuildStatus(pod, State(pod, "a:run"), inputs, kNow + seconds(5));
  for (const Json& condition : GetArray(second, {"conditions"})) {
    const std::string type = GetString(condition, "type");
    const bool changed = type == "Ready" || type == "ContainersReady";
    if (type == "Mine") continue;
    EXPECT_EQ(GetString(condition, "lastTransitionTime"),
              FormatRfc3339(changed ? kNow + seconds(5) : kNow))
        << type;
  }
  EXPECT_EQ(GetArray(second, {"conditions"}).size(), 6U);
  pod["status"] = second;
  EXPECT_TRUE(StatusPatch(pod, second).is_null());
  Json third = second;
  third["phase"] = "Failed";
  EXPECT_EQ(DumpJson(StatusPatch(pod, third)), R"({"status":{"phase":"Failed"}})");
}

TEST(QosClass, Cases) {
  const struct {
    const char* containers;
    const char* want;
  } cases[] = {
      {"[{name: a}]", "BestEffort"},
      {"[{name: a, resources: {requests: {cpu: 0}}}]", "BestEffort"},
      {"[{name: a, resources: {requests: {cpu: 1}}}]", "Burstable"},
      {"[{name: a, resources: {limits: {cpu: 1, memory: 1Gi}}}]", "Guaranteed"},
      {"[{name: a, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1000m}}}]",
       "Guaranteed"},
      {"[{name: a, resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}}}]",
       "Burstable"},
      {"[{name: a, resources: {limits: {cpu: 1, memory: 1Gi}}}, {name: b}]", "Burstable"},
  };
  for (const auto& c : cases) {
    Json pod = Pod(std::string("spec: {containers: ") + c.containers + "}");
    EXPECT_EQ(QosClass(pod), c.want) << c.containers;
  }
}

}  // namespace
}  // namespace weir::kubelet
