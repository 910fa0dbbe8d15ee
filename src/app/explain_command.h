// `weir explain hpa/NAME`: why an autoscaler's target has as many replicas as it has, in sentences,
// from the records of its decisions (docs/formats/decision.md).
#pragma once

#include <string>

namespace weir::app {

struct ExplainOptions {
  std::string what;        // hpa/NAME
  std::string kubeconfig;  // empty: $KUBECONFIG, else ~/.kube/config
  std::string ns;          // empty: the context's
  std::string at;          // empty: now
  bool json = false;
};

// The result is the exit status; 1 with a message on standard error where there is no answer.
int RunExplain(const ExplainOptions& options);

}  // namespace weir::app
