#include "autoscale/thresholds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace weir::autoscale {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kMax64 = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMax32 = std::numeric_limits<std::int32_t>::max();
constexpr int kDecimals = 3;
constexpr int kMaxDecimals = 9;
constexpr Wide kDigitsThatCount = 100;  // three of them

struct Suffix {
  std::string_view text;
  std::int64_t factor;
};
constexpr Suffix kBinary[] = {{"Ki", 1LL << 10U}, {"Mi", 1LL << 20U}, {"Gi", 1LL << 30U},
                              {"Ti", 1LL << 40U}, {"Pi", 1LL << 50U}, {"Ei", 1LL << 60U}};
// Of bytes only: who writes 2000 messages does not expect 2k.
constexpr Suffix kDecimal[] = {{"k", 1'000},
                               {"M", 1'000'000},
                               {"G", 1'000'000'000},
                               {"T", 1'000'000'000'000},
                               {"P", 1'000'000'000'000'000},
                               {"E", 1'000'000'000'000'000'000}};

// Towards the nearest, down or up; `divisor` > 0.
Wide Divide(Wide value, Wide divisor, Unit::Round round) {
  Wide down = value / divisor;
  if (value % divisor < 0) --down;
  const Wide rest = value - down * divisor;
  switch (round) {
    case Unit::Round::kDown:
      return down;
    case Unit::Round::kUp:
      return rest > 0 ? down + 1 : down;
    case Unit::Round::kNearest:
      break;
  }
  return rest * 2 >= divisor ? down + 1 : down;
}

// digits / 10^decimals, without zeros at its end.
std::string Decimal(Wide digits, int decimals) {
  const bool negative = digits < 0;
  if (negative) digits = -digits;
  for (; decimals > 0 && digits % 10 == 0; --decimals) digits /= 10;
  std::string text;  // from its end
  for (int i = 0; i <= decimals || digits > 0; ++i, digits /= 10) {
    if (i > 0 && i == decimals) text += '.';
    text += static_cast<char>('0' + static_cast<int>(digits % 10));
  }
  if (negative) text += '-';
  std::ranges::reverse(text);
  return text;
}

// What the metric asks for at this value, with so many replicas there: as replicas.cc computes it.
double Asked(const MetricTrace& trace, std::int64_t usage, std::int32_t replicas) {
  const auto value = static_cast<double>(usage);
  const auto target = static_cast<double>(trace.target);
  const auto count = static_cast<double>(replicas);
  const bool total = trace.measure == Measure::kTotal;
  if (replicas == 0) return std::ceil(value / target);
  const double ratio = value / (total ? target * count : target);
  if (1.0 - trace.tolerances.down <= ratio && ratio <= 1.0 + trace.tolerances.up) return count;
  return std::ceil(total ? value / target : ratio * count);
}

// The highest value from 0 on of which `holds`, which does so up to some value.
template <typename Holds>
std::optional<std::int64_t> Highest(std::int64_t most, const Holds& holds) {
  if (!holds(0) || holds(most)) return std::nullopt;
  std::int64_t low = 0;
  while (most - low > 1) {
    const std::int64_t middle = low + (most - low) / 2;
    (holds(middle) ? low : most) = middle;
  }
  return low;
}

// The shorter text, which is the rounder number; of equal ones `usual`.
Limit Shorter(Limit usual, Limit other) {
  return other.text.size() < usual.text.size() ? std::move(other) : std::move(usual);
}

}  // namespace

Unit::Unit(Measure measure, const MetricSpec& spec) {
  if (measure == Measure::kUtilization) {
    scale_ = 1;
    suffix_ = "%";
    return;
  }
  const auto& target = measure == Measure::kRatio ? spec.target.value : spec.target.average_value;
  const std::string text = target ? target->ToString() : "";
  const std::string_view written =
      std::string_view(text).substr(std::min(text.find_last_of("0123456789.") + 1, text.size()));
  const auto take = [&](const Suffix& suffix) {
    if (suffix.text != written) return;
    factor_ = suffix.factor;
    suffix_ = suffix.text;
  };
  const bool resource =
      spec.type == MetricType::kResource || spec.type == MetricType::kContainerResource;
  std::ranges::for_each(kBinary, take);
  if (resource && spec.name != "cpu") std::ranges::for_each(kDecimal, take);
  if (resource && spec.name == "cpu" && written == "m") {
    scale_ = 1;
    suffix_ = "m";
  }
}

std::string Unit::Text(std::int64_t value, Round round) const {
  if (value == 0 && !percent()) return "0";
  const Wide divisor = Wide{scale_} * factor_;
  Wide digits = Wide{value} * 1000;
  int decimals = kDecimals;
  const Wide magnitude = value < 0 ? -Wide{value} : Wide{value};
  for (Wide shown = magnitude * 1000;
       decimals < kMaxDecimals && magnitude != 0 && shown < divisor * kDigitsThatCount;
       shown *= 10, digits *= 10) {
    ++decimals;
  }
  return Decimal(Divide(digits, divisor, round), decimals) + std::string(suffix_);
}

Thresholds ThresholdsOf(const MetricTrace& trace, std::int32_t replicas) {
  const bool of_pods = trace.measure == Measure::kAverage || trace.measure == Measure::kUtilization;
  if (trace.measure == Measure::kNone || trace.target <= 0 || replicas < 0) return {};
  if (of_pods && replicas == 0) return {};  // without pods they have no value
  const std::int64_t most = trace.measure == Measure::kUtilization ? kMax32 : kMax64;
  const auto asked = [&](std::int64_t usage) { return Asked(trace, usage, replicas); };
  return {
      .no_more = Highest(most, [&](std::int64_t usage) { return asked(usage) <= replicas; }),
      .fewer = Highest(most, [&](std::int64_t usage) { return asked(usage) < replicas; }),
  };
}

Limit MoreThan(std::int64_t no_more, const Unit& unit) {
  Limit from{unit.Text(no_more + 1, Unit::Round::kUp), true};
  if (unit.percent()) return from;  // parts of a percent do not count
  return Shorter({unit.Text(no_more, Unit::Round::kUp), false}, std::move(from));
}

Limit FewerFrom(std::int64_t fewer, const Unit& unit) {
  Limit below{unit.Text(fewer + 1, Unit::Round::kDown), false};
  if (unit.percent()) return below;
  return Shorter({unit.Text(fewer, Unit::Round::kDown), true}, std::move(below));
}

}  // namespace weir::autoscale
