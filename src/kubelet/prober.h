// Asks a probe's question once, and runs lifecycle hooks, which ask the same way. Loop thread only.
#pragma once

#include "kubelet/probe_plan.h"
#include "net/http.h"
#include "platform/process.h"

namespace weir::kubelet {

// Whom to ask.
struct ProbeTarget {
  std::string pod_ip;
  platform::ProcessSpec process;  // of exec probes: environment and join_pidfd; argv is replaced
};

struct ProbeResult {
  bool success = false;
  std::string message;  // of a failure, in upstream's words
};

class Prober {
 public:
  explicit Prober(net::Loop& loop);
  net::Task<ProbeResult> Ask(ProbeSpec spec, ProbeTarget target);

 private:
  net::Task<ProbeResult> AskHttp(ProbeSpec spec, std::string pod_ip);
  net::Task<ProbeResult> AskTcp(ProbeSpec spec, std::string pod_ip);
  net::Task<ProbeResult> AskCommand(ProbeSpec spec, platform::ProcessSpec process);

  net::Loop& loop_;
  net::HttpClient http_;
};

}  // namespace weir::kubelet
