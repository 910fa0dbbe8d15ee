#include "kubelet/probe_plan.h"

#include <algorithm>

#include "base/strings.h"

namespace weir::kubelet {
namespace {

constexpr Duration kEagerPeriodMin = std::chrono::milliseconds(50);

// A port by number, or by the name of one of the container's ports.
std::optional<std::uint16_t> Port(const Json& container, const Json* port) {
  if (port == nullptr) return std::nullopt;
  std::optional<std::int64_t> number;
  if (port->is_number_integer()) number = port->get<std::int64_t>();
  if (port->is_string()) {
    const std::string name = port->get<std::string>();
    number = ParseInt(name);
    for (const Json& candidate : GetArray(container, {"ports"})) {
      if (!name.empty() && GetString(candidate, "name") == name) {
        number = GetInt(candidate, {"containerPort"});
      }
    }
  }
  if (!number || *number < 1 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

void ReadHttpGet(const Json& get, ProbeSpec& spec) {
  spec.action = ProbeAction::kHttpGet;
  spec.https = GetString(get, "scheme", "HTTP") == "HTTPS";
  spec.host = GetString(get, "host");
  spec.path = GetString(get, "path", "/");
  if (!spec.path.starts_with('/')) spec.path.insert(0, "/");
  for (const Json& header : GetArray(get, {"httpHeaders"})) {
    spec.headers.emplace_back(GetString(header, "name"), GetString(header, "value"));
  }
}

void ReadPort(const Json& container, const Json& action, ProbeSpec& spec) {
  const Json* value = Find(action, "port");
  if (const auto port = Port(container, value)) {
    spec.port = *port;
  } else {
    spec.problem = "couldn't find port: " + (value == nullptr ? "" : DumpJson(*value));
  }
}

// What a probe or a hook does.
void ReadAction(const Json& container, const Json& handler, ProbeSpec& spec) {
  if (const Json* get = Find(handler, "httpGet")) {
    ReadHttpGet(*get, spec);
    ReadPort(container, *get, spec);
  } else if (const Json* tcp = Find(handler, "tcpSocket")) {
    spec.action = ProbeAction::kTcpSocket;
    spec.host = GetString(*tcp, "host");
    ReadPort(container, *tcp, spec);
  } else if (const Json* exec = Find(handler, "exec")) {
    spec.action = ProbeAction::kExec;
    for (const Json& word : GetArray(*exec, {"command"})) {
      if (word.is_string()) spec.command.push_back(word.get<std::string>());
    }
  } else {
    spec.problem = "weir serves httpGet, tcpSocket and exec probes, and no others";
  }
}

}  // namespace

std::string ProbeName(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return "Startup";
    case ProbeKind::kLiveness:
      return "Liveness";
    case ProbeKind::kReadiness:
      return "Readiness";
  }
  return {};
}

std::optional<ProbeSpec> ReadProbe(const Json& container, ProbeKind kind) {
  const std::string field = ToLower(ProbeName(kind)) + "Probe";
  const Json* probe = Find(container, field);
  if (probe == nullptr || !probe->is_object()) return std::nullopt;
  ProbeSpec spec;
  spec.kind = kind;
  const auto seconds = [probe](std::string_view name, std::int64_t fallback) {
    return std::chrono::seconds(GetInt(*probe, {name}, fallback));
  };
  spec.initial_delay = seconds("initialDelaySeconds", 0);
  spec.period = std::max<Duration>(seconds("periodSeconds", 10), std::chrono::seconds(1));
  spec.timeout = std::max<Duration>(seconds("timeoutSeconds", 1), std::chrono::seconds(1));
  spec.success_threshold = static_cast<int>(GetInt(*probe, {"successThreshold"}, 1));
  spec.failure_threshold = static_cast<int>(GetInt(*probe, {"failureThreshold"}, 3));
  if (const auto grace = GetInt(*probe, {"terminationGracePeriodSeconds"})) {
    spec.grace = std::chrono::seconds(*grace);
  }
  ReadAction(container, *probe, spec);
  return spec;
}

std::optional<ProbeSpec> ReadHook(const Json& container, std::string_view name) {
  const Json* hook = Find(container, {"lifecycle", name});
  if (hook == nullptr || !hook->is_object() || hook->empty()) return std::nullopt;
  ProbeSpec spec;
  spec.timeout = std::chrono::minutes(2);
  if (const auto seconds = GetInt(*hook, {"sleep", "seconds"})) {
    spec.sleep = std::chrono::seconds(*seconds);
    return spec;
  }
  ReadAction(container, *hook, spec);
  return spec;
}

Time FirstProbe(const ProbeSpec& spec, Time started_at) { return started_at + spec.initial_delay; }

ProbeStep AfterProbe(const ProbeSpec& spec, ProbeState& state, bool success, Time asked_at,
                     Time now) {
  ProbeStep step;
  const bool eager = spec.kind != ProbeKind::kLiveness && spec.action != ProbeAction::kExec;
  if (success) {
    state.succeeded_once = true;
    state.failures = 0;
    state.last_counted.reset();
    ++state.successes;
    if (state.successes >= spec.success_threshold) step.verdict = ProbeVerdict::kSuccess;
    step.next = std::max(asked_at + spec.period, now);
    return step;
  }
  state.successes = 0;
  step.counted = !state.last_counted || asked_at >= *state.last_counted + spec.period;
  if (step.counted) {
    state.last_counted = asked_at;
    ++state.failures;
    if (state.failures >= spec.failure_threshold) step.verdict = ProbeVerdict::kFailure;
  }
  const Duration soon = std::max(kEagerPeriodMin, (asked_at - state.started_at) / 10);
  const Duration wait = eager && !state.succeeded_once ? std::min(soon, spec.period) : spec.period;
  step.next = std::max(asked_at + wait, now);
  return step;
}

bool HttpProbeOk(int status) { return status >= 200 && status < 400; }

std::string HttpProbeMessage(int status) {
  return "HTTP probe failed with statuscode: " + std::to_string(status);
}

}  // namespace weir::kubelet
