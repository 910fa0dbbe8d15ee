// `weir up`: the local cluster in the foreground.
#pragma once

#include "app/options.h"

namespace weir::app {

// Checks what is needed, starts the cluster, prints the readiness line and the export line of the
// kubeconfig, and runs until SIGINT or SIGTERM, which drain; a second one ends at once. The result
// is the exit status: 1 where something is missing or wrong, named on standard error.
int RunUp(const UpOptions& options);

}  // namespace weir::app
