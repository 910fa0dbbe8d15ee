#include "apiserver/crd_plan.h"

#include <algorithm>

namespace weir::apiserver {
namespace {

// Sets a condition; its time changes with its status alone.
void SetCondition(Json& conditions, std::string_view type, bool holds, std::string_view reason,
                  std::string_view message, Time now) {
  const std::string_view status = holds ? "True" : "False";
  Json* found = nullptr;
  for (Json& condition : conditions) {
    if (GetString(condition, "type") == type) found = &condition;
  }
  if (found == nullptr) {
    conditions.push_back({{"type", type}});
    found = &conditions.back();
  }
  if (GetString(*found, "status") != status) {
    (*found)["lastTransitionTime"] = FormatRfc3339(now);
  }
  (*found)["status"] = status;
  (*found)["reason"] = reason;
  (*found)["message"] = message;
}

}  // namespace

void AddFinalizer(Json& definition) {
  Json& finalizers = Ensure(definition, {"metadata", "finalizers"});
  if (!finalizers.is_array()) finalizers = Json::array();
  if (std::ranges::find(finalizers, Json(kCrdFinalizer)) == finalizers.end()) {
    finalizers.push_back(kCrdFinalizer);
  }
}

void SetDefinitionStatus(const std::string& conflict, Time now, Json& definition) {
  const bool accepted = conflict.empty();
  Json& status = Ensure(definition, {"status"});
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  SetCondition(conditions, "NamesAccepted", accepted, accepted ? "NoConflicts" : "NamesConflict",
               accepted ? "no conflicts found" : conflict, now);
  if (accepted) {
    SetCondition(conditions, "Established", true, "InitialNamesAccepted",
                 "the initial names have been accepted", now);
    status["acceptedNames"] = GetObject(definition, {"spec", "names"});
  } else if (!IsEstablished(definition)) {
    SetCondition(conditions, "Established", false, "NotAccepted", "not all names are accepted",
                 now);
  }
}

bool IsEstablished(const Json& definition) {
  for (const Json& condition : GetArray(definition, {"status", "conditions"})) {
    if (GetString(condition, "type") == "Established") {
      return GetString(condition, "status") == "True";
    }
  }
  return false;
}

}  // namespace weir::apiserver
