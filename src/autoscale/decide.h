// One pass of an autoscaler, in three pure steps so that whoever runs it does the I/O between them:
//
//   Requests(...)   what to ask of the metrics APIs, once the target's scale is known
//   Decide(...)     what to do about the answers: a number to write, or none
//   Complete(...)   the status and the events, once it is known whether the write succeeded
//
// The order of events, the conditions and every message are those of Kubernetes 1.36; Options tells
// where the decisions depart from it. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "autoscale/history.h"
#include "autoscale/observations.h"
#include "autoscale/options.h"
#include "autoscale/spec.h"
#include "autoscale/status.h"
#include "autoscale/trace.h"
#include "base/json.h"

namespace weir::autoscale {

// The autoscaler itself, as stored.
struct Subject {
  std::string ns;
  std::string name;
  HpaSpec spec;
  HpaStatus status;
  bool paused = false;  // by the annotation weir.dev/paused
};

Result<Subject> SubjectFromJson(const Json& hpa);

struct Event {
  std::string type;  // Normal, Warning
  std::string reason;
  std::string message;
};

// What one metric said, for explaining the decision.
struct MetricOutcome {
  std::string name;
  std::optional<std::int32_t> replicas;  // none where it failed
  std::string error;
};

struct Decision {
  std::int32_t current = 0;              // spec.replicas of the target
  std::optional<std::int32_t> scale_to;  // the number to write
  std::string reason;                    // of the change, as its event will say
  std::vector<MetricOutcome> metrics;
  std::optional<std::int32_t> wanted;      // what the metrics ask for together
  std::optional<std::int32_t> stabilized;  // after the stabilisation windows

  // Earlier than the next period there may be something to do though nothing new is seen: a window
  // or a limit lets more through. None where the departure of that name is off.
  std::optional<Time> look_again;
  // The pass came to a result, if only that nothing is to change; false after a failed write.
  bool settled = false;

  // Complete after Complete.
  HpaStatus status;             // after this pass
  bool status_changed = false;  // from Subject::status
  bool values_only = false;     // ... in nothing but the current values of the metrics
  std::vector<Event> events;
  // Come after the event FailedUpdateStatus of a status that could not be written.
  std::vector<Event> events_after_status;
  std::string error;  // what the pass failed with; for the log
};

// Whether a pass over this scale reads metrics: not where the target is paused, disabled or out of
// bounds.
bool NeedsMetrics(const Subject& subject, const Scale& scale, const Options& options);

// Nothing where this pass needs no metrics: the scale could not be read, its selector is of no use,
// the target is out of bounds or disabled. REQUIRES: observations without metrics.
std::vector<MetricRequest> Requests(const Subject& subject, const Observations& seen,
                                    const Options& options);

// `trace`: gets what the stages find, where it is not null.
Decision Decide(const Subject& subject, const Observations& seen, History& history, Time now,
                const Options& options, Trace* trace = nullptr);

// `write_error`: why the number of Decision::scale_to could not be written. To be called in any
// case.
void Complete(Decision& decision, const Subject& subject,
              const std::optional<std::string>& write_error, History& history, Time now,
              const Options& options);

// `failed to update status for NAME: WHY`, where the pass has not failed before.
std::string StatusError(const Decision& decision, const Subject& subject, const std::string& why);

}  // namespace weir::autoscale
