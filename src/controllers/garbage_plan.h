// What the garbage collector knows and decides: who owns whom, and what becomes of an object whose
// owners are gone or wait for it. Follows pkg/controller/garbagecollector. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "controllers/kinds_plan.h"

namespace weir::controllers {

inline constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
inline constexpr std::string_view kOrphanFinalizer = "orphan";

struct OwnerLink {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool blocks = false;  // blockOwnerDeletion
  bool operator==(const OwnerLink&) const = default;
};

// As much of an object as the collector needs.
struct OwnedObject {
  ServedKind kind;
  std::string ns;
  std::string name;
  std::string uid;
  std::string resource_version;
  bool deleting = false;
  std::vector<std::string> finalizers;
  std::vector<OwnerLink> owners;

  bool HasFinalizer(std::string_view name) const;
  // Deleted in the foreground: it waits for its dependents.
  bool WaitsForDependents() const { return deleting && HasFinalizer(kForegroundFinalizer); }
  bool OrphansDependents() const { return deleting && HasFinalizer(kOrphanFinalizer); }
};
OwnedObject Summarize(const ServedKind& kind, const Json& object);

class OwnerGraph {
 public:
  void Put(OwnedObject object);
  void Remove(const std::string& uid);
  const OwnedObject* Find(const std::string& uid) const;
  // Objects that name the uid as an owner, in order of their uids.
  std::vector<const OwnedObject*> Dependents(const std::string& uid) const;

 private:
  std::map<std::string, OwnedObject> objects_;
  std::map<std::string, std::set<std::string>> dependents_;
};

enum class OwnerState {
  kPresent,
  kWaiting,  // deleted in the foreground, and this reference blocks it
  kAbsent,
};

struct GarbagePlan {
  enum class Action {
    kNothing,
    kRelease,          // take the references to `owners` away
    kDelete,           // with `policy`
    kRemoveFinalizer,  // `finalizer`, its work is done
    kReleaseAll,       // take the object out of its `dependents`, then its orphan finalizer
    kVisit,            // look at the `dependents` that hold it up
  } action = Action::kNothing;
  std::vector<std::string> owners;
  std::string policy;
  std::string finalizer;
  std::vector<std::string> dependents;  // uids
};
// What is to be done about one object. `states` are those of its owners, in order.
GarbagePlan PlanGarbage(const OwnerGraph& graph, const OwnedObject& object,
                        const std::vector<OwnerState>& states);

// The merge patch that takes a finalizer away, on condition that nothing else has changed.
Json RemoveFinalizerPatch(const OwnedObject& object, std::string_view finalizer);

}  // namespace weir::controllers
