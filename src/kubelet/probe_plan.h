// Probes: what a container's probe asks, when it asks next, and what its answers mean. Pure.
// Rules of upstream's pkg/kubelet/prober, with one addition: until its first success a startup or
// readiness probe asks more often than once a period (every 50 ms at first, then every tenth of the
// container's age), so that a pod is ready as soon as it can be; failures still count once a
// period.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace weir::kubelet {

enum class ProbeKind { kStartup, kLiveness, kReadiness };
// Startup, Liveness, Readiness: as in events.
std::string ProbeName(ProbeKind kind);

enum class ProbeAction { kHttpGet, kTcpSocket, kExec, kUnsupported };

struct ProbeSpec {
  ProbeKind kind = ProbeKind::kReadiness;
  ProbeAction action = ProbeAction::kUnsupported;
  bool https = false;
  std::string host;  // empty: the pod's address
  std::uint16_t port = 0;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::string> command;
  Duration initial_delay{0};
  Duration period = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(1);
  int success_threshold = 1;
  int failure_threshold = 3;
  std::optional<Duration> grace;
  Duration sleep{0};  // of a hook: wait, ask nothing
  // Why it cannot be asked (an unknown port name, gRPC); empty otherwise.
  std::string problem;
};

// The container's probe of that kind, if it has one.
std::optional<ProbeSpec> ReadProbe(const Json& container, ProbeKind kind);

// A lifecycle hook ("preStop", "postStart"), which asks as a probe does.
std::optional<ProbeSpec> ReadHook(const Json& container, std::string_view name);

struct ProbeState {
  Time started_at;  // when the container was
  bool succeeded_once = false;
  int successes = 0;  // in a row
  int failures = 0;   // in a row, at most one a period
  std::optional<Time> last_counted;
};

// What an answer changes.
enum class ProbeVerdict {
  kNone,
  kSuccess,  // the success threshold is reached
  kFailure,  // the failure threshold is reached
};

struct ProbeStep {
  ProbeVerdict verdict = ProbeVerdict::kNone;
  bool counted = false;  // a failure that counts: worth an event
  Time next;             // when to ask again
};

// When the first question is due for a container that started then.
Time FirstProbe(const ProbeSpec& spec, Time started_at);
ProbeStep AfterProbe(const ProbeSpec& spec, ProbeState& state, bool success, Time asked_at,
                     Time now);

// Whether an HTTP status means success (200 to 399), and the message where it does not.
bool HttpProbeOk(int status);
std::string HttpProbeMessage(int status);

}  // namespace weir::kubelet
