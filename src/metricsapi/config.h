// prometheus-adapter's configuration file, read strictly and checked as a whole: what it says of
// series, names, resources and queries. Values, any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/resource.h"
#include "metricsapi/template.h"
#include "model/labels.h"

namespace weir::metricsapi {

// Finds a resource by plural, singular or kind in lower case, as the REST mapper does; the empty
// group stands for any, the core group first. Null where there is none. What it points to stays
// valid for the length of the call it is given to.
using Resolver =
    std::function<const kube::Resource*(std::string_view group, std::string_view name)>;

// A resource by group and plural.
struct GroupResource {
  std::string group;
  std::string resource;
  // `pods`, `deployments.apps`.
  std::string ToString() const { return group.empty() ? resource : resource + "." + group; }
  auto operator<=>(const GroupResource&) const = default;
};

struct Rule {
  std::string origin;  // `rules[2] (seriesQuery "x")`, for messages
  bool external = false;
  std::string series_query;
  struct Filter {
    Pattern pattern;
    bool is = true;
  };
  std::vector<Filter> filters;  // those of name.matches included
  Pattern name_pattern;
  std::string name_as;
  std::map<std::string, GroupResource> overrides;  // by label
  std::optional<LabelTemplate> label_template;
  bool namespaced = true;  // external rules: whether queries ask for the request's namespace
  std::optional<QueryTemplate> query;  // none: every request fails, as upstream

  // The metric's name for a series; nullopt where the filters refuse it.
  std::optional<std::string> MetricName(std::string_view series_name) const;
  // The resource that a label names.
  std::optional<GroupResource> ResourceOfLabel(std::string_view label,
                                               const Resolver& resolve) const;
  // The label that names a resource; kInvalid where the rule has none.
  Result<std::string> LabelOfResource(const GroupResource& resource, const Resolver& resolve) const;
};

struct Config {
  // An API without rules is not served at all.
  std::vector<Rule> rules;
  std::vector<Rule> external_rules;
};

// kInvalid names the rule by index and seriesQuery. resourceRules are refused by name.
Result<Config> ParseConfig(std::string_view yaml, const Resolver& resolve);

// All rules of several files, in the order given: of two rules for one metric the later counts.
Config Merge(const std::vector<Config>& configs);

}  // namespace weir::metricsapi
