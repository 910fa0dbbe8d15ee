// Answers a whole text: scenario lines, and the records of decisions (docs/formats/decision.md) as
// `weir explain -o json` and `kubectl get decisions -o json` print them. Pure, any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::autoscale {

// Told of each answer, one line of JSON without its newline; or of what could not be answered,
// where the error names the line.
using AnswerFn = std::function<void(const Result<std::string>& answer)>;

// A document fills one line, or begins with a line that is `{` or `[`, goes on with indented lines
// and ends with one that begins with `}` or `]`. Blank lines are passed over; after an error it
// goes on with the next document. The answer to a Decision says whether the number of replicas, and
// whether it was changed, came out as recorded. False after any error or difference.
bool ReplayAll(std::string_view text, bool upstream_exact, const AnswerFn& told);

}  // namespace weir::autoscale
