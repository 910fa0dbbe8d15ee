// The syntax tree of a PromQL expression: what the parser makes, the evaluator walks, and rules and
// tools inspect. Values that own their children. Pure, any thread once built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/check.h"
#include "model/labels.h"

namespace weir::promql {

struct Function;  // functions.h

// The four types of PromQL; the words are Prometheus': `instant vector`, `range vector`.
enum class ValueType { kScalar, kVector, kMatrix, kString };
std::string_view TypeName(ValueType type);

enum class BinaryOp {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kGreater,
  kLess,
  kGreaterEqual,
  kLessEqual,
  kAnd,
  kOr,
  kUnless,
};
std::string_view OpText(BinaryOp op);
bool IsComparison(BinaryOp op);
bool IsSetOperator(BinaryOp op);

enum class AggregateOp {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kQuantile,
  kCountValues,
  kLimitk,
  kLimitRatio,
};
std::string_view OpText(AggregateOp op);

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

// `offset` and `@` of a selector or subquery: where it looks instead of the evaluation time.
struct TimeShift {
  enum class At { kNone, kTime, kStart, kEnd };
  std::int64_t offset_ms = 0;
  At at = At::kNone;
  std::int64_t at_ms = 0;  // for kTime
};

struct NumberLiteral {
  double value = 0;
};

struct StringLiteral {
  std::string value;
};

struct VectorSelector {
  std::string name;  // written before or as the first thing inside the braces; empty if neither
  std::vector<model::Matcher> matchers;  // the name's included
  TimeShift shift;
};

struct MatrixSelector {
  VectorSelector vector;
  std::int64_t range_ms = 0;
};

struct Subquery {
  ExprPtr expr;
  std::int64_t range_ms = 0;
  std::int64_t step_ms = 0;  // 0: the engine's default
  TimeShift shift;
};

struct Call {
  const Function* function = nullptr;
  std::vector<ExprPtr> args;
};

struct Aggregate {
  AggregateOp op = AggregateOp::kSum;
  ExprPtr param;  // of topk, quantile and the like
  ExprPtr expr;
  bool without = false;
  std::vector<std::string> grouping;
};

struct VectorMatching {
  enum class Card { kOneToOne, kManyToOne, kOneToMany, kManyToMany };
  Card card = Card::kOneToOne;
  bool on = false;  // else ignoring
  std::vector<std::string> labels;
  std::vector<std::string> include;  // of group_left and group_right
};

struct Binary {
  BinaryOp op = BinaryOp::kAdd;
  ExprPtr lhs;
  ExprPtr rhs;
  bool return_bool = false;
  std::optional<VectorMatching> matching;  // where both sides are instant vectors

  // REQUIRES: they are.
  const VectorMatching& vector_matching() const {
    WEIR_CHECK(matching.has_value());
    return *matching;
  }
};

struct Unary {
  bool negative = false;
  ExprPtr expr;
};

struct Paren {
  ExprPtr expr;
};

struct Expr {
  std::variant<NumberLiteral, StringLiteral, VectorSelector, MatrixSelector, Subquery, Call,
               Aggregate, Binary, Unary, Paren>
      node;
  ValueType type = ValueType::kScalar;
  int depth = 1;          // of the tree below, this node included
  std::size_t start = 0;  // bytes of the query that it covers
  std::size_t end = 0;
};

// The expression in Prometheus' canonical form; parses back to an equal tree.
std::string ToString(const Expr& expr);

// Calls `visit` for every direct child; `Tree` is Expr or const Expr, and so is the child.
template <class Tree, class Visit>
void ForEachChild(Tree& expr, Visit visit) {
  const auto each = [&visit](const ExprPtr& child) {
    if (child != nullptr) visit(static_cast<Tree&>(*child));
  };
  if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
    each(subquery->expr);
  } else if (const auto* call = std::get_if<Call>(&expr.node)) {
    for (const ExprPtr& arg : call->args) each(arg);
  } else if (const auto* aggregate = std::get_if<Aggregate>(&expr.node)) {
    each(aggregate->param);
    each(aggregate->expr);
  } else if (const auto* binary = std::get_if<Binary>(&expr.node)) {
    each(binary->lhs);
    each(binary->rhs);
  } else if (const auto* unary = std::get_if<Unary>(&expr.node)) {
    each(unary->expr);
  } else if (const auto* paren = std::get_if<Paren>(&expr.node)) {
    each(paren->expr);
  }
}

// The expression without the parentheses around it.
const Expr& Unwrap(const Expr& expr);

}  // namespace weir::promql
