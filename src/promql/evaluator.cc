#include "promql/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <optional>
#include <unordered_map>
#include <utility>

#include "promql/buckets.h"
#include "promql/functions.h"
#include "promql/label_functions.h"
#include "promql/value.h"

namespace weir::promql {
namespace {

using model::Labels;
using model::Sample;
using model::SeriesData;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::int64_t Millis(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

bool EarlierThan(const Sample& sample, std::int64_t time_ms) { return sample.time_ms < time_ms; }

// Series of one selector, loaded once for all steps.
using Loaded = std::unordered_map<const VectorSelector*, std::vector<SeriesData>>;

class Evaluation {
 public:
  Evaluation(const model::Queryable& storage, const EvalOptions& options, std::int64_t start_ms,
             std::int64_t end_ms)
      : storage_(storage),
        options_(options),
        start_ms_(start_ms),
        end_ms_(end_ms),
        lookback_ms_(Millis(options.lookback)),
        delayed_(options.delayed_name_removal) {}

  // Reads what the expression needs between the two times, whatever the step.
  Status Load(const Expr& expr, std::int64_t first_ms, std::int64_t last_ms) {
    if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) {
      return LoadSelector(*vector, lookback_ms_, first_ms, last_ms);
    }
    if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
      return LoadSelector(matrix->vector, matrix->range_ms, first_ms, last_ms);
    }
    if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
      first_ms = Shifted(subquery->shift, first_ms) - subquery->range_ms;
      last_ms = Shifted(subquery->shift, last_ms);
    }
    Status status;
    ForEachChild(expr, [&](const Expr& child) {
      if (status) status = Load(child, first_ms, last_ms);
    });
    return status;
  }

  Result<Value> Eval(const Expr& expr, std::int64_t at_ms) {
    if (++steps_ > options_.max_steps) {
      return Fail(Code::kInvalid,
                  fmt::format("query needs more than {} evaluation steps", options_.max_steps));
    }
    if (const auto* number = std::get_if<NumberLiteral>(&expr.node)) return Value(number->value);
    if (const auto* string = std::get_if<StringLiteral>(&expr.node)) return Value(string->value);
    if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) {
      return Value(Instant(*vector, at_ms));
    }
    if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
      return Value(Range(*matrix, at_ms));
    }
    if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
      return EvalSubquery(*subquery, at_ms);
    }
    if (const auto* call = std::get_if<Call>(&expr.node)) return EvalCall(*call, at_ms);
    if (const auto* aggregate = std::get_if<Aggregate>(&expr.node)) {
      return EvalAggregate(*aggregate, at_ms);
    }
    if (const auto* binary = std::get_if<Binary>(&expr.node)) return EvalBinary(*binary, at_ms);
    if (const auto* unary = std::get_if<Unary>(&expr.node)) return EvalUnary(*unary, at_ms);
    return Eval(*std::get<Paren>(expr.node).expr, at_ms);
  }

  // What removing names only now leaves: final labels, each once.
  Status Finish(Elements& elements) const {
    if (!delayed_) return {};
    for (Element& element : elements) {
      if (element.drop_name) element.labels.Remove(model::kMetricName);
    }
    return CheckUnique(elements);
  }

 private:
  std::int64_t Shifted(const TimeShift& shift, std::int64_t at_ms) const {
    switch (shift.at) {
      case TimeShift::At::kNone:
        break;
      case TimeShift::At::kTime:
        at_ms = shift.at_ms;
        break;
      case TimeShift::At::kStart:
        at_ms = start_ms_;
        break;
      case TimeShift::At::kEnd:
        at_ms = end_ms_;
        break;
    }
    return at_ms - shift.offset_ms;
  }

  Status LoadSelector(const VectorSelector& selector, std::int64_t window_ms, std::int64_t first_ms,
                      std::int64_t last_ms) {
    auto series =
        storage_.Select(selector.matchers, Shifted(selector.shift, first_ms) - window_ms + 1,
                        Shifted(selector.shift, last_ms));
    if (!series) return std::unexpected(series.error());
    for (const SeriesData& one : *series) {
      if (Status counted = CountSamples(one.samples.size()); !counted) return counted;
    }
    loaded_[&selector] = std::move(*series);
    return {};
  }

  Status CountSamples(std::size_t more) {
    samples_ += more;
    if (samples_ <= options_.max_samples) return {};
    return Fail(Code::kInvalid, fmt::format("query processing would load more than {} samples into "
                                            "memory in query execution",
                                            options_.max_samples));
  }

  // The newest sample in (at - lookback, at], unless it marks the series as gone.
  Elements Instant(const VectorSelector& selector, std::int64_t at_ms) const {
    const std::int64_t time = Shifted(selector.shift, at_ms);
    Elements result;
    for (const SeriesData& series : loaded_.at(&selector)) {
      const auto after =
          std::lower_bound(series.samples.begin(), series.samples.end(), time + 1, EarlierThan);
      if (after == series.samples.begin()) continue;
      const Sample& newest = *(after - 1);
      if (newest.time_ms <= time - lookback_ms_ || model::IsStale(newest.value)) continue;
      result.push_back({series.labels, newest.value, newest.time_ms, false});
    }
    return result;
  }

  Windows Range(const MatrixSelector& selector, std::int64_t at_ms) const {
    const std::int64_t end = Shifted(selector.vector.shift, at_ms);
    Windows windows{end - selector.range_ms, end, {}};
    for (const SeriesData& series : loaded_.at(&selector.vector)) {
      const auto from = std::lower_bound(series.samples.begin(), series.samples.end(),
                                         windows.start_ms + 1, EarlierThan);
      const auto to = std::lower_bound(from, series.samples.end(), end + 1, EarlierThan);
      if (from == to) continue;
      WindowSeries window{series.labels, std::span<const Sample>(from, to), {}, false};
      const auto stale = [](const Sample& sample) { return model::IsStale(sample.value); };
      if (std::any_of(from, to, stale)) {
        window.own.assign(from, to);
        std::erase_if(window.own, stale);
        if (window.own.empty()) continue;
        window.samples = window.own;
      }
      windows.series.push_back(std::move(window));
    }
    return windows;
  }

  // Steps stand at multiples of the step since the epoch, whenever the query asks.
  Result<Value> EvalSubquery(const Subquery& subquery, std::int64_t at_ms) {
    const std::int64_t step =
        subquery.step_ms != 0 ? subquery.step_ms : Millis(options_.default_step);
    const std::int64_t end = Shifted(subquery.shift, at_ms);
    Windows windows{end - subquery.range_ms, end, {}};
    std::int64_t time = windows.start_ms / step * step;
    if (time <= windows.start_ms) time += step;
    LabelsMap<std::size_t> index;
    for (; time <= end; time += step) {
      auto value = Eval(*subquery.expr, time);
      if (!value) return value;
      auto& elements = std::get<Elements>(*value);
      if (Status counted = CountSamples(elements.size()); !counted) {
        return std::unexpected(counted.error());
      }
      for (Element& element : elements) {
        const auto [found, added] = index.try_emplace(element.labels, windows.series.size());
        if (added) {
          windows.series.push_back({std::move(element.labels), {}, {}, element.drop_name});
        }
        windows.series[found->second].own.push_back({time, element.value});
      }
    }
    std::sort(windows.series.begin(), windows.series.end(),
              [](const WindowSeries& a, const WindowSeries& b) { return a.labels < b.labels; });
    for (WindowSeries& series : windows.series) series.samples = series.own;
    return Value(std::move(windows));
  }

  Result<double> EvalScalar(const Expr& expr, std::int64_t at_ms) {
    auto value = Eval(expr, at_ms);
    if (!value) return std::unexpected(value.error());
    return std::get<double>(*value);
  }

  Result<Elements> EvalVector(const Expr& expr, std::int64_t at_ms) {
    auto value = Eval(expr, at_ms);
    if (!value) return std::unexpected(value.error());
    return std::move(std::get<Elements>(*value));
  }

  static Result<Value> Wrap(Result<Elements> elements, bool check_unique) {
    if (!elements) return std::unexpected(elements.error());
    if (check_unique) {
      if (Status unique = CheckUnique(*elements); !unique) return std::unexpected(unique.error());
    }
    return Value(std::move(*elements));
  }

  Result<Value> EvalUnary(const Unary& unary, std::int64_t at_ms) {
    auto value = Eval(*unary.expr, at_ms);
    if (!value || !unary.negative) return value;
    if (const double* scalar = std::get_if<double>(&*value)) return Value(-*scalar);
    auto& elements = std::get<Elements>(*value);
    for (Element& element : elements) {
      element.value = -element.value;
      DropName(element, delayed_);
    }
    return Wrap(std::move(elements), !delayed_);
  }

  Result<Value> EvalBinary(const Binary& binary, std::int64_t at_ms) {
    auto lhs = Eval(*binary.lhs, at_ms);
    if (!lhs) return lhs;
    auto rhs = Eval(*binary.rhs, at_ms);
    if (!rhs) return rhs;
    const double* left = std::get_if<double>(&*lhs);
    const double* right = std::get_if<double>(&*rhs);
    if (left != nullptr && right != nullptr) return Value(Compute(binary.op, *left, *right));
    if (left != nullptr) {
      return Wrap(
          VectorWithScalar(binary, std::move(std::get<Elements>(*rhs)), *left, true, delayed_),
          !delayed_);
    }
    auto& vector = std::get<Elements>(*lhs);
    if (right != nullptr) {
      return Wrap(VectorWithScalar(binary, std::move(vector), *right, false, delayed_), !delayed_);
    }
    return Wrap(
        VectorWithVector(binary, std::move(vector), std::move(std::get<Elements>(*rhs)), delayed_),
        !delayed_);
  }

  Result<Value> EvalAggregate(const Aggregate& aggregate, std::int64_t at_ms) {
    double param = 0;
    std::string label;
    if (aggregate.param != nullptr) {
      auto value = Eval(*aggregate.param, at_ms);
      if (!value) return value;
      if (const double* scalar = std::get_if<double>(&*value)) param = *scalar;
      if (const auto* text = std::get_if<std::string>(&*value)) label = *text;
    }
    auto elements = EvalVector(*aggregate.expr, at_ms);
    if (!elements) return std::unexpected(elements.error());
    return Wrap(AggregateElements(aggregate, std::move(*elements), param, label), false);
  }

  Result<Value> EvalCall(const Call& call, std::int64_t at_ms) {
    const Function& function = *call.function;
    if (function.window != nullptr) return EvalWindowCall(call, at_ms);
    if (function.math == nullptr) return EvalSpecial(call, at_ms);
    if (call.args.empty()) {  // calendar functions, of the evaluation time
      return Value(Elements{{{}, function.math(static_cast<double>(at_ms) / 1000), at_ms, false}});
    }
    auto elements = EvalVector(*call.args[0], at_ms);
    if (!elements) return std::unexpected(elements.error());
    for (Element& element : *elements) {
      element.value = function.math(element.value);
      DropName(element, delayed_);
    }
    return Wrap(std::move(elements), !delayed_);
  }

  Result<Value> EvalWindowCall(const Call& call, std::int64_t at_ms) {
    double parameter = 0;
    Windows windows;
    for (const ExprPtr& arg : call.args) {
      auto value = Eval(*arg, at_ms);
      if (!value) return value;
      if (const double* scalar = std::get_if<double>(&*value)) {
        parameter = *scalar;
      } else {
        windows = std::move(std::get<Windows>(*value));
      }
    }
    Elements result;
    for (WindowSeries& series : windows.series) {
      const Window window{series.samples, windows.start_ms, windows.end_ms, at_ms};
      const std::optional<double> computed = call.function->window(window, parameter);
      if (!computed) continue;
      Element element{std::move(series.labels), *computed, at_ms, series.drop_name};
      if (!call.function->keeps_name) DropName(element, delayed_);
      result.push_back(std::move(element));
    }
    return Wrap(std::move(result), !delayed_);
  }

  Result<Value> EvalSpecial(const Call& call, std::int64_t at_ms);
  Result<Value> EvalOnVector(const Call& call, Elements elements, std::int64_t at_ms);
  Result<Value> EvalBuckets(const Call& call, std::int64_t at_ms);
  Result<Value> EvalLabels(const Call& call, std::int64_t at_ms);

  const model::Queryable& storage_;
  const EvalOptions& options_;
  const std::int64_t start_ms_;
  const std::int64_t end_ms_;
  const std::int64_t lookback_ms_;
  const bool delayed_;
  Loaded loaded_;
  std::size_t samples_ = 0;
  std::size_t steps_ = 0;
};

// The labels that an absent series would have had: those that the selector demands by `=`, each
// once (createLabelsForAbsentFunction).
Labels AbsentLabels(const Expr& expr) {
  const VectorSelector* selector = std::get_if<VectorSelector>(&expr.node);
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) selector = &matrix->vector;
  Labels labels;
  if (selector == nullptr) return labels;
  std::map<std::string, int> seen;
  for (const model::Matcher& matcher : selector->matchers) {
    if (matcher.name() == model::kMetricName) continue;
    if (matcher.type() == model::MatchType::kEqual && seen[matcher.name()]++ == 0) {
      labels.Set(matcher.name(), matcher.value());
    } else {
      labels.Remove(matcher.name());
    }
  }
  return labels;
}

Result<Value> Evaluation::EvalSpecial(const Call& call, std::int64_t at_ms) {
  switch (call.function->special) {
    case Special::kTime:
      return Value(static_cast<double>(at_ms) / 1000);
    case Special::kPi:
      return Value(std::numbers::pi);
    case Special::kVector: {
      auto scalar = EvalScalar(*call.args[0], at_ms);
      if (!scalar) return std::unexpected(scalar.error());
      return Value(Elements{{{}, *scalar, at_ms, false}});
    }
    case Special::kAbsentOverTime: {
      auto windows = Eval(*call.args[0], at_ms);
      if (!windows) return windows;
      if (!std::get<Windows>(*windows).series.empty()) return Value(Elements{});
      return Value(Elements{{AbsentLabels(*call.args[0]), 1, at_ms, false}});
    }
    case Special::kHistogramQuantile:
    case Special::kHistogramFraction:
      return EvalBuckets(call, at_ms);
    case Special::kLabelReplace:
    case Special::kLabelJoin:
      return EvalLabels(call, at_ms);
    case Special::kNone:
    case Special::kNativeHistogram:
    case Special::kAbsent:
    case Special::kScalar:
    case Special::kTimestamp:
    case Special::kClamp:
    case Special::kClampMin:
    case Special::kClampMax:
    case Special::kRound:
    case Special::kSort:
    case Special::kSortDesc:
      break;
  }
  auto elements = EvalVector(*call.args[0], at_ms);
  if (!elements) return std::unexpected(elements.error());
  return EvalOnVector(call, std::move(*elements), at_ms);
}

Result<Value> Evaluation::EvalBuckets(const Call& call, std::int64_t at_ms) {
  std::vector<double> bounds;
  for (std::size_t i = 0; i + 1 < call.args.size(); ++i) {
    auto scalar = EvalScalar(*call.args[i], at_ms);
    if (!scalar) return std::unexpected(scalar.error());
    bounds.push_back(*scalar);
  }
  auto elements = EvalVector(*call.args.back(), at_ms);
  if (!elements) return std::unexpected(elements.error());
  Elements result;
  for (Buckets& histogram : GroupBuckets(*elements)) {
    const double value = call.function->special == Special::kHistogramQuantile
                             ? BucketQuantile(bounds[0], std::move(histogram.buckets))
                             : BucketFraction(bounds[0], bounds[1], std::move(histogram.buckets));
    result.push_back({std::move(histogram.labels), value, at_ms, delayed_});
  }
  return Wrap(std::move(result), !delayed_);
}

Result<Value> Evaluation::EvalLabels(const Call& call, std::int64_t at_ms) {
  std::vector<std::string> texts;
  for (std::size_t i = 1; i < call.args.size(); ++i) {
    auto text = Eval(*call.args[i], at_ms);
    if (!text) return text;
    texts.push_back(std::move(std::get<std::string>(*text)));
  }
  auto elements = EvalVector(*call.args[0], at_ms);
  if (!elements) return std::unexpected(elements.error());
  const bool replace = call.function->special == Special::kLabelReplace;
  Status done;
  if (replace) {
    done = LabelReplace(*elements, {texts[0], texts[1], texts[2], texts[3]});
  } else {
    done = LabelJoin(*elements, texts[0], texts[1], {texts.begin() + 2, texts.end()});
  }
  if (!done) return std::unexpected(done.error());
  return Value(std::move(*elements));
}

Result<Value> Evaluation::EvalOnVector(const Call& call, Elements elements, std::int64_t at_ms) {
  const Special special = call.function->special;
  if (special == Special::kNativeHistogram) return Value(Elements{});
  if (special == Special::kAbsent) {
    if (!elements.empty()) return Value(Elements{});
    return Value(Elements{{AbsentLabels(*call.args[0]), 1, at_ms, false}});
  }
  if (special == Special::kScalar) {
    return Value(elements.size() == 1 ? elements[0].value : kNan);
  }
  if (special == Special::kSort || special == Special::kSortDesc) {
    SortByValue(elements, special == Special::kSortDesc);
    return Value(std::move(elements));
  }
  double arguments[2] = {1, 0};  // round's default is to whole numbers
  for (std::size_t i = 1; i < call.args.size(); ++i) {
    auto scalar = EvalScalar(*call.args[i], at_ms);
    if (!scalar) return std::unexpected(scalar.error());
    arguments[i - 1] = *scalar;
  }
  if (special == Special::kClamp && arguments[0] > arguments[1]) return Value(Elements{});
  // Only a selector's own elements remember when they were sampled.
  const bool sampled = std::holds_alternative<VectorSelector>(Unwrap(*call.args[0]).node);
  for (Element& element : elements) {
    double& value = element.value;
    // Go's math.Min and Max give NaN where either side is NaN; so do these comparisons.
    const auto at_most = [&value](double max) {
      if (value > max || std::isnan(max)) value = max;
    };
    const auto at_least = [&value](double min) {
      if (value < min || std::isnan(min)) value = min;
    };
    if (special == Special::kClamp) {
      at_most(arguments[1]);
      at_least(arguments[0]);
    } else if (special == Special::kClampMax) {
      at_most(arguments[0]);
    } else if (special == Special::kClampMin) {
      at_least(arguments[0]);
    } else if (special == Special::kRound) {
      const double inverse = 1 / arguments[0];
      value = std::floor(value * inverse + 0.5) / inverse;
    } else if (special == Special::kTimestamp) {
      value = static_cast<double>(sampled ? element.time_ms : at_ms) / 1000;
    }
    DropName(element, delayed_);
  }
  return Wrap(std::move(elements), !delayed_);
}

// Points of one step added to the range result under way.
void AddPoints(Elements elements, std::int64_t at_ms, model::Matrix& matrix,
               LabelsMap<std::size_t>& index) {
  for (Element& element : elements) {
    const auto [found, added] = index.try_emplace(element.labels, matrix.size());
    if (added) matrix.push_back({std::move(element.labels), {}});
    matrix[found->second].samples.push_back({at_ms, element.value});
  }
}

}  // namespace

Result<model::QueryValue> Evaluate(const Expr& expr, Time at, const model::Queryable& storage,
                                   const EvalOptions& options) {
  const std::int64_t at_ms = ToUnixMillis(at);
  Evaluation evaluation(storage, options, at_ms, at_ms);
  if (Status loaded = evaluation.Load(expr, at_ms, at_ms); !loaded) {
    return std::unexpected(loaded.error());
  }
  auto value = evaluation.Eval(expr, at_ms);
  if (!value) return std::unexpected(value.error());
  if (const double* scalar = std::get_if<double>(&*value)) {
    return model::QueryValue(model::Scalar{at_ms, *scalar});
  }
  if (auto* text = std::get_if<std::string>(&*value)) {
    return model::QueryValue(model::StringValue{at_ms, std::move(*text)});
  }
  if (auto* windows = std::get_if<Windows>(&*value)) {
    model::Matrix matrix;
    for (WindowSeries& series : windows->series) {
      if (series.drop_name) series.labels.Remove(model::kMetricName);
      matrix.push_back({std::move(series.labels), {series.samples.begin(), series.samples.end()}});
    }
    return model::QueryValue(std::move(matrix));
  }
  auto& elements = std::get<Elements>(*value);
  if (Status finished = evaluation.Finish(elements); !finished) {
    return std::unexpected(finished.error());
  }
  model::Vector vector;
  vector.reserve(elements.size());
  for (Element& element : elements) {
    vector.push_back({std::move(element.labels), at_ms, element.value});
  }
  return model::QueryValue(std::move(vector));
}

Result<model::Matrix> EvaluateRange(const Expr& expr, Time start, Time end, Duration step,
                                    const model::Queryable& storage, const EvalOptions& options) {
  if (expr.type != ValueType::kScalar && expr.type != ValueType::kVector) {
    return Fail(Code::kInvalid,
                fmt::format("invalid expression type \"{}\" for range query, must be Scalar or "
                            "instant Vector",
                            TypeName(expr.type)));
  }
  const std::int64_t step_ms = Millis(step);
  if (step_ms <= 0)
    return Fail(Code::kInvalid,
                "zero or negative query resolution step widths are "
                "not accepted. Try a positive integer");
  const std::int64_t first = ToUnixMillis(start);
  const std::int64_t last = ToUnixMillis(end);
  Evaluation evaluation(storage, options, first, last);
  if (Status loaded = evaluation.Load(expr, first, last); !loaded) {
    return std::unexpected(loaded.error());
  }
  model::Matrix matrix;
  LabelsMap<std::size_t> index;
  for (std::int64_t at_ms = first; at_ms <= last; at_ms += step_ms) {
    auto value = evaluation.Eval(expr, at_ms);
    if (!value) return std::unexpected(value.error());
    if (const double* scalar = std::get_if<double>(&*value)) {
      AddPoints({{{}, *scalar, at_ms, false}}, at_ms, matrix, index);
      continue;
    }
    auto& elements = std::get<Elements>(*value);
    if (Status finished = evaluation.Finish(elements); !finished) {
      return std::unexpected(finished.error());
    }
    AddPoints(std::move(elements), at_ms, matrix, index);
  }
  std::sort(matrix.begin(), matrix.end(),
            [](const SeriesData& a, const SeriesData& b) { return a.labels < b.labels; });
  return matrix;
}

}  // namespace weir::promql
