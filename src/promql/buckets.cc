#include "promql/buckets.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/strings.h"

namespace weir::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// What rounding may make of equal counts.
constexpr double kTolerance = 1e-12;

bool AlmostEqual(double a, double b) {
  if (a == b) return true;
  const double smallest = std::numeric_limits<double>::min();
  const double sum = std::fabs(a) + std::fabs(b);
  const double distance = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < smallest) return distance < kTolerance * smallest;
  return distance / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// By bound, those of one bound added up. False where none is for all observations.
bool Order(std::vector<Bucket>& buckets) {
  std::sort(buckets.begin(), buckets.end(),
            [](const Bucket& a, const Bucket& b) { return a.upper < b.upper; });
  if (buckets.empty() || buckets.back().upper != kInf) return false;
  std::size_t last = 0;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper == buckets[last].upper) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
  return true;
}

// Counts that fall, or differ by rounding alone, are those of the bucket before.
void MakeMonotonic(std::vector<Bucket>& buckets) {
  double previous = buckets[0].count;
  for (std::size_t i = 1; i < buckets.size(); ++i) {
    double& count = buckets[i].count;
    if (AlmostEqual(previous, count) || count < previous) {
      count = previous;
    } else {
      previous = count;
    }
  }
}

}  // namespace

std::vector<Buckets> GroupBuckets(const Elements& elements) {
  std::vector<Buckets> histograms;
  LabelsMap<std::size_t> index;
  for (const Element& element : elements) {
    const auto upper = ParseDouble(element.labels.Get("le"));
    if (!upper) continue;
    model::Labels key = element.labels;
    key.Remove("le");
    const auto [found, added] = index.try_emplace(key, histograms.size());
    if (added) {
      key.Remove(model::kMetricName);
      histograms.push_back({std::move(key), {}});
    }
    histograms[found->second].buckets.push_back({*upper, element.value});
  }
  return histograms;
}

double BucketQuantile(double q, std::vector<Bucket> buckets) {
  if (std::isnan(q)) return kNan;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  if (!Order(buckets)) return kNan;
  MakeMonotonic(buckets);
  const std::size_t last = buckets.size() - 1;
  const double observations = buckets[last].count;
  if (buckets.size() < 2 || observations == 0 || std::isnan(observations)) return kNan;
  double rank = q * observations;
  std::size_t at = 0;
  while (at < last && !(buckets[at].count >= rank)) ++at;
  if (at == last) return buckets[last - 1].upper;
  if (at == 0 && buckets[0].upper <= 0) return buckets[0].upper;
  // Evenly spread within the bucket; the first one begins at 0.
  double start = 0;
  double count = buckets[at].count;
  if (at > 0) {
    start = buckets[at - 1].upper;
    count -= buckets[at - 1].count;
    rank -= buckets[at - 1].count;
  }
  return start + (buckets[at].upper - start) * (rank / count);
}

double BucketFraction(double lower, double upper, std::vector<Bucket> buckets) {
  if (!Order(buckets)) return kNan;
  const double count = buckets.back().count;
  if (count == 0 || std::isnan(count) || std::isnan(lower) || std::isnan(upper)) return kNan;
  if (lower >= upper) return 0;
  // How many observations are at most `value`: evenly spread within a bucket.
  const auto rank = [&](double value) {
    double before = 0;
    double start = -kInf;
    for (const Bucket& bucket : buckets) {
      if (start >= value) return before;
      if (bucket.upper > value) {
        // The first bucket begins at 0, or has no beginning to measure from.
        const double from = start == -kInf && bucket.upper > 0 ? 0 : start;
        if (value <= from) return before;
        return before + (bucket.count - before) * (value - from) / (bucket.upper - from);
      }
      before = bucket.count;
      start = bucket.upper;
    }
    return count;
  };
  return (std::min(rank(upper), count) - std::min(rank(lower), count)) / count;
}

}  // namespace weir::promql
