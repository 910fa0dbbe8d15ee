#include "base/strings.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace weir {
namespace {

constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

constexpr char LowerChar(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = LowerChar(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr int Base64Value(char c) {
  const std::size_t at = kBase64Alphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// Whether a well-formed decimal number that from_chars calls out of range is too small rather than
// too large: strconv.ParseFloat reads the former as zero and refuses the latter.
bool IsTiny(std::string_view digits) {
  std::int64_t exponent = 0;
  if (const auto e = digits.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view text = digits.substr(e + 1);
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    const bool negative = !text.empty() && text.front() == '-';
    exponent = ParseInt(text).value_or(negative ? -1'000'000'000 : 1'000'000'000);
    digits = digits.substr(0, e);
  }
  // The power of ten of the first digit that is not zero.
  const auto point = std::min(digits.find('.'), digits.size());
  const auto first = digits.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  const auto places = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  return places + exponent < 0;
}

std::optional<double> ParseUnsigned(std::string_view text) {
  auto format = std::chars_format::general;
  if (text.size() > 2 && text[0] == '0' && LowerChar(text[1]) == 'x') {
    text.remove_prefix(2);
    format = std::chars_format::hex;
    // Go wants the exponent of a hexadecimal number spelled out.
    if (text.find_first_of("pP") == std::string_view::npos) return std::nullopt;
    if (HexValue(text.front()) < 0 && text.front() != '.') return std::nullopt;
  } else if (text.empty() || (!IsDigit(text.front()) && text.front() != '.')) {
    return std::nullopt;
  }
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, format);
  if (at != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    if (format == std::chars_format::hex || !IsTiny(text)) return std::nullopt;
    return 0.0;
  }
  return value;
}

// One code point at the front of `text`, or nullopt where the bytes are not UTF-8.
std::optional<char32_t> DecodeRune(std::string_view text, std::size_t* width) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  std::size_t size = 1;
  char32_t rune = lead;
  if (lead >= 0x80) {
    if (lead >= 0xC2 && lead <= 0xDF) {
      size = 2;
      rune = lead & 0x1FU;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      size = 3;
      rune = lead & 0x0FU;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      size = 4;
      rune = lead & 0x07U;
    } else {
      return std::nullopt;
    }
    if (text.size() < size) return std::nullopt;
    for (std::size_t i = 1; i < size; ++i) {
      if ((byte(i) & 0xC0U) != 0x80) return std::nullopt;
      rune = (rune << 6U) | (byte(i) & 0x3FU);
    }
    const bool overlong = (size == 3 && rune < 0x800) || (size == 4 && rune < 0x10000);
    const bool surrogate = rune >= 0xD800 && rune <= 0xDFFF;
    if (overlong || surrogate || rune > 0x10FFFF) return std::nullopt;
  }
  *width = size;
  return rune;
}

// strconv.IsPrint without its tables: blanks other than U+0020, controls, formatting characters,
// private use and non-characters are not printable; unassigned code points count as printable.
bool IsPrintable(char32_t rune) {
  struct Range {
    char32_t first, last;
  };
  static constexpr std::array<Range, 14> kHidden{{{0x0, 0x1F},
                                                  {0x7F, 0xA0},
                                                  {0xAD, 0xAD},
                                                  {0x600, 0x605},
                                                  {0x1680, 0x1680},
                                                  {0x180E, 0x180E},
                                                  {0x2000, 0x200F},
                                                  {0x2028, 0x202F},
                                                  {0x205F, 0x206F},
                                                  {0x3000, 0x3000},
                                                  {0xE000, 0xF8FF},
                                                  {0xFEFF, 0xFEFF},
                                                  {0xFFF0, 0xFFFB},
                                                  {0xE0000, 0x10FFFF}}};
  for (const Range& range : kHidden) {
    if (rune >= range.first && rune <= range.last) return false;
  }
  return (rune & 0xFFFEU) != 0xFFFE;
}

void QuoteRune(char32_t rune, std::string_view bytes, std::string& out) {
  switch (rune) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\a':
      out += "\\a";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\v':
      out += "\\v";
      return;
  }
  const auto number = static_cast<std::uint32_t>(rune);
  if (IsPrintable(rune)) {
    out += bytes;
  } else if (number < 0x80) {
    out += fmt::format("\\x{:02x}", number);
  } else if (number < 0x10000) {
    out += fmt::format("\\u{:04x}", number);
  } else {
    out += fmt::format("\\U{:08x}", number);
  }
}

}  // namespace

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (true) {
    const auto at = text.find(separator);
    pieces.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + 1);
  }
}

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) joined += separator;
    joined += parts[i];
  }
  return joined;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerChar(c);
  return lower;
}

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  if (from.empty()) return std::string(text);
  std::string out;
  while (true) {
    const auto at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

std::optional<std::int64_t> ParseInt(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

std::optional<double> ParseDouble(std::string_view text) {
  std::string_view number = text;
  const bool has_sign = !number.empty() && (number.front() == '+' || number.front() == '-');
  const bool negative = has_sign && number.front() == '-';
  if (has_sign) number.remove_prefix(1);
  std::optional<double> value = ParseUnsigned(number);
  if (!value && number.size() <= 8) {
    const std::string word = ToLower(number);
    if (word == "inf" || word == "infinity") value = std::numeric_limits<double>::infinity();
    if (word == "nan" && !has_sign) value = std::numeric_limits<double>::quiet_NaN();
  }
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

std::string FormatDouble(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  const double magnitude = std::fabs(value);
  const bool plain = magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
  std::array<char, 64> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    plain ? std::chars_format::fixed : std::chars_format::scientific);
  return {buffer.data(), end};
}

std::string Base64Encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (j < left ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= left ? kBase64Alphabet[(group >> (18 - 6 * j)) & 0x3FU] : '=';
    }
  }
  return out;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const int value = c == '=' ? 0 : Base64Value(c);
    if (value < 0 || (padding > 0 && c != '=')) return std::nullopt;
    if (c == '=' && (++padding > 2 || digits < 2)) return std::nullopt;
    group = group << 6U | static_cast<std::uint32_t>(value);
    if (++digits < 4) continue;
    for (int j = 0; j < 3 - padding; ++j) {
      out += static_cast<char>((group >> (16U - 8U * static_cast<unsigned>(j))) & 0xFFU);
    }
    group = 0;
    digits = 0;
  }
  if (digits != 0) return std::nullopt;
  return out;
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 1 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string PercentEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const char lower = LowerChar(c);
    const bool unreserved = IsDigit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' ||
                            c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string Quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    std::size_t width = 1;
    if (const std::optional<char32_t> rune = DecodeRune(text, &width)) {
      QuoteRune(*rune, text.substr(0, width), out);
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
    }
    text.remove_prefix(width);
  }
  return out + '"';
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    std::size_t width = 1;
    if (!DecodeRune(text, &width)) return false;
    text.remove_prefix(width);
  }
  return true;
}

std::string ExpandTemplate(std::string_view text,
                           const std::function<std::string(std::string_view name)>& value) {
  const auto is_word = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      result.push_back(text[i++]);
      continue;
    }
    if (text.substr(i).starts_with("$$")) {
      result.push_back('$');
      i += 2;
      continue;
    }
    const bool brace = text.substr(i).starts_with("${");
    const std::size_t start = i + (brace ? 2 : 1);
    std::size_t end = start;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end == start || (brace && (end == text.size() || text[end] != '}'))) {
      result.push_back(text[i++]);
      continue;
    }
    result += value(text.substr(start, end - start));
    i = end + (brace ? 1 : 0);
  }
  return result;
}

bool GlobMatch(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  // Where to go on after the last `*` if what follows it does not fit: linear memory, no recursion.
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::uint64_t Fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

std::uint32_t Fnv1a32(std::string_view bytes) {
  std::uint32_t hash = 0x811c9dc5U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return hash;
}

}  // namespace weir
