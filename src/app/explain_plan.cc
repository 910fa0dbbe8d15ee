#include "app/explain_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"

namespace weir::app {

Result<std::string> HpaName(std::string_view what) {
  const std::size_t slash = what.find('/');
  const std::string kind = ToLower(what.substr(0, slash));
  const std::string_view name =
      slash == std::string_view::npos ? std::string_view() : what.substr(slash + 1);
  for (const std::string_view known :
       {"hpa", "horizontalpodautoscaler", "horizontalpodautoscalers",
        "horizontalpodautoscaler.autoscaling", "horizontalpodautoscalers.autoscaling"}) {
    if (kind == known && !name.empty() && !name.contains('/')) return std::string(name);
  }
  return Fail(Code::kInvalid, fmt::format("{} is no autoscaler; expected hpa/NAME", Quote(what)));
}

Result<Time> ParseWhen(std::string_view text, Time now) {
  if (const auto instant = ParseRfc3339(text)) return *instant;
  if (const auto ago = ParseGoDuration(text); ago && *ago >= Duration(0)) return now - *ago;
  return Fail(Code::kInvalid,
              fmt::format("{} is no time; expected one like 2026-01-31T12:00:00Z, or how long ago, "
                          "like 5m",
                          Quote(text)));
}

Result<Json> ChooseDecision(const Json& list, std::string_view hpa, std::optional<Time> at) {
  const Json* chosen = nullptr;
  std::optional<Time> chosen_time;
  std::optional<Time> oldest;
  for (const Json& decision : GetArray(list, {"items"})) {
    // Names that are too long for a label share one only by chance.
    if (GetString(decision, "hpa") != hpa) continue;
    const std::optional<Time> time = ParseRfc3339(GetString(decision, "time"));
    if (!time) continue;
    oldest = std::min(oldest.value_or(*time), *time);
    const bool in_time = !at || *time <= *at;
    // Of equal ones the later in the list: the newest is there twice where it changed something.
    if (!in_time || (chosen_time && *time < *chosen_time)) continue;
    chosen = &decision;
    chosen_time = time;
  }
  if (chosen != nullptr) return *chosen;
  if (oldest) {
    return Fail(Code::kNotFound,
                fmt::format("no decision of hpa/{} is kept that was made until {}; the oldest one "
                            "is of {}",
                            hpa, FormatRfc3339(at.value_or(*oldest)), FormatRfc3339(*oldest)));
  }
  return Fail(Code::kNotFound, fmt::format("no decision of hpa/{} has been made yet", hpa));
}

}  // namespace weir::app
