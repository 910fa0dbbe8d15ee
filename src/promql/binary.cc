#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "promql/value.h"

// Operators between vectors, and how the elements of two vectors find each other.
namespace weir::promql {
namespace {

using model::Label;
using model::Labels;
using Card = VectorMatching::Card;

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The labels by which elements match: those of `on`, or all but those of `ignoring` and the name.
Labels Signature(const VectorMatching& matching, const Labels& labels) {
  std::vector<Label> kept;
  for (const Label& label : labels) {
    const bool listed = Contains(matching.labels, label.name);
    if (matching.on ? listed : !listed && label.name != model::kMetricName) kept.push_back(label);
  }
  return Labels(std::move(kept));
}

// Arithmetic makes another quantity of it, which the old name would misname.
bool DropsName(BinaryOp op) { return !IsComparison(op) && !IsSetOperator(op); }

bool Holds(BinaryOp op, double lhs, double rhs) { return Compute(op, lhs, rhs) != 0; }

Labels ResultLabels(const Binary& binary, const Labels& many, const Labels& one, bool delayed) {
  const VectorMatching& matching = binary.vector_matching();
  Labels result = many;
  if (DropsName(binary.op) && !delayed) result.Remove(model::kMetricName);
  if (matching.card == Card::kOneToOne) {
    std::vector<Label> kept;
    for (const Label& label : result) {
      if (Contains(matching.labels, label.name) == matching.on) kept.push_back(label);
    }
    result = Labels(std::move(kept));
  }
  for (const std::string& name : matching.include) result.Set(name, one.Get(name));
  if (binary.return_bool && !delayed) result.Remove(model::kMetricName);
  return result;
}

Elements SetOperation(const Binary& binary, Elements lhs, Elements rhs) {
  const VectorMatching& matching = binary.vector_matching();
  const bool is_or = binary.op == BinaryOp::kOr;
  LabelsMap<bool> signatures;
  for (const Element& element : is_or ? lhs : rhs) {
    signatures.emplace(Signature(matching, element.labels), true);
  }
  if (is_or) {
    for (Element& element : rhs) {
      if (!signatures.contains(Signature(matching, element.labels))) {
        lhs.push_back(std::move(element));
      }
    }
    return lhs;
  }
  const bool keep_matched = binary.op == BinaryOp::kAnd;
  std::erase_if(lhs, [&](const Element& element) {
    return signatures.contains(Signature(matching, element.labels)) != keep_matched;
  });
  return lhs;
}

}  // namespace

void DropName(Element& element, bool delayed) {
  if (delayed) {
    element.drop_name = true;
  } else {
    element.labels.Remove(model::kMetricName);
  }
}

Status CheckUnique(const Elements& elements) {
  if (elements.size() < 2) return {};
  LabelsMap<bool> seen;
  for (const Element& element : elements) {
    if (!seen.emplace(element.labels, true).second) {
      return Fail(Code::kInvalid, "vector cannot contain metrics with the same labelset");
    }
  }
  return {};
}

double Compute(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::kAdd:
      return lhs + rhs;
    case BinaryOp::kSub:
      return lhs - rhs;
    case BinaryOp::kMul:
      return lhs * rhs;
    case BinaryOp::kDiv:
      return lhs / rhs;
    case BinaryOp::kMod:
      return std::fmod(lhs, rhs);
    case BinaryOp::kPow:
      return std::pow(lhs, rhs);
    case BinaryOp::kAtan2:
      return std::atan2(lhs, rhs);
    case BinaryOp::kEqual:
      return lhs == rhs ? 1 : 0;
    case BinaryOp::kNotEqual:
      return lhs != rhs ? 1 : 0;
    case BinaryOp::kGreater:
      return lhs > rhs ? 1 : 0;
    case BinaryOp::kLess:
      return lhs < rhs ? 1 : 0;
    case BinaryOp::kGreaterEqual:
      return lhs >= rhs ? 1 : 0;
    case BinaryOp::kLessEqual:
      return lhs <= rhs ? 1 : 0;
    case BinaryOp::kAnd:
    case BinaryOp::kOr:
    case BinaryOp::kUnless:
      break;
  }
  std::unreachable();
}

Elements VectorWithScalar(const Binary& binary, Elements vector, double scalar, bool scalar_left,
                          bool delayed) {
  Elements result;
  for (Element& element : vector) {
    const double lhs = scalar_left ? scalar : element.value;
    const double rhs = scalar_left ? element.value : scalar;
    if (!IsComparison(binary.op)) {
      element.value = Compute(binary.op, lhs, rhs);
    } else if (binary.return_bool) {
      element.value = Holds(binary.op, lhs, rhs) ? 1 : 0;
    } else if (!Holds(binary.op, lhs, rhs)) {
      continue;  // a comparison without bool is a filter; what passes keeps the vector's value
    }
    if (DropsName(binary.op) || binary.return_bool) DropName(element, delayed);
    result.push_back(std::move(element));
  }
  return result;
}

Result<Elements> VectorWithVector(const Binary& binary, Elements lhs, Elements rhs, bool delayed) {
  if (IsSetOperator(binary.op)) return SetOperation(binary, std::move(lhs), std::move(rhs));
  const VectorMatching& matching = binary.vector_matching();
  const bool swapped = matching.card == Card::kOneToMany;
  if (swapped) std::swap(lhs, rhs);
  Elements many = std::move(lhs);
  const Elements one = std::move(rhs);
  if (many.empty() || one.empty()) return Elements{};

  LabelsMap<const Element*> by_signature;
  for (const Element& element : one) {
    Labels signature = Signature(matching, element.labels);
    const auto [found, added] = by_signature.emplace(signature, &element);
    if (added) continue;
    return Fail(Code::kInvalid,
                fmt::format("found duplicate series for the match group {} on the {} hand-side of "
                            "the operation: [{}, {}];many-to-many matching not allowed: matching "
                            "labels must be unique on one side",
                            signature.ToString(), swapped ? "left" : "right",
                            element.labels.ToString(), found->second->labels.ToString()));
  }

  Elements result;
  LabelsMap<std::set<Labels>> matched;
  for (Element& element : many) {
    Labels signature = Signature(matching, element.labels);
    const auto found = by_signature.find(signature);
    if (found == by_signature.end()) continue;
    const Element& other = *found->second;
    const double left = swapped ? other.value : element.value;
    const double right = swapped ? element.value : other.value;
    double value = left;
    if (!IsComparison(binary.op) || binary.return_bool) {
      value = Compute(binary.op, left, right);
    } else if (!Holds(binary.op, left, right)) {
      continue;
    }
    Labels labels = ResultLabels(binary, element.labels, other.labels, delayed);
    const auto [group, first] = matched.try_emplace(std::move(signature));
    if (matching.card == Card::kOneToOne) {
      if (!first) {
        return Fail(Code::kInvalid,
                    "multiple matches for labels: many-to-one matching must be "
                    "explicit (group_left/group_right)");
      }
    } else if (!group->second.insert(labels).second) {
      return Fail(Code::kInvalid,
                  "multiple matches for labels: grouping labels must ensure unique "
                  "matches");
    }
    const bool drop = DropsName(binary.op) || binary.return_bool;
    result.push_back(
        {std::move(labels), value, element.time_ms, delayed && (drop || element.drop_name)});
  }
  return result;
}

}  // namespace weir::promql
