// PromQL text cut into tokens, with Prometheus' words for what is wrong. What a token means is the
// parser's business. Pure, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::promql {

enum class TokenKind {
  kEnd,
  kError,             // text is the message; nothing follows
  kIdentifier,        // may name a metric, a label or a function
  kMetricIdentifier,  // holds a colon
  kKeyword,           // operators that are words, aggregators and modifiers; text in lower case
  kNumber,
  kDuration,
  kString,    // text is the unquoted value
  kOperator,  // + - * / % ^ == != <= < >= > = =~ !~
  kAt,
  kComma,
  kColon,
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  std::size_t start = 0;  // bytes of the query that the token covers
  std::size_t end = 0;
};

// Comments and blanks are left out. The last token is kEnd or kError.
std::vector<Token> Lex(std::string_view query);

// Whether the word, in lower case, is an aggregation operator.
bool IsAggregator(std::string_view word);

// The token as Prometheus' parser names it: `<op:+>`, `identifier "foo"`, `end of input`.
std::string Describe(const Token& token, std::string_view query);

}  // namespace weir::promql
