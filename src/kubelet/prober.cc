#include "kubelet/prober.h"

#include "base/strings.h"
#include "kubelet/container_run.h"
#include "net/tcp.h"

namespace weir::kubelet {
namespace {

constexpr std::size_t kMaxBody = std::size_t{10} << 10U;

// Probes do not verify certificates (pkg/probe/http).
std::shared_ptr<net::TlsClientContext> InsecureTls() {
  auto tls = net::TlsClientContext::Make("", {}, true);
  return tls ? *tls : nullptr;
}

// What Go's net package says of a connection that failed.
std::string DialMessage(const std::string& address, const Error& error) {
  const bool refused = ToLower(error.message).find("refused") != std::string::npos;
  return "dial tcp " + address + ": " +
         (refused                        ? "connect: connection refused"
          : error.code == Code::kTimeout ? "i/o timeout"
                                         : error.message);
}

}  // namespace

Prober::Prober(net::Loop& loop) : loop_(loop), http_(loop, InsecureTls()) {}

net::Task<ProbeResult> Prober::Ask(ProbeSpec spec, ProbeTarget target) {
  if (!spec.problem.empty()) co_return ProbeResult{false, spec.problem};
  switch (spec.action) {
    case ProbeAction::kHttpGet:
      co_return co_await AskHttp(std::move(spec), std::move(target.pod_ip));
    case ProbeAction::kTcpSocket:
      co_return co_await AskTcp(std::move(spec), std::move(target.pod_ip));
    case ProbeAction::kExec:
      co_return co_await AskCommand(std::move(spec), std::move(target.process));
    case ProbeAction::kUnsupported:
      break;
  }
  co_return ProbeResult{false, "unknown probe"};
}

net::Task<ProbeResult> Prober::AskHttp(ProbeSpec spec, std::string pod_ip) {
  const std::string host = spec.host.empty() ? pod_ip : spec.host;
  const std::string address = host + ":" + std::to_string(spec.port);
  net::Endpoint endpoint;
  endpoint.tls = spec.https;
  endpoint.host = host;
  endpoint.port = spec.port;
  net::HttpRequest request;
  request.target = spec.path;
  request.headers = {{"host", address},
                     {"user-agent", "kube-probe/1.36"},
                     {"accept", "*/*"},
                     {"connection", "close"}};
  for (const auto& [name, value] : spec.headers) request.headers[ToLower(name)] = value;
  auto response = co_await http_.Do(endpoint, std::move(request), spec.timeout, kMaxBody);
  if (response) {
    const bool ok = HttpProbeOk(response->status);
    co_return ProbeResult{ok, ok ? "" : HttpProbeMessage(response->status)};
  }
  // A body above the limit is an answer all the same.
  if (response.error().code == Code::kInvalid) co_return ProbeResult{true, ""};
  const std::string url = (spec.https ? "https://" : "http://") + address + spec.path;
  const std::string why =
      response.error().code == Code::kTimeout
          ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
          : DialMessage(address, response.error());
  co_return ProbeResult{false, "Get " + Quote(url) + ": " + why};
}

net::Task<ProbeResult> Prober::AskTcp(ProbeSpec spec, std::string pod_ip) {
  const std::string host = spec.host.empty() ? pod_ip : spec.host;
  const auto stream = co_await net::TcpConnect(host, spec.port, spec.timeout);
  if (stream) co_return ProbeResult{true, ""};
  co_return ProbeResult{false, DialMessage(host + ":" + std::to_string(spec.port), stream.error())};
}

net::Task<ProbeResult> Prober::AskCommand(ProbeSpec spec, platform::ProcessSpec process) {
  process.argv = spec.command;
  auto result = co_await RunCommand(loop_, std::move(process), spec.timeout);
  if (!result) {
    if (result.error().code != Code::kTimeout) co_return ProbeResult{false, result.error().message};
    co_return ProbeResult{false, "command timed out: " + Quote(Join(spec.command, " ")) +
                                     " timed out after " + FormatGoDuration(spec.timeout)};
  }
  co_return ProbeResult{result->exit_code == 0, result->output};
}

}  // namespace weir::kubelet
