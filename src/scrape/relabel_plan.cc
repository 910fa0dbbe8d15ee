#include "scrape/relabel_plan.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "scrape/md5_plan.h"

namespace weir::scrape {
namespace {

struct ActionName {
  std::string_view name;
  RelabelAction action;
};

constexpr std::array<ActionName, 11> kActions{{{"replace", RelabelAction::kReplace},
                                               {"keep", RelabelAction::kKeep},
                                               {"drop", RelabelAction::kDrop},
                                               {"keepequal", RelabelAction::kKeepEqual},
                                               {"dropequal", RelabelAction::kDropEqual},
                                               {"hashmod", RelabelAction::kHashMod},
                                               {"labelmap", RelabelAction::kLabelMap},
                                               {"labeldrop", RelabelAction::kLabelDrop},
                                               {"labelkeep", RelabelAction::kLabelKeep},
                                               {"lowercase", RelabelAction::kLowercase},
                                               {"uppercase", RelabelAction::kUppercase}}};

// The two names that depend on the spelling; the others are the same in both.
struct FieldNames {
  std::string_view source_labels;
  std::string_view target_label;
};

constexpr std::array<std::string_view, 5> kCommonFields{"separator", "regex", "modulus",
                                                        "replacement", "action"};

FieldNames NamesOf(RelabelSpelling spelling) {
  switch (spelling) {
    case RelabelSpelling::kOperator:
      return {"sourceLabels", "targetLabel"};
    case RelabelSpelling::kPrometheus:
      return {"source_labels", "target_label"};
  }
  return {};
}

// What a regular expression captured; group 0 is the whole text.
struct Captures {
  std::vector<std::string> groups;
  const std::map<std::string, int>* names = nullptr;
};

std::string GroupText(const Captures& captures, std::string_view name) {
  if (const auto number = ParseInt(name); number && *number >= 0) {
    const auto index = static_cast<std::size_t>(*number);
    return index < captures.groups.size() ? captures.groups[index] : std::string();
  }
  if (captures.names == nullptr) return {};
  auto it = captures.names->find(std::string(name));
  if (it == captures.names->end()) return {};
  return captures.groups[static_cast<std::size_t>(it->second)];
}

std::string Expand(std::string_view pattern, const Captures& captures) {
  return ExpandTemplate(pattern,
                        [&captures](std::string_view name) { return GroupText(captures, name); });
}

std::optional<Captures> Match(const RelabelRule& rule, const std::string& text) {
  Captures captures;
  if (rule.regex == nullptr) {
    captures.groups = {text, text};
    return captures;
  }
  std::vector<re2::StringPiece> pieces(
      static_cast<std::size_t>(rule.regex->NumberOfCapturingGroups()) + 1);
  if (!rule.regex->Match(text, 0, text.size(), re2::RE2::ANCHOR_BOTH, pieces.data(),
                         static_cast<int>(pieces.size()))) {
    return std::nullopt;
  }
  for (const re2::StringPiece& piece : pieces)
    captures.groups.emplace_back(piece.data(), piece.size());
  captures.names = &rule.regex->NamedCapturingGroups();
  return captures;
}

std::string SourceValue(const RelabelRule& rule, const model::Labels& labels) {
  std::string value;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) value += rule.separator;
    value += labels.Get(rule.source_labels[i]);
  }
  return value;
}

void Replace(const RelabelRule& rule, const std::string& value, model::Labels& labels) {
  const std::optional<Captures> captures = Match(rule, value);
  if (!captures) return;
  const std::string target = Expand(rule.target_label, *captures);
  if (target.empty() || !IsUtf8(target)) return;
  labels.Set(target, Expand(rule.replacement, *captures));
}

void HashMod(const RelabelRule& rule, const std::string& value, model::Labels& labels) {
  const std::array<std::uint8_t, 16> digest = Md5(value);
  std::uint64_t number = 0;
  for (std::size_t i = 8; i < digest.size(); ++i) number = number << 8U | digest[i];
  labels.Set(rule.target_label, std::to_string(number % rule.modulus));
}

void MapLabels(const RelabelRule& rule, model::Labels& labels) {
  const model::Labels before = labels;
  for (const model::Label& label : before) {
    if (const auto captures = Match(rule, label.name)) {
      labels.Set(Expand(rule.replacement, *captures), label.value);
    }
  }
}

void FilterLabels(const RelabelRule& rule, bool keep, model::Labels& labels) {
  const model::Labels before = labels;
  for (const model::Label& label : before) {
    if (Match(rule, label.name).has_value() != keep) labels.Remove(label.name);
  }
}

std::string ToUpper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

bool Apply(const RelabelRule& rule, model::Labels& labels) {
  const std::string value = SourceValue(rule, labels);
  switch (rule.action) {
    case RelabelAction::kReplace:
      Replace(rule, value, labels);
      return true;
    case RelabelAction::kKeep:
      return Match(rule, value).has_value();
    case RelabelAction::kDrop:
      return !Match(rule, value).has_value();
    case RelabelAction::kKeepEqual:
      return labels.Get(rule.target_label) == value;
    case RelabelAction::kDropEqual:
      return labels.Get(rule.target_label) != value;
    case RelabelAction::kHashMod:
      HashMod(rule, value, labels);
      return true;
    case RelabelAction::kLabelMap:
      MapLabels(rule, labels);
      return true;
    case RelabelAction::kLabelDrop:
      FilterLabels(rule, false, labels);
      return true;
    case RelabelAction::kLabelKeep:
      FilterLabels(rule, true, labels);
      return true;
    case RelabelAction::kLowercase:
      labels.Set(rule.target_label, ToLower(value));
      return true;
    case RelabelAction::kUppercase:
      labels.Set(rule.target_label, ToUpper(value));
      return true;
  }
  return true;
}

bool NeedsTarget(RelabelAction action) {
  switch (action) {
    case RelabelAction::kReplace:
    case RelabelAction::kHashMod:
    case RelabelAction::kLowercase:
    case RelabelAction::kUppercase:
    case RelabelAction::kKeepEqual:
    case RelabelAction::kDropEqual:
      return true;
    case RelabelAction::kKeep:
    case RelabelAction::kDrop:
    case RelabelAction::kLabelMap:
    case RelabelAction::kLabelDrop:
    case RelabelAction::kLabelKeep:
      return false;
  }
  return false;
}

Status CheckFields(const Json& item, const FieldNames& names, const std::string& path) {
  if (!item.is_object()) return Fail(Code::kInvalid, path + " is not an object");
  for (const auto& [key, value] : item.items()) {
    const bool known =
        key == names.source_labels || key == names.target_label ||
        std::find(kCommonFields.begin(), kCommonFields.end(), key) != kCommonFields.end();
    if (!known) {
      return Fail(Code::kInvalid, fmt::format("{}.{} is not supported", path, key));
    }
  }
  return {};
}

Result<RelabelAction> ParseAction(const Json& item, const std::string& path) {
  const std::string name = ToLower(GetString(item, "action", "replace"));
  for (const ActionName& known : kActions) {
    if (known.name == name) return known.action;
  }
  return Fail(Code::kInvalid, fmt::format("{}.action: {} is not an action", path, Quote(name)));
}

Result<RelabelRule> ParseRule(const Json& item, const FieldNames& names, const std::string& path) {
  if (Status fields = CheckFields(item, names, path); !fields)
    return std::unexpected(fields.error());
  Result<RelabelAction> action = ParseAction(item, path);
  if (!action) return std::unexpected(action.error());
  RelabelRule rule;
  rule.action = *action;
  for (const Json& label : GetArray(item, {names.source_labels})) {
    if (label.is_string()) rule.source_labels.push_back(label.get<std::string>());
  }
  rule.separator = GetString(item, "separator", ";");
  rule.target_label = GetString(item, names.target_label);
  rule.replacement = GetString(item, "replacement", "$1");
  const std::int64_t modulus = GetInt(item, {"modulus"}, 0);
  rule.modulus = modulus > 0 ? static_cast<std::uint64_t>(modulus) : 0;
  if (NeedsTarget(rule.action) && rule.target_label.empty()) {
    return Fail(Code::kInvalid,
                fmt::format("{}.{} is required for this action", path, names.target_label));
  }
  if (rule.action == RelabelAction::kHashMod && rule.modulus == 0) {
    return Fail(Code::kInvalid, fmt::format("{}.modulus is required for hashmod", path));
  }
  const std::string pattern = GetString(item, "regex", "(.*)");
  if (pattern != "(.*)") {
    re2::RE2::Options options;
    options.set_dot_nl(true);
    options.set_log_errors(false);
    auto regex = std::make_shared<const re2::RE2>(pattern, options);
    if (!regex->ok()) {
      return Fail(Code::kInvalid, fmt::format("{}.regex {} is not valid: {}", path, Quote(pattern),
                                              regex->error()));
    }
    rule.regex = std::move(regex);
  }
  return rule;
}

}  // namespace

Result<std::vector<RelabelRule>> ParseRelabelRules(const Json& list, std::string_view path,
                                                   RelabelSpelling spelling) {
  const FieldNames names = NamesOf(spelling);
  std::vector<RelabelRule> rules;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Result<RelabelRule> rule = ParseRule(list[i], names, fmt::format("{}[{}]", path, i));
    if (!rule) return std::unexpected(rule.error());
    rules.push_back(std::move(*rule));
  }
  return rules;
}

bool Relabel(const std::vector<RelabelRule>& rules, model::Labels& labels) {
  return std::all_of(rules.begin(), rules.end(),
                     [&](const RelabelRule& rule) { return Apply(rule, labels); });
}

}  // namespace weir::scrape
