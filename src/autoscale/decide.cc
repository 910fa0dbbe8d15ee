#include "autoscale/decide.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "autoscale/normalize.h"
#include "autoscale/replicas.h"
#include "autoscale/status.h"

namespace weir::autoscale {
namespace {

constexpr std::string_view kAbleToScale = "AbleToScale";
constexpr std::string_view kScalingActive = "ScalingActive";
constexpr std::string_view kScalingLimited = "ScalingLimited";
constexpr std::string_view kScaledToZero = "ScaledToZero";
constexpr std::string_view kPausedAnnotation = "weir.dev/paused";
constexpr std::string_view kAboveMax = "Current number of replicas above Spec.MaxReplicas";
constexpr std::string_view kBelowMin = "Current number of replicas below Spec.MinReplicas";

// Which way a pass takes, known before any metric is read.
enum class Branch { kPaused, kDisabled, kAboveMax, kBelowMin, kMetrics };

Branch ChooseBranch(const Subject& subject, std::int32_t current, const Options& options) {
  const HpaSpec& spec = subject.spec;
  if (subject.paused && options.departures.pause_annotation) return Branch::kPaused;
  if (current == 0) {
    const bool by_us = options.scale_to_zero && subject.status.IsTrue(kScaledToZero);
    const bool can_wake = spec.HasObjectOrExternal();
    const bool wakes_anyway = options.scale_to_zero && options.departures.wake_from_zero &&
                              spec.min_replicas == 0 && can_wake;
    const bool works = (by_us && (spec.min_replicas != 0 || can_wake)) || wakes_anyway;
    return works ? Branch::kMetrics : Branch::kDisabled;
  }
  if (current > spec.max_replicas) return Branch::kAboveMax;
  if (current < spec.min_replicas) return Branch::kBelowMin;
  return Branch::kMetrics;
}

// Why the pods of a target cannot be told.
struct SelectorFailure {
  std::string_view reason;  // of the condition
  std::string message;
  std::string_view event;
  std::string text;  // of the event
};

std::expected<kube::LabelSelector, SelectorFailure> PodSelector(const Subject& subject,
                                                                const Observations& seen) {
  const std::string& text = seen.scale.selector;
  if (text.empty()) {
    return std::unexpected(SelectorFailure{"InvalidSelector",
                                           "the HPA target's scale is missing a selector",
                                           "SelectorRequired", "selector is required"});
  }
  Result<kube::LabelSelector> selector = kube::LabelSelector::Parse(text);
  if (!selector) {
    const std::string message =
        "couldn't convert selector into a corresponding internal selector object: " +
        selector.error().message;
    return std::unexpected(SelectorFailure{"InvalidSelector", message, "InvalidSelector", message});
  }
  // Two autoscalers that reach the same pod would fight: neither acts.
  std::set<std::string> rivals;
  for (const PodPtr& pod : seen.pods) {
    if (seen.neighbours.empty()) break;
    if (!selector->Matches(pod->labels)) continue;
    for (const Neighbour& other : seen.neighbours) {
      if (other.name != subject.name && other.selector.Matches(pod->labels)) {
        rivals.insert(subject.ns + "/" + other.name);
      }
    }
  }
  if (rivals.empty()) return *std::move(selector);
  rivals.insert(subject.ns + "/" + subject.name);
  std::string message = "pods by selector " + text + " are controlled by multiple HPAs: [";
  for (const std::string& rival : rivals) {
    if (!message.ends_with('[')) message += ' ';
    message += rival;
  }
  message += "]";
  return std::unexpected(
      SelectorFailure{"AmbiguousSelector", message, "AmbiguousSelector", message});
}

std::optional<MetricRequest> RequestFor(const Subject& subject, const MetricSpec& metric,
                                        const kube::LabelSelector& pods) {
  const Result<kube::LabelSelector> selector = kube::LabelSelector::FromJson(metric.selector);
  if (!selector) return std::nullopt;
  const std::string chosen = selector->nothing() ? "" : selector->ToString();
  MetricRequest request;
  request.ns = subject.ns;
  request.metric = metric.name;
  const MetricTarget& target = metric.target;
  switch (metric.type) {
    case MetricType::kResource:
    case MetricType::kContainerResource:
      if (!target.average_value && !target.average_utilization) return std::nullopt;
      request.api = MetricsApi::kResource;
      request.metric.clear();
      request.label_selector = pods.ToString();
      return request;
    case MetricType::kPods:
      request.api = MetricsApi::kCustom;
      request.kind = "Pod";
      request.object = "*";
      request.label_selector = pods.ToString();
      request.metric_label_selector = chosen;
      return request;
    case MetricType::kObject:
      request.api = MetricsApi::kCustom;
      request.kind = GetString(metric.described_object, "kind");
      request.group = GroupOf(GetString(metric.described_object, "apiVersion")).value_or("");
      request.object = GetString(metric.described_object, "name");
      request.metric_label_selector = chosen;
      if (request.kind == "Namespace" && request.group.empty()) {
        // The autoscaler's own namespace, whichever is named: upstream asks so.
        request.object = std::exchange(request.ns, "");
      }
      return request;
    case MetricType::kExternal:
      if (!target.average_value && !target.value) return std::nullopt;
      request.api = MetricsApi::kExternal;
      request.label_selector = chosen;
      return request;
    case MetricType::kUnknown:
      break;
  }
  return std::nullopt;
}

Tolerances TolerancesOf(const HpaSpec& spec, const Options& options) {
  Tolerances tolerances{.up = options.tolerance, .down = options.tolerance};
  if (spec.behavior) {
    tolerances.up = spec.behavior->up.tolerance.value_or(tolerances.up);
    tolerances.down = spec.behavior->down.tolerance.value_or(tolerances.down);
  }
  return tolerances;
}

std::string Reference(const Subject& subject) {
  return subject.spec.target_kind + "/" + subject.ns + "/" + subject.spec.target_name;
}

// One pass under way.
class Pass {
 public:
  // `trace`: gets what the stages find, where it is not null.
  Pass(const Subject& subject, const Observations& seen, History& history, Time now,
       const Options& options, Trace* trace)
      : subject_(subject),
        seen_(seen),
        history_(history),
        now_(now),
        options_(options),
        trace_(trace) {
    decision_.status = subject.status;
  }

  Decision Run();

 private:
  void FailScale(const std::string& error);
  bool ComputeMetrics();  // false: the pass has failed
  bool FailMetrics(Json metrics, std::string error);
  void Warn(std::string reason, std::string message);
  void WarnOnce(std::size_t index, const std::string& warning);
  // A ratio of what the present replicas bear tells nothing new until the last change has worked:
  // within a sync period after a scale-up no further one follows from it, and within one after any
  // change no scale-down. A scale-down keeps no burst waiting: what fewer replicas bear asks for
  // less than what they come to bear.
  std::int32_t Settle(const Proposal& proposal);
  void ApplyMetrics();
  void Note(std::size_t metric, std::int32_t proposed, std::int32_t counted);
  void Note(Way way) {
    if (trace_ != nullptr) trace_->way = way;
  }

  const Subject& subject_;
  const Observations& seen_;
  History& history_;
  Time now_;
  const Options& options_;
  Trace* trace_;
  Decision decision_;
  Json metrics_ = nullptr;   // status.currentMetrics
  std::int32_t wanted_ = 0;  // the highest proposal
  std::string winner_;       // the metric that made it
};

void Pass::Warn(std::string reason, std::string message) {
  decision_.events.push_back({"Warning", std::move(reason), std::move(message)});
}

void Pass::WarnOnce(std::size_t index, const std::string& warning) {
  const std::string key = std::to_string(index) + " " + warning;
  if (history_.warned.insert(key).second) Warn("TargetTypeMismatch", warning);
}

std::int32_t Pass::Settle(const Proposal& proposal) {
  const std::int32_t current = decision_.current;
  if (!proposal.relative || current == 0 || proposal.replicas == current) return proposal.replicas;
  std::optional<Time> scaled = proposal.replicas > current ? history_.raised : history_.scaled;
  // After a restart the status knows when, not which way.
  if (!history_.scaled) scaled = subject_.status.ScaleTime();
  // A time that lies ahead was told by another clock.
  if (!scaled || *scaled > now_ || now_ - *scaled >= options_.sync_period) return proposal.replicas;
  decision_.look_again = *scaled + options_.sync_period;
  return current;
}

void Pass::Note(std::size_t metric, std::int32_t proposed, std::int32_t counted) {
  trace_->metrics[metric].proposed = proposed;
  trace_->metrics[metric].counted = counted;
  if (proposed != counted) trace_->metrics[metric].settles = decision_.look_again;
}

void Pass::FailScale(const std::string& error) {
  Note(Way::kNoScale);
  Warn("FailedGetScale", error);
  decision_.status.SetCondition(
      kAbleToScale, false, "FailedGetScale",
      "the HPA controller was unable to get the target's current scale: " + error, now_);
  decision_.error = seen_.scale_error_context + ": " + error;
}

bool Pass::FailMetrics(Json metrics, std::string error) {
  decision_.status.SetCurrent(decision_.current);
  decision_.status.SetMetrics(std::move(metrics));
  decision_.error = "failed to compute desired number of replicas based on listed metrics for " +
                    Reference(subject_) + ": " + error;
  decision_.events_after_status.push_back(
      {"Warning", "FailedComputeMetricsReplicas", std::move(error)});
  return false;
}

bool Pass::ComputeMetrics() {
  const auto selector = PodSelector(subject_, seen_);
  if (!selector) {
    Note(Way::kNoSelector);
    const SelectorFailure& failure = selector.error();
    Warn(std::string(failure.event), failure.text);
    decision_.status.SetCondition(kScalingActive, false, failure.reason, failure.message, now_);
    return FailMetrics(nullptr, failure.text);
  }
  metrics_ = Json::array();
  std::optional<MetricFailure> first;
  std::size_t failed = 0;
  const std::vector<MetricSpec>& specs = subject_.spec.metrics;
  const MetricResult nothing;
  if (trace_ != nullptr) trace_->metrics.resize(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const MetricResult& result = i < seen_.metrics.size() ? seen_.metrics[i] : nothing;
    const MetricInput input{.metric = specs[i],
                            .seen = seen_,
                            .result = result,
                            .selector = *selector,
                            .ns = subject_.ns,
                            .tolerances = TolerancesOf(subject_.spec, options_),
                            .now = now_,
                            .options = options_,
                            .trace = trace_ != nullptr ? &trace_->metrics[i] : nullptr};
    auto proposal = Propose(input);
    if (!proposal) {
      Warn(proposal.error().reason, proposal.error().text);
      decision_.metrics.push_back({specs[i].name, std::nullopt, proposal.error().text});
      metrics_.push_back({{"type", ""}});
      ++failed;
      if (!first) first = proposal.error();
      continue;
    }
    if (!proposal->warning.empty()) WarnOnce(i, proposal->warning);
    decision_.metrics.push_back({proposal->name, proposal->replicas, ""});
    metrics_.push_back(std::move(proposal->status));
    const std::int32_t replicas = Settle(*proposal);
    if (trace_ != nullptr) Note(i, proposal->replicas, replicas);
    // At zero every later metric takes the name over, ties above zero keep the first.
    if (wanted_ == 0 || replicas > wanted_) {
      wanted_ = replicas;
      winner_ = proposal->name;
      if (trace_ != nullptr) trace_->winner = i;
    }
  }
  if (first) {
    decision_.error = "invalid metrics (" + std::to_string(failed) + " invalid out of " +
                      std::to_string(specs.size()) + "), first error is: " + first->chain;
  }
  // Unknown is not zero: with a metric missing the rest may hold or raise, never lower.
  if (failed >= specs.size() || (failed > 0 && wanted_ < decision_.current)) {
    Note(Way::kUnknownMetric);
    if (first) {
      decision_.status.SetCondition(
          kScalingActive, false, first->reason,
          "the HPA was unable to compute the replica count: " + first->text, now_);
    }
    return FailMetrics(std::move(metrics_), decision_.error);
  }
  decision_.status.SetCondition(
      kScalingActive, true, "ValidMetricFound",
      "the HPA was able to successfully calculate a replica count from " + winner_, now_);
  return true;
}

void Pass::ApplyMetrics() {
  const HpaSpec& spec = subject_.spec;
  const std::int32_t current = decision_.current;
  const std::int32_t wanted = std::max(0, wanted_);
  decision_.wanted = wanted;
  if (wanted > current) decision_.reason = winner_ + " above target";
  if (wanted < current) decision_.reason = "All metrics below target";
  const Normalized result = Normalize(spec, current, wanted, history_, now_, options_, trace_);
  decision_.stabilized = result.stabilized;
  if (result.look_again && (!decision_.look_again || *result.look_again < *decision_.look_again)) {
    decision_.look_again = result.look_again;
  }
  decision_.status.SetCondition(kAbleToScale, true, result.able.reason, result.able.message, now_);
  decision_.status.SetCondition(kScalingLimited, result.replicas != result.stabilized,
                                result.limited.reason, result.limited.message, now_);
  std::int32_t replicas = result.replicas;
  const bool by_us = options_.scale_to_zero && subject_.status.IsTrue(kScaledToZero);
  if (current == 0 && spec.min_replicas != 0 && by_us && replicas < spec.min_replicas) {
    replicas = spec.min_replicas;
    if (decision_.reason.empty()) decision_.reason = kBelowMin;
  }
  if (replicas != current) decision_.scale_to = replicas;
}

Decision Pass::Run() {
  if (seen_.scale_error) {
    FailScale(*seen_.scale_error);
    return std::move(decision_);
  }
  decision_.status.SetCondition(kAbleToScale, true, "SucceededGetScale",
                                "the HPA controller was able to get the target's current scale",
                                now_);
  const std::int32_t current = seen_.scale.spec_replicas;
  decision_.current = current;
  if (history_.recommendations.empty()) history_.recommendations.push_back({current, now_});

  switch (ChooseBranch(subject_, current, options_)) {
    case Branch::kPaused:
      Note(Way::kPaused);
      decision_.status.SetCondition(
          kScalingActive, false, "ScalingPaused",
          "scaling is paused by the annotation " + std::string(kPausedAnnotation), now_);
      break;
    case Branch::kDisabled:
      Note(Way::kDisabled);
      decision_.status.SetCondition(
          kScalingActive, false, "ScalingDisabled",
          "scaling is disabled since the replica count of the target is zero", now_);
      if (!options_.scale_to_zero) decision_.status.RemoveCondition(kScaledToZero);
      break;
    case Branch::kAboveMax:
      Note(Way::kAboveMax);
      decision_.scale_to = subject_.spec.max_replicas;
      decision_.reason = kAboveMax;
      break;
    case Branch::kBelowMin:
      Note(Way::kBelowMin);
      decision_.scale_to = subject_.spec.min_replicas;
      decision_.reason = kBelowMin;
      break;
    case Branch::kMetrics:
      if (!ComputeMetrics()) return std::move(decision_);
      ApplyMetrics();
      break;
  }
  decision_.status.SetCurrent(current);
  decision_.status.SetMetrics(std::move(metrics_));
  decision_.settled = true;
  if (!options_.departures.look_again) decision_.look_again.reset();
  return std::move(decision_);
}

std::string NewSize(const Decision& decision) {
  return "New size: " + std::to_string(decision.scale_to.value_or(decision.current)) +
         "; reason: " + decision.reason;
}

void CompleteWrite(Decision& decision, std::int32_t to, const Subject& subject, HpaStatus& status,
                   History& history, Time now, const Options& options) {
  status.SetCondition(
      kAbleToScale, true, "SucceededRescale",
      "the HPA controller was able to update the target scale to " + std::to_string(to), now);
  decision.events.push_back({"Normal", "SuccessfulRescale", NewSize(decision)});
  RememberScale(history, subject.spec, decision.current, to, now, options.sync_period);
  if (!options.scale_to_zero) {
    status.RemoveCondition(kScaledToZero);
  } else if (decision.current > 0 && to == 0 && subject.spec.min_replicas == 0 &&
             subject.spec.HasObjectOrExternal()) {
    status.SetCondition(kScaledToZero, true, "ScaledToZero",
                        "the HPA controller scaled the workload to zero", now);
  } else {
    status.SetCondition(kScaledToZero, false, "NotScaledToZero",
                        "the HPA controller did not scale the workload to zero", now);
  }
  status.SetReplicas(decision.current, to);
  status.SetScaleTime(now);
}

}  // namespace

Result<Subject> SubjectFromJson(const Json& hpa) {
  Subject subject;
  subject.ns = GetString(hpa, {"metadata", "namespace"});
  subject.name = GetString(hpa, {"metadata", "name"});
  Result<HpaSpec> spec = ParseSpec(GetObject(hpa, {"spec"}));
  if (!spec) return Prefixed("spec", spec.error());
  subject.spec = *std::move(spec);
  const Json* status = Find(hpa, "status");
  if (status != nullptr) subject.status = HpaStatus::FromJson(*status);
  const std::string paused = GetString(hpa, {"metadata", "annotations", kPausedAnnotation});
  subject.paused = !paused.empty() && paused != "false";
  return subject;
}

bool NeedsMetrics(const Subject& subject, const Scale& scale, const Options& options) {
  return ChooseBranch(subject, scale.spec_replicas, options) == Branch::kMetrics;
}

std::vector<MetricRequest> Requests(const Subject& subject, const Observations& seen,
                                    const Options& options) {
  std::vector<MetricRequest> requests;
  if (seen.scale_error) return requests;
  if (!NeedsMetrics(subject, seen.scale, options)) return requests;
  const auto selector = PodSelector(subject, seen);
  if (!selector) return requests;
  for (std::size_t i = 0; i < subject.spec.metrics.size(); ++i) {
    std::optional<MetricRequest> request = RequestFor(subject, subject.spec.metrics[i], *selector);
    if (!request) continue;
    request->index = i;
    requests.push_back(*std::move(request));
  }
  return requests;
}

Decision Decide(const Subject& subject, const Observations& seen, History& history, Time now,
                const Options& options, Trace* trace) {
  return Pass(subject, seen, history, now, options, trace).Run();
}

void Complete(Decision& decision, const Subject& subject,
              const std::optional<std::string>& write_error, History& history, Time now,
              const Options& options) {
  HpaStatus& status = decision.status;
  if (decision.scale_to && write_error) {
    decision.events.push_back(
        {"Warning", "FailedRescale", NewSize(decision) + "; error: " + *write_error});
    status.SetCondition(kAbleToScale, false, "FailedUpdateScale",
                        "the HPA controller was unable to update the target scale: " + *write_error,
                        now);
    decision.error = "failed to rescale " + Reference(subject) + ": " + *write_error;
    decision.settled = false;
  } else if (decision.scale_to) {
    CompleteWrite(decision, *decision.scale_to, subject, status, history, now, options);
  } else if (decision.settled) {
    status.SetReplicas(decision.current, decision.current);
  }
  decision.status_changed = status != subject.status;
  decision.values_only = decision.status_changed && status.SameButValues(subject.status);
}

std::string StatusError(const Decision& decision, const Subject& subject, const std::string& why) {
  // Metrics that failed beside others that decided are forgotten over it.
  if (!decision.settled) return decision.error;
  return "failed to update status for " + subject.name + ": " + why;
}

}  // namespace weir::autoscale
