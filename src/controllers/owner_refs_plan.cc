#include "controllers/owner_refs_plan.h"

#include <algorithm>

namespace weir::controllers {

std::string Name(const Json& object) { return GetString(object, {"metadata", "name"}); }
std::string Namespace(const Json& object) { return GetString(object, {"metadata", "namespace"}); }
std::string Uid(const Json& object) { return GetString(object, {"metadata", "uid"}); }

bool IsBeingDeleted(const Json& object) {
  return Find(object, {"metadata", "deletionTimestamp"}) != nullptr;
}

const Json* ControllerRef(const Json& object) {
  for (const Json& owner : GetArray(object, {"metadata", "ownerReferences"})) {
    if (GetBool(owner, {"controller"}, false)) return &owner;
  }
  return nullptr;
}

bool IsControlledBy(const Json& object, std::string_view uid) {
  const Json* owner = ControllerRef(object);
  return owner != nullptr && GetString(*owner, "uid") == uid;
}

Json NewControllerRef(const Json& owner) {
  return {{"apiVersion", GetString(owner, "apiVersion")},
          {"kind", GetString(owner, "kind")},
          {"name", Name(owner)},
          {"uid", Uid(owner)},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

Json AdoptPatch(const Json& object, const Json& owner) {
  Json owners = GetArray(object, {"metadata", "ownerReferences"});
  owners.push_back(NewControllerRef(owner));
  return {{"metadata", {{"uid", Uid(object)}, {"ownerReferences", std::move(owners)}}}};
}

Json ReleasePatch(const Json& object, const std::vector<std::string>& owner_uids) {
  Json owners = Json::array();
  for (const Json& owner : GetArray(object, {"metadata", "ownerReferences"})) {
    if (std::ranges::find(owner_uids, GetString(owner, "uid")) == owner_uids.end()) {
      owners.push_back(owner);
    }
  }
  if (owners.empty()) owners = nullptr;
  return {{"metadata", {{"uid", Uid(object)}, {"ownerReferences", std::move(owners)}}}};
}

bool IsActivePod(const Json& pod) {
  std::string phase = GetString(pod, {"status", "phase"});
  return phase != "Succeeded" && phase != "Failed" && !IsBeingDeleted(pod);
}

bool IsPodReady(const Json& pod) {
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") == "Ready") return GetString(condition, "status") == "True";
  }
  return false;
}

}  // namespace weir::controllers
