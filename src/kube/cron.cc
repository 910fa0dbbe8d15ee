#include "kube/cron.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/strings.h"

namespace weir::kube {
namespace {

struct Bounds {
  std::int64_t min, max;
  std::vector<std::string_view> names;  // of min, min + 1, ...
};

const Bounds kMinutes{0, 59, {}};
const Bounds kHours{0, 23, {}};
const Bounds kDays{1, 31, {}};
const Bounds kMonths{
    1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}};
const Bounds kWeekdays{0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : std::string(text) + " ") {
    if (c != ' ' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  return out;
}

Result<std::int64_t> ParseNumber(const std::string& text) {
  const auto number = ParseInt(text);
  if (!number) {
    return weir::Fail(Code::kInvalid,
                      fmt::format("failed to parse int from {}: strconv.Atoi: parsing {}: invalid "
                                  "syntax",
                                  text, Quote(text)));
  }
  if (*number < 0) {
    return weir::Fail(Code::kInvalid,
                      fmt::format("negative number ({}) not allowed: {}", *number, text));
  }
  return *number;
}

Result<std::int64_t> ParseValue(const std::string& text, const Bounds& bounds) {
  const std::string lower = ToLower(text);
  for (std::size_t i = 0; i < bounds.names.size(); ++i) {
    if (bounds.names[i] == lower) return bounds.min + static_cast<std::int64_t>(i);
  }
  return ParseNumber(text);
}

struct Range {
  std::int64_t begin = 0, end = 0, step = 1;
  bool any = false;
};

// `*`, `5`, `1-5`, each with `/step`.
Result<Range> ParseRange(const std::string& text, const Bounds& bounds) {
  const std::vector<std::string> parts = Split(text, '/');
  const std::vector<std::string> ends = Split(parts[0], '-');
  Range out;
  if (ends[0] == "*" || ends[0] == "?") {
    out = {bounds.min, bounds.max, 1, true};
  } else {
    const auto begin = ParseValue(ends[0], bounds);
    if (!begin) return std::unexpected(begin.error());
    out.begin = out.end = *begin;
    if (ends.size() > 2) return weir::Fail(Code::kInvalid, "too many hyphens: " + text);
    if (ends.size() == 2) {
      const auto end = ParseValue(ends[1], bounds);
      if (!end) return std::unexpected(end.error());
      out.end = *end;
    }
  }
  if (parts.size() > 2) return weir::Fail(Code::kInvalid, "too many slashes: " + text);
  if (parts.size() == 2) {
    const auto step = ParseNumber(parts[1]);
    if (!step) return std::unexpected(step.error());
    out.step = *step;
    if (ends.size() == 1) out.end = bounds.max;
    if (out.step > 1) out.any = false;
  }
  if (out.begin < bounds.min) {
    return weir::Fail(Code::kInvalid, fmt::format("beginning of range ({}) below minimum ({}): {}",
                                                  out.begin, bounds.min, text));
  }
  if (out.end > bounds.max) {
    return weir::Fail(Code::kInvalid, fmt::format("end of range ({}) above maximum ({}): {}",
                                                  out.end, bounds.max, text));
  }
  if (out.begin > out.end) {
    return weir::Fail(Code::kInvalid,
                      fmt::format("beginning of range ({}) beyond end of range ({}): {}", out.begin,
                                  out.end, text));
  }
  if (out.step == 0) {
    return weir::Fail(Code::kInvalid, "step of range should be a positive number: " + text);
  }
  return out;
}

Status ParseField(const std::string& text, const Bounds& bounds, std::bitset<64>& set,
                  bool* any = nullptr) {
  for (const std::string& part : Split(text, ',')) {
    if (part.empty()) continue;
    const auto range = ParseRange(part, bounds);
    if (!range) return std::unexpected(range.error());
    for (std::int64_t i = range->begin; i <= range->end; i += range->step) {
      set.set(static_cast<std::size_t>(i));
    }
    if (any != nullptr && range->any) *any = true;
  }
  return {};
}

std::string_view Spelled(std::string_view descriptor) {
  if (descriptor == "@yearly" || descriptor == "@annually") return "0 0 1 1 *";
  if (descriptor == "@monthly") return "0 0 1 * *";
  if (descriptor == "@weekly") return "0 0 * * 0";
  if (descriptor == "@daily" || descriptor == "@midnight") return "0 0 * * *";
  if (descriptor == "@hourly") return "0 * * * *";
  return {};
}

}  // namespace

Result<CronSchedule> CronSchedule::Parse(std::string_view text) {
  CronSchedule out;
  if (text.starts_with("@every ")) {
    const auto every = ParseGoDuration(text.substr(7));
    if (!every) {
      return weir::Fail(Code::kInvalid, fmt::format("failed to parse duration {}: {}", text,
                                                    every.error().message));
    }
    // Whole seconds, one at least.
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*every);
    out.every_ = std::max<Duration>(seconds, std::chrono::seconds(1));
    return out;
  }
  if (text.starts_with('@')) {
    const std::string_view spelled = Spelled(text);
    if (spelled.empty()) {
      return weir::Fail(Code::kInvalid, "unrecognized descriptor: " + std::string(text));
    }
    text = spelled;
  }
  const std::vector<std::string> fields = Words(text);
  if (fields.size() != 5) {
    return weir::Fail(Code::kInvalid, fmt::format("expected exactly 5 fields, found {}: [{}]",
                                                  fields.size(), Join(fields, " ")));
  }
  Status ok = ParseField(fields[0], kMinutes, out.minutes_);
  if (ok) ok = ParseField(fields[1], kHours, out.hours_);
  if (ok) ok = ParseField(fields[2], kDays, out.days_, &out.any_day_);
  if (ok) ok = ParseField(fields[3], kMonths, out.months_);
  if (ok) ok = ParseField(fields[4], kWeekdays, out.weekdays_, &out.any_weekday_);
  if (!ok) return std::unexpected(ok.error());
  return out;
}

// Where both fields are said, one of them is enough.
bool CronSchedule::MatchesDay(std::chrono::sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!months_.test(static_cast<unsigned>(date.month()))) return false;
  const bool by_day = days_.test(static_cast<unsigned>(date.day()));
  const bool by_weekday = weekdays_.test(std::chrono::weekday(day).c_encoding());
  return any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

std::optional<Time> CronSchedule::Next(Time after) const {
  const auto second = std::chrono::floor<std::chrono::seconds>(after);
  if (every_ != Duration::zero()) return Time(second) + every_;
  constexpr int kDaysAhead = 5 * 366;
  const auto minute = std::chrono::floor<std::chrono::minutes>(after) + std::chrono::minutes(1);
  auto day = std::chrono::floor<std::chrono::days>(minute);
  for (int i = 0; i < kDaysAhead; ++i, day += std::chrono::days(1)) {
    if (!MatchesDay(day)) continue;
    for (auto at = std::max<std::chrono::sys_time<std::chrono::minutes>>(day, minute);
         at < day + std::chrono::days(1); at += std::chrono::minutes(1)) {
      const auto into_day = (at - day).count();
      if (hours_.test(static_cast<std::size_t>(into_day / 60)) &&
          minutes_.test(static_cast<std::size_t>(into_day % 60))) {
        return Time(at);
      }
    }
  }
  return std::nullopt;
}

}  // namespace weir::kube
