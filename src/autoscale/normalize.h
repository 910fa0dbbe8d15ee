// From what the metrics ask for to what may be written: stabilisation windows, rate limits, bounds.
// The rules are upstream's normalizeDesiredReplicas and its variant for spec.behavior. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "autoscale/history.h"
#include "autoscale/options.h"
#include "autoscale/spec.h"
#include "autoscale/trace.h"
#include "base/time.h"

namespace weir::autoscale {

struct Explanation {
  std::string_view reason;
  std::string_view message;
};

struct Normalized {
  std::int32_t replicas = 0;
  std::int32_t stabilized = 0;
  Explanation able;     // of the condition AbleToScale
  Explanation limited;  // of the condition ScalingLimited, which is True where replicas differ
  // Where a stabilisation window or a rate limit binds: when the outcome may become another one
  // though nothing new is seen.
  std::optional<Time> look_again;
};

// `wanted` joins the history. `trace`: gets what the stages found, where it is not null.
Normalized Normalize(const HpaSpec& spec, std::int32_t current, std::int32_t wanted,
                     History& history, Time now, const Options& options, Trace* trace = nullptr);

}  // namespace weir::autoscale
