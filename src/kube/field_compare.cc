#include "kube/field_compare.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "kube/field_set.h"

namespace weir::kube {
namespace {

using Kind = MergeType::Kind;

bool IsEmptyOrNone(const Json* value) {
  return value == nullptr || value->is_null() || (value->is_structured() && value->empty());
}

void Attach(const std::string& step, Json below, Json& set) {
  if (below.is_null()) return;
  if (set.is_null()) set = Json::object();
  set[step] = std::move(below);
}

void Attach(const std::string& step, FieldChanges below, FieldChanges& changes) {
  Attach(step, std::move(below.added), changes.added);
  Attach(step, std::move(below.modified), changes.modified);
  Attach(step, std::move(below.removed), changes.removed);
}

// How the two are compared; a value that is null takes the other's kind.
Kind KindOfBoth(const MergeType& type, const Json* before, const Json* after) {
  const auto kind = [&type](const Json* value) -> std::optional<Kind> {
    if (value == nullptr || value->is_null()) return std::nullopt;
    return type.KindOf(*value);
  };
  const auto a = kind(before), b = kind(after);
  if (a && b && *a != *b) return Kind::kLeaf;
  return a ? *a : b.value_or(Kind::kLeaf);
}

FieldChanges CompareLeaves(const Json* before, const Json* after) {
  FieldChanges changes;
  if (before == nullptr) {
    MarkField(changes.added);
  } else if (after == nullptr) {
    MarkField(changes.removed);
  } else if (*before != *after) {
    MarkField(changes.modified);
  }
  return changes;
}

const Json* At(const Json* object, const std::string& key) {
  return object == nullptr || !object->is_object() ? nullptr : Find(*object, key);
}

// The member, unless it is one that Go would not have sent.
const Json* Sent(const MergeType& type, const std::string& key, const Json* value) {
  const bool empty = value != nullptr && value->is_structured() && value->empty();
  return empty && type.OmitsEmpty(key) ? nullptr : value;
}

void CompareMembers(const MergeType& type, const std::string& key, const Json* before,
                    const Json* after, FieldChanges& changes) {
  before = Sent(type, key, before);
  after = Sent(type, key, after);
  if (before == nullptr && after == nullptr) return;
  if (before != nullptr && after != nullptr && *before == *after) return;
  Attach("f:" + key, CompareValues(type.Member(key), before, after), changes);
}

void CompareMaps(const MergeType& type, const Json* before, const Json* after,
                 FieldChanges& changes) {
  if (before != nullptr && before->is_object()) {
    for (const auto& [key, value] : before->items()) {
      CompareMembers(type, key, &value, At(after, key), changes);
    }
  }
  if (after == nullptr || !after->is_object()) return;
  for (const auto& [key, value] : after->items()) {
    if (At(before, key) == nullptr) CompareMembers(type, key, nullptr, &value, changes);
  }
}

// The elements of a list by their steps, in order; those of one step together.
using Elements = std::vector<std::pair<std::string, std::vector<const Json*>>>;

void AddElements(const MergeType& type, Kind kind, const Json* list, Elements& elements) {
  if (list == nullptr || !list->is_array()) return;
  for (const Json& item : *list) {
    auto step = type.StepTo(item, kind);
    if (!step) continue;
    const auto same = std::ranges::find(elements, *step, &Elements::value_type::first);
    if (same != elements.end()) {
      same->second.push_back(&item);
    } else {
      elements.push_back({std::move(*step), {&item}});
    }
  }
}

const std::vector<const Json*>* ElementsAt(const Elements& elements, const std::string& step) {
  const auto it = std::ranges::find(elements, step, &Elements::value_type::first);
  return it == elements.end() ? nullptr : &it->second;
}

bool SameElements(const std::vector<const Json*>& a, const std::vector<const Json*>& b) {
  return std::ranges::equal(a, b, [](const Json* x, const Json* y) { return *x == *y; });
}

// Elements that a list has several times under one step are one field together.
FieldChanges CompareElements(const MergeType& type, const std::vector<const Json*>* before,
                             const std::vector<const Json*>* after) {
  const std::size_t were = before == nullptr ? 0 : before->size();
  const std::size_t are = after == nullptr ? 0 : after->size();
  if (were <= 1 && are <= 1) {
    return CompareValues(type, were == 0 ? nullptr : (*before)[0],
                         are == 0 ? nullptr : (*after)[0]);
  }
  FieldChanges changes;
  if (were >= 2 && are >= 2) {
    if (!SameElements(*before, *after)) MarkField(changes.modified);
  } else if (were >= 2) {
    if (are == 1) changes = CompareValues(type, nullptr, (*after)[0]);
    MarkField(changes.removed);
  } else {
    if (were == 1) changes = CompareValues(type, (*before)[0], nullptr);
    MarkField(changes.added);
  }
  return changes;
}

void CompareLists(const MergeType& type, Kind kind, const Json* before, const Json* after,
                  FieldChanges& changes) {
  Elements old, now;
  AddElements(type, kind, before, old);
  AddElements(type, kind, after, now);
  const MergeType element = type.Element();
  for (const auto& [step, values] : old) {
    Attach(step, CompareElements(element, &values, ElementsAt(now, step)), changes);
  }
  for (const auto& [step, values] : now) {
    if (ElementsAt(old, step) != nullptr) continue;
    Attach(step, CompareElements(element, nullptr, &values), changes);
  }
}

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep.
FieldChanges CompareValues(const MergeType& type, const Json* before, const Json* after) {
  FieldChanges changes;
  const Kind kind = KindOfBoth(type, before, after);
  // Both empty: the difference between empty and null is kept.
  if (kind == Kind::kLeaf || (IsEmptyOrNone(before) && IsEmptyOrNone(after))) {
    return CompareLeaves(before, after);
  }
  if (kind == Kind::kMap) {
    CompareMaps(type, before, after, changes);
  } else {
    CompareLists(type, kind, before, after, changes);
  }
  if (before == nullptr) MarkField(changes.added);
  if (after == nullptr) MarkField(changes.removed);
  return changes;
}

FieldChanges CompareFields(const Resource& resource, const Json& before, const Json& after) {
  return CompareValues(MergeType::Of(resource), &before, &after);
}

std::string TypeNameOf(std::string_view api_version, std::string_view kind) {
  const Type* type = TypeTable::Get().FindKind(api_version, kind);
  return type == nullptr ? std::string() : std::string(type->name);
}

namespace {

Json FieldsOfValue(const MergeType& type, const Json& value);

Json FieldsOfMap(const MergeType& type, const Json& value) {
  Json set;
  for (const auto& [key, member] : value.items()) {
    Json below = FieldsOfValue(type.Member(key), member);
    const bool bare = member.is_null() || (member.is_object() && member.empty());
    if (bare || !type.Declares(key)) MarkField(below);
    Attach("f:" + key, std::move(below), set);
  }
  return set;
}

Json FieldsOfList(const MergeType& type, Kind kind, const Json& value) {
  Json set;
  Elements elements;
  AddElements(type, kind, &value, elements);
  const MergeType element = type.Element();
  for (const auto& [step, values] : elements) {
    Json below;
    if (values.size() == 1) below = FieldsOfValue(element, *values[0]);
    MarkField(below);
    Attach(step, std::move(below), set);
  }
  return set;
}

// NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep.
Json FieldsOfValue(const MergeType& type, const Json& value) {
  Json set;
  const Kind kind = type.KindOf(value);
  if (value.is_null()) return set;
  if (kind == Kind::kLeaf) {
    MarkField(set);
  } else if (kind == Kind::kMap) {
    set = FieldsOfMap(type, value);
  } else {
    set = FieldsOfList(type, kind, value);
  }
  return set;
}

}  // namespace

Json FieldsOf(const Resource& resource, const Json& object) {
  Json set = FieldsOfValue(MergeType::Of(resource), object);
  if (set.is_null()) set = Json::object();
  return set;
}

}  // namespace weir::kube
