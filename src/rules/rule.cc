#include "rules/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/strings.h"
#include "base/yaml.h"
#include "promql/parser.h"

namespace weir::rules {
namespace {

constexpr std::array kGroupFields = {
    "name", "interval", "query_offset", "limit", "rules", "labels", "partial_response_strategy"};
constexpr std::array kRuleFields = {"record",          "alert",  "expr",       "for",
                                    "keep_firing_for", "labels", "annotations"};

template <std::size_t N>
Status CheckKeys(const Json& object, const std::array<const char*, N>& known) {
  if (!object.is_object()) return Fail(Code::kInvalid, "expected an object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Fail(Code::kInvalid, fmt::format("field {} not found", key));
    }
  }
  return {};
}

// A duration field; absent or empty is zero.
Result<Duration> DurationField(const Json& object, std::string_view key) {
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null() || *value == "") return Duration(0);
  const std::string text = value->is_string() ? value->get<std::string>() : DumpJson(*value);
  if (text == "0") return Duration(0);
  auto duration = ParsePrometheusDuration(text);
  if (!duration) return Prefixed(fmt::format("invalid field '{}'", key), duration.error());
  return *duration;
}

bool IsLabelName(std::string_view name) {
  return !name.empty() && name != model::kMetricName && IsUtf8(name);
}

Result<std::vector<model::Label>> LabelsField(const Json& object, std::string_view key) {
  std::vector<model::Label> labels;
  const Json* value = Find(object, key);
  if (value == nullptr || value->is_null()) return labels;
  if (!value->is_object()) {
    return Fail(Code::kInvalid, fmt::format("invalid field '{}': expected an object", key));
  }
  for (const auto& [name, text] : value->items()) {
    if (!text.is_string() && !text.is_number()) {
      return Fail(
          Code::kInvalid,
          fmt::format("invalid field '{}': {} is no text (write it in quotes)", key, Quote(name)));
    }
    if (!IsLabelName(name)) return Fail(Code::kInvalid, "invalid label name: " + name);
    labels.push_back({name, text.is_string() ? text.get<std::string>() : DumpJson(text)});
  }
  return labels;
}

Status ReadAlertFields(const Json& object, Rule& rule) {
  auto hold = DurationField(object, "for");
  if (!hold) return std::unexpected(hold.error());
  auto keep = DurationField(object, "keep_firing_for");
  if (!keep) return std::unexpected(keep.error());
  auto annotations = LabelsField(object, "annotations");
  if (!annotations) return std::unexpected(annotations.error());
  if (!rule.alerting) {
    if (!annotations->empty()) {
      return Fail(Code::kInvalid, "invalid field 'annotations' in recording rule");
    }
    if (*hold != Duration(0)) return Fail(Code::kInvalid, "invalid field 'for' in recording rule");
    if (*keep != Duration(0)) {
      return Fail(Code::kInvalid, "invalid field 'keep_firing_for' in recording rule");
    }
    return {};
  }
  for (const model::Label& label : rule.labels) {
    if (label.value.find("{{") != std::string::npos) {
      return Fail(Code::kInvalid, fmt::format("label {}: templates in the labels of alerting rules "
                                              "are not supported",
                                              Quote(label.name)));
    }
  }
  rule.hold = *hold;
  rule.keep_firing = *keep;
  rule.annotations = std::move(*annotations);
  return {};
}

Result<Rule> ReadRule(const Json& object, const std::vector<model::Label>& group_labels) {
  if (Status known = CheckKeys(object, kRuleFields); !known) return std::unexpected(known.error());
  const std::string record = GetString(object, "record");
  const std::string alert = GetString(object, "alert");
  if (record.empty() && alert.empty()) {
    return Fail(Code::kInvalid, "one of 'record' or 'alert' must be set");
  }
  if (!record.empty() && !alert.empty()) {
    return Fail(Code::kInvalid, "only one of 'record' and 'alert' must be set");
  }
  Rule rule;
  rule.alerting = record.empty();
  rule.name = rule.alerting ? alert : record;
  const Json* query = Find(object, "expr");
  // A PrometheusRule's expr is an IntOrString.
  if (query != nullptr)
    rule.query = query->is_string() ? query->get<std::string>() : DumpJson(*query);
  if (Trim(rule.query).empty()) return Fail(Code::kInvalid, "field 'expr' must be set in rule");
  auto expr = promql::Parse(rule.query);
  if (!expr) return Prefixed("could not parse expression", expr.error());
  if (expr->type != promql::ValueType::kVector && expr->type != promql::ValueType::kScalar) {
    return Fail(Code::kInvalid, "rule result is not a vector or scalar");
  }
  rule.expr = std::make_shared<const promql::Expr>(std::move(*expr));
  if (!rule.alerting && !IsUtf8(record)) {
    return Fail(Code::kInvalid, "invalid recording rule name: " + record);
  }
  rule.labels = group_labels;
  auto labels = LabelsField(object, "labels");
  if (!labels) return std::unexpected(labels.error());
  for (model::Label& label : *labels) {
    std::erase_if(rule.labels, [&label](const model::Label& l) { return l.name == label.name; });
    rule.labels.push_back(std::move(label));
  }
  if (Status alerts = ReadAlertFields(object, rule); !alerts) {
    return std::unexpected(alerts.error());
  }
  return rule;
}

Result<Group> ReadGroup(const Json& object) {
  if (Status known = CheckKeys(object, kGroupFields); !known) {
    return std::unexpected(known.error());
  }
  Group group;
  group.name = GetString(object, "name");
  group.definition = DumpJson(object);
  auto interval = DurationField(object, "interval");
  if (!interval) return std::unexpected(interval.error());
  group.interval = *interval;
  auto offset = DurationField(object, "query_offset");
  if (!offset) return std::unexpected(offset.error());
  group.query_offset = *offset;
  const std::int64_t limit = GetInt(object, {"limit"}, 0);
  if (limit < 0) return Fail(Code::kInvalid, "invalid field 'limit': must not be negative");
  group.limit = static_cast<std::size_t>(limit);
  auto labels = LabelsField(object, "labels");
  if (!labels) return std::unexpected(labels.error());
  int number = 0;
  for (const Json& item : GetArray(object, {"rules"})) {
    ++number;
    auto rule = ReadRule(item, *labels);
    if (!rule) {
      const std::string name = GetString(item, "record", GetString(item, "alert"));
      return Prefixed(fmt::format("rule {}, {}", number, Quote(name)), rule.error());
    }
    group.rules.push_back(std::move(*rule));
  }
  return group;
}

}  // namespace

Result<std::vector<Group>> ParseGroups(const Json& document) {
  std::vector<Group> groups;
  if (document.is_null()) return groups;
  if (Status known = CheckKeys(document, std::array{"groups"}); !known) {
    return std::unexpected(known.error());
  }
  const Json* list = Find(document, "groups");
  if (list != nullptr && !list->is_array() && !list->is_null()) {
    return Fail(Code::kInvalid, "invalid field 'groups': expected a list");
  }
  std::set<std::string> names;
  for (const Json& item : GetArray(document, {"groups"})) {
    const std::string name = GetString(item, "name");
    if (name.empty()) return Fail(Code::kInvalid, "Groupname must not be empty");
    if (!names.insert(name).second) {
      return Fail(Code::kInvalid,
                  fmt::format("groupname: {} is repeated in the same file", Quote(name)));
    }
    auto group = ReadGroup(item);
    if (!group) {
      return Fail(group.error().code,
                  fmt::format("group {}, {}", Quote(name), group.error().message));
    }
    groups.push_back(std::move(*group));
  }
  return groups;
}

Result<std::vector<Group>> ParseGroups(std::string_view yaml) {
  auto document = ParseYamlDocument(yaml);
  if (!document) return std::unexpected(document.error());
  return ParseGroups(*document);
}

}  // namespace weir::rules
