#include "autoscale/replicas.h"

#include <cmath>
#include <limits>
#include <utility>

#include "autoscale/numbers.h"
#include "autoscale/pod_groups.h"

namespace weir::autoscale {
namespace {

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();
constexpr double kMaxInt32 = std::numeric_limits<std::int32_t>::max();
constexpr std::string_view kPodsContext = "failed to get pods metric value: ";
constexpr std::string_view kObjectContext = "failed to get object metric value: ";
constexpr double kTwoTo63 = 9223372036854775808.0;

// Inclusive at both ends; NaN is never within.
bool Within(double ratio, const Tolerances& tolerances) {
  return 1.0 - tolerances.down <= ratio && ratio <= 1.0 + tolerances.up;
}

// One metric's computation: holds what every step needs.
class Calculator {
 public:
  explicit Calculator(const MetricInput& input)
      : in_(input), departures_(input.options.departures), numbers_(!departures_.saturate) {}

  std::expected<Proposal, MetricFailure> Resource();
  std::expected<Proposal, MetricFailure> Pods();
  std::expected<Proposal, MetricFailure> Object();
  std::expected<Proposal, MetricFailure> External();

 private:
  // A metric that each pod has: what is known after sorting the pods.
  struct Sample {
    PodMetrics metrics;
    PodGroups groups;
    std::vector<const Pod*> pods;
  };
  struct Ratio {
    double ratio = 0;
    std::int32_t utilization = 0;
    std::int64_t average = 0;
  };
  using RatioFn = Result<Ratio> (Calculator::*)(const PodMetrics&) const;

  Result<Sample> Collect() const;
  Result<Ratio> UtilizationRatio(const PodMetrics& metrics) const;
  Result<Ratio> AverageRatio(const PodMetrics& metrics) const;
  // What a pod without a metric is assumed to use when the rest says "scale down".
  std::int64_t Assumed(const std::string& pod) const;
  Result<std::int32_t> FromSample(Sample sample, const Ratio& first, RatioFn again) const;

  // The steps for a value that describes something beside the pods.
  Result<std::int32_t> FromValue(std::int64_t usage, std::int64_t target) const;
  std::int32_t FromTotal(std::int64_t usage, std::int64_t target, bool external) const;
  std::int64_t PerReplica(std::int64_t usage, bool external) const;
  Result<std::int64_t> ExternalSum(bool average) const;
  Status CheckTarget(std::int64_t target) const;
  Status CheckSelector() const;
  // What is held against target_; the rest of the trace follows where it is found.
  void Note(Measure measure, std::int64_t usage, double ratio) const;
  void Note(Verdict verdict) const {
    if (in_.trace != nullptr) in_.trace->verdict = verdict;
  }

  // The values of an Object or External metric, or the error in the words of its type.
  Result<const MetricResult*> Fetched() const;
  MetricFailure Failure(std::string text, std::string_view context) const;
  Json Status(std::string_view field, Json current) const;
  // 0 where it is not set, which no target may be.
  std::int64_t Amount(const std::optional<kube::Quantity>& quantity) const {
    return quantity ? numbers_.Milli(*quantity) : 0;
  }
  Json Milli(std::int64_t milli) const { return kube::Quantity::FromMilli(milli).ToString(); }

  const MetricInput& in_;
  const Departures& departures_;
  Numbers numbers_;
  std::map<std::string, std::int64_t> requests_;
  std::int64_t target_ = 0;  // percent or thousandths
};

void Calculator::Note(Measure measure, std::int64_t usage, double ratio) const {
  MetricTrace* trace = in_.trace;
  if (trace == nullptr) return;
  trace->measure = measure;
  trace->usage = usage;
  trace->target = target_;
  trace->tolerances = in_.tolerances;
  trace->ratio = ratio;
}

std::string_view ApiName(MetricType type) {
  switch (type) {
    case MetricType::kResource:
    case MetricType::kContainerResource:
      return "resource";
    case MetricType::kPods:
    case MetricType::kObject:
      return "custom";
    case MetricType::kExternal:
      return "external";
    case MetricType::kUnknown:
      break;
  }
  return "";
}

Status Calculator::CheckSelector() const {
  const Result<kube::LabelSelector> selector = kube::LabelSelector::FromJson(in_.metric.selector);
  if (!selector) return std::unexpected(selector.error());
  return {};
}

Result<const MetricResult*> Calculator::Fetched() const {
  const MetricResult& result = in_.result;
  std::string why;
  if (result.error) {
    why = "unable to fetch metrics from " + std::string(ApiName(in_.metric.type)) +
          " metrics API: " + *result.error;
  } else if (in_.metric.type == MetricType::kObject || in_.metric.type == MetricType::kExternal
                 ? result.values.empty()
                 : result.pods.empty()) {
    why = "no metrics returned from " + std::string(ApiName(in_.metric.type)) + " metrics API";
  } else {
    return &result;
  }
  const std::string& name = in_.metric.name;
  switch (in_.metric.type) {
    case MetricType::kResource:
    case MetricType::kContainerResource:
      why = "unable to get metrics for resource " + name + ": " + why;
      break;
    case MetricType::kPods:
      why = "unable to get metric " + name + ": " + why;
      break;
    case MetricType::kObject:
      // Upstream hands its format the arguments in another order than it names them.
      why = "unable to get metric " + name + ": " + GetString(in_.metric.described_object, "kind") +
            " on " + in_.ns + " " + GetString(in_.metric.described_object, "name") + "/" + why;
      break;
    case MetricType::kExternal:
      why = "unable to get external metric " + in_.ns + "/" + name + "/" +
            SelectorText(in_.metric.selector) + ": " + why;
      break;
    case MetricType::kUnknown:
      break;
  }
  return Fail(Code::kUnavailable, why);
}

MetricFailure Calculator::Failure(std::string text, std::string_view context) const {
  MetricFailure failure;
  failure.reason = "FailedGet" + in_.metric.type_name + "Metric";
  failure.chain = std::string(context) + text;
  failure.text = std::move(text);
  return failure;
}

Json Calculator::Status(std::string_view field, Json current) const {
  Json entry = Json::object();
  const MetricSpec& metric = in_.metric;
  if (metric.type == MetricType::kResource || metric.type == MetricType::kContainerResource) {
    entry["name"] = metric.name;
    if (!metric.container.empty()) entry["container"] = metric.container;
  } else {
    entry["metric"] = metric.identifier;
    if (metric.type == MetricType::kObject) entry["describedObject"] = metric.described_object;
  }
  entry["current"] = std::move(current);
  return {{"type", metric.type_name}, {std::string(field), std::move(entry)}};
}

Status Calculator::CheckTarget(std::int64_t target) const {
  if (target > 0 || !departures_.refuse_negative) return {};
  return Fail(Code::kInvalid, "invalid target: it must be greater than zero");
}

Result<Calculator::Sample> Calculator::Collect() const {
  const Result<const MetricResult*> result = Fetched();
  if (!result) return std::unexpected(result.error());
  Sample sample;
  sample.metrics = ValuesByPod(in_.metric, **result, numbers_);
  sample.pods = SelectPods(in_.seen, in_.selector);
  if (sample.pods.empty()) {
    return Fail(Code::kNotFound, "no pods returned by selector while calculating replica count");
  }
  const bool cpu = in_.metric.type != MetricType::kPods && in_.metric.name == "cpu";
  sample.groups = GroupPods(sample.pods, sample.metrics, cpu, in_.now, in_.options);
  for (const std::string& pod : sample.groups.ignored) sample.metrics.erase(pod);
  for (const std::string& pod : sample.groups.unready) sample.metrics.erase(pod);
  if (sample.metrics.empty()) {
    return Fail(Code::kUnavailable,
                "did not receive metrics for targeted pods (pods might be unready)");
  }
  return sample;
}

Result<Calculator::Ratio> Calculator::UtilizationRatio(const PodMetrics& metrics) const {
  std::int64_t used = 0;
  std::int64_t requested = 0;
  std::int64_t count = 0;
  for (const auto& [pod, metric] : metrics) {
    const auto request = requests_.find(pod);
    if (request == requests_.end()) continue;
    used = numbers_.Add(used, metric.milli);
    requested = numbers_.Add(requested, request->second);
    ++count;
  }
  if (requested == 0) {
    return Fail(Code::kUnavailable, "no metrics returned matched known pods");
  }
  Ratio ratio;
  // Whole percents: upstream compares what it shows.
  ratio.utilization = numbers_.Narrow(Numbers::Divide(numbers_.Multiply(used, 100), requested));
  ratio.average = Numbers::Divide(used, count);
  ratio.ratio = static_cast<double>(ratio.utilization) / static_cast<double>(target_);
  return ratio;
}

Result<Calculator::Ratio> Calculator::AverageRatio(const PodMetrics& metrics) const {
  std::int64_t sum = 0;
  for (const auto& [pod, metric] : metrics) sum = numbers_.Add(sum, metric.milli);
  Ratio ratio;
  ratio.average = Numbers::Divide(sum, static_cast<std::int64_t>(metrics.size()));
  ratio.ratio = static_cast<double>(ratio.average) / static_cast<double>(target_);
  return ratio;
}

std::int64_t Calculator::Assumed(const std::string& pod) const {
  const auto request = requests_.find(pod);
  if (request == requests_.end()) return target_;  // an average value: exactly the target
  const std::int64_t percent = std::max<std::int64_t>(100, target_);
  return Numbers::Divide(numbers_.Multiply(request->second, percent), 100);
}

Result<std::int32_t> Calculator::FromSample(Sample sample, const Ratio& first,
                                            RatioFn again) const {
  const std::int32_t current = in_.seen.scale.spec_replicas;
  const bool up = first.ratio > 1.0;
  const bool zero_unready = up && !sample.groups.unready.empty();
  if (in_.trace != nullptr) {
    in_.trace->groups = sample.groups;
    in_.trace->pods = sample.groups.ready;
  }
  if (!zero_unready && sample.groups.missing.empty()) {
    if (Within(first.ratio, in_.tolerances)) {
      Note(Verdict::kWithinTolerance);
      return current;
    }
    return numbers_.ToInt32(std::ceil(first.ratio * static_cast<double>(sample.groups.ready)));
  }
  // Count the pods that nothing is known about, in whatever way makes the change smaller.
  for (const std::string& pod : sample.groups.missing) {
    if (first.ratio < 1.0) sample.metrics[pod].milli = Assumed(pod);
    if (up) sample.metrics[pod].milli = 0;
  }
  if (zero_unready) {
    for (const std::string& pod : sample.groups.unready) sample.metrics[pod].milli = 0;
  }
  const Result<Ratio> second = (this->*again)(sample.metrics);
  if (!second) return std::unexpected(second.error());
  const double ratio = second->ratio;
  if (in_.trace != nullptr) {
    in_.trace->assumed_ratio = ratio;
    in_.trace->pods = static_cast<std::int64_t>(sample.metrics.size());
  }
  Note(Within(first.ratio, in_.tolerances) ? Verdict::kWithinTolerance : Verdict::kUnknownPods);
  if (Within(ratio, in_.tolerances) || (first.ratio < 1.0 && ratio > 1.0) || (up && ratio < 1.0)) {
    return current;
  }
  const std::int32_t replicas =
      numbers_.ToInt32(std::ceil(ratio * static_cast<double>(sample.metrics.size())));
  // A change against the ratio's direction would come from the number of pods alone.
  if ((ratio < 1.0 && replicas > current) || (ratio > 1.0 && replicas < current)) return current;
  Note(Verdict::kProposed);
  return replicas;
}

std::expected<Proposal, MetricFailure> Calculator::Resource() {
  const MetricSpec& metric = in_.metric;
  const bool of_container = metric.type == MetricType::kContainerResource;
  const std::string context = "failed to get " + (of_container ? metric.container : metric.name) +
                              (of_container ? " container" : " resource") + " metric value: ";
  const bool average = metric.target.average_value.has_value();
  if (!average && !metric.target.average_utilization) {
    return std::unexpected(
        Failure("invalid resource metric source: neither an average utilization target nor an "
                "average value (usage) target was set",
                context));
  }
  const std::string prefix =
      "failed to get " + metric.name + (average ? " usage: " : " utilization: ");
  const auto fail = [&](const Error& error) {
    return std::unexpected(Failure(prefix + error.message, context));
  };
  target_ = average ? Amount(metric.target.average_value)
                    : std::int64_t{metric.target.average_utilization.value_or(0)};
  const weir::Status valid = CheckTarget(target_);
  if (!valid) return fail(valid.error());
  Result<Sample> sample = Collect();
  if (!sample) return fail(sample.error());
  if (!average) {
    auto requests = RequestsByPod(sample->pods, metric.name, metric.container, numbers_);
    if (!requests) return fail(requests.error());
    requests_ = *std::move(requests);
  }
  const RatioFn ratio = average ? &Calculator::AverageRatio : &Calculator::UtilizationRatio;
  const Result<Ratio> first = (this->*ratio)(sample->metrics);
  if (!first) return fail(first.error());
  Note(average ? Measure::kAverage : Measure::kUtilization,
       average ? first->average : first->utilization, first->ratio);
  const Result<std::int32_t> replicas = FromSample(*std::move(sample), *first, ratio);
  if (!replicas) return fail(replicas.error());

  const auto format = metric.name == "memory" ? kube::Quantity::Format::kBinarySi
                                              : kube::Quantity::Format::kDecimalSi;
  Json current = {{"averageValue", kube::Quantity::FromMilli(first->average, format).ToString()}};
  if (!average) current["averageUtilization"] = first->utilization;
  Proposal proposal;
  proposal.relative = true;
  proposal.replicas = *replicas;
  proposal.name = metric.name + (of_container && !average ? " container" : "") + " resource" +
                  (average ? "" : " utilization (percentage of request)");
  proposal.status = Status(of_container ? "containerResource" : "resource", std::move(current));
  return proposal;
}

std::expected<Proposal, MetricFailure> Calculator::Pods() {
  const auto fail = [&](const Error& error) {
    return std::unexpected(Failure(error.message, kPodsContext));
  };
  const weir::Status selector = CheckSelector();
  if (!selector) return fail(selector.error());
  if (!in_.metric.target.average_value) {
    return fail({Code::kInvalid, "invalid pods metric source: no average value target was set"});
  }
  target_ = Amount(in_.metric.target.average_value);
  const weir::Status valid = CheckTarget(target_);
  if (!valid) return fail(valid.error());
  Result<Sample> sample = Collect();
  if (!sample) return fail(sample.error());
  const Result<Ratio> first = AverageRatio(sample->metrics);
  if (!first) return fail(first.error());
  Note(Measure::kAverage, first->average, first->ratio);
  const Result<std::int32_t> replicas =
      FromSample(*std::move(sample), *first, &Calculator::AverageRatio);
  if (!replicas) return fail(replicas.error());
  Proposal proposal;
  proposal.replicas = *replicas;
  proposal.relative = true;
  proposal.name = "pods metric " + in_.metric.name;
  proposal.status = Status("pods", {{"averageValue", Milli(first->average)}});
  return proposal;
}

Result<std::int32_t> Calculator::FromValue(std::int64_t usage, std::int64_t target) const {
  const std::int32_t current = in_.seen.scale.spec_replicas;
  const double ratio = static_cast<double>(usage) / static_cast<double>(target);
  Note(Measure::kRatio, usage, ratio);
  // Upstream spares only the other way the conversion of a double that does not fit.
  if (current == 0) return numbers_.ToInt32(std::ceil(ratio));
  if (Within(ratio, in_.tolerances)) {
    Note(Verdict::kWithinTolerance);
    return current;
  }
  const std::vector<const Pod*> pods = SelectPods(in_.seen, in_.selector);
  if (pods.empty()) {
    return Fail(Code::kNotFound,
                "unable to calculate ready pods: no pods returned by selector while calculating "
                "replica count");
  }
  std::int64_t ready = 0;
  for (const Pod* pod : pods) {
    if (pod->phase == "Running" && pod->ready == "True") ++ready;
  }
  if (in_.trace != nullptr) in_.trace->pods = ready;
  const double replicas = std::ceil(ratio * static_cast<double>(ready));
  return replicas > kMaxInt32 ? std::numeric_limits<std::int32_t>::max()
                              : numbers_.ToInt32(replicas);
}

std::int32_t Calculator::FromTotal(std::int64_t usage, std::int64_t target, bool external) const {
  const Scale& scale = in_.seen.scale;
  // Replicas that are wanted and still to come share the load as those that are there.
  const bool hold = departures_.hold_spec_replicas;
  const std::int32_t base =
      hold ? std::max(scale.spec_replicas, scale.status_replicas) : scale.status_replicas;
  const double ratio =
      static_cast<double>(usage) / (static_cast<double>(target) * static_cast<double>(base));
  Note(Measure::kTotal, usage, ratio);
  if (Within(ratio, in_.tolerances)) {
    Note(Verdict::kWithinTolerance);
    return hold ? scale.spec_replicas : base;
  }
  const double replicas = std::ceil(static_cast<double>(usage) / static_cast<double>(target));
  if (external && replicas > kMaxInt32) return std::numeric_limits<std::int32_t>::max();
  return numbers_.ToInt32(replicas);
}

std::int64_t Calculator::PerReplica(std::int64_t usage, bool external) const {
  const std::int32_t replicas = in_.seen.scale.status_replicas;
  if (replicas == 0 && departures_.average_over_zero_is_zero) return 0;
  // Upstream spares only External metrics the conversion of a double that does not fit.
  if (external && static_cast<double>(usage) >= kTwoTo63) return kMaxInt64;
  return numbers_.ToInt64(std::ceil(static_cast<double>(usage) / static_cast<double>(replicas)));
}

std::expected<Proposal, MetricFailure> Calculator::Object() {
  const MetricSpec& metric = in_.metric;
  const weir::Status selector = CheckSelector();
  if (!selector) return std::unexpected(Failure(selector.error().message, kObjectContext));

  Proposal proposal;
  std::string type = metric.target.type;
  if (departures_.follow_target_field &&
      metric.target.value.has_value() != metric.target.average_value.has_value()) {
    type = metric.target.value ? "Value" : "AverageValue";
    if (type != metric.target.type) {
      proposal.warning = "the target of metric " + metric.name + " has type " + metric.target.type +
                         " but sets only " + (metric.target.value ? "value" : "averageValue") +
                         ", which is followed";
    }
  }
  const bool average = type == "AverageValue" && metric.target.average_value.has_value();
  if (!average && !(type == "Value" && metric.target.value)) {
    return std::unexpected(
        Failure("invalid object metric source: neither a value target nor an average value target "
                "was set",
                kObjectContext));
  }
  const std::string context = std::string(kObjectContext) +
                              (average ? "failed to get " + metric.name + " object metric: " : "");
  target_ = Amount(average ? metric.target.average_value : metric.target.value);
  const weir::Status valid = CheckTarget(target_);
  if (!valid) return std::unexpected(Failure(valid.error().message, context));
  const Result<const MetricResult*> result = Fetched();
  if (!result) return std::unexpected(Failure(result.error().message, context));
  const std::int64_t usage = numbers_.Milli((*result)->values.front());
  if (average) {
    proposal.replicas = FromTotal(usage, target_, false);
    proposal.name = "external metric " + metric.name + "(" + SelectorText(metric.selector) + ")";
    proposal.status = Status("object", {{"averageValue", Milli(PerReplica(usage, false))}});
    return proposal;
  }
  const Result<std::int32_t> replicas = FromValue(usage, target_);
  if (!replicas) return std::unexpected(Failure(replicas.error().message, context));
  proposal.replicas = *replicas;
  proposal.relative = true;
  proposal.name = GetString(metric.described_object, "kind") + " metric " + metric.name;
  proposal.status = Status("object", {{"value", Milli(usage)}});
  return proposal;
}

Result<std::int64_t> Calculator::ExternalSum(bool average) const {
  const weir::Status selector = CheckSelector();
  if (!selector) return std::unexpected(selector.error());
  const Result<const MetricResult*> result = Fetched();
  if (!result) return std::unexpected(result.error());
  if (departures_.saturate && (departures_.refuse_negative || !average)) {
    return Numbers::ClampedSum((*result)->values);
  }
  std::int64_t sum = 0;
  for (const kube::Quantity& value : (*result)->values) {
    const std::int64_t milli = numbers_.Milli(value);
    if (milli > 0 && sum > kMaxInt64 - milli) return kMaxInt64;
    sum = numbers_.Add(sum, milli);
    if (average && sum < 0 && !departures_.refuse_negative) return kMaxInt64;
  }
  return sum;
}

std::expected<Proposal, MetricFailure> Calculator::External() {
  const MetricSpec& metric = in_.metric;
  const bool average = metric.target.average_value.has_value();
  std::string context = "failed to get " + metric.name + " external metric value: ";
  if (!average && !metric.target.value) {
    return std::unexpected(
        Failure("invalid external metric source: neither a value target nor an average value "
                "target was set",
                context));
  }
  context += average ? "failed to get " + metric.name + " external metric: "
                     : "failed to get external metric " + metric.name + ": ";
  target_ = Amount(average ? metric.target.average_value : metric.target.value);
  const weir::Status valid = CheckTarget(target_);
  if (!valid) return std::unexpected(Failure(valid.error().message, context));
  const Result<std::int64_t> usage = ExternalSum(average);
  if (!usage) return std::unexpected(Failure(usage.error().message, context));
  Proposal proposal;
  proposal.name = "external metric " + metric.name + "(" + SelectorText(metric.selector) + ")";
  if (average) {
    proposal.replicas = FromTotal(*usage, target_, true);
    proposal.status = Status("external", {{"averageValue", Milli(PerReplica(*usage, true))}});
    return proposal;
  }
  const Result<std::int32_t> replicas = FromValue(*usage, target_);
  if (!replicas) return std::unexpected(Failure(replicas.error().message, context));
  proposal.relative = true;
  proposal.replicas = *replicas;
  proposal.status = Status("external", {{"value", Milli(*usage)}});
  return proposal;
}

}  // namespace

std::expected<Proposal, MetricFailure> Propose(const MetricInput& input) {
  Calculator calculator(input);
  switch (input.metric.type) {
    case MetricType::kResource:
    case MetricType::kContainerResource:
      return calculator.Resource();
    case MetricType::kPods:
      return calculator.Pods();
    case MetricType::kObject:
      return calculator.Object();
    case MetricType::kExternal:
      return calculator.External();
    case MetricType::kUnknown:
      break;
  }
  const std::string text = "unknown metric source type \"" + input.metric.type_name + "\"";
  return std::unexpected(MetricFailure{"InvalidMetricSourceType", text, text});
}

}  // namespace weir::autoscale
