#include "metricsapi/config.h"

#include <fmt/format.h>

#include <utility>

#include "base/strings.h"
#include "metricsapi/config_file.h"

namespace weir::metricsapi {
namespace {

Result<GroupResource> Normalize(const GroupResourceText& text, const Resolver& resolve) {
  const kube::Resource* resource = resolve(text.group, ToLower(text.resource));
  if (resource == nullptr) {
    return Fail(Code::kInvalid, fmt::format("unable to normalize group-resource {{{0} {1}}}: no "
                                            "matches for {0}/, Resource={1}",
                                            text.group, text.resource));
  }
  return GroupResource{resource->group, resource->plural};
}

Result<ResourceMapping> MakeMapping(const MappingText& text, const Resolver& resolve) {
  ResourceMapping mapping;
  mapping.namespaced = text.namespaced.value_or(true);
  if (!text.label_template.empty()) {
    auto label_template = LabelTemplate::Parse(text.label_template);
    if (!label_template) return std::unexpected(label_template.error());
    mapping.label_template = std::move(*label_template);
  }
  for (const auto& [label, named] : text.overrides) {
    auto resource = Normalize(named, resolve);
    if (!resource) return std::unexpected(resource.error());
    mapping.overrides[label] = std::move(*resource);
  }
  return mapping;
}

// An empty template is none: every request for it fails.
Result<std::optional<QueryTemplate>> MakeQuery(const std::string& text) {
  if (text.empty()) return std::nullopt;
  auto query = QueryTemplate::Parse(text);
  if (!query) return std::unexpected(query.error());
  return std::optional<QueryTemplate>(std::move(*query));
}

Result<Rule::Filter> MakeFilter(const FilterText& text) {
  if (!text.is.empty() && !text.is_not.empty()) {
    return Fail(Code::kInvalid,
                fmt::format("cannot have both an `is` ({}) and `isNot` ({}) expression in a single "
                            "filter",
                            Quote(text.is), Quote(text.is_not)));
  }
  if (text.is.empty() && text.is_not.empty()) {
    return Fail(Code::kInvalid, "must have either an `is` or `isNot` expression in a filter");
  }
  const std::string& expression = text.is.empty() ? text.is_not : text.is;
  auto pattern = Pattern::Make(expression);
  if (!pattern) {
    return Prefixed(fmt::format("unable to compile series filter {}", Quote(expression)),
                    pattern.error());
  }
  return Rule::Filter{std::move(*pattern), !text.is.empty()};
}

Status MakeName(const RuleText& text, Rule& rule) {
  if (!text.name_matches.empty()) {
    auto filter = MakeFilter({text.name_matches, ""});
    if (!filter) {
      return Prefixed(fmt::format("unable to generate series name filter from name rules "
                                  "associated with series query {}",
                                  Quote(text.series_query)),
                      filter.error());
    }
    rule.filters.push_back(std::move(*filter));
  }
  auto pattern = Pattern::Make(text.name_matches.empty() ? ".*" : text.name_matches);
  if (!pattern) return std::unexpected(pattern.error());
  rule.name_as = text.name_as;
  if (rule.name_as.empty()) {
    // The only group, or else the whole match.
    if (pattern->groups() > 1) {
      return Fail(Code::kInvalid, fmt::format("must specify an 'as' value for name matcher {} "
                                              "associated with series query {}",
                                              Quote(text.name_matches), Quote(text.series_query)));
    }
    rule.name_as = pattern->groups() == 1 ? "$1" : "$0";
  }
  rule.name_pattern = std::move(*pattern);
  return {};
}

// In upstream's order, so that of several mistakes the same one is told.
Status MakeRule(const RuleText& text, const Resolver& resolve, Rule& rule) {
  rule.series_query = text.series_query;
  auto mapping = MakeMapping(text.resources, resolve);
  if (!mapping) return std::unexpected(mapping.error());
  rule.resources = std::move(*mapping);
  auto query = MakeQuery(text.metrics_query);
  if (!query) {
    return Prefixed(fmt::format("unable to construct metrics query associated with series query {}",
                                Quote(text.series_query)),
                    query.error());
  }
  rule.query = std::move(*query);
  for (const FilterText& item : text.filters) {
    auto filter = MakeFilter(item);
    if (!filter) {
      return Prefixed(
          fmt::format("unable to generate series name filter associated with series query {}",
                      Quote(text.series_query)),
          filter.error());
    }
    rule.filters.push_back(std::move(*filter));
  }
  return MakeName(text, rule);
}

Result<std::vector<Rule>> MakeRules(const std::vector<RuleText>& texts, bool external,
                                    const Resolver& resolve) {
  std::vector<Rule> rules;
  for (const RuleText& text : texts) {
    Rule& rule = rules.emplace_back();
    rule.origin = fmt::format("{}[{}] (seriesQuery {})", external ? "externalRules" : "rules",
                              rules.size() - 1, Quote(text.series_query));
    rule.external = external;
    if (Status made = MakeRule(text, resolve, rule); !made) {
      return Prefixed(fmt::format("unable to construct {} metrics provider: unable to construct "
                                  "naming scheme from metrics rules",
                                  external ? "external" : "custom"),
                      made.error());
    }
  }
  return rules;
}

Result<ResourceRule> MakeResourceRule(const ResourceRuleText& text, const Resolver& resolve) {
  ResourceRule rule;
  rule.container_label = text.container_label;
  auto mapping = MakeMapping(text.resources, resolve);
  if (!mapping) return Prefixed("unable to construct label-resource converter", mapping.error());
  rule.resources = std::move(*mapping);
  auto container = MakeQuery(text.container_query);
  if (!container) return Prefixed("unable to construct container metrics query", container.error());
  rule.container_query = std::move(*container);
  auto node = MakeQuery(text.node_query);
  if (!node) return Prefixed("unable to construct node metrics query", node.error());
  rule.node_query = std::move(*node);
  return rule;
}

Result<ResourceRules> MakeResourceRules(const ResourceRulesText& text, const Resolver& resolve) {
  constexpr std::string_view kContext =
      "unable to install resource metrics API: unable to construct resource metrics API provider: "
      "unable to construct querier for";
  auto cpu = MakeResourceRule(text.cpu, resolve);
  if (!cpu) return Prefixed(fmt::format("{} CPU metrics", kContext), cpu.error());
  auto memory = MakeResourceRule(text.memory, resolve);
  if (!memory) return Prefixed(fmt::format("{} memory metrics", kContext), memory.error());
  return ResourceRules{std::move(*cpu), std::move(*memory), text.window};
}

}  // namespace

std::optional<std::string> Rule::MetricName(std::string_view series_name) const {
  for (const Filter& filter : filters) {
    if (filter.pattern.Matches(series_name) != filter.is) return std::nullopt;
  }
  return name_pattern.Expand(series_name, name_as);
}

std::optional<GroupResource> ResourceMapping::ResourceOfLabel(std::string_view label,
                                                              const Resolver& resolve) const {
  const auto found = overrides.find(std::string(label));
  if (found != overrides.end()) return found->second;
  if (!label_template) return std::nullopt;
  const auto match = label_template->Read(label);
  if (!match) return std::nullopt;
  const kube::Resource* resource = resolve(match->group, ToLower(match->resource));
  if (resource == nullptr) return std::nullopt;
  return GroupResource{resource->group, resource->plural};
}

Result<std::string> ResourceMapping::LabelOfResource(const GroupResource& resource,
                                                     const Resolver& resolve) const {
  // Where several labels stand for one resource, the last in order counts: upstream takes any.
  for (auto entry = overrides.rbegin(); entry != overrides.rend(); ++entry) {
    if (entry->second == resource) return entry->first;
  }
  if (!label_template) {
    return Fail(Code::kInvalid, "no generic resource label form specified for this metric");
  }
  const kube::Resource* found = resolve(resource.group, resource.resource);
  if (found == nullptr) {
    return Fail(Code::kInvalid, "unable to singularize resource " + resource.ToString());
  }
  return label_template->Label(found->group, found->singular);
}

Result<Config> ParseConfig(std::string_view yaml, const Resolver& resolve) {
  auto text = DecodeConfig(yaml);
  if (!text) {
    return Prefixed(
        "unable to load metrics discovery config: unable to load metrics discovery configuration",
        text.error());
  }
  Config config;
  auto rules = MakeRules(text->rules, false, resolve);
  if (!rules) return std::unexpected(rules.error());
  config.rules = std::move(*rules);
  auto external = MakeRules(text->external_rules, true, resolve);
  if (!external) return std::unexpected(external.error());
  config.external_rules = std::move(*external);
  if (const auto& rules_text = text->resource_rules) {
    auto resources = MakeResourceRules(*rules_text, resolve);
    if (!resources) return std::unexpected(resources.error());
    config.resource_rules = std::move(*resources);
  }
  return config;
}

Config Merge(const std::vector<Config>& configs) {
  Config merged;
  for (const Config& config : configs) {
    merged.rules.insert(merged.rules.end(), config.rules.begin(), config.rules.end());
    merged.external_rules.insert(merged.external_rules.end(), config.external_rules.begin(),
                                 config.external_rules.end());
    if (config.resource_rules) merged.resource_rules = config.resource_rules;
  }
  return merged;
}

}  // namespace weir::metricsapi
