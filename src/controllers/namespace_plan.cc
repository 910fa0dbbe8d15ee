#include "controllers/namespace_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

std::string Listed(const std::map<std::string, std::size_t>& counts, std::string_view verb) {
  std::vector<std::string> parts;
  parts.reserve(counts.size());
  for (const auto& [name, count] : counts) {
    parts.push_back(fmt::format("{} {} {} resource instances", name, verb, count));
  }
  return Join(parts, ", ");
}

void SetCondition(Json& conditions, std::string_view type, bool status, std::string_view reason,
                  std::string message, Time now) {
  Json condition = {{"type", type},
                    {"status", status ? "True" : "False"},
                    {"reason", reason},
                    {"message", std::move(message)},
                    {"lastTransitionTime", FormatRfc3339(now)}};
  for (Json& before : conditions) {
    if (GetString(before, "type") != type) continue;
    if (GetString(before, "status") == GetString(condition, "status")) {
      condition["lastTransitionTime"] = before["lastTransitionTime"];
    }
    before = std::move(condition);
    return;
  }
  conditions.push_back(std::move(condition));
}

std::optional<Time> LastSeen(const Json& event) {
  for (std::string_view key : {"lastTimestamp", "eventTime"}) {
    std::optional<Time> time = ParseRfc3339(GetString(event, key));
    if (time) return time;
  }
  return ParseRfc3339(GetString(event, {"metadata", "creationTimestamp"}));
}

}  // namespace

void CountRemaining(Remaining& remaining, const std::string& plural, const std::string& group,
                    const Json& list) {
  const Json& items = GetArray(list, {"items"});
  if (items.empty()) return;
  remaining.resources[plural + "." + group] += items.size();
  for (const Json& item : items) {
    for (const Json& finalizer : GetArray(item, {"metadata", "finalizers"})) {
      if (finalizer.is_string()) ++remaining.finalizers[finalizer.get<std::string>()];
    }
  }
}

Json WithDeletionConditions(const Json& ns, const Remaining& remaining, Time now) {
  Json out = ns;
  Json& conditions = Ensure(out, {"status", "conditions"});
  if (!conditions.is_array()) conditions = Json::array();
  SetCondition(conditions, "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
               "All resources successfully discovered", now);
  SetCondition(conditions, "NamespaceDeletionGroupVersionParsingFailure", false,
               "ParsedGroupVersions", "All legacy kube types successfully parsed", now);
  SetCondition(conditions, "NamespaceDeletionContentFailure", false, "ContentDeleted",
               "All content successfully deleted, may be waiting on finalization", now);
  if (remaining.resources.empty()) {
    SetCondition(conditions, "NamespaceContentRemaining", false, "ContentRemoved",
                 "All content successfully removed", now);
  } else {
    SetCondition(conditions, "NamespaceContentRemaining", true, "SomeResourcesRemain",
                 "Some resources are remaining: " + Listed(remaining.resources, "has"), now);
  }
  if (remaining.finalizers.empty()) {
    SetCondition(conditions, "NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers",
                 "All content-preserving finalizers finished", now);
  } else {
    SetCondition(conditions, "NamespaceFinalizersRemaining", true, "SomeFinalizersRemain",
                 "Some content in the namespace has finalizers remaining: " +
                     Listed(remaining.finalizers, "in"),
                 now);
  }
  return out;
}

bool HoldsKubernetesFinalizer(const Json& ns) {
  const Json& finalizers = GetArray(ns, {"spec", "finalizers"});
  return std::ranges::find(finalizers, Json("kubernetes")) != finalizers.end();
}

Json Finalized(const Json& ns) {
  Json out = ns;
  Json kept = Json::array();
  for (const Json& finalizer : GetArray(ns, {"spec", "finalizers"})) {
    if (finalizer != "kubernetes") kept.push_back(finalizer);
  }
  Ensure(out, {"spec", "finalizers"}) = std::move(kept);
  return out;
}

void AddEvents(const Json& list, Time now, std::vector<EventSeen>& events) {
  for (const Json& event : GetArray(list, {"items"})) {
    events.push_back({LastSeen(event).value_or(now), Namespace(event), Name(event)});
  }
}

std::vector<EventSeen> ExpiredEvents(std::vector<EventSeen> events, Duration ttl, std::size_t most,
                                     Time now) {
  std::ranges::sort(events);
  const std::size_t surplus = events.size() > most ? events.size() - most : 0;
  std::size_t expired = surplus;
  while (expired < events.size() && events[expired].at + ttl <= now) ++expired;
  events.resize(expired);
  return events;
}

}  // namespace weir::controllers
