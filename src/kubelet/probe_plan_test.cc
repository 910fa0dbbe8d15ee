#include "kubelet/probe_plan.h"

#include <gtest/gtest.h>

#include "base/yaml.h"

namespace weir::kubelet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const Time kStart = Time(seconds(1000));

Json Container(const std::string& probe) {
  auto json = ParseYamlDocument("ports: [{name: web, containerPort: 8080}]\n" + probe);
  EXPECT_TRUE(json) << (json ? "" : json.error().message);
  return json ? *json : Json();
}

std::string Print(const std::optional<ProbeSpec>& spec) {
  if (!spec) return "none";
  if (!spec->problem.empty()) return "problem: " + spec->problem;
  std::string text;
  if (spec->action == ProbeAction::kHttpGet) {
    text = (spec->https ? "https " : "http ") + spec->host + ":" + std::to_string(spec->port) +
           spec->path;
  }
  if (spec->action == ProbeAction::kTcpSocket) text = "tcp :" + std::to_string(spec->port);
  if (spec->action == ProbeAction::kExec) text = "exec " + std::to_string(spec->command.size());
  for (const auto& [name, value] : spec->headers) text += " " + name + "=" + value;
  return text;
}

TEST(ReadProbe, Cases) {
  const struct {
    const char* probe;
    const char* want;
  } cases[] = {
      {"", "none"},
      {"readinessProbe: {httpGet: {port: web}}", "http :8080/"},
      {"readinessProbe: {httpGet: {port: 81, path: ok, scheme: HTTPS, host: h, "
       "httpHeaders: [{name: A, value: b}]}}",
       "https h:81/ok A=b"},
      {"readinessProbe: {tcpSocket: {port: '99'}}", "tcp :99"},
      {"readinessProbe: {tcpSocket: {port: nope}}", "problem: couldn't find port: \"nope\""},
      {"readinessProbe: {exec: {command: [a, b]}}", "exec 2"},
      {"readinessProbe: {grpc: {port: 1}}",
       "problem: weir serves httpGet, tcpSocket and exec probes, and no others"},
      {"livenessProbe: {tcpSocket: {port: 1}}", "none"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Print(ReadProbe(Container(c.probe), ProbeKind::kReadiness)), c.want) << c.probe;
  }
  const Json container = Container(
      "livenessProbe: {tcpSocket: {port: 1}, periodSeconds: 3, "
      "timeoutSeconds: 2, initialDelaySeconds: 4, failureThreshold: 5, "
      "terminationGracePeriodSeconds: 6}");
  const auto probe = ReadProbe(container, ProbeKind::kLiveness);
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->period, seconds(3));
  EXPECT_EQ(probe->timeout, seconds(2));
  EXPECT_EQ(FirstProbe(*probe, kStart), kStart + seconds(4));
  EXPECT_EQ(probe->failure_threshold, 5);
  EXPECT_EQ(probe->grace, seconds(6));
}

TEST(ReadHook, Cases) {
  EXPECT_FALSE(ReadHook(Container(""), "preStop"));
  const auto sleep = ReadHook(Container("lifecycle: {preStop: {sleep: {seconds: 3}}}"), "preStop");
  ASSERT_TRUE(sleep);
  EXPECT_EQ(sleep->sleep, seconds(3));
  EXPECT_EQ(Print(ReadHook(Container("lifecycle: {preStop: {exec: {command: [a]}}}"), "preStop")),
            "exec 1");
}

// Until its first success a readiness probe asks soon again; failures count once a period.
TEST(AfterProbe, IsEagerAndCountsFailuresOncePerPeriod) {
  ProbeSpec spec;
  spec.kind = ProbeKind::kReadiness;
  spec.action = ProbeAction::kTcpSocket;
  spec.period = seconds(1);
  spec.failure_threshold = 2;
  ProbeState state;
  state.started_at = kStart;
  Time now = kStart;
  int counted = 0;
  int asked = 0;
  while (true) {
    const ProbeStep step = AfterProbe(spec, state, false, now, now);
    ++asked;
    if (step.counted) ++counted;
    if (step.verdict == ProbeVerdict::kFailure) break;
    EXPECT_GT(step.next, now);
    EXPECT_LE(step.next - now, milliseconds(100));
    now = step.next;
  }
  EXPECT_EQ(counted, 2);
  EXPECT_GE(asked, 10);
  EXPECT_GE(now, kStart + seconds(1));
  EXPECT_LT(now, kStart + milliseconds(1200));
  const ProbeStep ready = AfterProbe(spec, state, true, now, now);
  EXPECT_EQ(ready.verdict, ProbeVerdict::kSuccess);
  EXPECT_EQ(ready.next, now + seconds(1));
  const ProbeStep late = AfterProbe(spec, state, false, now + seconds(1), now + seconds(1));
  EXPECT_TRUE(late.counted);
  EXPECT_EQ(late.verdict, ProbeVerdict::kNone);
  EXPECT_EQ(late.next, now + seconds(2));
}

TEST(AfterProbe, KeepsItsPeriodForLivenessAndCommands) {
  for (const auto& [kind, action] : {std::pair{ProbeKind::kLiveness, ProbeAction::kTcpSocket},
                                     std::pair{ProbeKind::kReadiness, ProbeAction::kExec}}) {
    ProbeSpec spec;
    spec.kind = kind;
    spec.action = action;
    ProbeState state;
    state.started_at = kStart;
    const ProbeStep step = AfterProbe(spec, state, false, kStart, kStart + seconds(1));
    EXPECT_EQ(step.next, kStart + seconds(10));
    EXPECT_TRUE(step.counted);
  }
}

TEST(AfterProbe, WantsItsSuccessThreshold) {
  ProbeSpec spec;
  spec.success_threshold = 2;
  ProbeState state;
  EXPECT_EQ(AfterProbe(spec, state, true, kStart, kStart).verdict, ProbeVerdict::kNone);
  EXPECT_EQ(AfterProbe(spec, state, true, kStart, kStart).verdict, ProbeVerdict::kSuccess);
  AfterProbe(spec, state, false, kStart, kStart);
  EXPECT_EQ(AfterProbe(spec, state, true, kStart, kStart).verdict, ProbeVerdict::kNone);
}

TEST(HttpProbe, Cases) {
  EXPECT_TRUE(HttpProbeOk(200));
  EXPECT_TRUE(HttpProbeOk(399));
  EXPECT_FALSE(HttpProbeOk(400));
  EXPECT_FALSE(HttpProbeOk(199));
  EXPECT_EQ(HttpProbeMessage(503), "HTTP probe failed with statuscode: 503");
}

}  // namespace
}  // namespace weir::kubelet
