// An autoscaling/v2 HorizontalPodAutoscaler as the decisions read it. Values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "kube/quantity.h"

namespace weir::autoscale {

enum class MetricType { kResource, kContainerResource, kPods, kObject, kExternal, kUnknown };

struct MetricTarget {
  std::string type;  // Utilization, Value, AverageValue
  std::optional<kube::Quantity> value;
  std::optional<kube::Quantity> average_value;
  std::optional<std::int32_t> average_utilization;
};

struct MetricSpec {
  MetricType type = MetricType::kUnknown;
  std::string type_name;  // as written
  std::string name;       // of the metric, or of the resource (cpu, memory)
  std::string container;  // kContainerResource
  Json identifier;        // {"name", "selector"} as written, for the status
  Json selector;          // null where absent
  Json described_object;  // kObject
  MetricTarget target;
};

struct ScalingPolicy {
  bool percent = false;
  std::int32_t value = 0;
  std::int32_t period_s = 0;
};

enum class SelectPolicy { kMax, kMin, kDisabled };

struct ScalingRules {
  std::optional<std::int32_t> window_s;
  SelectPolicy select = SelectPolicy::kMax;
  std::vector<ScalingPolicy> policies;
  std::optional<double> tolerance;
};

struct Behavior {
  ScalingRules up;
  ScalingRules down;
};

struct HpaSpec {
  std::string target_api_version;
  std::string target_kind;
  std::string target_name;
  std::int32_t min_replicas = 1;
  std::int32_t max_replicas = 0;
  std::vector<MetricSpec> metrics;
  std::optional<Behavior> behavior;

  // Whether one of the metrics has a value without any pod: only those can wake a target from zero.
  bool HasObjectOrExternal() const;
};

// Reads `spec` of an object that the API server has validated and filled in. kInvalid names the
// field where a quantity is none or a number does not fit.
Result<HpaSpec> ParseSpec(const Json& spec);

// The group of an apiVersion ("apps/v1" is "apps", "v1" is ""). kInvalid in apimachinery's words.
Result<std::string> GroupOf(std::string_view api_version);

// A selector as Go's generated text shows it in messages; `nil` where there is none.
std::string SelectorText(const Json& selector);

}  // namespace weir::autoscale
