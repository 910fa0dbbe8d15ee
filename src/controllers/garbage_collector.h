// Deletes what has lost all its owners, and carries out foreground and orphaning deletions: one
// reconcile an object (key uid), woken by changes of it, of its owners and of its dependents.
// PlanGarbage decides. Custom kinds join as their definitions are established. Owned by the
// manager; loop thread only.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/controller.h"
#include "controllers/context.h"
#include "controllers/garbage_plan.h"
#include "controllers/kinds_plan.h"

namespace weir::controllers {

class GarbageCollector {
 public:
  explicit GarbageCollector(Context context);
  GarbageCollector(const GarbageCollector&) = delete;
  GarbageCollector& operator=(const GarbageCollector&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string uid);
  client::Informer::Registration Listen(client::Informer& informer, const ServedKind& kind);
  void OnObject(const ServedKind& kind, const client::ObjectPtr& before,
                const client::ObjectPtr& after);
  void OnDefinition(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void Gone(const std::string& uid);
  void RememberAbsent(std::string key);
  net::Task<Result<std::vector<OwnerState>>> OwnerStates(OwnedObject object);
  net::Task<Result<bool>> Exists(OwnerLink owner, std::string ns);
  net::Task<Status> Apply(OwnedObject object, GarbagePlan plan);
  net::Task<Status> RemoveFinalizer(OwnedObject object, std::string finalizer);
  net::Task<Status> Release(OwnedObject object, std::vector<std::string> owners);
  Duration LeavesAt(const std::string& uid);
  std::vector<ServedKind> Kinds() const;

  Context context_;
  OwnerGraph graph_;
  struct Custom {
    ServedKind kind;
    std::shared_ptr<client::Informer> informer;
    client::Informer::Registration listening;
  };
  std::map<std::string, Custom> custom_;     // by the definition's name
  std::map<std::string, Duration> leaving_;  // owners that orphan: when they may go, monotonic
  std::set<std::string> absent_;             // owners known to be gone; bounded
  client::Controller queue_;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::controllers
