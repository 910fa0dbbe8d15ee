#include "controllers/garbage_plan.h"

#include <algorithm>

namespace weir::controllers {

bool OwnedObject::HasFinalizer(std::string_view wanted) const {
  return std::ranges::find(finalizers, wanted) != finalizers.end();
}

OwnedObject Summarize(const ServedKind& kind, const Json& object) {
  OwnedObject out;
  out.kind = kind;
  out.ns = GetString(object, {"metadata", "namespace"});
  out.name = GetString(object, {"metadata", "name"});
  out.uid = GetString(object, {"metadata", "uid"});
  out.resource_version = GetString(object, {"metadata", "resourceVersion"});
  out.deleting = Find(object, {"metadata", "deletionTimestamp"}) != nullptr;
  for (const Json& finalizer : GetArray(object, {"metadata", "finalizers"})) {
    if (finalizer.is_string()) out.finalizers.push_back(finalizer.get<std::string>());
  }
  for (const Json& owner : GetArray(object, {"metadata", "ownerReferences"})) {
    out.owners.push_back({GetString(owner, "apiVersion"), GetString(owner, "kind"),
                          GetString(owner, "name"), GetString(owner, "uid"),
                          GetBool(owner, {"blockOwnerDeletion"}, false)});
  }
  return out;
}

void OwnerGraph::Put(OwnedObject object) {
  Remove(object.uid);
  for (const OwnerLink& owner : object.owners) dependents_[owner.uid].insert(object.uid);
  std::string uid = object.uid;
  objects_.insert_or_assign(std::move(uid), std::move(object));
}

void OwnerGraph::Remove(const std::string& uid) {
  auto it = objects_.find(uid);
  if (it == objects_.end()) return;
  for (const OwnerLink& owner : it->second.owners) {
    auto entry = dependents_.find(owner.uid);
    if (entry == dependents_.end()) continue;
    entry->second.erase(uid);
    if (entry->second.empty()) dependents_.erase(entry);
  }
  objects_.erase(it);
}

const OwnedObject* OwnerGraph::Find(const std::string& uid) const {
  auto it = objects_.find(uid);
  return it == objects_.end() ? nullptr : &it->second;
}

std::vector<const OwnedObject*> OwnerGraph::Dependents(const std::string& uid) const {
  std::vector<const OwnedObject*> out;
  auto it = dependents_.find(uid);
  if (it == dependents_.end()) return out;
  for (const std::string& dependent : it->second) {
    if (const OwnedObject* object = Find(dependent)) out.push_back(object);
  }
  return out;
}

namespace {

bool Blocks(const OwnedObject& dependent, const std::string& owner_uid) {
  return std::ranges::any_of(dependent.owners, [&](const OwnerLink& owner) {
    return owner.uid == owner_uid && owner.blocks;
  });
}

// An object that is deleted in the foreground, or orphans its dependents first.
GarbagePlan PlanDeleting(const OwnerGraph& graph, const OwnedObject& object) {
  GarbagePlan plan;
  std::vector<const OwnedObject*> dependents = graph.Dependents(object.uid);
  if (object.OrphansDependents()) {
    plan.action = GarbagePlan::Action::kReleaseAll;
    plan.finalizer = kOrphanFinalizer;
    for (const OwnedObject* dependent : dependents) plan.dependents.push_back(dependent->uid);
    return plan;
  }
  for (const OwnedObject* dependent : dependents) {
    if (Blocks(*dependent, object.uid)) plan.dependents.push_back(dependent->uid);
  }
  plan.action =
      plan.dependents.empty() ? GarbagePlan::Action::kRemoveFinalizer : GarbagePlan::Action::kVisit;
  plan.finalizer = kForegroundFinalizer;
  return plan;
}

}  // namespace

GarbagePlan PlanGarbage(const OwnerGraph& graph, const OwnedObject& object,
                        const std::vector<OwnerState>& states) {
  if (object.OrphansDependents() || object.WaitsForDependents()) {
    return PlanDeleting(graph, object);
  }
  GarbagePlan plan;
  if (object.deleting || object.owners.empty()) return plan;
  bool present = false, waiting = false;
  for (std::size_t i = 0; i < object.owners.size(); ++i) {
    present = present || states[i] == OwnerState::kPresent;
    waiting = waiting || states[i] == OwnerState::kWaiting;
    if (states[i] != OwnerState::kPresent) plan.owners.push_back(object.owners[i].uid);
  }
  if (present) {
    if (!plan.owners.empty()) plan.action = GarbagePlan::Action::kRelease;
    return plan;
  }
  plan.action = GarbagePlan::Action::kDelete;
  // An owner that waits is to see the whole tree go.
  bool foreground = waiting && !graph.Dependents(object.uid).empty();
  if (object.HasFinalizer(kOrphanFinalizer)) {
    plan.policy = "Orphan";
  } else if (foreground || object.HasFinalizer(kForegroundFinalizer)) {
    plan.policy = "Foreground";
  } else {
    plan.policy = "Background";
  }
  return plan;
}

Json RemoveFinalizerPatch(const OwnedObject& object, std::string_view finalizer) {
  Json kept = Json::array();
  for (const std::string& name : object.finalizers) {
    if (name != finalizer) kept.push_back(name);
  }
  if (kept.empty()) kept = nullptr;
  return {{"metadata",
           {{"uid", object.uid},
            {"resourceVersion", object.resource_version},
            {"finalizers", std::move(kept)}}}};
}

}  // namespace weir::controllers
