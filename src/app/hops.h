// How long each hop of a scale-up took, from the sample that started it to the ready pod (design
// invariant: every scale action keeps the times of its hops). Components report instants; this
// joins them for each HPA. Loop thread only.
#pragma once

#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace weir::app {

struct ScaleUp {
  std::string hpa;       // namespace/name
  std::string workload;  // namespace/name of the target
  std::int64_t from = 0, to = 0;
  std::string reason;
  std::optional<Time> sampled;    // when the sample that changed the metric was asked for
  std::optional<Time> committed;  // in the series store
  std::optional<Time> recorded;   // the recording rule that read it was evaluated
  Time decided{};
  std::optional<Time> written;      // PUT of the scale answered
  std::set<std::string> pods;       // uids of those created after the decision
  std::optional<Time> pod_created;  // the first of them
  std::optional<Time> pod_started;
  std::optional<Time> pod_ready;
};

class HopRecorder {
 public:
  explicit HopRecorder(prometheus::Registry& registry);

  // REQUIRES: to > from.
  void Decided(ScaleUp scale_up);
  // A changed metric has led to a decision, so long after it was told.
  void Woken(Duration after);
  // A pod (its uid) of the workload is at the stage "created", "started" or "ready"; may be said
  // again.
  void Pod(const std::string& workload, const std::string& uid, std::string_view stage, Time at);

  // The last scale-ups, oldest first, as /debug/weir/hops serves them.
  Json ToJson() const;

 private:
  struct PodStage {
    std::string workload;
    std::string uid;
    std::string stage;
    Time at;
  };

  void Observe(std::string_view hop, std::optional<Time> from, Time to);
  void Join(ScaleUp& scale_up, const PodStage& stage);

  prometheus::Family<prometheus::Histogram>& family_;
  prometheus::Histogram& wakes_;
  std::deque<ScaleUp> scale_ups_;  // at most kKept
  // The last pod stages: a pod may come before the write that caused it has been answered.
  std::deque<PodStage> stages_;
};

}  // namespace weir::app
