#include "autoscale/status.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::autoscale {
namespace {

constexpr std::string_view kKept[] = {"lastScaleTime", "currentReplicas", "desiredReplicas",
                                      "currentMetrics", "conditions"};

// The value of a key; null where it means the same as no such key.
const Json* Meaning(const Json& status, std::string_view key) {
  const Json* value = status.is_object() ? Find(status, key) : nullptr;
  if (value == nullptr || value->is_null()) return nullptr;
  if (value->is_array() && value->empty()) return nullptr;
  if (value->is_number() && *value == 0) return nullptr;
  return value;
}

Json Essence(const Json& status) {
  Json essence = Json::object();
  for (const std::string_view key : kKept) {
    const Json* value = Meaning(status, key);
    if (value != nullptr) essence[std::string(key)] = *value;
  }
  return essence;
}

// As Essence, of a status that nobody needs any more.
Json TakeEssence(Json status) {
  if (!status.is_object()) return Json::object();
  for (auto field = status.begin(); field != status.end();) {
    const bool kept = std::ranges::find(kKept, field.key()) != std::end(kKept) &&
                      Meaning(status, field.key()) != nullptr;
    field = kept ? std::next(field) : status.erase(field);
  }
  return status;
}

using SameFn = bool (*)(const Json& a, const Json& b);

bool Equal(const Json& a, const Json& b) { return a == b; }

// One metric beside another, but for their current values.
bool SameMetric(const Json& a, const Json& b) {
  if (!a.is_object() || !b.is_object() || a.size() != b.size()) return a == b;
  for (const auto& [key, source] : a.items()) {
    const Json* other = Find(b, key);
    if (other == nullptr) return false;
    if (!source.is_object() || !other->is_object()) {
      if (source != *other) return false;
      continue;
    }
    for (const auto& [from, to] : {std::pair(&source, other), std::pair(other, &source)}) {
      for (const auto& [field, value] : from->items()) {
        if (field == "current") continue;
        const Json* beside = Find(*to, field);
        if (beside == nullptr || *beside != value) return false;
      }
    }
  }
  return true;
}

bool SameMetrics(const Json& a, const Json& b) {
  return a.is_array() && b.is_array() ? std::ranges::equal(a, b, SameMetric) : a == b;
}

bool Same(const Json& a, const Json& b, SameFn same_metrics) {
  return std::ranges::all_of(kKept, [&](std::string_view key) {
    const Json* mine = Meaning(a, key);
    const Json* other = Meaning(b, key);
    if (mine == nullptr || other == nullptr) return mine == other;
    return key == "currentMetrics" ? same_metrics(*mine, *other) : *mine == *other;
  });
}

}  // namespace

StatusBuilder::StatusBuilder(const Json& stored, Time now)
    : status_(Essence(stored)), now_(FormatRfc3339(now)) {}

StatusBuilder::StatusBuilder(Json&& stored, Time now)
    : status_(TakeEssence(std::move(stored))), now_(FormatRfc3339(now)) {}

void StatusBuilder::SetCondition(std::string_view type, bool value, std::string_view reason,
                                 std::string_view message) {
  Json& conditions = status_["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  const std::string_view word = value ? "True" : "False";
  Json* found = nullptr;
  for (Json& condition : conditions) {
    if (GetString(condition, "type") == type) found = &condition;
  }
  if (found == nullptr) {
    conditions.push_back({{"type", type}});
    found = &conditions.back();
  }
  if (GetString(*found, "status") != word) (*found)["lastTransitionTime"] = now_;
  (*found)["status"] = word;
  (*found)["reason"] = reason;
  (*found)["message"] = message;
}

void StatusBuilder::RemoveCondition(std::string_view type) {
  const auto conditions = status_.find("conditions");
  if (conditions == status_.end()) return;
  Json kept = Json::array();
  for (Json& condition : *conditions) {
    if (GetString(condition, "type") != type) kept.push_back(std::move(condition));
  }
  *conditions = std::move(kept);
}

void StatusBuilder::SetReplicas(std::int32_t current, std::int32_t desired) {
  SetCurrent(current);
  status_["desiredReplicas"] = desired;
}

void StatusBuilder::SetCurrent(std::int32_t current) { status_["currentReplicas"] = current; }

void StatusBuilder::SetMetrics(Json metrics) { status_["currentMetrics"] = std::move(metrics); }

void StatusBuilder::SetScaleTime() { status_["lastScaleTime"] = now_; }

Json StatusBuilder::Build() && {
  Json status = TakeEssence(std::move(status_));
  if (!status.contains("desiredReplicas")) status["desiredReplicas"] = 0;
  if (!status.contains("currentMetrics")) status["currentMetrics"] = nullptr;
  return status;
}

bool ConditionIsTrue(const Json& status, std::string_view type) {
  for (const Json& condition : GetArray(status, {"conditions"})) {
    if (GetString(condition, "type") == type) return GetString(condition, "status") == "True";
  }
  return false;
}

bool SameStatus(const Json& a, const Json& b) { return Same(a, b, Equal); }

bool SameButValues(const Json& a, const Json& b) { return Same(a, b, SameMetrics); }

}  // namespace weir::autoscale
