// Scales workloads as their HorizontalPodAutoscalers say. It reads and writes only through the API
// server: HPAs, pods and targets from caches (a target's scale by GET until a cache has it), the
// metrics by GET, once for all that ask the same at one moment. What is decided, and how it is
// worded, is autoscale's business.
//
// A pass over one autoscaler runs when a metric that it reads changes, when its object, its target
// or (where they matter) its target's pods change, when a stabilisation window or a rate limit lets
// more through, and once each sync period. What cannot be read in the first period after the object
// came, or its target or metrics became others, is waited for; from then on it is told. Under
// upstream_exact a pass runs once each sync period only, the first time a whole period after the
// object came.
//
// Owned by app; loop thread only. Start once, Stop once; everything given outlives it. It listens
// to the caches from its making until its end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "autoscale/options.h"
#include "client/client.h"
#include "client/controller.h"
#include "client/shared_informers.h"
#include "controllers/decision_log.h"
#include "controllers/hpa_fetch.h"
#include "controllers/hpa_plan.h"
#include "env/clock.h"
#include "env/random.h"

namespace weir::controllers {

struct HpaOptions {
  // Flags and departures. sync_period in it is set by the controller.
  autoscale::Options autoscale;
  Duration sync_period = std::chrono::seconds(15);
  // Decides, passes and writes as kube-controller-manager does: all departures are off.
  bool upstream_exact = false;
  int workers = 5;
  // How many decisions that changed something are stored of each autoscaler, as objects of kind
  // Decision. 0: none, and none is kept in memory.
  std::size_t decisions_kept = 0;
  // Pods come and go in crowds: a pass waits so long for the rest of the crowd.
  Duration pod_delay = std::chrono::seconds(1);
};

// A change of scale that was written: what and why, and the times of its hops so far.
struct ScaleDecision {
  std::string hpa;  // namespace/name
  std::string target_kind;
  std::string target;  // namespace/name
  std::int32_t from = 0;
  std::int32_t to = 0;
  std::string reason;
  // When MetricChanged told of the first change that this pass answers; none where the pass had
  // another cause.
  std::optional<Time> metric_changed;
  Time decided;
  Time written;
};

class HpaController {
 public:
  HpaController(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
                client::SharedInformers& informers, ResolveFn resolve, HpaOptions options);
  ~HpaController();
  HpaController(const HpaController&) = delete;
  HpaController& operator=(const HpaController&) = delete;

  void Start();
  net::Task<void> Stop();

  // These metrics have new values: passes over the autoscalers that read them start at once.
  void MetricChanged(const std::vector<MetricRef>& metrics);

  using DecisionListener = std::function<void(const ScaleDecision&)>;
  // Called after each change of scale that was written.
  void SetDecisionListener(DecisionListener listener);

  // Called when a pass that a changed metric started has decided: how long after MetricChanged.
  using WakeListener = std::function<void(Duration)>;
  void SetWakeListener(WakeListener listener);

  client::Controller::Counters counters() const;
  const DecisionLog& decisions() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::controllers
