// The record of one decision: why this many replicas, stage by stage, with everything it was made
// from. Its fields are those of the kind Decision (docs/formats/decision.md), without apiVersion,
// kind and metadata. The decision is made again from its inputs, so that nothing is written down
// while it is made. Pure, any thread.
#pragma once

#include <optional>

#include "autoscale/inputs.h"
#include "base/json.h"
#include "base/time.h"

namespace weir::autoscale {

// What whoever carried the decision out knows of its way. Absent: not known, or not there.
struct Hops {
  std::optional<Time> metric_changed;
  std::optional<Time> decided;
  std::optional<Time> written;
};

Json MakeRecord(const Inputs& inputs, const Hops& hops);

}  // namespace weir::autoscale
