#include "promql/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace weir::promql {
namespace {

constexpr std::array kAggregators = {
    std::string_view("avg"),    std::string_view("bottomk"),     std::string_view("count"),
    std::string_view("group"),  std::string_view("limitk"),      std::string_view("limit_ratio"),
    std::string_view("max"),    std::string_view("min"),         std::string_view("quantile"),
    std::string_view("stddev"), std::string_view("stdvar"),      std::string_view("sum"),
    std::string_view("topk"),   std::string_view("count_values")};
constexpr std::array kWords = {
    std::string_view("and"),        std::string_view("or"),          std::string_view("unless"),
    std::string_view("atan2"),      std::string_view("bool"),        std::string_view("by"),
    std::string_view("without"),    std::string_view("on"),          std::string_view("ignoring"),
    std::string_view("group_left"), std::string_view("group_right"), std::string_view("offset"),
    std::string_view("start"),      std::string_view("end")};
constexpr std::array kOperatorWords = {std::string_view("and"), std::string_view("or"),
                                       std::string_view("unless"), std::string_view("atan2")};

template <std::size_t N>
bool Contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAlnum(char c) { return IsAlpha(c) || IsDigit(c); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
unsigned HexValue(char c) {
  if (IsDigit(c)) return static_cast<unsigned>(c - '0');
  return static_cast<unsigned>((c | 0x20) - 'a') + 10;
}

void AppendUtf8(std::string& out, std::uint32_t rune) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xc0 | (rune >> 6));
    put(0x80 | (rune & 0x3f));
  } else if (rune < 0x10000) {
    put(0xe0 | (rune >> 12));
    put(0x80 | ((rune >> 6) & 0x3f));
    put(0x80 | (rune & 0x3f));
  } else {
    put(0xf0 | (rune >> 18));
    put(0x80 | ((rune >> 12) & 0x3f));
    put(0x80 | ((rune >> 6) & 0x3f));
    put(0x80 | (rune & 0x3f));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  std::vector<Token> Run() {
    while (tokens_.empty() ||
           (tokens_.back().kind != TokenKind::kEnd && tokens_.back().kind != TokenKind::kError)) {
      SkipBlanksAndComments();
      start_ = at_;
      if (brace_open_) {
        LexInsideBraces();
      } else {
        LexStatement();
      }
    }
    return std::move(tokens_);
  }

 private:
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0';
  }
  bool AtEnd() const { return at_ >= query_.size(); }
  bool Accept(char c) {
    if (AtEnd() || query_[at_] != c) return false;
    ++at_;
    return true;
  }

  void Emit(TokenKind kind) { Emit(kind, std::string(query_.substr(start_, at_ - start_))); }
  void Emit(TokenKind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), start_, at_});
  }
  void Fail(std::string message) { Emit(TokenKind::kError, std::move(message)); }

  // The character at `at_`, in the single quotes of Go's %q for runes.
  std::string QuotedRune() const {
    if (AtEnd()) return "EOF";
    std::size_t length = 1;
    while (length < 4 && at_ + length < query_.size() &&
           (static_cast<unsigned char>(query_[at_ + length]) & 0xc0U) == 0x80) {
      ++length;
    }
    return fmt::format("'{}'", query_.substr(at_, length));
  }

  void SkipBlanksAndComments() {
    while (!AtEnd()) {
      if (IsBlank(Peek())) {
        ++at_;
      } else if (Peek() == '#') {
        while (!AtEnd() && Peek() != '\n' && Peek() != '\r') ++at_;
      } else {
        return;
      }
    }
  }

  void LexStatement() {
    if (AtEnd()) {
      if (paren_depth_ > 0) return Fail("unclosed left parenthesis");
      if (bracket_open_) return Fail("unclosed left bracket");
      return Emit(TokenKind::kEnd, "");
    }
    const char c = Peek();
    if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) return LexNumberOrDuration();
    if (c == '"' || c == '\'' || c == '`') return LexString();
    if (c == ':' && bracket_open_) {
      ++at_;
      return Emit(TokenKind::kColon);
    }
    if (IsAlpha(c) || c == ':') return LexWord();
    LexPunctuation(c);
  }

  void LexPunctuation(char c) {
    if (std::string_view("=!<>+-*/%^").find(c) != std::string_view::npos) return LexOperator();
    if (std::string_view(",@(){}[]").find(c) == std::string_view::npos) {
      return Fail(fmt::format("unexpected character: {}", QuotedRune()));
    }
    ++at_;
    switch (c) {
      case ',':
        return Emit(TokenKind::kComma);
      case '@':
        return Emit(TokenKind::kAt);
      case '(':
        ++paren_depth_;
        return Emit(TokenKind::kLeftParen);
      case ')':
        if (--paren_depth_ < 0) return Fail("unexpected right parenthesis ')'");
        return Emit(TokenKind::kRightParen);
      case '{':
        brace_open_ = true;
        return Emit(TokenKind::kLeftBrace);
      case '}':
        return Fail("unexpected right brace '}'");
      case '[':
        if (bracket_open_) return Fail("unexpected left bracket '['");
        bracket_open_ = true;
        return Emit(TokenKind::kLeftBracket);
      default:
        if (!bracket_open_) return Fail("unexpected right bracket ']'");
        bracket_open_ = false;
        return Emit(TokenKind::kRightBracket);
    }
  }

  void LexOperator() {
    const char c = query_[at_++];
    if (c == '=') {
      if (Peek() == '~') return Fail("unexpected character after '=': '~'");
      Accept('=');
    } else if (c == '!') {
      if (!Accept('=')) {
        return Fail(fmt::format("unexpected character after '!': {}", QuotedRune()));
      }
    } else if (c == '<' || c == '>') {
      Accept('=');
    }
    Emit(TokenKind::kOperator);
  }

  void LexInsideBraces() {
    if (AtEnd()) return Fail("unexpected end of input inside braces");
    const char c = Peek();
    if (IsAlpha(c)) {
      while (IsAlnum(Peek())) ++at_;
      return Emit(TokenKind::kIdentifier);
    }
    if (c == '"' || c == '\'' || c == '`') return LexString();
    if (c == '=' || c == '!') {
      ++at_;
      if (c == '=') {
        Accept('~');
      } else if (!Accept('~') && !Accept('=')) {
        return Fail(fmt::format("unexpected character after '!' inside braces: {}", QuotedRune()));
      }
      return Emit(TokenKind::kOperator);
    }
    if (c == ',') {
      ++at_;
      return Emit(TokenKind::kComma);
    }
    if (c == '}') {
      ++at_;
      brace_open_ = false;
      return Emit(TokenKind::kRightBrace);
    }
    if (c == '{') return Fail("unexpected left brace '{'");
    Fail(fmt::format("unexpected character inside braces: {}", QuotedRune()));
  }

  void LexWord() {
    bool colon = false;
    while (IsAlnum(Peek()) || Peek() == ':') {
      colon |= Peek() == ':';
      ++at_;
    }
    const std::string_view word = query_.substr(start_, at_ - start_);
    if (colon) return Emit(TokenKind::kMetricIdentifier);
    std::string lower = ToLower(word);
    if (lower == "inf" || lower == "nan") return Emit(TokenKind::kNumber);
    if (IsAggregator(lower) || Contains(kWords, lower)) {
      // `start` and `end` are words only where `@` may take them: start().
      return Emit(TokenKind::kKeyword, std::move(lower));
    }
    Emit(TokenKind::kIdentifier);
  }

  void LexNumberOrDuration() {
    if (ScanNumber()) return Emit(TokenKind::kNumber);
    at_ = start_;
    if (ScanDuration()) return Emit(TokenKind::kDuration);
    Fail(fmt::format("bad number or duration syntax: {}",
                     Quote(query_.substr(start_, at_ - start_))));
  }

  template <class Predicate>
  void SkipDigits(Predicate is_digit) {
    while (is_digit(Peek()) || (Peek() == '_' && is_digit(Peek(1)))) ++at_;
  }

  bool ScanNumber() {
    if (Peek() == '0' && (Peek(1) == 'x' || Peek(1) == 'X')) {
      at_ += 2;
      SkipDigits(IsHexDigit);
    } else {
      SkipDigits(IsDigit);
      if (Accept('.')) SkipDigits(IsDigit);
      if (Peek() == 'e' || Peek() == 'E') {
        ++at_;
        if (Peek() == '+' || Peek() == '-') ++at_;
        SkipDigits(IsDigit);
      }
    }
    // What follows a number must not go on as a word.
    return !IsAlnum(Peek());
  }

  bool ScanDuration() {
    if (!IsDigit(Peek())) {
      if (!AtEnd()) ++at_;
      return false;
    }
    while (IsDigit(Peek())) {
      while (IsDigit(Peek())) ++at_;
      if (std::string_view("smhdwy").find(Peek()) == std::string_view::npos || AtEnd()) {
        if (!AtEnd()) ++at_;
        return false;
      }
      if (query_[at_++] == 'm') Accept('s');
    }
    if (IsAlnum(Peek())) {
      ++at_;
      return false;
    }
    return true;
  }

  void LexString() {
    const char quote = query_[at_++];
    std::string value;
    while (true) {
      if (AtEnd() || (Peek() == '\n' && quote != '`')) {
        return Fail(quote == '`' ? "unterminated raw string" : "unterminated quoted string");
      }
      const char c = query_[at_++];
      if (c == quote) return Emit(TokenKind::kString, std::move(value));
      if (c != '\\' || quote == '`') {
        value.push_back(c);
      } else if (!LexEscape(quote, value)) {
        return;
      }
    }
  }

  // Go's escapes, after the backslash. False after a Fail.
  bool LexEscape(char quote, std::string& out) {
    if (AtEnd()) return Fail("escape sequence not terminated"), false;
    const char c = query_[at_++];
    constexpr std::string_view kNames = "abfnrtv\\";
    constexpr std::string_view kBytes = "\a\b\f\n\r\t\v\\";
    if (const auto i = kNames.find(c); i != std::string_view::npos) {
      return out.push_back(kBytes[i]), true;
    }
    if (c == quote) return out.push_back(c), true;
    if (c >= '0' && c <= '7') {
      --at_;
      return LexCodedEscape(8, 3, 255, true, out);
    }
    if (c == 'x') return LexCodedEscape(16, 2, 255, true, out);
    if (c == 'u') return LexCodedEscape(16, 4, 0x10ffff, false, out);
    if (c == 'U') return LexCodedEscape(16, 8, 0x10ffff, false, out);
    return Fail(fmt::format("unknown escape sequence U+{:04X} '{}'",
                            static_cast<unsigned>(static_cast<unsigned char>(c)), c)),
           false;
  }

  bool LexCodedEscape(unsigned base, int digits, std::uint64_t max, bool byte, std::string& out) {
    std::uint64_t rune = 0;
    for (int i = 0; i < digits; ++i) {
      if (AtEnd()) return Fail("escape sequence not terminated"), false;
      const char c = Peek();
      if (!IsHexDigit(c) || HexValue(c) >= base) {
        return Fail(fmt::format("illegal character {} in escape sequence", QuotedRune())), false;
      }
      rune = rune * base + HexValue(c);
      ++at_;
    }
    if (rune > max || (!byte && rune >= 0xd800 && rune < 0xe000)) {
      return Fail("escape sequence is an invalid Unicode code point"), false;
    }
    if (byte) {
      out.push_back(static_cast<char>(rune));
    } else {
      AppendUtf8(out, static_cast<std::uint32_t>(rune));
    }
    return true;
  }

  std::string_view query_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;
  int paren_depth_ = 0;
  bool brace_open_ = false;
  bool bracket_open_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Lex(std::string_view query) { return Lexer(query).Run(); }

bool IsAggregator(std::string_view word) { return Contains(kAggregators, word); }

std::string Describe(const Token& token, std::string_view query) {
  const std::string raw(query.substr(token.start, token.end - token.start));
  const auto quoted = [&raw] {
    return raw.size() > 10 ? Quote(raw.substr(0, 10)) + "..." : Quote(raw);
  };
  switch (token.kind) {
    case TokenKind::kEnd:
      return "end of input";
    case TokenKind::kError:
      return token.text;
    case TokenKind::kIdentifier:
      return "identifier " + Quote(raw);
    case TokenKind::kMetricIdentifier:
      return "metric identifier " + Quote(raw);
    case TokenKind::kKeyword:
      if (IsAggregator(token.text)) return fmt::format("<aggr:{}>", raw);
      if (Contains(kOperatorWords, token.text)) return fmt::format("<op:{}>", raw);
      return fmt::format("<{}>", raw);
    case TokenKind::kNumber:
      return "number " + quoted();
    case TokenKind::kDuration:
      return "duration " + quoted();
    case TokenKind::kString:
      return "string " + quoted();
    case TokenKind::kOperator:
      return raw == "=" ? "\"=\"" : fmt::format("<op:{}>", raw);
    case TokenKind::kAt:
      return "<op:@>";
    case TokenKind::kComma:
    case TokenKind::kColon:
    case TokenKind::kLeftParen:
    case TokenKind::kRightParen:
    case TokenKind::kLeftBrace:
    case TokenKind::kRightBrace:
    case TokenKind::kLeftBracket:
    case TokenKind::kRightBracket:
      return Quote(raw);
  }
  return raw;
}

}  // namespace weir::promql
