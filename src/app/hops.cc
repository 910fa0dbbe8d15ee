#include "app/hops.h"

#include <utility>

namespace weir::app {
namespace {

const prometheus::Histogram::BucketBoundaries kBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                       0.25,  0.5,    1,     2.5,  5,     10};

const prometheus::Histogram::BucketBoundaries kWakeBuckets{
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09,
    0.1,   0.12,  0.15,  0.2,  0.25, 0.3,  0.4,  0.5,  1,    2.5,  5};

constexpr std::size_t kKept = 64;
constexpr std::size_t kKeptStages = 256;

Json Instant(const std::optional<Time>& at) {
  return at ? Json(FormatRfc3339Micro(*at)) : Json(nullptr);
}

}  // namespace

HopRecorder::HopRecorder(prometheus::Registry& registry)
    : family_(prometheus::BuildHistogram()
                  .Name("weir_scale_hop_seconds")
                  .Help("Time of each hop of a scale-up, from the sample to the ready pod.")
                  .Register(registry)),
      wakes_(prometheus::BuildHistogram()
                 .Name("weir_hpa_wake_seconds")
                 .Help("From a changed metric to the decision of each autoscaler that reads it.")
                 .Register(registry)
                 .Add({}, kWakeBuckets)) {}

void HopRecorder::Woken(Duration after) { wakes_.Observe(ToSeconds(after)); }

void HopRecorder::Observe(std::string_view hop, std::optional<Time> from, Time to) {
  if (!from) return;
  family_.Add({{"hop", std::string(hop)}}, kBuckets).Observe(ToSeconds(to - *from));
}

void HopRecorder::Decided(ScaleUp scale_up) {
  if (scale_up.committed) Observe("commit", scale_up.sampled, *scale_up.committed);
  if (scale_up.recorded) Observe("rule", scale_up.committed, *scale_up.recorded);
  Observe("decision", scale_up.recorded ? scale_up.recorded : scale_up.committed, scale_up.decided);
  if (scale_up.written) Observe("scale", scale_up.decided, *scale_up.written);
  for (const PodStage& stage : stages_) {
    if (stage.workload == scale_up.workload && stage.at >= scale_up.decided) Join(scale_up, stage);
  }
  scale_ups_.push_back(std::move(scale_up));
  if (scale_ups_.size() > kKept) scale_ups_.pop_front();
}

void HopRecorder::Pod(const std::string& workload, const std::string& uid, std::string_view stage,
                      Time at) {
  stages_.push_back({workload, uid, std::string(stage), at});
  if (stages_.size() > kKeptStages) stages_.pop_front();
  // The newest scale-up of the workload is the one that this pod belongs to.
  for (auto it = scale_ups_.rbegin(); it != scale_ups_.rend(); ++it) {
    if (it->workload != workload) continue;
    Join(*it, stages_.back());
    return;
  }
}

void HopRecorder::Join(ScaleUp& scale_up, const PodStage& stage) {
  if (stage.stage == "created" && stage.at >= scale_up.decided) {
    if (!scale_up.pod_ready) scale_up.pods.insert(stage.uid);
    if (scale_up.pod_created) return;
    scale_up.pod_created = stage.at;
    Observe("pod_created", scale_up.decided, stage.at);
    return;
  }
  // Pods that were there before the decision tell nothing about it.
  if (!scale_up.pods.contains(stage.uid)) return;
  if (stage.stage == "started" && !scale_up.pod_started) {
    scale_up.pod_started = stage.at;
    Observe("pod_started", scale_up.pod_created, stage.at);
  } else if (stage.stage == "ready" && scale_up.pod_started && !scale_up.pod_ready) {
    scale_up.pod_ready = stage.at;
    Observe("pod_ready", scale_up.pod_started, stage.at);
  }
}

Json HopRecorder::ToJson() const {
  Json items = Json::array();
  for (const ScaleUp& s : scale_ups_) {
    items.push_back({{"hpa", s.hpa},
                     {"workload", s.workload},
                     {"from", s.from},
                     {"to", s.to},
                     {"reason", s.reason},
                     {"sampled", Instant(s.sampled)},
                     {"committed", Instant(s.committed)},
                     {"recorded", Instant(s.recorded)},
                     {"decided", Instant(s.decided)},
                     {"written", Instant(s.written)},
                     {"podCreated", Instant(s.pod_created)},
                     {"podStarted", Instant(s.pod_started)},
                     {"podReady", Instant(s.pod_ready)}});
  }
  return {{"items", std::move(items)}};
}

}  // namespace weir::app
