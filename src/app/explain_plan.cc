#include "app/explain_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "controllers/decision_plan.h"

namespace weir::app {
namespace {

// Whether it is the newest one of its autoscaler, from memory.
bool IsLatest(const Json& decision) {
  return GetString(decision, {"metadata", "name"}) ==
         controllers::LatestDecisionName(GetString(decision, "hpa"));
}

// As a word of a shell.
std::string Word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  return "'" + ReplaceAll(text, "'", "'\\''") + "'";
}

}  // namespace

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

std::string AgeNote(const Json& decision, std::optional<Time> at) {
  const std::optional<Time> time = ParseRfc3339(GetString(decision, "time"));
  if (!time || IsLatest(decision) || time == at) return "";
  return fmt::format("The last change {} was made at {}; what was seen since is not kept. Then:\n",
                     at ? "before " + FormatRfc3339Micro(*at) : "that is known",
                     FormatRfc3339Micro(*time));
}

std::string ReplayNote(const Json& decision, const ExplainOptions& asked) {
  if (GetString(decision, "scenario").empty()) return "";
  std::string command = "weir explain " + Word(asked.what);
  if (!asked.ns.empty()) command += " -n " + Word(asked.ns);
  if (!asked.kubeconfig.empty()) command += " --kubeconfig " + Word(asked.kubeconfig);
  // The newest one is kept under that name alone.
  if (!IsLatest(decision)) command += " --at " + Word(GetString(decision, "time"));
  return fmt::format("\nDecide it again: {} -o json | weir hpa replay -\n", command);
}

}  // namespace weir::app
