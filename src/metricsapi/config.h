// prometheus-adapter's configuration, checked as a whole: what it says of series, names, resources
// and queries. Values, any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
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

// Which labels name which resources.
struct ResourceMapping {
  std::map<std::string, GroupResource> overrides;  // by label
  std::optional<LabelTemplate> label_template;
  bool namespaced = true;  // external rules: whether queries ask for the request's namespace

  // The resource that a label names.
  std::optional<GroupResource> ResourceOfLabel(std::string_view label,
                                               const Resolver& resolve) const;
  // The label that names a resource; kInvalid where there is none.
  Result<std::string> LabelOfResource(const GroupResource& resource, const Resolver& resolve) const;
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
  ResourceMapping resources;
  std::optional<QueryTemplate> query;  // none: every request fails, as upstream

  // The metric's name for a series; nullopt where the filters refuse it.
  std::optional<std::string> MetricName(std::string_view series_name) const;
};

// Where the usage of one resource by containers and nodes comes from.
struct ResourceRule {
  std::optional<QueryTemplate> container_query;
  std::optional<QueryTemplate> node_query;
  ResourceMapping resources;
  std::string container_label;
};

// What metrics.k8s.io is made of.
struct ResourceRules {
  ResourceRule cpu;
  ResourceRule memory;
  Duration window{0};
};

struct Config {
  // An API without rules is not served at all.
  std::vector<Rule> rules;
  std::vector<Rule> external_rules;
  std::optional<ResourceRules> resource_rules;
};

// kInvalid in the words with which prometheus-adapter refuses to start.
Result<Config> ParseConfig(std::string_view yaml, const Resolver& resolve);

// All rules of several files, in the order given: of two rules for one metric the later counts, and
// so do later resourceRules.
Config Merge(const std::vector<Config>& configs);

}  // namespace weir::metricsapi
