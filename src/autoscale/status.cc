#include "autoscale/status.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::autoscale {
namespace {

bool IsNothing(const Json& value) {
  return value.is_null() || (value.is_array() && value.empty()) ||
         (value.is_number() && value == 0);
}

// The value of a key; null where it means the same as no such key.
const Json* Meaning(const Json& status, std::string_view key) {
  const Json* value = status.is_object() ? Find(status, key) : nullptr;
  return value == nullptr || IsNothing(*value) ? nullptr : value;
}

Json Kept(const Json& status, std::string_view key) {
  const Json* value = Meaning(status, key);
  return value != nullptr ? *value : Json();
}

Json Replicas(std::int32_t count) { return count != 0 ? Json(count) : Json(); }

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

}  // namespace

HpaStatus HpaStatus::FromJson(const Json& stored) {
  HpaStatus status;
  status.scale_time_ = Kept(stored, "lastScaleTime");
  status.current_ = Kept(stored, "currentReplicas");
  status.desired_ = Kept(stored, "desiredReplicas");
  status.SetMetrics(Kept(stored, "currentMetrics"));
  for (const Json& condition : GetArray(stored, {"conditions"})) {
    status.conditions_.push_back({GetString(condition, "type"), GetString(condition, "status"),
                                  GetString(condition, "reason"), GetString(condition, "message"),
                                  GetString(condition, "lastTransitionTime")});
  }
  return status;
}

void HpaStatus::SetCondition(std::string_view type, bool value, std::string_view reason,
                             std::string_view message, Time now) {
  auto found = std::ranges::find(conditions_, type, &Condition::type);
  if (found == conditions_.end()) {
    conditions_.emplace_back();
    conditions_.back().type = type;
    found = std::prev(conditions_.end());
  }
  const std::string_view word = value ? "True" : "False";
  if (found->status != word) found->since = FormatRfc3339(now);
  found->status = word;
  found->reason = reason;
  found->message = message;
}

void HpaStatus::RemoveCondition(std::string_view type) {
  std::erase_if(conditions_, [type](const Condition& condition) { return condition.type == type; });
}

void HpaStatus::SetReplicas(std::int32_t current, std::int32_t desired) {
  SetCurrent(current);
  desired_ = Replicas(desired);
}

void HpaStatus::SetCurrent(std::int32_t current) { current_ = Replicas(current); }

void HpaStatus::SetMetrics(Json metrics) {
  metrics_ = IsNothing(metrics) ? nullptr : std::make_shared<const Json>(std::move(metrics));
}

void HpaStatus::SetScaleTime(Time now) { scale_time_ = FormatRfc3339(now); }

Json HpaStatus::ToJson() const {
  Json status = {{"currentMetrics", metrics()},
                 {"desiredReplicas", desired_.is_null() ? Json(0) : desired_}};
  if (!scale_time_.is_null()) status["lastScaleTime"] = scale_time_;
  if (!current_.is_null()) status["currentReplicas"] = current_;
  for (const Condition& condition : conditions_) {
    Json& json = status["conditions"].emplace_back(Json::object());
    for (const auto& [key, text] : {std::pair("type", &condition.type),
                                    {"status", &condition.status},
                                    {"reason", &condition.reason},
                                    {"message", &condition.message},
                                    {"lastTransitionTime", &condition.since}}) {
      if (!text->empty()) json[key] = *text;
    }
  }
  return status;
}

bool HpaStatus::IsTrue(std::string_view type) const {
  const auto found = std::ranges::find(conditions_, type, &Condition::type);
  return found != conditions_.end() && found->status == "True";
}

std::optional<Time> HpaStatus::ScaleTime() const {
  return scale_time_.is_string() ? ParseRfc3339(scale_time_.get<std::string>()) : std::nullopt;
}

const Json& HpaStatus::metrics() const {
  static const Json kNone;
  return metrics_ ? *metrics_ : kNone;
}

bool HpaStatus::Same(const HpaStatus& other, SameFn same_metrics) const {
  return scale_time_ == other.scale_time_ && current_ == other.current_ &&
         desired_ == other.desired_ && conditions_ == other.conditions_ &&
         (metrics_ == other.metrics_ || same_metrics(metrics(), other.metrics()));
}

bool HpaStatus::operator==(const HpaStatus& other) const {
  return Same(other, [](const Json& a, const Json& b) { return a == b; });
}

bool HpaStatus::SameButValues(const HpaStatus& other) const { return Same(other, SameMetrics); }

}  // namespace weir::autoscale
