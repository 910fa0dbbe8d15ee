// The status of an autoscaler while a pass works on it. Value, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace weir::autoscale {

class StatusBuilder {
 public:
  // `stored` is an object or null. observedGeneration is dropped, as 1.36 does.
  StatusBuilder(const Json& stored, Time now);
  StatusBuilder(Json&& stored, Time now);

  // Changes in place; a new one goes to the end. The transition time changes with the value alone.
  void SetCondition(std::string_view type, bool value, std::string_view reason,
                    std::string_view message);
  void RemoveCondition(std::string_view type);

  void SetReplicas(std::int32_t current, std::int32_t desired);
  void SetCurrent(std::int32_t current);
  void SetMetrics(Json metrics);  // an array, or null
  void SetScaleTime();

  // As the API server stores it: currentReplicas and conditions are absent where 0 or empty. Once.
  Json Build() &&;

 private:
  Json status_;
  std::string now_;
};

// Whether a condition is there and True.
bool ConditionIsTrue(const Json& status, std::string_view type);

// Whether two statuses mean the same; absent, null, zero and empty do.
bool SameStatus(const Json& a, const Json& b);
// ... but for the values in currentMetrics.
bool SameButValues(const Json& a, const Json& b);

}  // namespace weir::autoscale
