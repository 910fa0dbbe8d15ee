#include "kube/apply_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/strings.h"
#include "kube/field_set.h"

namespace weir::kube {
namespace {

using Kind = MergeType::Kind;
using Wants = MergeType::Wants;

// `f:spec` is ".spec", `k:{"name":"c"}` is `[name="c"]`.
std::string PrintedStep(std::string_view step) {
  if (step.starts_with("f:")) return "." + std::string(step.substr(2));
  if (step.starts_with("v:")) return fmt::format("[={}]", step.substr(2));
  if (!step.starts_with("k:")) return fmt::format("[{}]", step.substr(2));
  std::vector<std::string> parts;
  const Json keys = ParseJson(step.substr(2)).value_or(Json::object());
  for (const auto& [key, value] : keys.items()) parts.push_back(key + "=" + DumpJson(value));
  return "[" + Join(parts, ",") + "]";
}

std::string GoType(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  return value.is_array() ? "[]interface {}" : "map[string]interface {}";
}

// Go's %#v of a decoded value.
std::string GoValue(const Json& value) {
  if (value.is_string()) return Quote(value.get_ref<const std::string&>());
  if (value.is_array()) return "[]interface {}{...}";
  if (value.is_object()) return "map[string]interface {}{...}";
  return DumpJson(value);
}

std::string GoPlain(const Json& value) {
  return value.is_string() ? value.get<std::string>() : DumpJson(value);
}

// What a scalar of the wrong kind is told; empty where it is right.
std::string ScalarError(Wants wants, const Json& value) {
  switch (wants) {
    case Wants::kNumber:
      if (value.is_number()) return {};
      return "expected numeric (int or float), got " + GoType(value);
    case Wants::kString:
      if (value.is_string()) return {};
      return fmt::format("expected string, got &value.valueUnstructured{{Value:{}}}",
                         GoValue(value));
    case Wants::kBool:
      if (value.is_boolean()) return {};
      return fmt::format("expected boolean, got &{{{}}}", GoPlain(value));
    case Wants::kScalar:
      if (!value.is_structured()) return {};
      return fmt::format("expected any scalar, got &{{{}}}", GoPlain(value));
    case Wants::kList:
      if (value.is_array()) return {};
      return fmt::format("expected list, got &{{{}}}", GoPlain(value));
    case Wants::kMap:
      if (value.is_object()) return {};
      return fmt::format("expected map, got &{{{}}}", GoPlain(value));
    case Wants::kAnything:
      break;
  }
  return {};
}

class Checker {
 public:
  // NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep.
  void Check(const MergeType& type, const Json& value) {
    if (value.is_null()) return;
    if (std::string error = ScalarError(type.WantsOf(), value); !error.empty()) {
      return Add(std::move(error));
    }
    if (value.is_object()) CheckMap(type, value);
    if (value.is_array()) CheckList(type, value);
  }

  std::vector<std::string> errors;

 private:
  void Add(std::string why) {
    errors.push_back(path_.empty() ? std::move(why) : path_ + ": " + why);
  }

  void Below(const std::string& step, const MergeType& type, const Json& value) {
    const std::size_t mark = path_.size();
    path_ += step;
    Check(type, value);
    path_.resize(mark);
  }

  void CheckMap(const MergeType& type, const Json& value) {
    for (const auto& [key, member] : value.items()) {
      if (type.IsStruct() && !type.Declares(key)) {
        errors.push_back(fmt::format("{}.{}: field not declared in schema", path_, key));
        return;
      }
      Below("." + key, type.Member(key), member);
    }
  }

  void CheckList(const MergeType& type, const Json& value) {
    const Kind kind = type.KindOf(value);
    std::set<std::string> seen;
    for (std::size_t i = 0; i < value.size(); ++i) {
      std::string step = fmt::format("[{}]", i);
      if (kind != Kind::kLeaf) {
        const auto of_element = type.StepTo(value[i], kind);
        if (!of_element) {
          return Add(
              fmt::format("element {}: associative list with keys has an element that omits "
                          "all key fields",
                          i));
        }
        step = PrintedStep(*of_element);
        if (!seen.insert(step).second) Add("duplicate entries for key " + step);
      }
      Below(step, type.Element(), value[i]);
    }
  }

  std::string path_;
};

bool IsEmptyOrNone(const Json* value) {
  return value == nullptr || value->is_null() || (value->is_structured() && value->empty());
}

Kind KindOfBoth(const MergeType& type, const Json* live, const Json* config) {
  const auto kind = [&type](const Json* value) -> std::optional<Kind> {
    if (value == nullptr || value->is_null()) return std::nullopt;
    return type.KindOf(*value);
  };
  const auto a = kind(live), b = kind(config);
  if (a && b && *a != *b) return Kind::kLeaf;
  return a ? *a : b.value_or(Kind::kLeaf);
}

std::optional<Json> MergeMaps(const MergeType& type, const Json* live, const Json* config) {
  Json out = Json::object();
  const auto at = [](const Json* map, const std::string& key) {
    return map == nullptr || !map->is_object() ? nullptr : Find(*map, key);
  };
  const auto merge = [&](const std::string& key) {
    if (out.contains(key)) return;
    auto merged = MergeValues(type.Member(key), at(live, key), at(config, key));
    if (merged) out[key] = std::move(*merged);
  };
  for (const Json* map : {live, config}) {
    if (map == nullptr || !map->is_object()) continue;
    for (const auto& [key, value] : map->items()) merge(key);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

// The elements of a list with their steps.
struct Steps {
  std::vector<std::string> order;
  std::map<std::string, const Json*> first;

  Steps(const MergeType& type, Kind kind, const Json* list) {
    if (list == nullptr || !list->is_array()) return;
    for (const Json& item : *list) {
      auto step = type.StepTo(item, kind);
      if (!step) continue;
      first.emplace(*step, &item);
      order.push_back(std::move(*step));
    }
  }
  const Json* At(const std::string& step) const {
    const auto it = first.find(step);
    return it == first.end() ? nullptr : it->second;
  }
};

// Those of `config` in its order, those that only `live` has where they stood before the next
// shared one.
std::optional<Json> MergeLists(const MergeType& type, Kind kind, const Json* live,
                               const Json* config) {
  const Steps left(type, kind, live), right(type, kind, config);
  const MergeType element = type.Element();
  std::vector<std::string> shared;
  for (const std::string& step : right.order) {
    if (left.At(step) != nullptr) shared.push_back(step);
  }
  std::size_t next_shared = 0;
  std::set<std::string> taken;
  Json out = Json::array();
  const auto take = [&](const Json* l, const Json* r) {
    if (auto merged = MergeValues(element, l, r)) out.push_back(std::move(*merged));
  };
  std::size_t l = 0, r = 0;
  while (l < left.order.size() || r < right.order.size()) {
    if (l < left.order.size() && r < right.order.size()) {
      const std::string& step = left.order[l];
      if (step == right.order[r]) {
        taken.insert(step);
        take(left.At(step), right.At(step));
        ++l;
        ++r;
        ++next_shared;
        continue;
      }
      const bool other = next_shared < shared.size() && shared[next_shared] != step;
      if (right.At(step) != nullptr && other) {
        ++l;  // shared, but not the one wanted in this round
        continue;
      }
    }
    if (l < left.order.size()) {
      const std::string& step = left.order[l];
      if (right.At(step) == nullptr) {
        take(left.At(step), nullptr);
        ++l;
        continue;
      }
      if (taken.contains(step)) ++l;
    }
    if (r < right.order.size()) {
      const std::string& step = right.order[r];
      taken.insert(step);
      take(left.At(step), right.At(step));
      ++r;
      if (next_shared < shared.size() && shared[next_shared] == step) ++next_shared;
    }
  }
  if (out.empty()) return std::nullopt;
  return out;
}

bool IsField(const Json& node) { return node.empty() || node.contains("."); }

// What is left of a member or element of which the set has something: null containers are empty
// ones.
Json Cut(const MergeType& type, const Json& value, const Json& below) {
  Json left = WithoutFields(type, value, below);
  if (!left.is_null()) return left;
  if (value.is_object()) return Json::object();
  if (value.is_array()) return Json::array();
  return left;
}

}  // namespace

std::vector<std::string> TypeErrors(const MergeType& type, const Json& value) {
  Checker checker;
  checker.Check(type, value);
  return std::move(checker.errors);
}

// NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep.
std::optional<Json> MergeValues(const MergeType& type, const Json* live, const Json* config) {
  if (live == nullptr && config == nullptr) return std::nullopt;
  const Kind kind = KindOfBoth(type, live, config);
  if (kind == Kind::kLeaf || (IsEmptyOrNone(live) && IsEmptyOrNone(config))) {
    return config != nullptr ? *config : *live;
  }
  return kind == Kind::kMap ? MergeMaps(type, live, config) : MergeLists(type, kind, live, config);
}

// NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep.
Json WithoutFields(const MergeType& type, const Json& value, const Json& set) {
  if (!value.is_structured()) return value;
  const Kind kind = type.KindOf(value);
  if (kind == Kind::kLeaf || value.empty()) return {};
  if (kind == Kind::kMap) {
    Json out = Json::object();
    for (const auto& [key, member] : value.items()) {
      const auto below = set.find("f:" + key);
      if (below == set.end()) {
        out[key] = member;
      } else if (!IsField(*below)) {
        out[key] = Cut(type.Member(key), member, *below);
      }
    }
    return out;
  }
  Json out = Json::array();
  for (const Json& item : value) {
    const auto step = type.StepTo(item, kind);
    const auto below = step ? set.find(*step) : set.end();
    if (below == set.end()) {
      out.push_back(item);
    } else if (!IsField(*below)) {
      out.push_back(Cut(type.Element(), item, *below));
    }
  }
  return out;
}

// NOLINTNEXTLINE(misc-no-recursion): sets are at most as deep as objects.
Json WithNamedFields(const MergeType& type, const Json& set) {
  if (!set.is_object()) return Json::object();
  Json out = Json::object();
  for (const auto& [step, below] : set.items()) {
    if (step == "." || below.empty()) {
      out[step] = below;
      continue;
    }
    const bool named = step.starts_with("f:");
    const std::string key = named ? step.substr(2) : std::string();
    Json member = WithNamedFields(named ? type.Member(key) : type.Element(), below);
    if (named && type.IsStruct() && type.Declares(key)) MarkField(member);
    out[step] = std::move(member);
  }
  return out;
}

// NOLINTNEXTLINE(misc-no-recursion): sets are at most as deep as objects.
std::vector<std::string> PathsOf(const Json& set) {
  std::vector<std::string> paths;
  if (!set.is_object()) return paths;
  for (const auto& [step, below] : set.items()) {
    if (step == ".") continue;
    const std::string printed = PrintedStep(step);
    if (IsField(below)) paths.push_back(printed);
    for (const std::string& path : PathsOf(below)) paths.push_back(printed + path);
  }
  return paths;
}

}  // namespace weir::kube
