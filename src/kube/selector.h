// Label and field selectors. Values, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::kube {

enum class SelectorOp { kEquals, kNotEquals, kIn, kNotIn, kExists, kNotExists, kGreater, kLess };

struct Requirement {
  std::string key;
  SelectorOp op = SelectorOp::kEquals;
  std::vector<std::string> values;  // sorted
  bool double_equals = false;       // kEquals: written as `==`, and printed so
};

class LabelSelector {
 public:
  LabelSelector() = default;  // everything
  static LabelSelector Nothing();
  // The text form: `a=b,c in (d,e),!f,g>1`. Errors in apimachinery's words.
  static Result<LabelSelector> Parse(std::string_view text);
  // The object form {matchLabels, matchExpressions}; null selects nothing, {} everything.
  static Result<LabelSelector> FromJson(const Json& selector);

  bool Matches(const Json& labels) const;  // an object of strings, or null
  bool nothing() const { return nothing_; }
  bool empty() const { return !nothing_ && requirements_.empty(); }
  const std::vector<Requirement>& requirements() const { return requirements_; }
  // The text form, requirements sorted by key (labels.Selector.String).
  std::string ToString() const;

 private:
  bool nothing_ = false;
  std::vector<Requirement> requirements_;
};

struct FieldRequirement {
  std::string key;
  bool equal = true;
  std::string value;
};
// `a=b,c!=d`.
Result<std::vector<FieldRequirement>> ParseFieldSelector(std::string_view text);

}  // namespace weir::kube
