// label_replace and label_join. Internal to promql.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "promql/value.h"

namespace weir::promql {

struct LabelReplacement {
  std::string target;
  std::string replacement;
  std::string source;
  std::string regex;
};

// kInvalid in Prometheus' words for a bad expression or name, and where two elements end with equal
// labels.
Status LabelReplace(Elements& elements, const LabelReplacement& what);
Status LabelJoin(Elements& elements, const std::string& target, const std::string& separator,
                 const std::vector<std::string>& sources);

}  // namespace weir::promql
