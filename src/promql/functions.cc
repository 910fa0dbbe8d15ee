#include "promql/functions.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <string>

namespace weir::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double Abs(double v) { return std::fabs(v); }
double Ceil(double v) { return std::ceil(v); }
double Floor(double v) { return std::floor(v); }
double Sqrt(double v) { return std::sqrt(v); }
double Exp(double v) { return std::exp(v); }
double Ln(double v) { return std::log(v); }
double Log2(double v) { return std::log2(v); }
double Log10(double v) { return std::log10(v); }
double Sin(double v) { return std::sin(v); }
double Cos(double v) { return std::cos(v); }
double Tan(double v) { return std::tan(v); }
double Asin(double v) { return std::asin(v); }
double Acos(double v) { return std::acos(v); }
double Atan(double v) { return std::atan(v); }
double Sinh(double v) { return std::sinh(v); }
double Cosh(double v) { return std::cosh(v); }
double Tanh(double v) { return std::tanh(v); }
double Asinh(double v) { return std::asinh(v); }
double Acosh(double v) { return std::acosh(v); }
double Atanh(double v) { return std::atanh(v); }
double Deg(double v) { return v * 180 / std::numbers::pi; }
double Rad(double v) { return v * std::numbers::pi / 180; }
double Sgn(double v) {
  if (v < 0) return -1;
  if (v > 0) return 1;
  return v;
}

// The UTC calendar of a Unix time in seconds; nullopt outside of what the calendar spans.
std::optional<std::chrono::sys_seconds> Instant(double v) {
  if (!(std::fabs(v) < 1e11)) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(std::floor(v))));
}

std::optional<std::chrono::year_month_day> Date(double v) {
  const auto instant = Instant(v);
  if (!instant) return std::nullopt;
  return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*instant));
}

double SecondsOfDay(double v) {
  const auto instant = Instant(v);
  if (!instant) return kNan;
  const auto day = std::chrono::floor<std::chrono::days>(*instant);
  return static_cast<double>((*instant - day).count());
}

double Minute(double v) { return std::fmod(std::floor(SecondsOfDay(v) / 60), 60); }
double Hour(double v) { return std::floor(SecondsOfDay(v) / 3600); }
double DayOfWeek(double v) {
  const auto instant = Instant(v);
  if (!instant) return kNan;
  const std::chrono::weekday day(std::chrono::floor<std::chrono::days>(*instant));
  return day.c_encoding();
}
double DayOfMonth(double v) {
  const auto date = Date(v);
  return date ? static_cast<double>(static_cast<unsigned>(date->day())) : kNan;
}
double DayOfYear(double v) {
  const auto date = Date(v);
  if (!date) return kNan;
  using std::chrono::January;
  const auto first = std::chrono::sys_days(date->year() / January / 1);
  return static_cast<double>((std::chrono::sys_days(*date) - first).count() + 1);
}
double DaysInMonth(double v) {
  const auto date = Date(v);
  if (!date) return kNan;
  const std::chrono::year_month_day_last last(date->year(),
                                              std::chrono::month_day_last(date->month()));
  return static_cast<double>(static_cast<unsigned>(last.day()));
}
double Month(double v) {
  const auto date = Date(v);
  return date ? static_cast<double>(static_cast<unsigned>(date->month())) : kNan;
}
double Year(double v) {
  const auto date = Date(v);
  return date ? static_cast<double>(static_cast<int>(date->year())) : kNan;
}

using Table = std::map<std::string_view, Function, std::less<>>;
using enum ValueType;

void AddMath(Table& table, std::string_view name, MathFn math) {
  table[name] = Function{.name = name, .args = {kVector}, .math = math};
}

// Of the samples' values as Unix times; without argument, of the evaluation time.
void AddCalendar(Table& table, std::string_view name, MathFn math) {
  table[name] = Function{.name = name, .args = {kVector}, .variadic = 1, .math = math};
}

void AddWindow(Table& table, std::string_view name, WindowFn window) {
  table[name] = Function{.name = name, .args = {kMatrix}, .window = window};
}

void AddSpecial(Table& table, std::string_view name, Special special, std::vector<ValueType> args,
                ValueType returns = kVector, int variadic = 0) {
  table[name] = Function{.name = name,
                         .args = std::move(args),
                         .variadic = variadic,
                         .returns = returns,
                         .special = special};
}

void AddMathFunctions(Table& table) {
  AddMath(table, "abs", Abs);
  AddMath(table, "acos", Acos);
  AddMath(table, "acosh", Acosh);
  AddMath(table, "asin", Asin);
  AddMath(table, "asinh", Asinh);
  AddMath(table, "atan", Atan);
  AddMath(table, "atanh", Atanh);
  AddMath(table, "ceil", Ceil);
  AddMath(table, "cos", Cos);
  AddMath(table, "cosh", Cosh);
  AddMath(table, "deg", Deg);
  AddMath(table, "exp", Exp);
  AddMath(table, "floor", Floor);
  AddMath(table, "ln", Ln);
  AddMath(table, "log10", Log10);
  AddMath(table, "log2", Log2);
  AddMath(table, "rad", Rad);
  AddMath(table, "sgn", Sgn);
  AddMath(table, "sin", Sin);
  AddMath(table, "sinh", Sinh);
  AddMath(table, "sqrt", Sqrt);
  AddMath(table, "tan", Tan);
  AddMath(table, "tanh", Tanh);
  AddCalendar(table, "day_of_month", DayOfMonth);
  AddCalendar(table, "day_of_week", DayOfWeek);
  AddCalendar(table, "day_of_year", DayOfYear);
  AddCalendar(table, "days_in_month", DaysInMonth);
  AddCalendar(table, "hour", Hour);
  AddCalendar(table, "minute", Minute);
  AddCalendar(table, "month", Month);
  AddCalendar(table, "year", Year);
}

void AddWindowFunctions(Table& table) {
  AddWindow(table, "avg_over_time", window::Avg);
  AddWindow(table, "changes", window::Changes);
  AddWindow(table, "count_over_time", window::Count);
  AddWindow(table, "delta", window::Delta);
  AddWindow(table, "deriv", window::Deriv);
  AddWindow(table, "idelta", window::Idelta);
  AddWindow(table, "increase", window::Increase);
  AddWindow(table, "irate", window::Irate);
  AddWindow(table, "last_over_time", window::Last);
  AddWindow(table, "max_over_time", window::Max);
  AddWindow(table, "min_over_time", window::Min);
  AddWindow(table, "present_over_time", window::Present);
  AddWindow(table, "rate", window::Rate);
  AddWindow(table, "resets", window::Resets);
  AddWindow(table, "stddev_over_time", window::Stddev);
  AddWindow(table, "stdvar_over_time", window::Stdvar);
  AddWindow(table, "sum_over_time", window::Sum);
  table["last_over_time"].keeps_name = true;
  table["predict_linear"] = Function{
      .name = "predict_linear", .args = {kMatrix, kScalar}, .window = window::PredictLinear};
  table["quantile_over_time"] = Function{
      .name = "quantile_over_time", .args = {kScalar, kMatrix}, .window = window::QuantileOf};
}

void AddSpecialFunctions(Table& table) {
  AddSpecial(table, "absent", Special::kAbsent, {kVector});
  AddSpecial(table, "absent_over_time", Special::kAbsentOverTime, {kMatrix});
  AddSpecial(table, "clamp", Special::kClamp, {kVector, kScalar, kScalar});
  AddSpecial(table, "clamp_max", Special::kClampMax, {kVector, kScalar});
  AddSpecial(table, "clamp_min", Special::kClampMin, {kVector, kScalar});
  for (const std::string_view name : {"histogram_avg", "histogram_count", "histogram_stddev",
                                      "histogram_stdvar", "histogram_sum"}) {
    AddSpecial(table, name, Special::kNativeHistogram, {kVector});
  }
  AddSpecial(table, "histogram_fraction", Special::kHistogramFraction, {kScalar, kScalar, kVector});
  AddSpecial(table, "histogram_quantile", Special::kHistogramQuantile, {kScalar, kVector});
  AddSpecial(table, "label_join", Special::kLabelJoin, {kVector, kString, kString, kString},
             kVector, -1);
  AddSpecial(table, "label_replace", Special::kLabelReplace,
             {kVector, kString, kString, kString, kString});
  AddSpecial(table, "pi", Special::kPi, {}, kScalar);
  AddSpecial(table, "round", Special::kRound, {kVector, kScalar}, kVector, 1);
  AddSpecial(table, "scalar", Special::kScalar, {kVector}, kScalar);
  AddSpecial(table, "sort", Special::kSort, {kVector});
  AddSpecial(table, "sort_desc", Special::kSortDesc, {kVector});
  AddSpecial(table, "time", Special::kTime, {}, kScalar);
  AddSpecial(table, "timestamp", Special::kTimestamp, {kVector});
  AddSpecial(table, "vector", Special::kVector, {kScalar});
}

// What Prometheus has beside, all of it experimental there and off by default; refused by name.
void AddUnsupported(Table& table) {
  for (const std::string_view name :
       {"double_exponential_smoothing", "first_over_time", "info", "mad_over_time", "sort_by_label",
        "sort_by_label_desc", "ts_of_first_over_time", "ts_of_last_over_time",
        "ts_of_max_over_time", "ts_of_min_over_time"}) {
    table[name].name = name;
  }
}

Table MakeTable() {
  Table table;
  AddMathFunctions(table);
  AddWindowFunctions(table);
  AddSpecialFunctions(table);
  AddUnsupported(table);
  return table;
}

// One step of Neumaier's summation: `sum` and what it lost.
void KahanStep(double value, double& sum, double& compensation) {
  const double total = sum + value;
  if (std::isinf(total)) {
    compensation = 0;
  } else if (std::fabs(sum) >= std::fabs(value)) {
    compensation += (sum - total) + value;
  } else {
    compensation += (value - total) + sum;
  }
  sum = total;
}

}  // namespace

const Function* FindFunction(std::string_view name) {
  static const Table kTable = MakeTable();
  const auto found = kTable.find(name);
  return found == kTable.end() ? nullptr : &found->second;
}

void KahanSum::Add(double value) { KahanStep(value, sum_, compensation_); }

double KahanSum::Total() const { return std::isinf(sum_) ? sum_ : sum_ + compensation_; }

void KahanMean::Add(double value) {
  count_ += 1;
  if (!incremental_) {
    double sum = sum_;
    double compensation = compensation_;
    KahanStep(value, sum, compensation);
    if (count_ == 1 || !std::isinf(sum)) {
      sum_ = sum;
      compensation_ = compensation;
      return;
    }
    // The sum no longer fits, but the mean may: go on from the mean of what came before.
    incremental_ = true;
    sum_ /= count_ - 1;
    compensation_ /= count_ - 1;
  }
  if (std::isinf(sum_)) {
    // Infinity stays, but the other infinity or NaN makes NaN, which the step below computes.
    if (std::isinf(value) && (sum_ > 0) == (value > 0)) return;
    if (!std::isinf(value) && !std::isnan(value)) return;
  }
  const double weight = (count_ - 1) / count_;
  sum_ *= weight;
  compensation_ *= weight;
  KahanStep(value / count_, sum_, compensation_);
}

double KahanMean::Mean() const {
  if (incremental_) return sum_ + compensation_;
  return (sum_ + compensation_) / count_;
}

double Quantile(double q, std::vector<double>& values) {
  if (values.empty() || std::isnan(q)) return kNan;
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end(), [](double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
    return a < b;
  });
  const double rank = q * static_cast<double>(values.size() - 1);
  const auto lower = static_cast<std::size_t>(rank);
  const std::size_t upper = std::min(lower + 1, values.size() - 1);
  const double weight = rank - std::floor(rank);
  return values[lower] * (1 - weight) + values[upper] * weight;
}

}  // namespace weir::promql
