#include "kube/selector.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/strings.h"
#include "kube/names.h"

namespace weir::kube {
namespace {

enum class Token {
  kError,
  kEnd,
  kClosedParen,
  kComma,
  kNot,
  kDoubleEquals,
  kEquals,
  kGreater,
  kIdentifier,
  kIn,
  kLess,
  kNotEquals,
  kNotIn,
  kOpenParen,
};

struct Lexeme {
  Token token = Token::kEnd;
  std::string text;
};

struct Symbol {
  std::string_view text;
  Token token;
};
constexpr Symbol kSymbols[] = {
    {")", Token::kClosedParen},   {",", Token::kComma},     {"!", Token::kNot},
    {"==", Token::kDoubleEquals}, {"=", Token::kEquals},    {">", Token::kGreater},
    {"in", Token::kIn},           {"<", Token::kLess},      {"!=", Token::kNotEquals},
    {"notin", Token::kNotIn},     {"(", Token::kOpenParen},
};

std::optional<Token> FindSymbol(std::string_view text) {
  for (const Symbol& symbol : kSymbols) {
    if (symbol.text == text) return symbol.token;
  }
  return std::nullopt;
}

bool IsSpecial(char c) { return std::string_view("=!(),><").contains(c); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The text cut into lexemes, the last one kEnd, as labels.Lexer cuts it.
std::vector<Lexeme> Lex(std::string_view text) {
  std::vector<Lexeme> out;
  std::size_t pos = 0;
  while (true) {
    while (pos < text.size() && IsBlank(text[pos])) ++pos;
    if (pos == text.size()) {
      out.push_back({Token::kEnd, ""});
      return out;
    }
    std::size_t begin = pos;
    if (!IsSpecial(text[pos])) {
      while (pos < text.size() && !IsSpecial(text[pos]) && !IsBlank(text[pos])) ++pos;
      std::string_view word = text.substr(begin, pos - begin);
      out.push_back({FindSymbol(word).value_or(Token::kIdentifier), std::string(word)});
      continue;
    }
    // The longest run of special characters that is a symbol.
    ++pos;
    while (pos < text.size() && IsSpecial(text[pos]) &&
           FindSymbol(text.substr(begin, pos + 1 - begin))) {
      ++pos;
    }
    std::string_view symbol = text.substr(begin, pos - begin);
    out.push_back({FindSymbol(symbol).value_or(Token::kError), std::string(symbol)});
  }
}

std::unexpected<Error> Unexpected(const Lexeme& found, std::string_view expected) {
  return Fail(Code::kInvalid, "found '" + found.text + "', expected: " + std::string(expected));
}

std::unexpected<Error> InvalidValue(std::string_view path, std::string_view value,
                                    std::string_view why) {
  return Fail(Code::kInvalid,
              std::string(path) + ": Invalid value: " + Quote(value) + ": " + std::string(why));
}

// What labels.NewRequirement finds wrong with the number of values.
std::optional<std::string> WrongCount(const Requirement& requirement) {
  const auto wrong = [&](std::string_view why) {
    const std::string shown = requirement.values.empty() ? "null" : DumpJson(requirement.values);
    return "values: Invalid value: " + shown + ": " + std::string(why);
  };
  const bool none = requirement.values.empty();
  if ((requirement.op == SelectorOp::kIn || requirement.op == SelectorOp::kNotIn) && none) {
    return wrong("for 'in', 'notin' operators, values set can't be empty");
  }
  if ((requirement.op == SelectorOp::kExists || requirement.op == SelectorOp::kNotExists) &&
      !none) {
    return wrong("values set must be empty for exists and does not exist");
  }
  return std::nullopt;
}

// labels.NewRequirement's checks, all of them.
Status CheckRequirement(const Requirement& requirement) {
  std::vector<std::string> all;
  const auto invalid = [&all](std::string_view at, std::string_view value, std::string_view why) {
    all.push_back(InvalidValue(at, value, why).error().message);
  };
  if (std::vector<std::string> why = QualifiedNameErrors(requirement.key); !why.empty()) {
    invalid("key", requirement.key, Join(why, "; "));
  }
  if (std::optional<std::string> why = WrongCount(requirement); why) all.push_back(*why);
  const bool order = requirement.op == SelectorOp::kGreater || requirement.op == SelectorOp::kLess;
  for (std::size_t i = 0; i < requirement.values.size(); ++i) {
    const std::string& value = requirement.values[i];
    const std::string at = "values[" + std::to_string(i) + "]";
    if (order && !ParseInt(value)) {
      invalid(at, value, "for 'Gt', 'Lt' operators, the value must be an integer");
    }
    if (std::vector<std::string> why = LabelValueErrors(value); !why.empty()) {
      invalid(at + "[" + requirement.key + "]", value, Join(why, "; "));
    }
  }
  if (all.empty()) return {};
  return Fail(Code::kInvalid, all.size() == 1 ? all[0] : "[" + Join(all, ", ") + "]");
}

// labels.Parser: recursive descent without recursion.
class Parser {
 public:
  explicit Parser(std::string_view text) : lexemes_(Lex(text)) {}

  Result<std::vector<Requirement>> Parse() {
    std::vector<Requirement> out;
    while (true) {
      const Lexeme& next = Peek();
      Token token = AsValue(next);
      if (token == Token::kEnd) return out;
      if (token != Token::kIdentifier && token != Token::kNot) {
        return Unexpected(next, "!, identifier, or 'end of string'");
      }
      Result<Requirement> requirement = ParseRequirement();
      if (!requirement) {
        return Fail(Code::kInvalid, "unable to parse requirement: " + requirement.error().message);
      }
      out.push_back(std::move(*requirement));
      const Lexeme& after = Take();
      if (after.token == Token::kEnd) return out;
      if (after.token != Token::kComma) return Unexpected(after, "',' or 'end of string'");
      token = AsValue(Peek());
      if (token != Token::kIdentifier && token != Token::kNot) {
        return Unexpected(Peek(), "identifier after ','");
      }
    }
  }

 private:
  const Lexeme& Peek() const { return lexemes_[at_]; }
  const Lexeme& Take() {
    const Lexeme& out = lexemes_[at_];
    if (at_ + 1 < lexemes_.size()) ++at_;
    return out;
  }
  // Where a key or a value is looked for, `in` and `notin` are words like any other.
  static Token AsValue(const Lexeme& lexeme) {
    bool word = lexeme.token == Token::kIn || lexeme.token == Token::kNotIn;
    return word ? Token::kIdentifier : lexeme.token;
  }

  Result<Requirement> ParseRequirement() {
    Requirement out;
    const Lexeme* key = &Take();
    bool negated = key->token == Token::kNot;
    if (negated) key = &Take();
    if (AsValue(*key) != Token::kIdentifier) return Unexpected(*key, "identifier");
    out.key = key->text;
    if (std::vector<std::string> why = QualifiedNameErrors(out.key); !why.empty()) {
      return InvalidValue("<nil>", out.key, Join(why, "; "));
    }
    bool alone = Peek().token == Token::kEnd || Peek().token == Token::kComma;
    if (negated || alone) {
      out.op = negated ? SelectorOp::kNotExists : SelectorOp::kExists;
      return out;
    }
    out.double_equals = Peek().token == Token::kDoubleEquals;
    if (Status status = ParseOperator(out.op); !status) return std::unexpected(status.error());
    bool set = out.op == SelectorOp::kIn || out.op == SelectorOp::kNotIn;
    if (Status status = set ? ParseSet(out.values) : ParseOne(out.values); !status) {
      return std::unexpected(status.error());
    }
    std::ranges::sort(out.values);
    auto repeated = std::ranges::unique(out.values);
    out.values.erase(repeated.begin(), repeated.end());
    if (Status status = CheckRequirement(out); !status) return std::unexpected(status.error());
    return out;
  }

  Status ParseOperator(SelectorOp& op) {
    const Lexeme& lexeme = Take();
    switch (lexeme.token) {
      case Token::kIn:
        op = SelectorOp::kIn;
        return {};
      case Token::kNotIn:
        op = SelectorOp::kNotIn;
        return {};
      case Token::kEquals:
      case Token::kDoubleEquals:
        op = SelectorOp::kEquals;
        return {};
      case Token::kNotEquals:
        op = SelectorOp::kNotEquals;
        return {};
      case Token::kGreater:
        op = SelectorOp::kGreater;
        return {};
      case Token::kLess:
        op = SelectorOp::kLess;
        return {};
      case Token::kError:
      case Token::kEnd:
      case Token::kClosedParen:
      case Token::kComma:
      case Token::kNot:
      case Token::kIdentifier:
      case Token::kOpenParen:
        break;
    }
    return Unexpected(lexeme, "in, notin, =, ==, !=, gt, lt");
  }

  Status ParseOne(std::vector<std::string>& values) {
    if (Peek().token == Token::kEnd || Peek().token == Token::kComma) {
      values.emplace_back();
      return {};
    }
    const Lexeme& lexeme = Take();
    if (AsValue(lexeme) != Token::kIdentifier) return Unexpected(lexeme, "identifier");
    values.push_back(lexeme.text);
    return {};
  }

  // `(a, b)`; nothing between two commas or beside a bracket is the empty value.
  Status ParseSet(std::vector<std::string>& values) {
    const Lexeme& open = Take();
    if (open.token != Token::kOpenParen) {
      return Fail(Code::kInvalid, "found '" + open.text + "' expected: '('");
    }
    const Lexeme& first = Peek();
    if (first.token == Token::kClosedParen) {
      Take();
      values.emplace_back();
      return {};
    }
    if (AsValue(first) != Token::kIdentifier && first.token != Token::kComma) {
      return Unexpected(first, "',', ')' or identifier");
    }
    while (true) {
      const Lexeme& lexeme = Take();
      if (AsValue(lexeme) == Token::kIdentifier) {
        values.push_back(lexeme.text);
        if (Peek().token == Token::kComma) continue;
        if (Peek().token != Token::kClosedParen) return Unexpected(Peek(), "',' or ')'");
        Take();
        return {};
      }
      if (lexeme.token != Token::kComma) return Unexpected(lexeme, "',', or identifier");
      if (values.empty()) values.emplace_back();
      if (Peek().token == Token::kClosedParen) {
        Take();
        values.emplace_back();
        return {};
      }
      if (Peek().token == Token::kComma) {
        Take();
        values.emplace_back();
      }
    }
  }

  std::vector<Lexeme> lexemes_;
  std::size_t at_ = 0;
};

bool MatchesValue(const Requirement& requirement, const std::string* value) {
  auto among = [&] {
    return value != nullptr &&
           std::ranges::find(requirement.values, *value) != requirement.values.end();
  };
  switch (requirement.op) {
    case SelectorOp::kEquals:
    case SelectorOp::kIn:
      return among();
    case SelectorOp::kNotEquals:
    case SelectorOp::kNotIn:
      return !among();
    case SelectorOp::kExists:
      return value != nullptr;
    case SelectorOp::kNotExists:
      return value == nullptr;
    case SelectorOp::kGreater:
    case SelectorOp::kLess: {
      if (value == nullptr || requirement.values.size() != 1) return false;
      std::optional<std::int64_t> have = ParseInt(*value);
      std::optional<std::int64_t> bound = ParseInt(requirement.values[0]);
      if (!have || !bound) return false;
      return requirement.op == SelectorOp::kGreater ? *have > *bound : *have < *bound;
    }
  }
  return false;
}

// Equal requirements in any order print equally.
void SortByKey(std::vector<Requirement>& requirements) {
  std::ranges::sort(requirements, [](const Requirement& a, const Requirement& b) {
    return std::tie(a.key, a.op, a.values) < std::tie(b.key, b.op, b.values);
  });
}

// metav1.LabelSelectorAsSelector's word for an operator.
std::optional<SelectorOp> OperatorOf(std::string_view word) {
  if (word == "In") return SelectorOp::kIn;
  if (word == "NotIn") return SelectorOp::kNotIn;
  if (word == "Exists") return SelectorOp::kExists;
  if (word == "DoesNotExist") return SelectorOp::kNotExists;
  return std::nullopt;
}

std::string Print(const Requirement& requirement) {
  auto set = [&](std::string_view word) {
    return requirement.key + " " + std::string(word) + " (" + Join(requirement.values, ",") + ")";
  };
  auto one = [&](std::string_view symbol) {
    return requirement.key + std::string(symbol) + Join(requirement.values, ",");
  };
  switch (requirement.op) {
    case SelectorOp::kEquals:
      return one(requirement.double_equals ? "==" : "=");
    case SelectorOp::kNotEquals:
      return one("!=");
    case SelectorOp::kIn:
      return set("in");
    case SelectorOp::kNotIn:
      return set("notin");
    case SelectorOp::kExists:
      return requirement.key;
    case SelectorOp::kNotExists:
      return "!" + requirement.key;
    case SelectorOp::kGreater:
      return one(">");
    case SelectorOp::kLess:
      return one("<");
  }
  return "";
}

}  // namespace

LabelSelector LabelSelector::Nothing() {
  LabelSelector out;
  out.nothing_ = true;
  return out;
}

Result<LabelSelector> LabelSelector::Parse(std::string_view text) {
  Result<std::vector<Requirement>> requirements = Parser(text).Parse();
  if (!requirements) return std::unexpected(requirements.error());
  LabelSelector out;
  out.requirements_ = std::move(*requirements);
  SortByKey(out.requirements_);
  return out;
}

Result<LabelSelector> LabelSelector::FromJson(const Json& selector) {
  if (!selector.is_object()) return Nothing();
  LabelSelector out;
  for (const auto& [key, value] : GetObject(selector, {"matchLabels"}).items()) {
    Requirement requirement{key, SelectorOp::kEquals, {}, false};
    requirement.values.push_back(value.is_string() ? value.get<std::string>() : "");
    if (Status status = CheckRequirement(requirement); !status) {
      return std::unexpected(status.error());
    }
    out.requirements_.push_back(std::move(requirement));
  }
  for (const Json& expression : GetArray(selector, {"matchExpressions"})) {
    std::string word = GetString(expression, "operator");
    std::optional<SelectorOp> op = OperatorOf(word);
    if (!op) return Fail(Code::kInvalid, Quote(word) + " is not a valid label selector operator");
    Requirement requirement{GetString(expression, "key"), *op, {}, false};
    for (const Json& value : GetArray(expression, {"values"})) {
      if (value.is_string()) requirement.values.push_back(value.get<std::string>());
    }
    if (Status status = CheckRequirement(requirement); !status) {
      return std::unexpected(status.error());
    }
    std::ranges::sort(requirement.values);
    out.requirements_.push_back(std::move(requirement));
  }
  SortByKey(out.requirements_);
  return out;
}

bool LabelSelector::Matches(const Json& labels) const {
  if (nothing_) return false;
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    const Json* value = Find(labels, requirement.key);
    bool present = value != nullptr && value->is_string();
    return MatchesValue(requirement, present ? value->get_ptr<const std::string*>() : nullptr);
  });
}

std::string LabelSelector::ToString() const {
  std::vector<std::string> parts;
  parts.reserve(requirements_.size());
  for (const Requirement& requirement : requirements_) parts.push_back(Print(requirement));
  return Join(parts, ",");
}

namespace {

// fields.splitTerms: at commas that no backslash escapes, escapes kept.
std::vector<std::string> SplitTerms(std::string_view text) {
  std::vector<std::string> out;
  std::string term;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      term += text[i];
      term += text[++i];
    } else if (text[i] == ',') {
      out.push_back(std::move(term));
      term.clear();
    } else {
      term += text[i];
    }
  }
  out.push_back(std::move(term));
  return out;
}

// fields.UnescapeValue: `\\`, `\,` and `\=` alone may be escaped, and `,` and `=` must be.
Result<std::string> Unescape(std::string_view value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '\\') {
      if (i + 1 == value.size()) {
        return Fail(Code::kInvalid, "invalid field selector: invalid escape sequence: \\");
      }
      c = value[++i];
      if (c != '\\' && c != ',' && c != '=') {
        return Fail(Code::kInvalid,
                    std::string("invalid field selector: invalid escape sequence: \\") + c);
      }
    } else if (c == ',' || c == '=') {
      return Fail(Code::kInvalid,
                  "invalid field selector: unescaped character in value: " + std::string(1, c));
    }
    out += c;
  }
  return out;
}

}  // namespace

Result<std::vector<FieldRequirement>> ParseFieldSelector(std::string_view text) {
  std::vector<FieldRequirement> out;
  for (const std::string& term : SplitTerms(text)) {
    if (term.empty()) continue;
    std::size_t at = 0;
    std::size_t width = 0;
    for (; at < term.size() && width == 0; ++at) {
      std::string_view rest = std::string_view(term).substr(at);
      if (rest.starts_with("!=") || rest.starts_with("==")) {
        width = 2;
      } else if (rest.starts_with("=")) {
        width = 1;
      }
      if (width > 0) break;
    }
    if (width == 0) {
      return Fail(Code::kInvalid,
                  "invalid selector: '" + std::string(text) + "'; can't understand '" + term + "'");
    }
    Result<std::string> value = Unescape(std::string_view(term).substr(at + width));
    if (!value) return std::unexpected(value.error());
    out.push_back({term.substr(0, at), term[at] == '=', std::move(*value)});
  }
  return out;
}

}  // namespace weir::kube
