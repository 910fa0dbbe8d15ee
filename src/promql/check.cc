#include "promql/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "promql/functions.h"

namespace weir::promql {
namespace {

using Fault = std::optional<CheckError>;

Fault Expect(const Expr& expr, ValueType type, std::string_view context) {
  if (expr.type == type) return std::nullopt;
  return CheckError{expr.start, fmt::format("expected type {} in {}, got {}", TypeName(type),
                                            context, TypeName(expr.type))};
}

Fault CheckArgumentCount(const Expr& expr, const Call& call) {
  const Function& function = *call.function;
  const auto given = static_cast<int>(call.args.size());
  const auto declared = static_cast<int>(function.args.size());
  std::string expected;
  if (function.variadic == 0) {
    if (given != declared) expected = fmt::format("{}", declared);
  } else if (given < declared - 1) {
    expected = fmt::format("at least {}", declared - 1);
  } else if (function.variadic > 0 && given > declared - 1 + function.variadic) {
    expected = fmt::format("at most {}", declared - 1 + function.variadic);
  }
  if (expected.empty()) return std::nullopt;
  return CheckError{expr.start, fmt::format("expected {} argument(s) in call to {}, got {}",
                                            expected, Quote(function.name), given)};
}

Fault CheckCall(Expr& expr, Call& call) {
  const Function& function = *call.function;
  if (!function.supported()) {
    return CheckError{expr.start,
                      fmt::format("function {} is not supported", Quote(function.name))};
  }
  if (Fault fault = CheckArgumentCount(expr, call)) return fault;
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    const ValueType type = function.args[std::min(i, function.args.size() - 1)];
    const std::string context = fmt::format("call to function {}", Quote(function.name));
    if (Fault fault = Expect(*call.args[i], type, context)) return fault;
  }
  expr.type = function.returns;
  return std::nullopt;
}

Fault CheckAggregate(Expr& expr, Aggregate& aggregate) {
  if (aggregate.op == AggregateOp::kLimitk || aggregate.op == AggregateOp::kLimitRatio) {
    return CheckError{expr.start, fmt::format("aggregation operator {} is not supported",
                                              Quote(OpText(aggregate.op)))};
  }
  if (Fault fault = Expect(*aggregate.expr, ValueType::kVector, "aggregation expression")) {
    return fault;
  }
  expr.type = ValueType::kVector;
  if (aggregate.param == nullptr) return std::nullopt;
  const ValueType type =
      aggregate.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar;
  return Expect(*aggregate.param, type, "aggregation parameter");
}

Fault CheckMatching(const Expr& expr, Binary& binary, bool vectors) {
  WEIR_CHECK(binary.matching.has_value());
  VectorMatching& matching = *binary.matching;
  if (IsSetOperator(binary.op) && matching.card == VectorMatching::Card::kOneToOne) {
    matching.card = VectorMatching::Card::kManyToMany;
  }
  if (matching.on) {
    for (const std::string& label : matching.labels) {
      if (std::find(matching.include.begin(), matching.include.end(), label) !=
          matching.include.end()) {
        return CheckError{
            expr.start,
            fmt::format("label {} must not occur in ON and GROUP clause at once", Quote(label))};
      }
    }
  }
  if (!vectors) {
    if (!matching.labels.empty()) {
      return CheckError{expr.start, "vector matching only allowed between instant vectors"};
    }
    binary.matching.reset();
  } else if (IsSetOperator(binary.op) && matching.card != VectorMatching::Card::kManyToMany) {
    return CheckError{
        expr.start, fmt::format("no grouping allowed for {} operation", Quote(OpText(binary.op)))};
  }
  return std::nullopt;
}

Fault CheckBinary(Expr& expr, Binary& binary) {
  const ValueType left = binary.lhs->type;
  const ValueType right = binary.rhs->type;
  if (binary.return_bool && !IsComparison(binary.op)) {
    return CheckError{expr.start, "bool modifier can only be used on comparison operators"};
  }
  const bool scalars = left == ValueType::kScalar && right == ValueType::kScalar;
  if (IsComparison(binary.op) && !binary.return_bool && scalars) {
    return CheckError{expr.start, "comparisons between scalars must use BOOL modifier"};
  }
  for (const Expr* side : {binary.lhs.get(), binary.rhs.get()}) {
    if (side->type != ValueType::kScalar && side->type != ValueType::kVector) {
      return CheckError{side->start,
                        "binary expression must contain only scalar and instant vector types"};
    }
  }
  const bool vectors = left == ValueType::kVector && right == ValueType::kVector;
  if (Fault fault = CheckMatching(expr, binary, vectors)) return fault;
  if (IsSetOperator(binary.op) && !vectors) {
    return CheckError{expr.start,
                      fmt::format("set operator {} not allowed in binary scalar expression",
                                  Quote(OpText(binary.op)))};
  }
  expr.type = scalars ? ValueType::kScalar : ValueType::kVector;
  return std::nullopt;
}

Fault CheckUnary(Expr& expr, const Unary& unary) {
  const ValueType type = unary.expr->type;
  if (type != ValueType::kScalar && type != ValueType::kVector) {
    return CheckError{expr.start,
                      fmt::format("unary expression only allowed on expressions of type scalar or "
                                  "instant vector, got {}",
                                  Quote(TypeName(type)))};
  }
  expr.type = type;
  return std::nullopt;
}

Fault CheckNode(Expr& expr) {
  if (std::holds_alternative<NumberLiteral>(expr.node)) {
    expr.type = ValueType::kScalar;
  } else if (std::holds_alternative<StringLiteral>(expr.node)) {
    expr.type = ValueType::kString;
  } else if (std::holds_alternative<VectorSelector>(expr.node)) {
    expr.type = ValueType::kVector;
  } else if (std::holds_alternative<MatrixSelector>(expr.node)) {
    expr.type = ValueType::kMatrix;
  } else if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
    expr.type = ValueType::kMatrix;
    if (subquery->expr->type != ValueType::kVector) {
      return CheckError{expr.start, fmt::format("subquery is only allowed on instant vector, got "
                                                "{} instead",
                                                TypeName(subquery->expr->type))};
    }
  } else if (auto* call = std::get_if<Call>(&expr.node)) {
    return CheckCall(expr, *call);
  } else if (auto* aggregate = std::get_if<Aggregate>(&expr.node)) {
    return CheckAggregate(expr, *aggregate);
  } else if (auto* binary = std::get_if<Binary>(&expr.node)) {
    return CheckBinary(expr, *binary);
  } else if (const auto* unary = std::get_if<Unary>(&expr.node)) {
    return CheckUnary(expr, *unary);
  } else if (const auto* paren = std::get_if<Paren>(&expr.node)) {
    expr.type = paren->expr->type;
  }
  return std::nullopt;
}

}  // namespace

std::optional<CheckError> CheckTypes(Expr& expr) {
  Fault fault;
  ForEachChild(expr, [&fault](Expr& child) {
    if (!fault) fault = CheckTypes(child);
  });
  return fault ? fault : CheckNode(expr);
}

}  // namespace weir::promql
