#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "base/strings.h"

namespace weir {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMaxNanos = std::numeric_limits<std::int64_t>::max();

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Exactly `digits` decimal digits off the front of `text`, or nullopt.
std::optional<int> TakeDigits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::string FormatSeconds(Time t) {
  const auto day = floor<days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<seconds>(t - day));
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

// The fraction after the seconds, cut to nanoseconds; nullopt for a point without digits.
std::optional<std::int64_t> TakeFraction(std::string_view& text) {
  if (!TakeChar(text, '.')) return 0;
  std::int64_t nanos = 0;
  std::int64_t unit = 100'000'000;
  std::size_t digits = 0;
  for (; digits < text.size() && IsDigit(text[digits]); ++digits) {
    nanos += unit * (text[digits] - '0');
    unit /= 10;
  }
  text.remove_prefix(digits);
  return digits == 0 ? std::nullopt : std::optional<std::int64_t>(nanos);
}

// `Z` or `+01:30`.
std::optional<seconds> TakeOffset(std::string_view& text) {
  if (TakeChar(text, 'Z')) return seconds(0);
  const bool negative = !text.empty() && text.front() == '-';
  if (!TakeChar(text, '+') && !TakeChar(text, '-')) return std::nullopt;
  const auto h = TakeDigits(text, 2);
  if (!h || !TakeChar(text, ':')) return std::nullopt;
  const auto m = TakeDigits(text, 2);
  if (!m || *h > 23 || *m > 59) return std::nullopt;
  const seconds offset = hours(*h) + minutes(*m);
  return negative ? -offset : offset;
}

struct Unit {
  std::string_view name;
  std::uint64_t nanos;
};

constexpr std::array<Unit, 8> kGoUnits{{{"ns", 1},
                                        {"us", 1'000},
                                        {"\xC2\xB5s", 1'000},
                                        {"\xCE\xBCs", 1'000},
                                        {"ms", 1'000'000},
                                        {"s", 1'000'000'000},
                                        {"m", 60'000'000'000},
                                        {"h", 3'600'000'000'000}}};

// In falling order, as they must follow one another.
constexpr std::array<Unit, 7> kPrometheusUnits{{{"y", 31'536'000'000'000'000},
                                                {"w", 604'800'000'000'000},
                                                {"d", 86'400'000'000'000},
                                                {"h", 3'600'000'000'000},
                                                {"m", 60'000'000'000},
                                                {"s", 1'000'000'000},
                                                {"ms", 1'000'000}}};

std::unexpected<Error> BadGoDuration(std::string_view why, std::string_view text) {
  return Fail(Code::kInvalid, fmt::format("time: {} duration {}", why, Quote(text)));
}

// One number and unit (`1.5h`) off the front of `text`, in nanoseconds.
Result<std::uint64_t> TakeGoTerm(std::string_view& text, std::string_view whole) {
  __extension__ using Wide = unsigned __int128;
  Wide digits = 0;
  Wide scale = 1;
  bool seen = false;
  bool fraction = false;
  std::size_t i = 0;
  for (; i < text.size() && (IsDigit(text[i]) || (text[i] == '.' && !fraction)); ++i) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    seen = true;
    if (fraction && scale >= 1'000'000'000'000'000) continue;  // finer than any unit can show
    digits = digits * 10 + static_cast<unsigned>(text[i] - '0');
    if (fraction) scale *= 10;
    if (digits / scale > kMaxNanos) return BadGoDuration("invalid", whole);
  }
  if (!seen) return BadGoDuration("invalid", whole);
  text.remove_prefix(i);
  std::size_t length = 0;
  while (length < text.size() && text[length] != '.' && !IsDigit(text[length])) ++length;
  if (length == 0) return BadGoDuration("missing unit in", whole);
  const std::string_view name = text.substr(0, length);
  text.remove_prefix(length);
  for (const Unit& unit : kGoUnits) {
    if (unit.name != name) continue;
    const Wide nanos = digits * unit.nanos / scale;
    if (nanos > kMaxNanos + 1) return BadGoDuration("invalid", whole);
    return static_cast<std::uint64_t>(nanos);
  }
  return BadGoDuration(fmt::format("unknown unit {} in", Quote(name)), whole);
}

// 1500 of unit 1000 is `1.5`: the fraction without trailing zeros.
std::string Decimal(std::uint64_t value, std::uint64_t unit) {
  std::string text = fmt::format("{}", value / unit);
  if (value % unit == 0) return text;
  std::string digits = fmt::format("{}", value % unit + unit).substr(1);
  while (digits.back() == '0') digits.pop_back();
  return text + "." + digits;
}

}  // namespace

std::string FormatRfc3339(Time t) { return FormatSeconds(t) + "Z"; }

std::string FormatRfc3339Micro(Time t) {
  const auto micros = floor<microseconds>(t) - floor<seconds>(t);
  return FormatSeconds(t) + fmt::format(".{:06}Z", micros.count());
}

std::optional<Time> ParseRfc3339(std::string_view text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !TakeChar(text, '-')) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !TakeChar(text, '-')) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day || !TakeChar(text, 'T')) return std::nullopt;
  const auto h = TakeDigits(text, 2);
  if (!h || !TakeChar(text, ':')) return std::nullopt;
  const auto m = TakeDigits(text, 2);
  if (!m || !TakeChar(text, ':')) return std::nullopt;
  const auto s = TakeDigits(text, 2);
  if (!s || *h > 23 || *m > 59 || *s > 59) return std::nullopt;
  const auto nanos = TakeFraction(text);
  if (!nanos) return std::nullopt;
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // 64 bits of nanoseconds reach from 1677 to 2262.
  if (!date.ok() || *year < 1678 || *year > 2261) return std::nullopt;
  const std::chrono::sys_seconds whole =
      std::chrono::sys_days(date) + hours(*h) + minutes(*m) + seconds(*s) - *offset;
  return Time(whole) + nanoseconds(*nanos);
}

Result<Duration> ParseGoDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = TakeChar(rest, '-');
  if (!negative) TakeChar(rest, '+');
  if (rest == "0") return Duration(0);
  if (rest.empty()) return BadGoDuration("invalid", text);
  std::uint64_t total = 0;
  while (!rest.empty()) {
    Result<std::uint64_t> term = TakeGoTerm(rest, text);
    if (!term) return std::unexpected(term.error());
    total += *term;  // both are at most 2^63
    if (total > kMaxNanos + (negative ? 1 : 0)) return BadGoDuration("invalid", text);
  }
  if (total > kMaxNanos) return Duration::min();
  const auto nanos = static_cast<std::int64_t>(total);
  return Duration(negative ? -nanos : nanos);
}

std::string FormatGoDuration(Duration d) {
  if (d.count() == 0) return "0s";
  const bool negative = d.count() < 0;
  const auto bits = static_cast<std::uint64_t>(d.count());
  const std::uint64_t nanos = negative ? 0 - bits : bits;
  const std::string sign = negative ? "-" : "";
  if (nanos < 1'000) return fmt::format("{}{}ns", sign, nanos);
  if (nanos < 1'000'000) return sign + Decimal(nanos, 1'000) + "\xC2\xB5s";
  if (nanos < 1'000'000'000) return sign + Decimal(nanos, 1'000'000) + "ms";
  const std::uint64_t all_minutes = nanos / 60'000'000'000;
  std::string text = sign;
  if (all_minutes >= 60) text += fmt::format("{}h", all_minutes / 60);
  if (all_minutes >= 1) text += fmt::format("{}m", all_minutes % 60);
  return text + Decimal(nanos % 60'000'000'000, 1'000'000'000) + "s";
}

Result<Duration> ParsePrometheusDuration(std::string_view text) {
  if (text.empty()) return Fail(Code::kInvalid, "empty duration string");
  if (text == "0") return Duration(0);
  const auto bad = [&] {
    return Fail(Code::kInvalid, fmt::format("not a valid duration string: {}", Quote(text)));
  };
  std::string_view rest = text;
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  while (!rest.empty()) {
    std::size_t digits = 0;
    while (digits < rest.size() && IsDigit(rest[digits])) ++digits;
    std::size_t end = digits;
    while (end < rest.size() && !IsDigit(rest[end])) ++end;
    const std::string_view name = rest.substr(digits, end - digits);
    std::size_t unit = next_unit;
    while (unit < kPrometheusUnits.size() && kPrometheusUnits[unit].name != name) ++unit;
    if (digits == 0 || unit == kPrometheusUnits.size()) return bad();
    const auto count = ParseInt(rest.substr(0, digits));
    const std::uint64_t nanos = kPrometheusUnits[unit].nanos;
    if (!count || static_cast<std::uint64_t>(*count) > (kMaxNanos - total) / nanos) {
      return Fail(Code::kInvalid, fmt::format("duration out of range: {}", Quote(text)));
    }
    total += static_cast<std::uint64_t>(*count) * nanos;
    next_unit = unit + 1;
    rest.remove_prefix(end);
  }
  return Duration(static_cast<std::int64_t>(total));
}

std::string FormatAge(Duration d) {
  const auto pair = [](std::int64_t high, char high_unit, std::int64_t low, char low_unit) {
    std::string text = fmt::format("{}{}", high, high_unit);
    return low == 0 ? text : text + fmt::format("{}{}", low, low_unit);
  };
  // Clocks of two machines may differ: upstream forgives up to two seconds.
  const std::int64_t s = d / seconds(1);
  if (s < -1) return "<invalid>";
  if (s < 0) return "0s";
  if (s < 120) return fmt::format("{}s", s);
  const std::int64_t m = s / 60;
  if (m < 10) return pair(m, 'm', s % 60, 's');
  if (m < 180) return fmt::format("{}m", m);
  const std::int64_t h = m / 60;
  if (h < 8) return pair(h, 'h', m % 60, 'm');
  if (h < 48) return fmt::format("{}h", h);
  const std::int64_t day = h / 24;
  if (h < 24 * 8) return pair(day, 'd', h % 24, 'h');
  if (h < 24 * 365 * 2) return fmt::format("{}d", day);
  if (h < 24 * 365 * 8) return pair(day / 365, 'y', day % 365, 'd');
  return fmt::format("{}y", day / 365);
}

}  // namespace weir
