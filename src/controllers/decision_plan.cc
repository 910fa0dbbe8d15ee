#include "controllers/decision_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace weir::controllers {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

// The first part of a name that gets something behind it; ends in a letter or digit.
std::string Cut(std::string_view name, std::size_t most) {
  std::string cut(name.substr(0, most));
  while (cut.ends_with('.') || cut.ends_with('-')) cut.pop_back();
  return cut;
}

// A name of at most that many bytes; one that is too long is cut, and a hash keeps it apart from
// others that begin alike.
std::string Fitted(std::string_view name, std::size_t most) {
  if (name.size() <= most) return std::string(name);
  const std::string hash = fmt::format("-{:08x}", Fnv1a32(name));
  return Cut(name, most - hash.size()) + hash;
}

std::string WithSuffix(std::string_view hpa, const std::string& suffix) {
  return Fitted(hpa, kMaxName - suffix.size()) + suffix;
}

}  // namespace

std::string DecisionName(std::string_view hpa, Time at) {
  // 2026-01-01T00:00:15.250000Z, without what a name may not have.
  std::string text = ToLower(FormatRfc3339Micro(at));
  text.erase(text.size() - 4, 3);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return WithSuffix(hpa, "." + text);
}

std::string LatestDecisionName(std::string_view hpa) { return WithSuffix(hpa, ".latest"); }

std::string DecisionLabel(std::string_view hpa) { return Fitted(hpa, kMaxLabel); }

Json DecisionObject(const Json& hpa, std::string name, Time at, Json record) {
  const std::string owner = GetString(hpa, {"metadata", "name"});
  Json object = std::move(record);
  object["apiVersion"] = kDecisionApiVersion;
  object["kind"] = "Decision";
  object["metadata"] = {{"name", std::move(name)},
                        {"namespace", GetString(hpa, {"metadata", "namespace"})},
                        {"creationTimestamp", FormatRfc3339(at)},
                        {"labels", {{"weir.dev/hpa", DecisionLabel(owner)}}}};
  object["metadata"]["ownerReferences"] =
      Json::array({{{"apiVersion", "autoscaling/v2"},
                    {"kind", "HorizontalPodAutoscaler"},
                    {"name", owner},
                    {"uid", GetString(hpa, {"metadata", "uid"})},
                    {"controller", true}}});
  return object;
}

}  // namespace weir::controllers
