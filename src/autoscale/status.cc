#include "autoscale/status.h"

#include <utility>

namespace weir::autoscale {
namespace {

constexpr std::string_view kKept[] = {"lastScaleTime", "currentReplicas", "desiredReplicas",
                                      "currentMetrics", "conditions"};

Json Essence(const Json& status) {
  Json essence = Json::object();
  for (const std::string_view key : kKept) {
    const Json* value = status.is_object() ? Find(status, key) : nullptr;
    if (value == nullptr || value->is_null()) continue;
    if (value->is_array() && value->empty()) continue;
    if (value->is_number() && *value == 0) continue;
    essence[std::string(key)] = *value;
  }
  return essence;
}

// The metrics without their values: which ones are there.
Json WithoutValues(Json status) {
  status = Essence(status);
  const auto metrics = status.find("currentMetrics");
  if (metrics == status.end()) return status;
  for (Json& metric : *metrics) {
    for (auto& [key, source] : metric.items()) {
      if (source.is_object()) source.erase("current");
    }
  }
  return status;
}

}  // namespace

StatusBuilder::StatusBuilder(const Json& stored, Time now)
    : status_(Essence(stored)), now_(FormatRfc3339(now)) {}

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

Json StatusBuilder::Build() const {
  Json status = Essence(status_);
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

bool SameStatus(const Json& a, const Json& b) { return Essence(a) == Essence(b); }

bool SameButValues(const Json& a, const Json& b) { return WithoutValues(a) == WithoutValues(b); }

}  // namespace weir::autoscale
