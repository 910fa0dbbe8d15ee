// From which value of a metric on it asks for another number of replicas, and how values are told:
// in the unit in which their target is written. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "autoscale/spec.h"
#include "autoscale/trace.h"

namespace weir::autoscale {

// Thousandths (percents with kUtilization) as people read them.
class Unit {
 public:
  enum class Round { kNearest, kDown, kUp };

  Unit(Measure measure, const MetricSpec& spec);

  // At least three decimals, three digits that count where it is less than one; none that say
  // nothing. "1.348Mi", "55%"
  std::string Text(std::int64_t value, Round round = Round::kNearest) const;
  bool percent() const { return suffix_ == "%"; }

 private:
  std::int64_t scale_ = 1000;  // of the values, before the suffix' factor
  std::int64_t factor_ = 1;
  std::string_view suffix_;
};

// Where all pods are ready and measured. Absent: there is no such value.
struct Thresholds {
  std::optional<std::int64_t> no_more;  // the highest value that asks for no more
  std::optional<std::int64_t> fewer;    // the highest value that asks for fewer
};
Thresholds ThresholdsOf(const MetricTrace& trace, std::int32_t replicas);

// A limit in words that hold whatever was rounded: the text, and whether the limit itself is in.
struct Limit {
  std::string text;
  bool inclusive = false;
};
Limit MoreThan(std::int64_t no_more, const Unit& unit);  // "above 55", or inclusive "56 or more"
Limit FewerFrom(std::int64_t fewer, const Unit& unit);   // "below 45", or inclusive "40 or less"

}  // namespace weir::autoscale
