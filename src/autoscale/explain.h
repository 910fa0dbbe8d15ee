// A decision's record in plain sentences. Pure functions, any thread.
#pragma once

#include <string>

#include "base/json.h"

namespace weir::autoscale {

// The answer in one line, of a record as MakeRecord builds it, also before it has a summary: why
// this many replicas, what would have to change for more, and what for fewer.
std::string Summary(const Json& record);

// The answer, then how it came about: lines of text that end with a newline. Reads any JSON; what
// is absent is not told.
std::string Explain(const Json& record);

}  // namespace weir::autoscale
