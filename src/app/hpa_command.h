// `weir hpa replay [--upstream-exact] FILE|-`: the decisions of the HPA engine for recorded or
// written scenarios (docs/formats/hpa-scenario.md), and again for recorded decisions.
#pragma once

#include <string>

namespace weir::app {

// Reads scenarios and Decisions from `path` ("-": standard input) and prints one answer line each.
// What cannot be read is told on standard error, and the rest answered. The result is the exit
// status: 1 after any error, and after a decision that came out otherwise than recorded.
int RunHpaReplay(const std::string& path, bool upstream_exact);

}  // namespace weir::app
