// What a pass found on its way, stage by stage: the data of which a decision is explained. Decide
// fills it in where it is given one; nothing of it decides anything. Values, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "autoscale/pod_groups.h"
#include "base/time.h"

namespace weir::autoscale {

// Distances from 1 that a ratio of usage to target may have without any action.
struct Tolerances {
  double up = 0.1;
  double down = 0.1;
};

// Which way a pass took. All but kMetrics end before the metrics' proposals count.
enum class Way {
  kNoScale,        // the target's scale could not be read
  kPaused,         // by annotation
  kDisabled,       // the target is at zero, and this autoscaler may not wake it
  kAboveMax,       // the target is out of bounds: back to them
  kBelowMin,       // ...
  kNoSelector,     // which pods are the target's cannot be told
  kUnknownMetric,  // a metric is missing, and the others would lower
  kMetrics,
};

// What is held against a metric's target.
enum class Measure {
  kNone,         // there is no value
  kTotal,        // a total, against so much for each replica (AverageValue of Object, External)
  kRatio,        // a value, against the target (Value)
  kAverage,      // an average over pods (AverageValue of Resource, Pods)
  kUtilization,  // a percentage of what pods request
};

// How a metric came to its proposal.
enum class Verdict {
  kProposed,         // by its ratio
  kWithinTolerance,  // close enough to the target: the replicas there are
  kUnknownPods,      // pods that are not ready or have no metric may make the difference
};

struct MetricTrace {
  Measure measure = Measure::kNone;
  std::int64_t usage = 0;   // thousandths; percent with kUtilization
  std::int64_t target = 0;  // likewise
  Tolerances tolerances;
  double ratio = 0;                     // of usage to target
  std::optional<double> assumed_ratio;  // with the unknown pods counted in
  std::int64_t pods = 0;                // how many bear it: the factor of a ratio
  PodGroups groups;                     // kAverage, kUtilization
  Verdict verdict = Verdict::kProposed;
  std::optional<std::int32_t> proposed;  // none: it failed
  std::optional<std::int32_t> counted;   // what counts of it
  std::optional<Time> settles;           // counted differs until then: the last change must work
};

// Which rate limit held a change.
struct LimitTrace {
  bool disabled = false;              // selectPolicy Disabled
  std::optional<std::size_t> policy;  // of spec.behavior's direction; none: the legacy limit
  std::int32_t allowed = 0;           // by it, bounds aside
  std::optional<Time> loosens;        // when it lets more through; none: with nothing but time
};

struct Trace {
  Way way = Way::kMetrics;
  std::vector<MetricTrace> metrics;  // same index as spec.metrics, as far as they were looked at
  std::optional<std::size_t> winner;
  std::int32_t wanted = 0;
  std::int32_t stabilized = 0;
  std::int32_t limited = 0;
  Duration up_window{0};
  Duration down_window{0};
  std::optional<Time> window_opens;  // stabilized differs from wanted until then
  std::optional<LimitTrace> limit;   // where a rate limit binds
};

}  // namespace weir::autoscale
