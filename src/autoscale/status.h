// The status of an autoscaler, as a pass finds it and leaves it. Value, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace weir::autoscale {

class HpaStatus {
 public:
  HpaStatus() = default;
  // An object or null. observedGeneration is dropped, as 1.36 does.
  static HpaStatus FromJson(const Json& stored);
  // As the API server stores it: currentReplicas and conditions are absent where 0 or empty.
  Json ToJson() const;

  // Changes in place; a new one goes to the end. The transition time changes with the value alone.
  void SetCondition(std::string_view type, bool value, std::string_view reason,
                    std::string_view message, Time now);
  void RemoveCondition(std::string_view type);
  // Whether a condition is there and True.
  bool IsTrue(std::string_view type) const;

  void SetReplicas(std::int32_t current, std::int32_t desired);
  void SetCurrent(std::int32_t current);
  void SetMetrics(Json metrics);  // an array, or null
  void SetScaleTime(Time now);
  std::optional<Time> ScaleTime() const;

  // Whether two mean the same; absent, null, zero and empty do.
  bool operator==(const HpaStatus& other) const;
  // ... but for the values in currentMetrics.
  bool SameButValues(const HpaStatus& other) const;

 private:
  struct Condition {
    std::string type, status, reason, message, since;
    bool operator==(const Condition&) const = default;
  };

  std::vector<Condition> conditions_;
  using SameFn = bool (*)(const Json& a, const Json& b);
  bool Same(const HpaStatus& other, SameFn same_metrics) const;
  const Json& metrics() const;

  // Null where it would mean nothing.
  Json scale_time_, current_, desired_;
  std::shared_ptr<const Json> metrics_;  // shared: most passes replace it whole
};

}  // namespace weir::autoscale
