#include "kubelet/pod_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/yaml.h"

namespace weir::kubelet {
namespace {

using std::chrono::seconds;

const Time kNow = Time(seconds(1'000'000));

Json Pod(std::string_view yaml) {
  auto pod = ParseYamlDocument(yaml);
  EXPECT_TRUE(pod) << (pod ? "" : pod.error().message);
  return pod ? *pod : Json();
}

// A state in words: `a:run b:wait c:done0 d:done1@5` (ended 5 s ago), `e:stop+3` (to be killed in
// 3 s), `f:retry+4`, `g:sick`.
PodState State(const Json& pod, const std::string& words) {
  PodState state = InitialState(pod, kNow);
  for (const std::string& word : Split(words, ' ')) {
    if (word.empty()) continue;
    const std::size_t colon = word.find(':');
    const std::size_t amount = word.find_first_of("+-@");
    const auto number =
        amount == std::string::npos ? std::nullopt : ParseInt(word.substr(amount + 1));
    const std::string what = word.substr(colon + 1, amount - colon - 1);
    for (ContainerState& c : state.containers) {
      if (c.name != word.substr(0, colon)) continue;
      if (what == "run" || what == "sick" || what == "stop" || what == "started") {
        c.phase = ContainerPhase::kRunning;
        c.started = true;
      }
      c.unhealthy = what == "sick";
      c.stopping = what == "stop";
      if (what == "stop") {
        c.kill_at = kNow + (word[amount] == '-' ? -1 : 1) * seconds(number.value_or(0));
      }
      if (what == "retry") c.retry_at = kNow + seconds(number.value_or(0));
      if (what.starts_with("done")) {
        c.phase = ContainerPhase::kTerminated;
        c.ended.exit_code = what == "done0" ? 0 : 1;
        c.ended.finished_at = kNow - seconds(number.value_or(100));
      }
      if (what == "starting") {
        c.phase = ContainerPhase::kRunning;
        c.started = false;
      }
    }
  }
  return state;
}

std::string Print(const PodState& state, const PodActions& actions) {
  std::vector<std::string> words;
  const auto name = [&](std::size_t i) { return state.containers[i].name; };
  for (const std::size_t i : actions.start) words.push_back("start " + name(i));
  for (const std::size_t i : actions.back_off) words.push_back("back-off " + name(i));
  for (const auto& stop : actions.stop) {
    words.push_back("stop " + name(stop.container) + " " + FormatGoDuration(stop.grace));
  }
  for (const std::size_t i : actions.kill) words.push_back("kill " + name(i));
  if (actions.past_deadline) words.emplace_back("deadline");
  if (actions.ended) words.emplace_back("ended");
  if (actions.wake) words.push_back("wake +" + FormatGoDuration(*actions.wake - kNow));
  return Join(words, ", ");
}

constexpr std::string_view kTwo = "spec: {containers: [{name: a}, {name: b}]}";
constexpr std::string_view kNever =
    "spec: {restartPolicy: Never, containers: [{name: a}, {name: b}]}";
constexpr std::string_view kOnFailure =
    "spec: {restartPolicy: OnFailure, containers: [{name: a}, {name: b}]}";
constexpr std::string_view kInit =
    "spec: {initContainers: [{name: i}, {name: s, restartPolicy: Always}, {name: j}], "
    "containers: [{name: a}]}";
constexpr std::string_view kInitNever =
    "spec: {restartPolicy: Never, initContainers: [{name: s, restartPolicy: Always}, {name: i}], "
    "containers: [{name: a}]}";
constexpr std::string_view kDeleted =
    "metadata: {deletionTimestamp: x, deletionGracePeriodSeconds: 7}\n"
    "spec: {initContainers: [{name: s, restartPolicy: Always}, {name: t, restartPolicy: Always}], "
    "containers: [{name: a}, {name: b}]}";
constexpr std::string_view kOver = "spec: {containers: [{name: a}]}\nstatus: {phase: Failed}";
constexpr std::string_view kDeadline =
    "spec: {activeDeadlineSeconds: 60, containers: [{name: a}]}\n"
    "status: {startTime: '1970-01-12T13:45:40Z'}";  // kNow - 60 s

TEST(PlanPod, Cases) {
  const struct {
    std::string_view pod;
    const char* state;
    PodGoal goal;
    const char* want;
  } cases[] = {
      {kTwo, "", PodGoal::kRun, "start a, start b"},
      {kTwo, "a:run b:run", PodGoal::kRun, ""},
      {kTwo, "a:done0 b:run", PodGoal::kRun, "start a"},
      {kTwo, "a:done1 b:retry+4", PodGoal::kRun, "start a, wake +4s"},
      {kTwo, "a:sick b:run", PodGoal::kRun, "stop a 30s"},
      {kNever, "a:done1 b:run", PodGoal::kRun, ""},
      {kNever, "a:done1 b:done0", PodGoal::kRun, "ended"},
      {kOnFailure, "a:done0 b:done1", PodGoal::kRun, "start b"},
      {kOnFailure, "a:done0 b:done0", PodGoal::kRun, "ended"},
      // Init containers one after the other; a sidecar has to have started.
      {kInit, "", PodGoal::kRun, "start i"},
      {kInit, "i:run", PodGoal::kRun, ""},
      {kInit, "i:done1", PodGoal::kRun, "start i"},
      {kInit, "i:done0", PodGoal::kRun, "start s"},
      {kInit, "i:done0 s:starting", PodGoal::kRun, ""},
      {kInit, "i:done0 s:run", PodGoal::kRun, "start j"},
      {kInit, "i:done0 s:run j:done0", PodGoal::kRun, "start a"},
      {kInit, "i:done0 s:done1 j:done0 a:run", PodGoal::kRun, "start s"},
      {kInitNever, "s:run i:done1", PodGoal::kRun, "stop s 30s"},
      {kInitNever, "s:done0 i:done1", PodGoal::kRun, "ended"},
      {kInitNever, "s:run i:done0 a:done0", PodGoal::kRun, "stop s 30s"},
      // Deletion: containers, then sidecars from the last to the first.
      {kDeleted, "s:run t:run a:run b:run", PodGoal::kDelete, "stop a 7s, stop b 7s"},
      {kDeleted, "s:run t:run a:stop+3 b:done0", PodGoal::kDelete, "wake +3s"},
      {kDeleted, "s:run t:run a:stop-0 b:done0", PodGoal::kDelete, "kill a"},
      {kDeleted, "s:run t:run a:stop+20 b:done0", PodGoal::kDelete, "stop a 7s, wake +20s"},
      {kDeleted, "s:run t:run a:done0 b:done0", PodGoal::kDelete, "stop t 7s"},
      {kDeleted, "s:run t:done0 a:done0 b:done0", PodGoal::kDelete, "stop s 7s"},
      {kDeleted, "s:done0 t:done0 a:done0 b:done0", PodGoal::kDelete, "ended"},
      {kDeleted, "", PodGoal::kDelete, "ended"},
      {kTwo, "a:run", PodGoal::kShutDown, "stop a 30s"},
      {kOver, "a:done1", PodGoal::kRun, "ended"},
      {kDeadline, "a:run", PodGoal::kRun, "stop a 30s, deadline"},
  };
  for (const auto& c : cases) {
    const Json pod = Pod(c.pod);
    const PodState state = State(pod, c.state);
    EXPECT_EQ(Print(state, PlanPod(pod, state, c.goal, kNow)), c.want) << c.pod << "\n" << c.state;
  }
}

TEST(PlanPod, WaitsForTheDeadline) {
  Json pod = Pod(kDeadline);
  pod["spec"]["activeDeadlineSeconds"] = 90;
  const PodState state = State(pod, "a:run");
  EXPECT_EQ(Print(state, PlanPod(pod, state, PodGoal::kRun, kNow)), "wake +30s");
}

// The numbers of upstream: at once, then 10 s doubling to 5 min, forgotten after 10 min.
TEST(PlanPod, BacksOffFromCrashes) {
  const Json pod =
      Pod("metadata: {name: web, namespace: ns, uid: u}\n"
          "spec: {containers: [{name: a}]}");
  PodState state = State(pod, "");
  ContainerState& container = state.containers[0];
  std::vector<std::int64_t> delays;
  Time now = kNow;
  for (int crash = 0; crash < 8; ++crash) {
    container.phase = ContainerPhase::kTerminated;
    container.ended.exit_code = 1;
    container.ended.finished_at = now;
    PodActions actions = PlanPod(pod, state, PodGoal::kRun, now);
    Duration delay{0};
    if (!actions.back_off.empty()) {
      const auto until = BackoffUntil(container.crash_backoff, now, now);
      ASSERT_TRUE(until);
      delay = *until - now;
    } else {
      EXPECT_EQ(actions.start.size(), 1U);
    }
    delays.push_back(std::chrono::duration_cast<seconds>(delay).count());
    now += delay;
    RaiseBackoff(container.crash_backoff, container.ended.finished_at);
    now += seconds(1);
  }
  EXPECT_EQ(delays, (std::vector<std::int64_t>{0, 10, 20, 40, 80, 160, 300, 300}));
  EXPECT_EQ(CrashMessage(pod, container),
            "back-off 5m0s restarting failed container=a pod=web_ns(u)");
  container.ended.finished_at = container.crash_backoff.updated + seconds(601);
  EXPECT_EQ(BackoffUntil(container.crash_backoff, container.ended.finished_at,
                         container.ended.finished_at),
            std::nullopt);
  RaiseBackoff(container.crash_backoff, container.ended.finished_at);
  EXPECT_EQ(container.crash_backoff.delay, Duration(seconds(10)));
}

TEST(InitialState, TakesOverWhatWasReported) {
  const Json pod = Pod(R"(
metadata: {name: web}
spec: {containers: [{name: a}, {name: b}, {name: c}]}
status:
  podIP: 127.64.0.9
  startTime: '1970-01-02T00:00:00Z'
  containerStatuses:
  - {name: a, restartCount: 2, containerID: "weir://x",
     state: {running: {startedAt: '1970-01-02T00:00:01Z'}}}
  - {name: b, restartCount: 5, state: {waiting: {reason: CrashLoopBackOff}},
     lastState: {terminated: {exitCode: 3, reason: Error, finishedAt: '1970-01-02T00:00:02Z'}}}
  - {name: c, state: {terminated: {exitCode: 0, reason: Completed}}}
)");
  const PodState state = InitialState(pod, kNow);
  EXPECT_EQ(state.pod_ip, "127.64.0.9");
  EXPECT_EQ(state.start_time, Time(seconds(86400)));
  EXPECT_FALSE(state.sandbox_ready);
  EXPECT_EQ(state.containers[0].phase, ContainerPhase::kTerminated);
  EXPECT_EQ(state.containers[0].ended.exit_code, 255);
  EXPECT_EQ(state.containers[0].ended.reason, "Unknown");
  EXPECT_EQ(state.containers[0].ended.container_id, "weir://x");
  EXPECT_EQ(state.containers[0].restart_count, 2);
  EXPECT_EQ(state.containers[1].phase, ContainerPhase::kWaiting);
  ASSERT_TRUE(state.containers[1].last);
  EXPECT_EQ(state.containers[1].last->exit_code, 3);
  EXPECT_EQ(state.containers[2].ended.exit_code, 0);
  // All start again at once, but for what has completed under a policy that leaves it.
  EXPECT_EQ(Print(state, PlanPod(pod, state, PodGoal::kRun, kNow)), "start a, start b, start c");
}

}  // namespace
}  // namespace weir::kubelet
