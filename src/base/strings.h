// Text helpers that the standard library lacks: locale-free numbers, splitting, encodings.
// Pure, any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir {

// The pieces between separators, empty ones kept: Split("a,,b", ',') is {"a", "", "b"}; an empty
// text gives one empty piece.
std::vector<std::string> Split(std::string_view text, char separator);
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
// Without the ASCII white space at both ends.
std::string_view Trim(std::string_view text);
std::string ToLower(std::string_view text);
std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to);

// The whole text as a number, or nullopt: no blanks, no `+`, no overflow.
std::optional<std::int64_t> ParseInt(std::string_view text);
// As strconv.ParseFloat reads it, `Inf`, `+Inf`, `-Inf`, `NaN` in any case and hexadecimal numbers
// (`0x1p-2`) included; digits separated by `_` are not read. Too small is 0, too large is nullopt.
std::optional<double> ParseDouble(std::string_view text);
// The fewest digits that read back as the same double, as Prometheus' HTTP API prints values:
// without exponent from 1e-6 up to 1e21; `NaN`, `+Inf`, `-Inf`.
std::string FormatDouble(double value);

std::string Base64Encode(std::string_view bytes);
std::optional<std::string> Base64Decode(std::string_view text);
// `%41` and, where plus_is_blank (query strings), `+`. nullopt for a broken escape.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_blank);
// Everything but unreserved characters (RFC 3986) escaped.
std::string PercentEncode(std::string_view text);
// Go's %q: double quotes, escapes as strconv.Quote.
std::string Quote(std::string_view text);

// Whether the text is valid UTF-8.
bool IsUtf8(std::string_view text);

// regexp.Expand's template: $1, ${1}, $name and ${name} (the longest name counts) give what `value`
// makes of the name, $$ a dollar; what is no reference stays as it is.
std::string ExpandTemplate(std::string_view text,
                           const std::function<std::string(std::string_view name)>& value);

// Shell-style glob over a whole text: `*` any run, `?` any one character.
bool GlobMatch(std::string_view pattern, std::string_view text);

// 64-bit FNV-1a.
std::uint64_t Fnv1a(std::string_view bytes);
std::uint32_t Fnv1a32(std::string_view bytes);

}  // namespace weir
