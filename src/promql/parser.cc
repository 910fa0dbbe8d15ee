#include "promql/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/strings.h"
#include "base/time.h"
#include "promql/check.h"
#include "promql/functions.h"
#include "promql/lexer.h"

namespace weir::promql {
namespace {

using model::Matcher;
using model::MatchType;

constexpr int kPowPrecedence = 6;

struct BinaryWord {
  std::string_view text;
  BinaryOp op;
  int precedence;
};

constexpr BinaryWord kBinaryWords[] = {
    {"or", BinaryOp::kOr, 1},         {"and", BinaryOp::kAnd, 2},
    {"unless", BinaryOp::kUnless, 2}, {"==", BinaryOp::kEqual, 3},
    {"!=", BinaryOp::kNotEqual, 3},   {">", BinaryOp::kGreater, 3},
    {"<", BinaryOp::kLess, 3},        {">=", BinaryOp::kGreaterEqual, 3},
    {"<=", BinaryOp::kLessEqual, 3},  {"+", BinaryOp::kAdd, 4},
    {"-", BinaryOp::kSub, 4},         {"*", BinaryOp::kMul, 5},
    {"/", BinaryOp::kDiv, 5},         {"%", BinaryOp::kMod, 5},
    {"atan2", BinaryOp::kAtan2, 5},   {"^", BinaryOp::kPow, kPowPrecedence},
};

struct AggregateWord {
  std::string_view text;
  AggregateOp op;
  bool has_param;
};

constexpr AggregateWord kAggregateWords[] = {
    {"sum", AggregateOp::kSum, false},          {"avg", AggregateOp::kAvg, false},
    {"count", AggregateOp::kCount, false},      {"min", AggregateOp::kMin, false},
    {"max", AggregateOp::kMax, false},          {"group", AggregateOp::kGroup, false},
    {"stddev", AggregateOp::kStddev, false},    {"stdvar", AggregateOp::kStdvar, false},
    {"topk", AggregateOp::kTopk, true},         {"bottomk", AggregateOp::kBottomk, true},
    {"quantile", AggregateOp::kQuantile, true}, {"count_values", AggregateOp::kCountValues, true},
    {"limitk", AggregateOp::kLimitk, true},     {"limit_ratio", AggregateOp::kLimitRatio, true},
};

// Words that the grammar does not take for a metric's name.
bool IsReserved(std::string_view word) {
  return word == "bool" || word == "on" || word == "ignoring" || word == "group_left" ||
         word == "group_right" || word == "atan2";
}

bool IsLabelName(std::string_view text) {
  return !text.empty() && (text[0] < '0' || text[0] > '9') &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z');
         });
}

// A number token's value: Go's integer forms (0x1f, 017, 1_000), then its floats.
std::optional<double> NumberValue(std::string text) {
  std::erase(text, '_');
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  const bool octal =
      text.size() > 1 && text[0] == '0' && text.find_first_not_of("01234567") == std::string::npos;
  if (!hex && !octal) return ParseDouble(text);
  const double base = hex ? 16 : 8;
  double value = 0;
  for (const char c : std::string_view(text).substr(hex ? 2 : 1)) {
    value = value * base + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return value;
}

class Parser {
 public:
  explicit Parser(std::string_view query) : query_(query), tokens_(Lex(query)) {}

  Result<Expr> Run() {
    if (tokens_.front().kind == TokenKind::kEnd) {
      SetError(0, "no expression found in input");
      return TakeError();
    }
    ExprPtr expr = ParseBinary(1);
    if (expr != nullptr && Peek().kind != TokenKind::kEnd) {
      expr = Unexpected("");
    }
    if (expr == nullptr) return TakeError();
    if (auto fault = CheckTypes(*expr)) {
      SetError(fault->start, std::move(fault->message));
      return TakeError();
    }
    return std::move(*expr);
  }

 private:
  const Token& Peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token& Take() {
    const Token& token = Peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    last_end_ = token.end;
    return token;
  }
  bool Is(TokenKind kind) const { return Peek().kind == kind; }
  bool IsWord(std::string_view word) const {
    return Peek().kind == TokenKind::kKeyword && Peek().text == word;
  }
  bool Accept(TokenKind kind) {
    if (!Is(kind)) return false;
    Take();
    return true;
  }

  // Errors: the first one stays. The pointer-returning forms give null.
  ExprPtr SetError(std::size_t start, std::string message) {
    if (!failed_) {
      failed_ = true;
      error_start_ = start;
      error_ = std::move(message);
    }
    return nullptr;
  }
  ExprPtr Unexpected(std::string_view context, std::string_view expected = {}) {
    const Token& token = Peek();
    if (token.kind == TokenKind::kError) return SetError(token.start, token.text);
    std::string message = "unexpected " + Describe(token, query_);
    if (!context.empty()) message += fmt::format(" in {}", context);
    if (!expected.empty()) message += fmt::format(", expected {}", expected);
    return SetError(token.start, std::move(message));
  }
  std::unexpected<Error> TakeError() const {
    const std::string_view before = query_.substr(0, error_start_);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return Fail(Code::kInvalid,
                fmt::format("{}:{}: parse error: {}", line, error_start_ - line_start + 1, error_));
  }

  ExprPtr Make(decltype(Expr::node) node, std::size_t start) {
    auto expr = std::make_unique<Expr>();
    expr->node = std::move(node);
    expr->start = start;
    expr->end = last_end_;
    int below = 0;
    ForEachChild(*expr, [&below](const Expr& child) { below = std::max(below, child.depth); });
    expr->depth = below + 1;
    if (expr->depth > kMaxDepth) {
      return SetError(start, fmt::format("expression is nested deeper than {} levels", kMaxDepth));
    }
    return expr;
  }

  const BinaryWord* PeekBinary() const {
    if (!Is(TokenKind::kOperator) && !Is(TokenKind::kKeyword)) return nullptr;
    for (const BinaryWord& word : kBinaryWords) {
      if (word.text == Peek().text) return &word;
    }
    return nullptr;
  }

  // Precedence climbing; the power operator alone binds to the right.
  ExprPtr ParseBinary(int min_precedence) {
    if (++nesting_ > kMaxDepth) {
      return SetError(Peek().start,
                      fmt::format("expression is nested deeper than {} levels", kMaxDepth));
    }
    ExprPtr lhs = ParseUnary();
    while (lhs != nullptr) {
      const BinaryWord* word = PeekBinary();
      if (word == nullptr || word->precedence < min_precedence) break;
      Take();
      Binary binary;
      binary.op = word->op;
      if (!ParseMatching(binary)) return nullptr;
      binary.rhs = ParseBinary(word->op == BinaryOp::kPow ? kPowPrecedence : word->precedence + 1);
      if (binary.rhs == nullptr) return nullptr;
      const std::size_t start = lhs->start;
      binary.lhs = std::move(lhs);
      lhs = Make(std::move(binary), start);
    }
    --nesting_;
    return lhs;
  }

  // `bool`, `on(...)`, `ignoring(...)`, `group_left(...)`, `group_right(...)` after an operator.
  bool ParseMatching(Binary& binary) {
    if (IsWord("bool")) {
      Take();
      binary.return_bool = true;
    }
    VectorMatching matching;
    if (IsWord("on") || IsWord("ignoring")) {
      matching.on = Take().text == "on";
      if (!ParseGrouping(matching.labels)) return false;
      if (IsWord("group_left") || IsWord("group_right")) {
        matching.card = Take().text == "group_left" ? VectorMatching::Card::kManyToOne
                                                    : VectorMatching::Card::kOneToMany;
        if (Is(TokenKind::kLeftParen) && !ParseGrouping(matching.include)) return false;
      }
    }
    binary.matching = std::move(matching);
    return true;
  }

  // `(a, b, "c.d",)`
  bool ParseGrouping(std::vector<std::string>& labels) {
    if (!Accept(TokenKind::kLeftParen)) {
      Unexpected("grouping opts", "\"(\"");
      return false;
    }
    while (!Accept(TokenKind::kRightParen)) {
      const Token& token = Peek();
      const std::string raw(query_.substr(token.start, token.end - token.start));
      const bool word = token.kind == TokenKind::kIdentifier || token.kind == TokenKind::kKeyword ||
                        token.kind == TokenKind::kNumber;
      if (token.kind == TokenKind::kString && !token.text.empty()) {
        labels.push_back(token.text);
      } else if (word && IsLabelName(raw)) {
        labels.push_back(raw);
      } else {
        Unexpected("grouping opts", "label");
        return false;
      }
      Take();
      if (!Is(TokenKind::kRightParen) && !Accept(TokenKind::kComma)) {
        Unexpected("grouping opts", "\",\" or \")\"");
        return false;
      }
    }
    return true;
  }

  // A sign binds as tightly as `*`, so that -2^2 is -(2^2).
  ExprPtr ParseUnary() {
    const Token& token = Peek();
    if (token.kind != TokenKind::kOperator || (token.text != "-" && token.text != "+")) {
      return ParsePostfix();
    }
    const bool minus = token.text == "-";
    const std::size_t start = Take().start;
    ExprPtr operand = ParseBinary(kPowPrecedence);
    if (operand == nullptr) return nullptr;
    if (auto* number = std::get_if<NumberLiteral>(&operand->node)) {
      if (minus) number->value = -number->value;
      operand->start = start;
      return operand;
    }
    return Make(Unary{minus, std::move(operand)}, start);
  }

  ExprPtr ParsePostfix() {
    ExprPtr expr = ParsePrimary();
    while (expr != nullptr) {
      if (Is(TokenKind::kLeftBracket)) {
        expr = ParseBrackets(std::move(expr));
      } else if (IsWord("offset")) {
        expr = ParseOffset(std::move(expr));
      } else if (Is(TokenKind::kAt)) {
        expr = ParseAt(std::move(expr));
      } else {
        break;
      }
    }
    return expr;
  }

  ExprPtr ParsePrimary() {
    const Token& token = Peek();
    const std::size_t start = token.start;
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kDuration: {
        const auto value = ParseSeconds();
        return value ? Make(NumberLiteral{*value}, start) : nullptr;
      }
      case TokenKind::kString:
        return Make(StringLiteral{Take().text}, start);
      case TokenKind::kLeftParen: {
        Take();
        ExprPtr inner = ParseBinary(1);
        if (inner == nullptr) return nullptr;
        if (!Accept(TokenKind::kRightParen)) return Unexpected("");
        return Make(Paren{std::move(inner)}, start);
      }
      case TokenKind::kLeftBrace:
      case TokenKind::kMetricIdentifier:
        return ParseVectorSelector();
      case TokenKind::kIdentifier:
        if (Peek(1).kind == TokenKind::kLeftParen) return ParseCall();
        return ParseVectorSelector();
      case TokenKind::kKeyword:
        if (IsAggregator(token.text) && StartsAggregate()) return ParseAggregate();
        if (IsReserved(token.text)) return Unexpected("");
        return ParseVectorSelector();
      case TokenKind::kEnd:
      case TokenKind::kError:
      case TokenKind::kOperator:
      case TokenKind::kAt:
      case TokenKind::kComma:
      case TokenKind::kColon:
      case TokenKind::kRightParen:
      case TokenKind::kRightBrace:
      case TokenKind::kLeftBracket:
      case TokenKind::kRightBracket:
        return Unexpected("");
    }
    return nullptr;
  }

  bool StartsAggregate() const {
    const Token& next = Peek(1);
    return next.kind == TokenKind::kLeftParen ||
           (next.kind == TokenKind::kKeyword && (next.text == "by" || next.text == "without"));
  }

  // A number, or a duration as its seconds (Prometheus 3: the two may stand for each other).
  std::optional<double> ParseSeconds() {
    const Token& token = Take();
    if (token.kind == TokenKind::kNumber) {
      const auto value = NumberValue(token.text);
      if (!value) SetError(token.start, fmt::format("error parsing number: {}", token.text));
      return value;
    }
    const auto duration = ParsePrometheusDuration(token.text);
    if (!duration) {
      SetError(token.start, duration.error().message);
      return std::nullopt;
    }
    return ToSeconds(*duration);
  }

  std::optional<std::int64_t> ParseMillis(std::string_view context, std::string_view expected,
                                          bool may_be_negative) {
    double sign = 1;
    const std::size_t start = Peek().start;
    if (may_be_negative && Is(TokenKind::kOperator) && (Peek().text == "-" || Peek().text == "+")) {
      sign = Take().text == "-" ? -1 : 1;
    }
    if (!Is(TokenKind::kNumber) && !Is(TokenKind::kDuration)) {
      Unexpected(context, expected);
      return std::nullopt;
    }
    const auto seconds = ParseSeconds();
    if (!seconds) return std::nullopt;
    if (!(std::fabs(*seconds) < 9.2e9)) {
      SetError(start, "duration out of range");
      return std::nullopt;
    }
    if (!may_be_negative && *seconds <= 0) {
      SetError(start, "duration must be greater than 0");
      return std::nullopt;
    }
    return static_cast<std::int64_t>(std::round(sign * *seconds * 1000));
  }

  ExprPtr ParseBrackets(ExprPtr expr) {
    const std::size_t bracket = Take().start;
    const auto range = ParseMillis("subquery or range selector", "duration", false);
    if (!range) return nullptr;
    const std::size_t start = expr->start;
    if (Accept(TokenKind::kColon)) {
      Subquery subquery{.expr = std::move(expr), .range_ms = *range, .step_ms = 0, .shift = {}};
      if (!Is(TokenKind::kRightBracket)) {
        const auto step = ParseMillis("subquery selector", "duration or \"]\"", false);
        if (!step) return nullptr;
        subquery.step_ms = *step;
      }
      if (!Accept(TokenKind::kRightBracket)) return Unexpected("subquery selector", "\"]\"");
      return Make(std::move(subquery), start);
    }
    if (!Accept(TokenKind::kRightBracket)) {
      return Unexpected("subquery or range", "\":\" or \"]\"");
    }
    auto* vector = std::get_if<VectorSelector>(&expr->node);
    if (vector == nullptr) return SetError(bracket, "ranges only allowed for vector selectors");
    if (vector->shift.offset_ms != 0) {
      return SetError(bracket, "no offset modifiers allowed before range");
    }
    if (vector->shift.at != TimeShift::At::kNone) {
      return SetError(bracket, "no @ modifiers allowed before range");
    }
    return Make(MatrixSelector{std::move(*vector), *range}, start);
  }

  static TimeShift* ShiftOf(Expr& expr) {
    if (auto* vector = std::get_if<VectorSelector>(&expr.node)) return &vector->shift;
    if (auto* matrix = std::get_if<MatrixSelector>(&expr.node)) return &matrix->vector.shift;
    if (auto* subquery = std::get_if<Subquery>(&expr.node)) return &subquery->shift;
    return nullptr;
  }

  ExprPtr ParseOffset(ExprPtr expr) {
    Take();
    const auto offset = ParseMillis("offset", "number or duration", true);
    if (!offset) return nullptr;
    TimeShift* shift = ShiftOf(*expr);
    if (shift == nullptr) {
      return SetError(expr->start,
                      "offset modifier must be preceded by an instant vector selector "
                      "or range vector selector or a subquery");
    }
    if (shift->offset_ms != 0) {
      return SetError(expr->start, "offset may not be set multiple times");
    }
    shift->offset_ms = *offset;
    expr->end = last_end_;
    return expr;
  }

  ExprPtr ParseAt(ExprPtr expr) {
    Take();
    TimeShift parsed;
    const std::size_t start = Peek().start;
    if (IsWord("start") || IsWord("end")) {
      parsed.at = Take().text == "start" ? TimeShift::At::kStart : TimeShift::At::kEnd;
      if (!Accept(TokenKind::kLeftParen)) return Unexpected("@", "\"(\"");
      if (!Accept(TokenKind::kRightParen)) return Unexpected("@", "\")\"");
    } else {
      double sign = 1;
      if (Is(TokenKind::kOperator) && (Peek().text == "-" || Peek().text == "+")) {
        sign = Take().text == "-" ? -1 : 1;
      }
      if (!Is(TokenKind::kNumber) && !Is(TokenKind::kDuration)) {
        return Unexpected("@", "timestamp");
      }
      const auto value = ParseSeconds();
      if (!value) return nullptr;
      if (!(std::fabs(*value) < 9.2e12)) {
        return SetError(start,
                        fmt::format("timestamp out of bounds for @ modifier: {:f}", sign * *value));
      }
      parsed.at = TimeShift::At::kTime;
      parsed.at_ms = static_cast<std::int64_t>(std::round(sign * *value * 1000));
    }
    TimeShift* shift = ShiftOf(*expr);
    if (shift == nullptr) {
      return SetError(expr->start,
                      "@ modifier must be preceded by an instant vector selector or "
                      "range vector selector or a subquery");
    }
    if (shift->at != TimeShift::At::kNone) {
      return SetError(expr->start, "@ <timestamp> may not be set multiple times");
    }
    shift->at = parsed.at;
    shift->at_ms = parsed.at_ms;
    expr->end = last_end_;
    return expr;
  }

  ExprPtr ParseVectorSelector() {
    const std::size_t start = Peek().start;
    VectorSelector selector;
    if (!Is(TokenKind::kLeftBrace)) {
      const Token& token = Take();
      selector.name = query_.substr(token.start, token.end - token.start);
    }
    if (Accept(TokenKind::kLeftBrace) && !ParseMatchers(selector)) return nullptr;
    return FinishSelector(std::move(selector), start);
  }

  ExprPtr FinishSelector(VectorSelector selector, std::size_t start) {
    if (!selector.name.empty()) {
      for (const Matcher& matcher : selector.matchers) {
        if (matcher.name() != model::kMetricName) continue;
        return SetError(start, fmt::format("metric name must not be set twice: {} or {}",
                                           Quote(selector.name), Quote(matcher.value())));
      }
      auto named = Matcher::Make(MatchType::kEqual, std::string(model::kMetricName), selector.name);
      if (!named) return SetError(start, named.error().message);
      selector.matchers.push_back(std::move(*named));
    } else if (std::all_of(selector.matchers.begin(), selector.matchers.end(),
                           [](const Matcher& m) { return m.Matches(std::string_view()); })) {
      return SetError(start, "vector selector must contain at least one non-empty matcher");
    }
    return Make(std::move(selector), start);
  }

  // After `{`, up to and with `}`.
  bool ParseMatchers(VectorSelector& selector) {
    while (!Accept(TokenKind::kRightBrace)) {
      if (!Is(TokenKind::kIdentifier) && !Is(TokenKind::kString)) {
        Unexpected("label matching", "identifier or \"}\"");
        return false;
      }
      const Token& name = Take();
      if (Is(TokenKind::kOperator)) {
        if (!ParseMatcher(name.text, selector)) return false;
      } else if (name.kind == TokenKind::kString) {
        if (!selector.name.empty()) {
          SetError(name.start, fmt::format("metric name must not be set twice: {} or {}",
                                           Quote(selector.name), Quote(name.text)));
          return false;
        }
        selector.name = name.text;
      } else {
        Unexpected("label matching", "label matching operator");
        return false;
      }
      if (!Is(TokenKind::kRightBrace) && !Accept(TokenKind::kComma)) {
        Unexpected("label matching", "\",\" or \"}\"");
        return false;
      }
    }
    return true;
  }

  bool ParseMatcher(const std::string& name, VectorSelector& selector) {
    const std::string op = Take().text;
    if (!Is(TokenKind::kString)) {
      Unexpected("label matching", "string");
      return false;
    }
    const Token& value = Take();
    const MatchType type = op == "="    ? MatchType::kEqual
                           : op == "!=" ? MatchType::kNotEqual
                           : op == "=~" ? MatchType::kRegex
                                        : MatchType::kNotRegex;
    auto matcher = Matcher::Make(type, name, value.text);
    if (!matcher) {
      SetError(value.start, matcher.error().message);
      return false;
    }
    selector.matchers.push_back(std::move(*matcher));
    return true;
  }

  // `(a, b)`; false after an error.
  bool ParseArguments(std::string_view context, std::vector<ExprPtr>& args) {
    if (!Accept(TokenKind::kLeftParen)) {
      Unexpected(context, "\"(\"");
      return false;
    }
    if (Accept(TokenKind::kRightParen)) return true;
    while (true) {
      ExprPtr arg = ParseBinary(1);
      if (arg == nullptr) return false;
      args.push_back(std::move(arg));
      if (Accept(TokenKind::kRightParen)) return true;
      const std::size_t comma = Peek().start;
      if (!Accept(TokenKind::kComma)) {
        Unexpected(context);
        return false;
      }
      if (Is(TokenKind::kRightParen)) {
        SetError(comma, "trailing commas not allowed in function call args");
        return false;
      }
    }
  }

  ExprPtr ParseCall() {
    const Token& name = Take();
    Call call;
    call.function = FindFunction(name.text);
    if (call.function == nullptr) {
      return SetError(name.start, fmt::format("unknown function with name {}", Quote(name.text)));
    }
    if (!ParseArguments("", call.args)) return nullptr;
    return Make(std::move(call), name.start);
  }

  ExprPtr ParseAggregate() {
    const Token& name = Take();
    const std::size_t start = name.start;
    const auto* word = std::find_if(std::begin(kAggregateWords), std::end(kAggregateWords),
                                    [&name](const auto& w) { return w.text == name.text; });
    Aggregate aggregate;
    aggregate.op = word->op;
    bool grouped = false;
    if (!ParseAggregateModifier(aggregate, grouped)) return nullptr;
    std::vector<ExprPtr> args;
    if (!ParseArguments("aggregation", args)) return nullptr;
    if (!grouped && !ParseAggregateModifier(aggregate, grouped)) return nullptr;
    const std::size_t expected = word->has_param ? 2 : 1;
    if (args.empty()) {
      return SetError(start, "no arguments for aggregate expression provided");
    }
    if (args.size() != expected) {
      return SetError(start, fmt::format("wrong number of arguments for aggregate expression "
                                         "provided, expected {}, got {}",
                                         expected, args.size()));
    }
    aggregate.expr = std::move(args.back());
    if (word->has_param) aggregate.param = std::move(args.front());
    return Make(std::move(aggregate), start);
  }

  bool ParseAggregateModifier(Aggregate& aggregate, bool& grouped) {
    if (!IsWord("by") && !IsWord("without")) return true;
    aggregate.without = Take().text == "without";
    grouped = true;
    return ParseGrouping(aggregate.grouping);
  }

  std::string_view query_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t last_end_ = 0;
  int nesting_ = 0;
  bool failed_ = false;
  std::size_t error_start_ = 0;
  std::string error_;
};

void CollectSelectors(const Expr& expr, std::vector<std::vector<Matcher>>& out) {
  if (const auto* vector = std::get_if<VectorSelector>(&expr.node)) {
    out.push_back(vector->matchers);
  } else if (const auto* matrix = std::get_if<MatrixSelector>(&expr.node)) {
    out.push_back(matrix->vector.matchers);
  }
  ForEachChild(expr, [&out](const Expr& child) { CollectSelectors(child, out); });
}

}  // namespace

Result<Expr> Parse(std::string_view query) {
  if (query.size() > kMaxQueryBytes) {
    return Fail(Code::kInvalid,
                fmt::format("query of {} bytes is longer than {}", query.size(), kMaxQueryBytes));
  }
  return Parser(query).Run();
}

Result<std::vector<Matcher>> ParseSelector(std::string_view text) {
  auto expr = Parse(text);
  if (!expr) return std::unexpected(expr.error());
  const auto* selector = std::get_if<VectorSelector>(&expr->node);
  if (selector == nullptr || selector->shift.offset_ms != 0 ||
      selector->shift.at != TimeShift::At::kNone) {
    return Fail(Code::kInvalid, fmt::format("expected a vector selector, got {}", Quote(text)));
  }
  return selector->matchers;
}

std::vector<std::vector<Matcher>> SelectorsOf(const Expr& expr) {
  std::vector<std::vector<Matcher>> selectors;
  CollectSelectors(expr, selectors);
  return selectors;
}

}  // namespace weir::promql
