#include "apiserver/crd_plan.h"

#include <algorithm>

#include "base/strings.h"

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

bool SetDefinitionStatus(const NamesInUse& in_use, Time now, Json& definition) {
  const Json names = GetObject(definition, {"spec", "names"});
  Json& status = Ensure(definition, {"status"});
  Json& accepted = Ensure(status, {"acceptedNames"});
  if (names.contains("categories")) accepted["categories"] = names["categories"];
  // Each name is taken unless another kind has it; the last conflict is the one that is told.
  std::string reason, message;
  const auto take = [&](const char* key, const std::set<std::string>& used, const char* conflict) {
    if (!names.contains(key) || accepted.value(key, Json()) == names[key]) return;
    const Json list = names[key].is_array() ? names[key] : Json::array({names[key]});
    for (const Json& name : list) {
      if (!name.is_string() || !used.contains(name.get<std::string>())) continue;
      reason = conflict;
      message = Quote(name.get<std::string>()) + " is already in use";
      return;
    }
    accepted[key] = names[key];
  };
  take("plural", in_use.resources, "PluralConflict");
  take("singular", in_use.resources, "SingularConflict");
  take("shortNames", in_use.resources, "ShortNamesConflict");
  take("kind", in_use.kinds, "KindConflict");
  take("listKind", in_use.kinds, "ListKindConflict");

  const bool all = reason.empty();
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  SetCondition(conditions, "NamesAccepted", all, all ? "NoConflicts" : reason,
               all ? "no conflicts found" : message, now);
  if (all) {
    SetCondition(conditions, "Established", true, "InitialNamesAccepted",
                 "the initial names have been accepted", now);
  } else if (!IsEstablished(definition)) {
    SetCondition(conditions, "Established", false, "NotAccepted", "not all names are accepted",
                 now);
  }
  return all;
}

void SetTerminating(Time now, Json& definition) {
  Json& conditions = Ensure(definition, {"status", "conditions"});
  if (!conditions.is_array()) conditions = Json::array();
  SetCondition(conditions, "Terminating", true, "InstanceDeletionPending",
               "CustomResourceDefinition marked for deletion; CustomResource deletion will begin "
               "soon",
               now);
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
