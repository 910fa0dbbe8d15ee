// Rule groups as Prometheus' rule files and PrometheusRule objects define them. Values, any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "model/labels.h"
#include "promql/ast.h"

namespace weir::rules {

struct Rule {
  bool alerting = false;
  std::string name;  // the recorded series' name, or the alert's
  std::string query;
  std::shared_ptr<const promql::Expr> expr;
  std::vector<model::Label> labels;  // the group's included; an empty value removes the label
  // Alerting rules alone.
  Duration hold{0};                       // `for`
  Duration keep_firing{0};                // `keep_firing_for`
  std::vector<model::Label> annotations;  // as written: templates are not expanded
};

struct Group {
  std::string name;
  Duration interval{0};      // zero: the engine's default
  Duration query_offset{0};  // how far before its time a group evaluates
  std::size_t limit = 0;     // series or alerts one rule may make; zero: any number
  std::vector<Rule> rules;
  // The group as it was written, for telling a change from a repetition.
  std::string definition;
};

// Reads `{"groups": [...]}`: a rule file's content or a PrometheusRule's spec. kInvalid in
// Prometheus' words (`group "a", rule 1, "b": could not parse expression: 1:2: parse error: ...`).
// Unknown fields are refused, but for those with which Thanos extends a PrometheusRule. Templates
// in an alert's labels are refused, since they are not expanded.
Result<std::vector<Group>> ParseGroups(const Json& document);

// As ParseGroups, from YAML.
Result<std::vector<Group>> ParseGroups(std::string_view yaml);

}  // namespace weir::rules
