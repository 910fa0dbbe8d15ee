// The three small languages of an adapter rule: the query template (Go's text/template with the
// delimiters << and >>, the subset that rules use), the label template, and the expansion of names
// (Go's regexp.Expand). Values, any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace weir::metricsapi {

// What a query template is rendered with.
struct QueryFields {
  std::string series;
  std::string label_matchers;
  std::vector<std::string> group_by;
  std::map<std::string, std::string> label_values;  // by name; several joined by `|`
};

// `metricsQuery`: text and <<.Series>>, <<.LabelMatchers>>, <<.LabelValuesByName>>, <<.GroupBy>>,
// <<.GroupBySlice>>, <<index .LabelValuesByName "x">>. Other actions are refused.
class QueryTemplate {
 public:
  static Result<QueryTemplate> Parse(std::string_view text);
  // kInvalid where nothing comes out.
  Result<std::string> Render(const QueryFields& fields) const;
  // Words in the text around the actions that may be names of series.
  std::vector<std::string> LiteralWords() const;

 private:
  enum class Field {
    kText,
    kSeries,
    kLabelMatchers,
    kLabelValues,
    kLabelValue,
    kGroupBy,
    kGroupBySlice
  };
  struct Part {
    Field field = Field::kText;
    std::string text;  // of kText, and the label of kLabelValue
  };
  static Result<Part> ParseAction(std::string_view action);
  std::vector<Part> parts_;
};

// `resources.template`: how labels are called after resources, `kube_<<.Group>>_<<.Resource>>`.
class LabelTemplate {
 public:
  static Result<LabelTemplate> Parse(std::string_view text);

  // The label of a resource: its singular, and its group with `.` and `-` as `_`.
  std::string Label(std::string_view group, std::string_view singular) const;
  struct Match {
    std::string group;
    std::string resource;
  };
  // Reads a label's name back. The template's own text counts as a regular expression, as upstream.
  std::optional<Match> Read(std::string_view label) const;

 private:
  std::string Render(std::string_view group, std::string_view resource) const;
  struct Part {
    enum { kText, kGroup, kResource } kind = kText;
    std::string text;
  };
  std::vector<Part> parts_;
  std::shared_ptr<const re2::RE2> regex_;
};

// An unanchored regular expression.
class Pattern {
 public:
  static Result<Pattern> Make(std::string_view expression);
  bool Matches(std::string_view text) const;
  int groups() const;
  // `as` with $1, ${1}, $name, ${name} and $$ replaced from the first match; nullopt where nothing
  // matches. Unknown groups are empty.
  std::optional<std::string> Expand(std::string_view text, std::string_view as) const;

 private:
  std::shared_ptr<const re2::RE2> regex_;
};

}  // namespace weir::metricsapi
