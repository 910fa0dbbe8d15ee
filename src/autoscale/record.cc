#include "autoscale/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "autoscale/decide.h"
#include "autoscale/explain.h"
#include "autoscale/thresholds.h"

namespace weir::autoscale {
namespace {

// A record is one object of the API; without its scenario it still explains itself.
constexpr std::size_t kMaxScenarioBytes = 256U << 10U;

std::string Instant(Time time) { return FormatRfc3339Micro(time); }

void Put(Json& object, const char* key, const std::optional<Time>& time) {
  if (time && *time != Time()) object[key] = Instant(*time);
}

// Up to three decimals, none that say nothing.
std::string Decimal(double value) {
  std::string text = fmt::format("{:.3f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string NameOf(const MetricSpec& spec) {
  switch (spec.type) {
    case MetricType::kResource:
      return spec.name;
    case MetricType::kContainerResource:
      return spec.name + " of container " + spec.container;
    case MetricType::kPods:
      return "pods metric " + spec.name;
    case MetricType::kObject:
      return "metric " + spec.name + " of " + GetString(spec.described_object, "kind") + " " +
             GetString(spec.described_object, "name");
    case MetricType::kExternal:
      return "external metric " + spec.name;
    case MetricType::kUnknown:
      break;
  }
  return "metric of unknown type " + spec.type_name;
}

std::string_view NameOf(Measure measure) {
  switch (measure) {
    case Measure::kNone:
      break;
    case Measure::kTotal:
      return "Total";
    case Measure::kRatio:
      return "Value";
    case Measure::kAverage:
      return "Average";
    case Measure::kUtilization:
      return "Utilization";
  }
  return "";
}

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kProposed:
      return "Proposed";
    case Verdict::kWithinTolerance:
      return "WithinTolerance";
    case Verdict::kUnknownPods:
      return "UnknownPods";
  }
  return "";
}

// From which values on this metric asks for more than `replicas`, and for fewer.
void PutThresholds(const MetricTrace& trace, const Unit& unit, std::int32_t replicas, Json& out) {
  const Thresholds thresholds = ThresholdsOf(trace, replicas);
  if (thresholds.no_more) {
    Limit more = MoreThan(*thresholds.no_more, unit);
    out[more.inclusive ? "atLeast" : "above"] = std::move(more.text);
  }
  if (thresholds.fewer) {
    Limit fewer = FewerFrom(*thresholds.fewer, unit);
    out[fewer.inclusive ? "upTo" : "below"] = std::move(fewer.text);
  }
}

Json PodsText(const MetricTrace& trace) {
  Json out = {{"counted", trace.groups.ready}};
  const std::pair<const char*, const std::set<std::string>*> groups[] = {
      {"notReady", &trace.groups.unready},
      {"withoutMetric", &trace.groups.missing},
      {"ignored", &trace.groups.ignored}};
  for (const auto& [key, names] : groups) {
    if (!names->empty()) out[key] = *names;
  }
  return out;
}

std::optional<Time> OldestTime(const MetricResult& result) {
  std::optional<Time> oldest = result.timestamp;
  for (const PodUsage& pod : result.pods) {
    if (pod.timestamp == Time()) continue;
    oldest = std::min(oldest.value_or(pod.timestamp), pod.timestamp);
  }
  return oldest;
}

Json MetricText(const MetricSpec& spec, const MetricTrace& trace, const MetricResult& result,
                std::int32_t replicas) {
  const Unit unit(trace.measure, spec);
  Json out = {{"metric", NameOf(spec)}};
  Put(out, "time", OldestTime(result));
  if (!trace.proposed) return out;
  out["measure"] = NameOf(trace.measure);
  out["value"] = unit.Text(trace.usage);
  out["target"] = unit.Text(trace.target);
  if (std::isfinite(trace.ratio)) out["ratio"] = Decimal(trace.ratio);
  if (trace.assumed_ratio && std::isfinite(*trace.assumed_ratio)) {
    out["ratioWithUnknownPods"] = Decimal(*trace.assumed_ratio);
  }
  out["toleranceUp"] = Decimal(trace.tolerances.up * 100) + "%";
  out["toleranceDown"] = Decimal(trace.tolerances.down * 100) + "%";
  if (trace.measure == Measure::kAverage || trace.measure == Measure::kUtilization) {
    out["pods"] = PodsText(trace);
  }
  out["verdict"] = NameOf(trace.verdict);
  out["proposes"] = *trace.proposed;
  out["counts"] = trace.counted.value_or(*trace.proposed);
  Put(out, "settles", trace.settles);
  PutThresholds(trace, unit, replicas, out);
  return out;
}

std::string_view RuleOfLimits(const Trace& trace) {
  const bool up = trace.stabilized > trace.limited;
  if (!trace.limit) return up ? "MaxReplicas" : "MinReplicas";
  if (trace.limit->disabled) return up ? "ScaleUpDisabled" : "ScaleDownDisabled";
  return up ? "ScaleUpPolicy" : "ScaleDownPolicy";
}

// The last thing that made the outcome what it is.
std::string_view RuleOf(const Trace& trace) {
  switch (trace.way) {
    case Way::kNoScale:
      return "UnknownScale";
    case Way::kPaused:
      return "Paused";
    case Way::kDisabled:
      return "TargetAtZero";
    case Way::kAboveMax:
      return "MaxReplicas";
    case Way::kBelowMin:
      return "MinReplicas";
    case Way::kNoSelector:
      return "UnknownPodsOfTarget";
    case Way::kUnknownMetric:
      return "UnknownMetric";
    case Way::kMetrics:
      break;
  }
  if (trace.limited != trace.stabilized) return RuleOfLimits(trace);
  if (trace.stabilized > trace.wanted) return "ScaleDownStabilization";
  if (trace.stabilized < trace.wanted) return "ScaleUpStabilization";
  if (!trace.winner) return "Metrics";
  const MetricTrace& winner = trace.metrics[*trace.winner];
  if (winner.proposed != winner.counted) return "SyncPeriod";
  return winner.verdict == Verdict::kProposed ? "Metrics" : NameOf(winner.verdict);
}

Json StagesText(const Trace& trace, const HpaSpec& spec) {
  Json stabilization = {{"stage", "Stabilization"}, {"replicas", trace.stabilized}};
  Put(stabilization, "until", trace.window_opens);
  Json limits = {{"stage", "Limits"}, {"replicas", trace.limited}};
  if (trace.limit) {
    Put(limits, "until", trace.limit->loosens);
    limits["allowed"] = trace.limit->allowed;
    if (trace.limit->policy && spec.behavior) {
      const bool up = trace.stabilized > trace.limited;
      const ScalingPolicy& policy =
          (up ? spec.behavior->up : spec.behavior->down).policies[*trace.limit->policy];
      limits["policy"] = fmt::format("{}{} in {}", policy.value, policy.percent ? "%" : " pods",
                                     FormatGoDuration(std::chrono::seconds(policy.period_s)));
    }
  }
  return Json::array({{{"stage", "Metrics"}, {"replicas", trace.wanted}},
                      std::move(stabilization),
                      std::move(limits)});
}

Json MetricsText(const Trace& trace, const HpaSpec& spec, const Decision& decision,
                 const Observations& seen, std::int32_t replicas) {
  Json out = Json::array();
  const MetricResult nothing;
  for (std::size_t i = 0; i < trace.metrics.size(); ++i) {
    const MetricResult& result = i < seen.metrics.size() ? seen.metrics[i] : nothing;
    Json metric = MetricText(spec.metrics[i], trace.metrics[i], result, replicas);
    if (i < decision.metrics.size() && !decision.metrics[i].error.empty()) {
      metric["error"] = decision.metrics[i].error;
    }
    if (trace.winner == i && trace.way == Way::kMetrics) metric["wins"] = true;
    out.push_back(std::move(metric));
  }
  return out;
}

Json TargetText(const Subject& subject, const Observations& seen) {
  Json out = {{"kind", subject.spec.target_kind}, {"name", subject.spec.target_name}};
  if (seen.scale_error) return out;
  out["replicas"] = seen.scale.spec_replicas;
  out["statusReplicas"] = seen.scale.status_replicas;
  out["selector"] = seen.scale.selector;
  return out;
}

Json BoundsText(const HpaSpec& spec, const Trace& trace) {
  Json out = {{"minReplicas", spec.min_replicas}, {"maxReplicas", spec.max_replicas}};
  if (trace.way != Way::kMetrics) return out;
  out["scaleUpWindow"] = FormatGoDuration(trace.up_window);
  out["scaleDownWindow"] = FormatGoDuration(trace.down_window);
  return out;
}

// What stood in the way where no metric came to count.
std::string ObstacleOf(const Trace& trace, const Inputs& inputs, const Decision& decision) {
  if (inputs.write_error && decision.scale_to) return *inputs.write_error;
  if (trace.way == Way::kNoScale) return inputs.seen.scale_error.value_or("");
  const bool told = trace.way == Way::kNoSelector && !decision.events.empty();
  return told ? decision.events.front().message : "";
}

}  // namespace

Json MakeRecord(const Inputs& inputs, const Hops& hops) {
  Json record = {{"hpa", GetString(*inputs.hpa, {"metadata", "name"})},
                 {"time", Instant(inputs.now)}};
  const Result<Subject> subject = SubjectFromJson(*inputs.hpa);
  if (!subject) {  // no pass was made then
    record["error"] = subject.error().message;
    return record;
  }
  Trace trace;
  History history = inputs.history;
  const Decision decision =
      Decide(*subject, inputs.seen, history, inputs.now, inputs.options, &trace);
  const std::int32_t replicas = decision.scale_to.value_or(decision.current);
  if (trace.way != Way::kNoScale) {  // else there is no number
    record["from"] = decision.current;
    record["to"] = replicas;
  }
  record["changed"] = decision.scale_to.has_value() && !inputs.write_error;
  record["rule"] = RuleOf(trace);
  if (!decision.reason.empty()) record["reason"] = decision.reason;
  const std::string error = ObstacleOf(trace, inputs, decision);
  if (!error.empty()) record["error"] = error;
  record["target"] = TargetText(*subject, inputs.seen);
  record["bounds"] = BoundsText(subject->spec, trace);
  if (!trace.metrics.empty()) {
    record["metrics"] = MetricsText(trace, subject->spec, decision, inputs.seen, replicas);
  }
  if (trace.way == Way::kMetrics) record["stages"] = StagesText(trace, subject->spec);
  Put(record, "lookAgain", decision.look_again);
  Json times = Json::object();
  Put(times, "metricChanged", hops.metric_changed);
  Put(times, "decided", hops.decided);
  Put(times, "written", hops.written);
  if (!times.empty()) record["hops"] = std::move(times);
  record["summary"] = Summary(record);
  std::string scenario = ScenarioLine(inputs);
  if (scenario.size() <= kMaxScenarioBytes) record["scenario"] = std::move(scenario);
  return record;
}

}  // namespace weir::autoscale
