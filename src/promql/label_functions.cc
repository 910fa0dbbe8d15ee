#include "promql/label_functions.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

#include "base/strings.h"

namespace weir::promql {
namespace {

bool IsLabelName(std::string_view name) { return !name.empty() && IsUtf8(name); }

// A name that is written anew is no longer one to be dropped.
void SetLabel(Element& element, const std::string& label, std::string value) {
  element.labels.Set(label, std::move(value));
  if (label == model::kMetricName) element.drop_name = false;
}

}  // namespace

Status LabelReplace(Elements& elements, const LabelReplacement& what) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  const re2::RE2 regex("^(?s:" + what.regex + ")$", options);
  if (!regex.ok()) {
    return Fail(Code::kInvalid, "invalid regular expression in label_replace(): " + what.regex);
  }
  if (!IsLabelName(what.target)) {
    return Fail(Code::kInvalid,
                "invalid destination label name in label_replace(): " + what.target);
  }
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) +
                                       1);
  const auto& names = regex.NamedCapturingGroups();
  const auto value = [&](std::string_view name) -> std::string {
    std::size_t index = groups.size();
    if (const auto number = ParseInt(name)) {
      index = static_cast<std::size_t>(*number);
    } else if (const auto found = names.find(std::string(name)); found != names.end()) {
      index = static_cast<std::size_t>(found->second);
    }
    return index < groups.size() ? std::string(groups[index].data(), groups[index].size()) : "";
  };
  for (Element& element : elements) {
    const std::string source(element.labels.Get(what.source));
    if (!regex.Match(source, 0, source.size(), re2::RE2::UNANCHORED, groups.data(),
                     static_cast<int>(groups.size()))) {
      continue;
    }
    SetLabel(element, what.target, ExpandTemplate(what.replacement, value));
  }
  return CheckUnique(elements);
}

Status LabelJoin(Elements& elements, const std::string& target, const std::string& separator,
                 const std::vector<std::string>& sources) {
  for (const std::string& source : sources) {
    if (!IsLabelName(source)) {
      return Fail(Code::kInvalid, "invalid source label name in label_join(): " + source);
    }
  }
  if (!IsLabelName(target)) {
    return Fail(Code::kInvalid, "invalid destination label name in label_join(): " + target);
  }
  for (Element& element : elements) {
    std::vector<std::string> values;
    values.reserve(sources.size());
    for (const std::string& source : sources) values.emplace_back(element.labels.Get(source));
    SetLabel(element, target, Join(values, separator));
  }
  return CheckUnique(elements);
}

}  // namespace weir::promql
