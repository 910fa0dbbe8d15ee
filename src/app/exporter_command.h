// `weir exporter redis [flags]`, `weir exporter rabbitmq`: a program of its own life, in a pod or
// by hand.
#pragma once

#include <string>
#include <vector>

namespace weir::app {

// `arguments` follow the word `exporter`. Runs until SIGINT or SIGTERM. The result is the exit
// status; 1 with a message on standard error for arguments or an address that do not work.
int RunExporter(const std::vector<std::string>& arguments);

}  // namespace weir::app
