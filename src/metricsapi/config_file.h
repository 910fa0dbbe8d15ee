// prometheus-adapter's configuration file as it is written: decoded strictly, with upstream's words
// and line numbers for what does not fit, and nothing interpreted. Values, any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::metricsapi {

struct GroupResourceText {
  std::string group;
  std::string resource;
};

struct MappingText {
  std::string label_template;
  std::map<std::string, GroupResourceText> overrides;  // by label
  std::optional<bool> namespaced;
};

struct FilterText {
  std::string is;
  std::string is_not;
};

struct RuleText {
  std::string series_query;
  std::vector<FilterText> filters;
  MappingText resources;
  std::string name_matches;
  std::string name_as;
  std::string metrics_query;
};

struct ResourceRuleText {
  std::string container_query;
  std::string node_query;
  MappingText resources;
  std::string container_label;
};

struct ResourceRulesText {
  ResourceRuleText cpu;
  ResourceRuleText memory;
  Duration window{0};
};

struct ConfigText {
  std::vector<RuleText> rules;
  std::vector<RuleText> external_rules;
  std::optional<ResourceRulesText> resource_rules;
};

// kInvalid in the words of go-yaml's strict reader: every wrong field of the file, each with its
// line.
Result<ConfigText> DecodeConfig(std::string_view yaml);

}  // namespace weir::metricsapi
