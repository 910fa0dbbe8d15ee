// `weir hpa replay [--upstream-exact] FILE|-`: the decisions of the HPA engine for recorded or
// written scenarios (docs/formats/hpa-scenario.md).
#pragma once

#include <string>

namespace weir::app {

// Reads scenario lines from `path` ("-": standard input) and prints one answer line each. The
// result is the exit status; 1 with a message on standard error for a file or line that cannot be
// read.
int RunHpaReplay(const std::string& path, bool upstream_exact);

}  // namespace weir::app
