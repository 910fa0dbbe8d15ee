#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/strings.h"
#include "promql/functions.h"
#include "promql/value.h"

namespace weir::promql {
namespace {

using model::Label;
using model::Labels;

struct Group {
  Labels labels;
  bool drop_name = false;
  std::vector<Element> members;
};

Labels GroupLabels(const Aggregate& aggregate, const Labels& labels) {
  if (!aggregate.without && aggregate.grouping.empty()) return {};
  std::vector<Label> kept;
  for (const Label& label : labels) {
    const bool listed = std::find(aggregate.grouping.begin(), aggregate.grouping.end(),
                                  label.name) != aggregate.grouping.end();
    if (aggregate.without ? !listed && label.name != model::kMetricName : listed) {
      kept.push_back(label);
    }
  }
  return Labels(std::move(kept));
}

// In the order in which their first members came.
std::vector<Group> MakeGroups(const Aggregate& aggregate, Elements elements) {
  std::vector<Group> groups;
  LabelsMap<std::size_t> index;
  for (Element& element : elements) {
    Labels labels = GroupLabels(aggregate, element.labels);
    const auto [found, added] = index.try_emplace(labels, groups.size());
    if (added) groups.push_back({std::move(labels), element.drop_name, {}});
    groups[found->second].members.push_back(std::move(element));
  }
  return groups;
}

double Deviation(const std::vector<Element>& members, bool square) {
  double count = 0, mean = 0, squares = 0;
  for (const Element& member : members) {
    count += 1;
    const double delta = member.value - mean;
    mean += delta / count;
    squares += delta * (member.value - mean);
  }
  return square ? squares / count : std::sqrt(squares / count);
}

template <class Better>
double Extreme(const std::vector<Element>& members, Better better) {
  double result = members.front().value;
  for (const Element& member : members) {
    if (better(member.value, result) || std::isnan(result)) result = member.value;
  }
  return result;
}

double Reduce(AggregateOp op, const std::vector<Element>& members, double param) {
  switch (op) {
    case AggregateOp::kSum: {
      KahanSum sum;
      for (const Element& member : members) sum.Add(member.value);
      return sum.Total();
    }
    case AggregateOp::kAvg: {
      KahanMean mean;
      for (const Element& member : members) mean.Add(member.value);
      return mean.Mean();
    }
    case AggregateOp::kQuantile: {
      std::vector<double> values;
      values.reserve(members.size());
      for (const Element& member : members) values.push_back(member.value);
      return Quantile(param, values);
    }
    case AggregateOp::kCount:
      return static_cast<double>(members.size());
    case AggregateOp::kMin:
      return Extreme(members, std::less<>());
    case AggregateOp::kMax:
      return Extreme(members, std::greater<>());
    case AggregateOp::kGroup:
      return 1;
    case AggregateOp::kStddev:
      return Deviation(members, false);
    case AggregateOp::kStdvar:
      return Deviation(members, true);
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
    case AggregateOp::kCountValues:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
      break;
  }
  std::unreachable();
}

// The k largest (or smallest) of each group, NaN only where nothing else is left.
Result<Elements> Best(bool top, std::vector<Group> groups, double param) {
  if (std::isnan(param)) return Fail(Code::kInvalid, "Parameter value is NaN");
  if (!(std::fabs(param) < 9.2e18)) {
    return Fail(Code::kInvalid,
                fmt::format("Scalar value {} overflows int64", FormatDouble(param)));
  }
  Elements result;
  if (param < 1) return result;
  for (Group& group : groups) {
    SortByValue(group.members, top);
    for (std::size_t i = 0; i < group.members.size() && static_cast<double>(i) < std::floor(param);
         ++i) {
      result.push_back(std::move(group.members[i]));
    }
  }
  return result;
}

// strconv.FormatFloat(v, 'f', -1, 64): the shortest without exponent.
std::string FixedText(double value) {
  if (!std::isfinite(value)) return FormatDouble(value);
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  return std::string(text, end.ptr);
}

Elements CountValues(std::vector<Group> groups, const std::string& label) {
  Elements result;
  LabelsMap<std::size_t> index;
  for (const Group& group : groups) {
    for (const Element& member : group.members) {
      Labels labels = group.labels;
      labels.Set(label, FixedText(member.value));
      const auto [found, added] = index.try_emplace(labels, result.size());
      if (added) result.push_back({std::move(labels), 0, member.time_ms, group.drop_name});
      result[found->second].value += 1;
    }
  }
  return result;
}

}  // namespace

void SortByValue(Elements& elements, bool descending) {
  std::vector<std::size_t> order(elements.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    const double a = elements[i].value;
    const double b = elements[j].value;
    if (std::isnan(a) != std::isnan(b)) return std::isnan(b);
    if (std::isnan(a) || a == b) return i < j;
    return descending ? a > b : a < b;
  });
  Elements sorted;
  sorted.reserve(elements.size());
  for (const std::size_t i : order) sorted.push_back(std::move(elements[i]));
  elements = std::move(sorted);
}

Result<Elements> AggregateElements(const Aggregate& aggregate, Elements elements, double param,
                                   const std::string& label) {
  std::vector<Group> groups = MakeGroups(aggregate, std::move(elements));
  if (aggregate.op == AggregateOp::kTopk || aggregate.op == AggregateOp::kBottomk) {
    return Best(aggregate.op == AggregateOp::kTopk, std::move(groups), param);
  }
  if (aggregate.op == AggregateOp::kCountValues) {
    if (label.empty() || !IsUtf8(label)) {
      return Fail(Code::kInvalid, fmt::format("invalid label name {}", Quote(label)));
    }
    return CountValues(std::move(groups), label);
  }
  Elements result;
  result.reserve(groups.size());
  for (Group& group : groups) {
    result.push_back({std::move(group.labels), Reduce(aggregate.op, group.members, param),
                      group.members.front().time_ms, group.drop_name});
  }
  return result;
}

}  // namespace weir::promql
