// PromQL's functions by name: their types for the parser, and what they compute for the evaluator.
// A function that Prometheus has and this engine has not yet is listed without a computation, so
// that the refusal can tell "not supported" from "unknown". Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/storage.h"
#include "promql/ast.h"

namespace weir::promql {

// The samples of one series in a range selector's window (start_ms, end_ms], stale markers left
// out; `at_ms` is the evaluation time.
struct Window {
  std::span<const model::Sample> samples;
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::int64_t at_ms = 0;
};

// Of one sample's value.
using MathFn = double (*)(double);
// Of one series' window; nullopt leaves the series out. `parameter` is the function's scalar.
using WindowFn = std::optional<double> (*)(const Window&, double parameter);

// Functions whose shape fits neither, computed by the evaluator.
enum class Special {
  kNone,
  kAbsent,
  kAbsentOverTime,
  kScalar,
  kVector,
  kTime,
  kPi,
  kTimestamp,
  kClamp,
  kClampMin,
  kClampMax,
  kRound,
  kSort,
  kSortDesc,
  kHistogramQuantile,
  kHistogramFraction,
  kNativeHistogram,  // of native histograms alone, of which there are none here
  kLabelReplace,
  kLabelJoin,
};

struct Function {
  std::string_view name;
  std::vector<ValueType> args;
  int variadic = 0;  // how many of the last argument may follow or be left out; -1: any number
  ValueType returns = ValueType::kVector;
  MathFn math = nullptr;
  WindowFn window = nullptr;
  Special special = Special::kNone;
  bool keeps_name = false;

  bool supported() const {
    return math != nullptr || window != nullptr || special != Special::kNone;
  }
};

// Null for a name that Prometheus does not have either.
const Function* FindFunction(std::string_view name);

// Sums with Kahan and Neumaier's compensation, as Prometheus does.
class KahanSum {
 public:
  void Add(double value);
  double Total() const;

 private:
  double sum_ = 0;
  double compensation_ = 0;
};

// A mean that neither loses small addends nor overflows before the mean itself does.
class KahanMean {
 public:
  void Add(double value);
  double Mean() const;

 private:
  double sum_ = 0;  // of all values, or the running mean once a sum has overflowed
  double compensation_ = 0;
  double count_ = 0;
  bool incremental_ = false;
};

// The q-quantile with linear interpolation, NaN values first; `values` is reordered.
double Quantile(double q, std::vector<double>& values);

namespace window {
// range_functions.cc
std::optional<double> Rate(const Window&, double);
std::optional<double> Increase(const Window&, double);
std::optional<double> Delta(const Window&, double);
std::optional<double> Irate(const Window&, double);
std::optional<double> Idelta(const Window&, double);
std::optional<double> Deriv(const Window&, double);
std::optional<double> PredictLinear(const Window&, double seconds);
std::optional<double> Changes(const Window&, double);
std::optional<double> Resets(const Window&, double);
std::optional<double> Avg(const Window&, double);
std::optional<double> Sum(const Window&, double);
std::optional<double> Min(const Window&, double);
std::optional<double> Max(const Window&, double);
std::optional<double> Count(const Window&, double);
std::optional<double> Last(const Window&, double);
std::optional<double> Present(const Window&, double);
std::optional<double> Stddev(const Window&, double);
std::optional<double> Stdvar(const Window&, double);
std::optional<double> QuantileOf(const Window&, double q);
}  // namespace window

}  // namespace weir::promql
