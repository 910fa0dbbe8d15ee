// Decodes the series part of a sample line. Private to this module.
#pragma once

#include <string_view>

#include "base/result.h"
#include "exposition/parser.h"
#include "model/labels.h"

namespace weir::exposition {

constexpr bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}
constexpr bool IsNameChar(char c) { return IsNameStart(c) || (c >= '0' && c <= '9'); }

// `\\`, `\"` (where `quotes`) and `\n` resolved; other escapes stay as they are, as in Prometheus.
std::string Unescape(std::string_view text, bool quotes);

// `name{a="b"}` or `{"name", a="b"}`. Errors say what is wrong, without the line.
Result<model::Labels> ReadSeries(std::string_view series, const Limits& limits);

}  // namespace weir::exposition
