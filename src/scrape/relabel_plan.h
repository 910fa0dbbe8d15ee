// Prometheus' relabelling rules, in the spelling of the operator's objects (sourceLabels,
// targetLabel, ...) or of Prometheus' configuration (source_labels, ...). Pure functions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/labels.h"

namespace re2 {
class RE2;
}

namespace weir::scrape {

enum class RelabelAction {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};

struct RelabelRule {
  RelabelAction action = RelabelAction::kReplace;
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string target_label;
  std::string replacement = "$1";
  std::uint64_t modulus = 0;
  std::shared_ptr<const re2::RE2> regex;  // anchored by the matching; null: the default `(.*)`
};

enum class RelabelSpelling { kOperator, kPrometheus };

// The rules of a list such as endpoints[].relabelings. kInvalid errors begin with `path[i]` and
// name what is unknown or missing.
Result<std::vector<RelabelRule>> ParseRelabelRules(
    const Json& list, std::string_view path, RelabelSpelling spelling = RelabelSpelling::kOperator);

// Applies the rules in order. false: the target or sample is dropped.
bool Relabel(const std::vector<RelabelRule>& rules, model::Labels& labels);

}  // namespace weir::scrape
