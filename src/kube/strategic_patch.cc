// Strategic merge (patch.h): k8s.io/apimachinery pkg/util/strategicpatch, told in our own way.
#include <algorithm>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "kube/patch.h"
#include "kube/types.h"

namespace weir::kube {
namespace {

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kSetElementOrder = "$setElementOrder/";
constexpr std::string_view kDeleteFromList = "$deleteFromPrimitiveList/";

std::unexpected<Error> Broken(std::string message) {
  return Fail(Code::kInternal, std::move(message));
}

bool IsDirective(std::string_view key) {
  return key == kPatch || key == kRetainKeys || key.starts_with(kSetElementOrder) ||
         key.starts_with(kDeleteFromList);
}

std::string_view GoTypeName(const Json& value) {
  if (value.is_object()) return "map[string]interface {}";
  if (value.is_array()) return "[]interface {}";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  if (value.is_number_integer()) return "int64";
  return value.is_number() ? "float64" : "<nil>";
}

bool SameGoType(const Json& a, const Json& b) { return GoTypeName(a) == GoTypeName(b); }

std::unexpected<Error> NotAList(const Json& value) {
  return Broken("expected a []interface {}, but received a " + std::string(GoTypeName(value)));
}

std::unexpected<Error> NoMergeKey(const Json& element, std::string_view key) {
  return Broken("map: " + GoFormat(element) +
                " does not contain declared merge key: " + std::string(key));
}

// What is known of the value at one place: its type, where there is one.
struct Schema {
  std::optional<ValueType> type;

  // Of the member of a struct or a map, with the field where it is a struct's.
  Schema Of(std::string_view key, const Field*& field) const {
    field = nullptr;
    if (!type) return {};
    if (type->shape == Shape::kMap) return {type->Element()};
    if (!type->IsMessage()) return {};
    field = TypeTable::Get().at(type->message).Find(key);
    return field != nullptr ? Schema{field->type} : Schema{};
  }
  // Of a list's elements.
  Schema OfElement() const {
    bool list = type && (type->shape == Shape::kList || type->shape == Shape::kItems);
    return list ? Schema{type->Element()} : Schema{};
  }
};

// Nulls and directives mean nothing where the object has nothing yet. False: neither does the
// value.
bool KeepNew(Json& value) {
  if (value.is_object()) {
    if (value.contains(kPatch)) return false;
    for (auto member = value.begin(); member != value.end();) {
      bool gone = member->is_null() || IsDirective(member.key()) || !KeepNew(*member);
      member = gone ? value.erase(member) : std::next(member);
    }
  } else if (value.is_array()) {
    Json kept = Json::array();
    for (Json& element : value) {
      if (KeepNew(element)) kept.push_back(std::move(element));
    }
    value = std::move(kept);
  }
  return true;
}

// Elements are the same where their merge keys' values are, plain values where they are equal.
bool SameElement(const Json& a, const Json& b, std::string_view key) {
  if (key.empty()) return a == b;
  const Json* x = Find(a, key);
  const Json* y = Find(b, key);
  return x != nullptr && y != nullptr && *x == *y;
}

std::ptrdiff_t IndexIn(const Json& list, const Json& element, std::string_view key) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (SameElement(list[i], element, key)) return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

// The elements in the order of `order`; those it does not have come last, as they were.
std::vector<Json> Sorted(std::vector<Json> elements, const Json& order, std::string_view key) {
  std::vector<Json> out;
  for (const Json& wanted : order) {
    for (Json& element : elements) {
      if (!element.is_discarded() && SameElement(wanted, element, key)) {
        out.push_back(std::exchange(element, Json(Json::value_t::discarded)));
      }
    }
  }
  for (Json& element : elements) {
    if (!element.is_discarded()) out.push_back(std::move(element));
  }
  return out;
}

// Puts a merged list in order: elements that the patch names (in `patch_order`) in its order, the
// others in the order they had (`live`), each before the first named one that it stood before.
Json Ordered(const Json& merged, const Json& patch_order, const Json& live, std::string_view key) {
  std::vector<Json> named;
  std::vector<Json> others;
  for (const Json& element : merged) {
    bool in_patch = IndexIn(patch_order, element, key) >= 0;
    (in_patch ? named : others).push_back(element);
  }
  named = Sorted(std::move(named), patch_order, key);
  others = Sorted(std::move(others), live, key);
  Json out = Json::array();
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < others.size() || j < named.size()) {
    bool take_other = j == named.size();
    if (i < others.size() && j < named.size()) {
      std::ptrdiff_t other_at = IndexIn(live, others[i], key);
      std::ptrdiff_t named_at = IndexIn(live, named[j], key);
      take_other = other_at >= 0 && named_at >= 0 && other_at < named_at;
    }
    out.push_back(std::move(take_other ? others[i++] : named[j++]));
  }
  return out;
}

// All elements of both lists must be of one type.
Status CheckElements(const Json& original, const Json& patch) {
  const Json* first = nullptr;
  for (const Json* list : {&original, &patch}) {
    for (const Json& element : *list) {
      if (first == nullptr) first = &element;
      if (element.is_array()) {
        return Broken("lists of lists are not supported: " + GoFormat(*list));
      }
      if (!SameGoType(*first, element)) {
        return Broken("list element types are not identical: [" + GoFormat(original) + " " +
                      GoFormat(patch) + "]");
      }
    }
  }
  return {};
}

// $setElementOrder must name the patch's elements in the patch's order.
Status CheckOrder(const Json& patch, const Json& order, std::string_view key) {
  std::size_t at = 0;
  std::vector<const Json*> kept;
  for (const Json& element : patch) {
    if (!element.is_object() || !element.contains(kPatch)) kept.push_back(&element);
  }
  for (const Json& wanted : order) {
    if (at < kept.size() && SameElement(*kept[at], wanted, key)) ++at;
  }
  if (at == kept.size()) return {};
  return Broken("The order in patch list:\n" + GoFormat(patch) +
                "\n doesn't match $setElementOrder list:\n" + GoFormat(order) + "\n");
}

class Merger {
 public:
  // Recursive as the document is; the depth of documents is bounded where they are parsed.
  Status MergeMap(Json& original, Json patch, const Schema& schema) {
    if (auto directive = patch.find(kPatch); directive != patch.end()) {
      if (*directive == "replace") {
        patch.erase(kPatch);
        original = std::move(patch);
      } else if (*directive == "delete") {
        original = Json::object();
      } else {
        return Broken("unknown patch type: " + GoFormat(*directive) +
                      " in map: " + GoFormat(patch));
      }
      return {};
    }
    if (!original.is_object()) original = Json::object();
    if (Status status = RetainKeys(original, patch); !status) return status;
    if (Status status = MergeOrderedLists(original, patch, schema); !status) return status;
    for (auto& [key, value] : patch.items()) {
      if (Status status = MergeMember(original, key, value, schema); !status) return status;
    }
    return {};
  }

 private:
  // $retainKeys: every other key of the original goes; the patch may set no other.
  static Status RetainKeys(Json& original, Json& patch) {
    auto directive = patch.find(kRetainKeys);
    if (directive == patch.end()) return {};
    const Json keys = std::move(*directive);
    patch.erase(kRetainKeys);
    const auto bad = [] { return Fail(Code::kInvalid, "invalid patch format of retainKeys"); };
    if (!keys.is_array()) return bad();
    auto retained = [&](const std::string& key) {
      return std::ranges::any_of(keys, [&](const Json& kept) { return kept == key; });
    };
    for (const auto& [key, value] : patch.items()) {
      bool order = key.starts_with(kSetElementOrder) || key.starts_with(kDeleteFromList);
      if (!value.is_null() && !order && !retained(key)) return bad();
    }
    for (auto member = original.begin(); member != original.end();) {
      member = retained(member.key()) ? std::next(member) : original.erase(member);
    }
    return {};
  }

  // The lists for which the patch has $setElementOrder; they leave the patch.
  Status MergeOrderedLists(Json& original, Json& patch, const Schema& schema) {
    std::vector<std::string> directives;
    for (const auto& [key, value] : patch.items()) {
      if (key.starts_with(kSetElementOrder)) directives.push_back(key);
    }
    for (const std::string& directive : directives) {
      const Json order = std::move(patch[directive]);
      patch.erase(directive);
      if (!order.is_array()) return NotAList(order);
      std::string name = directive.substr(kSetElementOrder.size());
      bool in_original = original.contains(name) && !original[name].is_null();
      bool in_patch = patch.contains(name);
      if (in_original && !original[name].is_array()) return NotAList(original[name]);
      if (in_patch && !patch[name].is_array()) return NotAList(patch[name]);
      const Field* field = nullptr;
      Schema list = schema.Of(name, field);
      std::string_view key = field != nullptr ? field->patch_key : "";
      Json changes = in_patch ? patch[name] : Json::array();
      patch.erase(name);
      if (Status status = CheckOrder(changes, order, key); !status) return status;
      if (!in_original && !in_patch) continue;
      const Json live = in_original ? original[name] : Json::array();
      Json merged = live;
      if (!in_original) {
        KeepNew(changes);
        merged = std::move(changes);
      } else if (in_patch) {
        Status status = MergeList(merged, std::move(changes), list, field, false);
        if (!status) return status;
      }
      original[name] = Ordered(merged, order, live, key);
    }
    return {};
  }

  Status MergeMember(Json& original, const std::string& written, Json& value,
                     const Schema& schema) {
    bool deletes = written.starts_with(kDeleteFromList);
    std::string key = deletes ? written.substr(kDeleteFromList.size()) : written;
    if (value.is_null()) {
      original.erase(key);
      return {};
    }
    auto member = original.find(key);
    if (member == original.end() || !SameGoType(*member, value)) {
      if (deletes) return {};
      if (KeepNew(value)) {
        original[key] = std::move(value);
      } else {
        original.erase(key);
      }
      return {};
    }
    const Field* field = nullptr;
    Schema inner = schema.Of(key, field);
    if (value.is_object()) {
      if (field != nullptr && field->patch_replace) {
        *member = std::move(value);
        return {};
      }
      return MergeMap(*member, std::move(value), inner);
    }
    if (value.is_array()) return MergeList(*member, std::move(value), inner, field, deletes);
    *member = std::move(value);
    return {};
  }

  Status MergeList(Json& original, Json patch, const Schema& schema, const Field* field,
                   bool deletes) {
    bool merges = field != nullptr && field->patch_merge;
    if (!merges && !deletes) {
      original = std::move(patch);
      return {};
    }
    if (original.empty() && patch.empty()) return {};
    if (Status status = CheckElements(original, patch); !status) return status;
    bool maps = original.empty() ? patch[0].is_object() : original[0].is_object();
    std::string_view key = field != nullptr ? field->patch_key : "";
    if (!maps) {
      MergePlain(original, patch, deletes);
      return {};
    }
    if (key.empty()) return Broken("cannot merge lists without merge key");
    if (Status status = ApplyElementDirectives(original, patch, key); !status) return status;
    Json merged = original;
    for (Json& element : patch) {
      if (!element.contains(key)) return NoMergeKey(element, key);
      std::ptrdiff_t at = IndexIn(merged, element, key);
      if (at < 0) {
        Json added = element;
        KeepNew(added);
        merged.push_back(std::move(added));
        continue;
      }
      Status status = MergeMap(merged[static_cast<std::size_t>(at)], element, schema.OfElement());
      if (!status) return status;
    }
    original = Ordered(merged, patch, original, key);
    return {};
  }

  static void MergePlain(Json& original, const Json& patch, bool deletes) {
    Json merged = Json::array();
    auto add = [&](const Json& element) {
      if (IndexIn(merged, element, "") < 0) merged.push_back(element);
    };
    for (const Json& element : original) {
      if (!deletes) {
        add(element);
      } else if (IndexIn(patch, element, "") < 0) {
        merged.push_back(element);
      }
    }
    if (deletes) {
      original = std::move(merged);
      return;
    }
    for (const Json& element : patch) add(element);
    original = Ordered(merged, patch, original, "");
  }

  // Elements with $patch: deletes its like, or makes the patch replace the whole list. They leave
  // the patch.
  static Status ApplyElementDirectives(Json& original, Json& patch, std::string_view key) {
    Json rest = Json::array();
    bool replace = false;
    for (Json& element : patch) {
      auto directive = element.find(kPatch);
      if (directive == element.end()) {
        rest.push_back(std::move(element));
      } else if (*directive == "delete") {
        if (!element.contains(key)) return NoMergeKey(element, key);
        Json kept = Json::array();
        for (Json& old : original) {
          if (!SameElement(old, element, key)) kept.push_back(std::move(old));
        }
        original = std::move(kept);
      } else if (*directive == "replace") {
        replace = true;
      } else if (*directive == "merge") {
        return Broken("merging lists cannot yet be specified in the patch");
      } else {
        return Broken("unknown patch type: " + GoFormat(*directive) +
                      " in map: " + GoFormat(element));
      }
    }
    patch = std::move(rest);
    if (replace) original = std::exchange(patch, Json::array());
    return {};
  }
};

}  // namespace

Result<Json> StrategicMergePatch(const Json& document, const Json& patch, std::string_view type) {
  Schema schema;
  const TypeTable& table = TypeTable::Get();
  if (const Type* found = table.Find(type)) {
    auto index = static_cast<std::uint16_t>(found - table.types().data());
    schema.type = ValueType{Shape::kOne, Shape::kOne, Scalar::kMessage, index};
  }
  Json out = document;
  if (Status status = Merger().MergeMap(out, patch, schema); !status) {
    return std::unexpected(status.error());
  }
  return out;
}

std::string GoFormat(const Json& value) {
  if (value.is_null()) return "<nil>";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_float()) return FormatDouble(value.get<double>());
  if (value.is_number()) return DumpJson(value);
  std::vector<std::string> parts;
  for (const auto& [key, member] : value.items()) {
    parts.push_back(value.is_object() ? key + ":" + GoFormat(member) : GoFormat(member));
  }
  return (value.is_object() ? "map[" : "[") + Join(parts, " ") + "]";
}

}  // namespace weir::kube
