#include "promql/ast.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "promql/functions.h"

namespace weir::promql {
namespace {

// model.Duration's text: years, weeks only where nothing is left over.
std::string DurationText(std::int64_t ms) {
  if (ms == 0) return "0s";
  struct Unit {
    std::string_view name;
    std::int64_t ms;
    bool exact;
  };
  constexpr std::array kUnits = {Unit{"y", 365LL * 86'400'000, true},
                                 Unit{"w", 7LL * 86'400'000, true},
                                 Unit{"d", 86'400'000, false},
                                 Unit{"h", 3'600'000, false},
                                 Unit{"m", 60'000, false},
                                 Unit{"s", 1000, false},
                                 Unit{"ms", 1, false}};
  std::string text;
  for (const Unit& unit : kUnits) {
    if (unit.exact && ms % unit.ms != 0) continue;
    if (const std::int64_t count = ms / unit.ms; count > 0) {
      text += fmt::format("{}{}", count, unit.name);
      ms -= count * unit.ms;
    }
  }
  return text;
}

std::string ShiftText(const TimeShift& shift) {
  std::string text;
  switch (shift.at) {
    case TimeShift::At::kNone:
      break;
    case TimeShift::At::kStart:
      text += " @ start()";
      break;
    case TimeShift::At::kEnd:
      text += " @ end()";
      break;
    case TimeShift::At::kTime:
      text += fmt::format(" @ {:.3f}", static_cast<double>(shift.at_ms) / 1000);
      break;
  }
  if (shift.offset_ms > 0) text += " offset " + DurationText(shift.offset_ms);
  if (shift.offset_ms < 0) text += " offset -" + DurationText(-shift.offset_ms);
  return text;
}

bool IsPlain(std::string_view name, bool colon) {
  return !name.empty() && (name[0] < '0' || name[0] > '9') &&
         std::all_of(name.begin(), name.end(), [colon](char c) {
           return c == '_' || (colon && c == ':') || (c >= '0' && c <= '9') ||
                  (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

std::string NameText(std::string_view label) {
  return IsPlain(label, false) ? std::string(label) : Quote(label);
}

// Without the time shift, which a range stands before.
std::string SelectorText(const VectorSelector& selector) {
  std::vector<std::string> parts;
  const bool plain = IsPlain(selector.name, true);
  if (!selector.name.empty() && !plain) parts.push_back(Quote(selector.name));
  for (const model::Matcher& matcher : selector.matchers) {
    if (!selector.name.empty() && matcher.name() == model::kMetricName) continue;
    std::string_view op = "=";
    switch (matcher.type()) {
      case model::MatchType::kEqual:
        break;
      case model::MatchType::kNotEqual:
        op = "!=";
        break;
      case model::MatchType::kRegex:
        op = "=~";
        break;
      case model::MatchType::kNotRegex:
        op = "!~";
        break;
    }
    parts.push_back(fmt::format("{}{}{}", NameText(matcher.name()), op, Quote(matcher.value())));
  }
  std::string text = plain ? selector.name : std::string();
  if (!plain || !parts.empty()) text += "{" + Join(parts, ",") + "}";
  return text;
}

std::string LabelList(const std::vector<std::string>& labels) {
  std::vector<std::string> parts;
  parts.reserve(labels.size());
  for (const std::string& label : labels) parts.push_back(NameText(label));
  return "(" + Join(parts, ", ") + ")";
}

std::string AggregateText(const Aggregate& aggregate) {
  std::string text(OpText(aggregate.op));
  if (aggregate.without) {
    text += " without " + LabelList(aggregate.grouping) + " ";
  } else if (!aggregate.grouping.empty()) {
    text += " by " + LabelList(aggregate.grouping) + " ";
  }
  text += "(";
  if (aggregate.param != nullptr) text += ToString(*aggregate.param) + ", ";
  return text + ToString(*aggregate.expr) + ")";
}

std::string BinaryText(const Binary& binary) {
  std::string text = fmt::format("{} {}", ToString(*binary.lhs), OpText(binary.op));
  if (binary.return_bool) text += " bool";
  if (binary.matching) {
    const VectorMatching& matching = *binary.matching;
    const bool grouped = matching.card == VectorMatching::Card::kManyToOne ||
                         matching.card == VectorMatching::Card::kOneToMany;
    if (matching.on || !matching.labels.empty() || grouped) {
      text += (matching.on ? " on " : " ignoring ") + LabelList(matching.labels);
    }
    if (grouped) {
      text += matching.card == VectorMatching::Card::kManyToOne ? " group_left " : " group_right ";
      text += LabelList(matching.include);
    }
  }
  return text + " " + ToString(*binary.rhs);
}

std::string CallText(const Call& call) {
  std::vector<std::string> args;
  args.reserve(call.args.size());
  for (const ExprPtr& arg : call.args) args.push_back(ToString(*arg));
  return fmt::format("{}({})", call.function->name, Join(args, ", "));
}

}  // namespace

std::string_view TypeName(ValueType type) {
  switch (type) {
    case ValueType::kScalar:
      return "scalar";
    case ValueType::kVector:
      return "instant vector";
    case ValueType::kMatrix:
      return "range vector";
    case ValueType::kString:
      return "string";
  }
  std::unreachable();
}

std::string_view OpText(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSub:
      return "-";
    case BinaryOp::kMul:
      return "*";
    case BinaryOp::kDiv:
      return "/";
    case BinaryOp::kMod:
      return "%";
    case BinaryOp::kPow:
      return "^";
    case BinaryOp::kAtan2:
      return "atan2";
    case BinaryOp::kEqual:
      return "==";
    case BinaryOp::kNotEqual:
      return "!=";
    case BinaryOp::kGreater:
      return ">";
    case BinaryOp::kLess:
      return "<";
    case BinaryOp::kGreaterEqual:
      return ">=";
    case BinaryOp::kLessEqual:
      return "<=";
    case BinaryOp::kAnd:
      return "and";
    case BinaryOp::kOr:
      return "or";
    case BinaryOp::kUnless:
      return "unless";
  }
  std::unreachable();
}

bool IsComparison(BinaryOp op) { return op >= BinaryOp::kEqual && op <= BinaryOp::kLessEqual; }

bool IsSetOperator(BinaryOp op) {
  return op == BinaryOp::kAnd || op == BinaryOp::kOr || op == BinaryOp::kUnless;
}

std::string_view OpText(AggregateOp op) {
  switch (op) {
    case AggregateOp::kSum:
      return "sum";
    case AggregateOp::kAvg:
      return "avg";
    case AggregateOp::kCount:
      return "count";
    case AggregateOp::kMin:
      return "min";
    case AggregateOp::kMax:
      return "max";
    case AggregateOp::kGroup:
      return "group";
    case AggregateOp::kStddev:
      return "stddev";
    case AggregateOp::kStdvar:
      return "stdvar";
    case AggregateOp::kTopk:
      return "topk";
    case AggregateOp::kBottomk:
      return "bottomk";
    case AggregateOp::kQuantile:
      return "quantile";
    case AggregateOp::kCountValues:
      return "count_values";
    case AggregateOp::kLimitk:
      return "limitk";
    case AggregateOp::kLimitRatio:
      return "limit_ratio";
  }
  std::unreachable();
}

std::string ToString(const Expr& expr) {
  if (const auto* number = std::get_if<NumberLiteral>(&expr.node)) {
    return FormatDouble(number->value);
  }
  if (const auto* string = std::get_if<StringLiteral>(&expr.node)) return Quote(string->value);
  if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) {
    return SelectorText(*vector) + ShiftText(vector->shift);
  }
  if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
    return fmt::format("{}[{}]{}", SelectorText(matrix->vector), DurationText(matrix->range_ms),
                       ShiftText(matrix->vector.shift));
  }
  if (const auto* subquery = std::get_if<Subquery>(&expr.node)) {
    return fmt::format("{}[{}:{}]{}", ToString(*subquery->expr), DurationText(subquery->range_ms),
                       subquery->step_ms == 0 ? "" : DurationText(subquery->step_ms),
                       ShiftText(subquery->shift));
  }
  if (const auto* call = std::get_if<Call>(&expr.node)) return CallText(*call);
  if (const auto* aggregate = std::get_if<Aggregate>(&expr.node)) return AggregateText(*aggregate);
  if (const auto* binary = std::get_if<Binary>(&expr.node)) return BinaryText(*binary);
  if (const auto* unary = std::get_if<Unary>(&expr.node)) {
    return (unary->negative ? "-" : "+") + ToString(*unary->expr);
  }
  return "(" + ToString(*std::get<Paren>(expr.node).expr) + ")";
}

const Expr& Unwrap(const Expr& expr) {
  const Expr* inner = &expr;
  while (const auto* paren = std::get_if<Paren>(&inner->node)) inner = paren->expr.get();
  return *inner;
}

}  // namespace weir::promql
