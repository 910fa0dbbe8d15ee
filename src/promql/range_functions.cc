#include <algorithm>
#include <cmath>
#include <limits>

#include "promql/functions.h"

// Functions of one series' window. The rules are Prometheus' (promql/functions.go), with its
// left-open windows since 3.0.
namespace weir::promql::window {
namespace {

double Seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

double LastMinusFirst(const Window& w, bool is_counter) {
  double result = w.samples.back().value - w.samples.front().value;
  if (is_counter) {
    // A counter that falls has restarted from zero: what it had before counts too.
    for (std::size_t i = 1; i < w.samples.size(); ++i) {
      if (w.samples[i].value < w.samples[i - 1].value) result += w.samples[i - 1].value;
    }
  }
  return result;
}

// `extrapolatedRate`: the change between the first and last sample, stretched towards the window's
// ends: wholly where a sample is to be expected there, else by half an average gap.
std::optional<double> Extrapolated(const Window& w, bool is_counter, bool is_rate) {
  if (w.samples.size() < 2) return std::nullopt;
  const double result = LastMinusFirst(w, is_counter);
  const model::Sample& first = w.samples.front();
  double to_start = Seconds(first.time_ms - w.start_ms);
  double to_end = Seconds(w.end_ms - w.samples.back().time_ms);
  const double sampled = Seconds(w.samples.back().time_ms - first.time_ms);
  const double gap = sampled / static_cast<double>(w.samples.size() - 1);
  const double threshold = gap * 1.1;
  if (to_start >= threshold) to_start = gap / 2;
  if (is_counter && result > 0 && first.value >= 0) {
    // A counter is never negative, so it cannot have begun before it would have been zero.
    to_start = std::min(to_start, sampled * (first.value / result));
  }
  if (to_end >= threshold) to_end = gap / 2;
  double factor = (sampled + to_start + to_end) / sampled;
  if (is_rate) factor /= Seconds(w.end_ms - w.start_ms);
  return result * factor;
}

std::optional<double> Instant(const Window& w, bool is_rate) {
  if (w.samples.size() < 2) return std::nullopt;
  const model::Sample& last = w.samples.back();
  const model::Sample& previous = w.samples[w.samples.size() - 2];
  const double seconds = Seconds(last.time_ms - previous.time_ms);
  if (seconds == 0) return std::nullopt;
  if (!is_rate) return last.value - previous.value;
  const double change = last.value < previous.value ? last.value : last.value - previous.value;
  return change / seconds;
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares over the window; the intercept is the line's value at `at_ms`.
Line Regress(const Window& w, std::int64_t at_ms) {
  KahanSum sum_x, sum_y, sum_xy, sum_x2;
  const double first = w.samples.front().value;
  bool constant = true;
  for (const model::Sample& sample : w.samples) {
    constant = constant && sample.value == first;
    const double x = Seconds(sample.time_ms - at_ms);
    sum_x.Add(x);
    sum_y.Add(sample.value);
    sum_xy.Add(x * sample.value);
    sum_x2.Add(x * x);
  }
  if (constant) {
    if (std::isinf(first)) return {std::nan(""), std::nan("")};
    return {0, first};
  }
  const double n = static_cast<double>(w.samples.size());
  const double covariance = sum_xy.Total() - sum_x.Total() * sum_y.Total() / n;
  const double variance = sum_x2.Total() - sum_x.Total() * sum_x.Total() / n;
  const double slope = covariance / variance;
  return {slope, sum_y.Total() / n - slope * sum_x.Total() / n};
}

template <class Better>
double Extreme(const Window& w, Better better) {
  double result = w.samples.front().value;
  for (const model::Sample& sample : w.samples) {
    if (better(sample.value, result) || std::isnan(result)) result = sample.value;
  }
  return result;
}

double Variance(const Window& w) {
  // Welford's method with compensated mean and sum of squares.
  double count = 0, mean = 0, mean_lost = 0, squares = 0, squares_lost = 0;
  const auto add = [](double value, double& sum, double& lost) {
    const double total = sum + value;
    if (std::isinf(total)) {
      lost = 0;
    } else if (std::fabs(sum) >= std::fabs(value)) {
      lost += (sum - total) + value;
    } else {
      lost += (value - total) + sum;
    }
    sum = total;
  };
  for (const model::Sample& sample : w.samples) {
    count += 1;
    const double delta = sample.value - (mean + mean_lost);
    add(delta / count, mean, mean_lost);
    add(delta * (sample.value - (mean + mean_lost)), squares, squares_lost);
  }
  return (squares + squares_lost) / count;
}

}  // namespace

std::optional<double> Rate(const Window& w, double) { return Extrapolated(w, true, true); }
std::optional<double> Increase(const Window& w, double) { return Extrapolated(w, true, false); }
std::optional<double> Delta(const Window& w, double) { return Extrapolated(w, false, false); }
std::optional<double> Irate(const Window& w, double) { return Instant(w, true); }
std::optional<double> Idelta(const Window& w, double) { return Instant(w, false); }

std::optional<double> Deriv(const Window& w, double) {
  if (w.samples.size() < 2) return std::nullopt;
  // The first sample's time as origin keeps the products small.
  return Regress(w, w.samples.front().time_ms).slope;
}

std::optional<double> PredictLinear(const Window& w, double seconds) {
  if (w.samples.size() < 2) return std::nullopt;
  const Line line = Regress(w, w.at_ms);
  return line.slope * seconds + line.intercept;
}

std::optional<double> Changes(const Window& w, double) {
  double changes = 0;
  for (std::size_t i = 1; i < w.samples.size(); ++i) {
    const double a = w.samples[i - 1].value;
    const double b = w.samples[i].value;
    if (a != b && !(std::isnan(a) && std::isnan(b))) changes += 1;
  }
  return changes;
}

std::optional<double> Resets(const Window& w, double) {
  double resets = 0;
  for (std::size_t i = 1; i < w.samples.size(); ++i) {
    if (w.samples[i].value < w.samples[i - 1].value) resets += 1;
  }
  return resets;
}

std::optional<double> Avg(const Window& w, double) {
  KahanMean mean;
  for (const model::Sample& sample : w.samples) mean.Add(sample.value);
  return mean.Mean();
}

std::optional<double> Sum(const Window& w, double) {
  KahanSum sum;
  for (const model::Sample& sample : w.samples) sum.Add(sample.value);
  return sum.Total();
}

std::optional<double> Min(const Window& w, double) {
  return Extreme(w, [](double a, double b) { return a < b; });
}

std::optional<double> Max(const Window& w, double) {
  return Extreme(w, [](double a, double b) { return a > b; });
}

std::optional<double> Count(const Window& w, double) {
  return static_cast<double>(w.samples.size());
}

std::optional<double> Last(const Window& w, double) { return w.samples.back().value; }

std::optional<double> Present(const Window&, double) { return 1; }

std::optional<double> Stddev(const Window& w, double) { return std::sqrt(Variance(w)); }

std::optional<double> Stdvar(const Window& w, double) { return Variance(w); }

std::optional<double> QuantileOf(const Window& w, double q) {
  std::vector<double> values;
  values.reserve(w.samples.size());
  for (const model::Sample& sample : w.samples) values.push_back(sample.value);
  return Quantile(q, values);
}

}  // namespace weir::promql::window
