#include "metricsapi/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/json.h"
#include "base/strings.h"
#include "base/yaml.h"

namespace weir::metricsapi {
namespace {

// The Go types that upstream's messages name.
constexpr std::string_view kConfigType = "config.MetricsDiscoveryConfig";
constexpr std::string_view kRuleType = "config.DiscoveryRule";
constexpr std::string_view kFilterType = "config.RegexFilter";
constexpr std::string_view kMappingType = "config.ResourceMapping";
constexpr std::string_view kResourceType = "config.GroupResource";
constexpr std::string_view kNameType = "config.NameMapping";

// An object with no other than the named fields; null counts as an empty one.
Status CheckObject(const Json& value, std::string_view type,
                   std::initializer_list<std::string_view> fields) {
  if (value.is_null()) return {};
  if (!value.is_object()) {
    return Fail(Code::kInvalid, fmt::format("cannot unmarshal {} into {}", DumpJson(value), type));
  }
  for (const auto& [key, item] : value.items()) {
    if (std::find(fields.begin(), fields.end(), key) == fields.end()) {
      return Fail(Code::kInvalid, fmt::format("field {} not found in type {}", key, type));
    }
  }
  return {};
}

// A text; numbers and the like are refused, as they would not be what the author wrote.
Result<std::string> Text(const Json& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) {
    return Fail(Code::kInvalid,
                fmt::format("field {}: cannot unmarshal {} into string", key, DumpJson(*value)));
  }
  return value->get<std::string>();
}

Result<const Json*> List(const Json& object, std::string_view key, std::string_view type) {
  static const Json kEmpty = Json::array();
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return &kEmpty;
  if (!value->is_array()) {
    return Fail(Code::kInvalid, fmt::format("field {}: cannot unmarshal {} into []{}", key,
                                            DumpJson(*value), type));
  }
  return value;
}

Status ReadFilters(const Json& object, Rule& rule) {
  auto list = List(object, "seriesFilters", kFilterType);
  if (!list) return std::unexpected(list.error());
  for (const Json& item : **list) {
    if (Status known = CheckObject(item, kFilterType, {"is", "isNot"}); !known) return known;
    auto is = Text(item, "is");
    if (!is) return std::unexpected(is.error());
    auto is_not = Text(item, "isNot");
    if (!is_not) return std::unexpected(is_not.error());
    if (!is->empty() && !is_not->empty()) {
      return Fail(Code::kInvalid,
                  fmt::format("unable to generate series name filter: cannot have both an `is` "
                              "({}) and `isNot` ({}) expression in a single filter",
                              Quote(*is), Quote(*is_not)));
    }
    if (is->empty() && is_not->empty()) {
      return Fail(Code::kInvalid,
                  "unable to generate series name filter: must have either an `is` "
                  "or `isNot` expression in a filter");
    }
    const std::string& expression = is->empty() ? *is_not : *is;
    auto pattern = Pattern::Make(expression);
    if (!pattern) {
      return Prefixed(fmt::format("unable to compile series filter {}", Quote(expression)),
                      pattern.error());
    }
    rule.filters.push_back({std::move(*pattern), !is->empty()});
  }
  return {};
}

Status ReadName(const Json& object, Rule& rule) {
  const Json& name = GetObject(object, {"name"});
  if (const Json* given = Find(object, "name"); given != nullptr) {
    if (Status known = CheckObject(*given, kNameType, {"matches", "as"}); !known) return known;
  }
  auto matches = Text(name, "matches");
  if (!matches) return std::unexpected(matches.error());
  auto as = Text(name, "as");
  if (!as) return std::unexpected(as.error());
  auto pattern = Pattern::Make(matches->empty() ? ".*" : *matches);
  if (!pattern) {
    return Prefixed(fmt::format("unable to compile series filter {}", Quote(*matches)),
                    pattern.error());
  }
  if (!matches->empty()) rule.filters.push_back({*pattern, true});
  rule.name_as = *as;
  if (rule.name_as.empty()) {
    // The only group, or else the whole match.
    if (pattern->groups() > 1) {
      return Fail(Code::kInvalid,
                  fmt::format("must specify an 'as' value for name matcher {}", Quote(*matches)));
    }
    rule.name_as = pattern->groups() == 1 ? "$1" : "$0";
  }
  rule.name_pattern = std::move(*pattern);
  return {};
}

Status ReadOverrides(const Json& resources, Rule& rule, const Resolver& resolve) {
  const Json* overrides = Find(resources, "overrides");
  if (overrides == nullptr || overrides->is_null()) return {};
  if (!overrides->is_object()) {
    return Fail(Code::kInvalid, fmt::format("field overrides: cannot unmarshal {} into "
                                            "map[string]{}",
                                            DumpJson(*overrides), kResourceType));
  }
  for (const auto& [label, item] : overrides->items()) {
    if (Status known = CheckObject(item, kResourceType, {"group", "resource"}); !known) {
      return known;
    }
    auto group = Text(item, "group");
    if (!group) return std::unexpected(group.error());
    auto name = Text(item, "resource");
    if (!name) return std::unexpected(name.error());
    const kube::Resource* resource = resolve(*group, ToLower(*name));
    if (resource == nullptr) {
      return Fail(Code::kInvalid, fmt::format("unable to normalize group-resource {{{} {}}}: no "
                                              "matches for {}/, Resource={}",
                                              *group, *name, *group, *name));
    }
    rule.overrides[label] = {resource->group, resource->plural};
  }
  return {};
}

Status ReadResources(const Json& object, Rule& rule, const Resolver& resolve) {
  const Json* resources = Find(object, "resources");
  if (resources == nullptr || resources->is_null()) return {};
  if (Status known = CheckObject(*resources, kMappingType, {"template", "overrides", "namespaced"});
      !known) {
    return known;
  }
  auto text = Text(*resources, "template");
  if (!text) return std::unexpected(text.error());
  if (!text->empty()) {
    auto label_template = LabelTemplate::Parse(*text);
    if (!label_template) return std::unexpected(label_template.error());
    rule.label_template = std::move(*label_template);
  }
  if (const Json* namespaced = Find(*resources, "namespaced");
      namespaced != nullptr && !namespaced->is_null()) {
    if (!namespaced->is_boolean()) {
      return Fail(Code::kInvalid, fmt::format("field namespaced: cannot unmarshal {} into bool",
                                              DumpJson(*namespaced)));
    }
    rule.namespaced = namespaced->get<bool>();
  }
  return ReadOverrides(*resources, rule, resolve);
}

Status ReadRuleInto(const Json& object, const Resolver& resolve, Rule& rule) {
  if (Status known = CheckObject(
          object, kRuleType, {"seriesQuery", "seriesFilters", "resources", "name", "metricsQuery"});
      !known) {
    return known;
  }
  auto series_query = Text(object, "seriesQuery");
  if (!series_query) return std::unexpected(series_query.error());
  rule.series_query = std::move(*series_query);
  if (Status filters = ReadFilters(object, rule); !filters) return filters;
  if (Status name = ReadName(object, rule); !name) return name;
  if (Status resources = ReadResources(object, rule, resolve); !resources) return resources;
  auto query = Text(object, "metricsQuery");
  if (!query) return std::unexpected(query.error());
  if (query->empty()) return {};
  auto query_template = QueryTemplate::Parse(*query);
  if (!query_template) return std::unexpected(query_template.error());
  rule.query = std::move(*query_template);
  return {};
}

Result<std::vector<Rule>> ReadRules(const Json& document, std::string_view key,
                                    const Resolver& resolve) {
  auto list = List(document, key, kRuleType);
  if (!list) return std::unexpected(list.error());
  std::vector<Rule> rules;
  for (const Json& item : **list) {
    Rule rule;
    rule.origin = fmt::format("{}[{}] (seriesQuery {})", key, rules.size(),
                              Quote(GetString(item, "seriesQuery")));
    rule.external = key == "externalRules";
    if (Status read = ReadRuleInto(item, resolve, rule); !read) {
      return Prefixed(rule.origin, read.error());
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

std::optional<std::string> Rule::MetricName(std::string_view series_name) const {
  for (const Filter& filter : filters) {
    if (filter.pattern.Matches(series_name) != filter.is) return std::nullopt;
  }
  return name_pattern.Expand(series_name, name_as);
}

std::optional<GroupResource> Rule::ResourceOfLabel(std::string_view label,
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

Result<std::string> Rule::LabelOfResource(const GroupResource& resource,
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
  constexpr std::string_view kContext = "unable to parse metrics discovery config";
  auto document = ParseYamlDocument(yaml);
  if (!document) return Prefixed(kContext, document.error());
  if (Status known =
          CheckObject(*document, kConfigType, {"rules", "externalRules", "resourceRules"});
      !known) {
    return Prefixed(kContext, known.error());
  }
  const Json* resource_rules = Find(*document, "resourceRules");
  if (resource_rules != nullptr && !resource_rules->is_null()) {
    return Fail(Code::kInvalid, "resourceRules: metrics.k8s.io is not served yet; leave them out");
  }
  Config config;
  auto rules = ReadRules(*document, "rules", resolve);
  if (!rules) return Prefixed(kContext, rules.error());
  config.rules = std::move(*rules);
  auto external = ReadRules(*document, "externalRules", resolve);
  if (!external) return Prefixed(kContext, external.error());
  config.external_rules = std::move(*external);
  return config;
}

Config Merge(const std::vector<Config>& configs) {
  Config merged;
  for (const Config& config : configs) {
    merged.rules.insert(merged.rules.end(), config.rules.begin(), config.rules.end());
    merged.external_rules.insert(merged.external_rules.end(), config.external_rules.begin(),
                                 config.external_rules.end());
  }
  return merged;
}

}  // namespace weir::metricsapi
