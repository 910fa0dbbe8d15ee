// The controller's settings, and where Weir decides otherwise than Kubernetes 1.36. Value, any
// thread.
#pragma once

#include <chrono>
#include <iterator>
#include <string_view>

#include "base/time.h"

namespace weir::autoscale {

// Each departure from upstream has its own switch; upstream-exact is all of them off.
struct Departures {
  // A target at 0 with minReplicas 0 is woken by work whoever set it to 0 (upstream: only where the
  // autoscaler itself did). The annotation weir.dev/paused is the way to stop an autoscaler.
  bool wake_from_zero = true;
  // Honour the annotation weir.dev/paused.
  bool pause_annotation = true;
  // An average over zero replicas is 0 (upstream: -9223372036854775808m).
  bool average_over_zero_is_zero = true;
  // Numbers clamp (upstream: wrap as Go on amd64 does).
  bool saturate = true;
  // An AverageValue within tolerance proposes spec.replicas (upstream: status.replicas, so that the
  // surplus pods of a rollout become wanted ones).
  bool hold_spec_replicas = true;
  // An Object target whose type disagrees with the only field set follows the field and warns
  // (upstream: refuses to scale).
  bool follow_target_field = true;
  // A negative value never scales up (upstream: a negative sum of an External averageValue counts
  // as overflow, hence as the greatest load), and a target of zero or less is an error.
  bool refuse_negative = true;

  // All recommendations of the last hour count when a window is made longer (upstream: those that
  // were not overwritten meanwhile).
  bool keep_extremes = true;
  // A pass comes as soon as a stabilisation window or a rate limit lets the outcome change
  // (upstream: with the next sync period).
  bool look_again = true;

  static constexpr Departures None() {
    return {.wake_from_zero = false,
            .pause_annotation = false,
            .average_over_zero_is_zero = false,
            .saturate = false,
            .hold_spec_replicas = false,
            .follow_target_field = false,
            .refuse_negative = false,
            .keep_extremes = false,
            .look_again = false};
  }
};

struct DepartureName {
  std::string_view name;
  bool Departures::* field;
};
// As docs/upstream-exact.md and the scenarios' `config` name them.
inline constexpr DepartureName kDepartureNames[] = {
    {"wake_from_zero", &Departures::wake_from_zero},
    {"pause_annotation", &Departures::pause_annotation},
    {"average_over_zero_is_zero", &Departures::average_over_zero_is_zero},
    {"saturate", &Departures::saturate},
    {"hold_spec_replicas", &Departures::hold_spec_replicas},
    {"follow_target_field", &Departures::follow_target_field},
    {"refuse_negative", &Departures::refuse_negative},
    {"keep_extremes", &Departures::keep_extremes},
    {"look_again", &Departures::look_again},
};
static_assert(sizeof(Departures) == std::size(kDepartureNames), "each switch has its name");

struct Options {
  // Flags of kube-controller-manager.
  Duration downscale_stabilization = std::chrono::minutes(5);
  double tolerance = 0.1;
  Duration cpu_initialization_period = std::chrono::minutes(5);
  Duration initial_readiness_delay = std::chrono::seconds(30);
  // Upstream passes once in this period, and two of its rules mean one step a pass: the legacy
  // limit of a scale-up, and ratios of what the replicas there are have to bear (Value,
  // Utilization, Pods). Whoever passes more often sets it, so that such steps keep their distance.
  // 0: each pass is a period of its own.
  Duration sync_period{0};
  // Feature gate HPAScaleToZero.
  bool scale_to_zero = true;
  Departures departures;

  static constexpr Options UpstreamExact() {
    Options options;
    options.departures = Departures::None();
    return options;
  }
};

}  // namespace weir::autoscale
