// How many replicas one metric asks for: the arithmetic of upstream's replica calculator
// (pkg/controller/podautoscaler/replica_calculator.go, 1.36). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>

#include "autoscale/observations.h"
#include "autoscale/options.h"
#include "autoscale/spec.h"
#include "autoscale/trace.h"
#include "base/json.h"
#include "base/time.h"
#include "kube/selector.h"

namespace weir::autoscale {

struct MetricInput {
  const MetricSpec& metric;
  const Observations& seen;
  const MetricResult& result;           // what the metrics API answered for this metric
  const kube::LabelSelector& selector;  // of the target's pods
  std::string ns;
  Tolerances tolerances;
  Time now;
  const Options& options;
  MetricTrace* trace = nullptr;  // filled in where it is given
};

struct Proposal {
  std::int32_t replicas = 0;
  std::string name;       // how conditions and events call the metric
  Json status;            // its entry of status.currentMetrics
  bool relative = false;  // to the replicas there are: a ratio that they bear
  std::string warning;    // not empty: the target was read otherwise than written
};

// Why a metric has no proposal. `text` is what its event and condition say, `chain` the longer form
// in the error of the whole pass.
struct MetricFailure {
  std::string reason;  // FailedGetExternalMetric, ...
  std::string text;
  std::string chain;
};

std::expected<Proposal, MetricFailure> Propose(const MetricInput& input);

}  // namespace weir::autoscale
