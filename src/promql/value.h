// Values while an expression is evaluated. Internal to promql.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/storage.h"
#include "promql/ast.h"

namespace weir::promql {

struct Element {
  model::Labels labels;
  double value = 0;
  std::int64_t time_ms = 0;  // of the sample, for timestamp()
  bool drop_name = false;    // where names are removed at the end
};
using Elements = std::vector<Element>;

// The samples of one series in a window, as a view into the loaded series or, where that holds
// stale markers or the window is a subquery's, of `own`.
struct WindowSeries {
  model::Labels labels;
  std::span<const model::Sample> samples;
  std::vector<model::Sample> own;
  bool drop_name = false;
};

struct Windows {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  std::vector<WindowSeries> series;
};

using Value = std::variant<double, Elements, Windows, std::string>;

struct LabelsHash {
  std::size_t operator()(const model::Labels& labels) const { return labels.Hash(); }
};
template <class T>
using LabelsMap = std::unordered_map<model::Labels, T, LabelsHash>;

// Names go at once or, with `delayed`, are only marked.
void DropName(Element& element, bool delayed);

// kInvalid where two elements have equal labels.
Status CheckUnique(const Elements& elements);

// By value, NaN last; equal ones keep their order.
void SortByValue(Elements& elements, bool descending);

// binary.cc
double Compute(BinaryOp op, double lhs, double rhs);
Elements VectorWithScalar(const Binary& binary, Elements vector, double scalar, bool scalar_left,
                          bool delayed);
Result<Elements> VectorWithVector(const Binary& binary, Elements lhs, Elements rhs, bool delayed);

// aggregate.cc; `param` is k or q, `label` that of count_values.
Result<Elements> AggregateElements(const Aggregate& aggregate, Elements elements, double param,
                                   const std::string& label);

}  // namespace weir::promql
