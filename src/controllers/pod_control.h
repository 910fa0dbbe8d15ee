// What every controller of pods does, whatever it wants of them: it is woken by its objects and
// their pods, takes in matching orphans and lets go what no longer matches, creates and deletes
// pods, some at a time, tells events, and counts pods only once its cache shows its own last
// writes (Expectations). Owned by the controller; loop thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/controller.h"
#include "client/events.h"
#include "controllers/context.h"
#include "controllers/replica_set_plan.h"

namespace weir::controllers {

using Pods = std::vector<client::ObjectPtr>;

PodList Plain(const Pods& pods);
// Those of `pods` that a plan on Plain(pods) chose, in its order.
Pods Chosen(const Pods& pods, const std::vector<const Json*>& chosen);

enum class PodVerb { kCreate, kDelete };
// `Created pod: web-1`, `Error creating: no`.
std::string PlainWords(const Json& owner, PodVerb verb, const std::string& pod,
                       const std::string& error);

class PodControl {
 public:
  struct Options {
    client::ResourceRef owners;
    std::string kind;       // of the owners: "ReplicaSet"
    std::string component;  // whose events they are: "replicaset-controller"
    int workers = 5;
    // Whether the owner may take the orphan in, its labels and state aside.
    std::function<bool(const Json& owner, const Json& pod)> may_adopt;
    // The words of an event about a pod; `error` is empty where it went well.
    std::function<std::string(const Json& owner, PodVerb verb, const std::string& pod,
                              const std::string& error)>
        words = PlainWords;
  };
  PodControl(Context context, Options options, client::ReconcileFn reconcile);
  PodControl(const PodControl&) = delete;
  PodControl& operator=(const PodControl&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

  client::ObjectPtr Owner(const std::string& key) const { return owners_.Get(key); }
  Pods PodsOf(std::string_view ns) const { return pods_.List(ns); }
  // The owners that another object controls, and the pods that one owner does.
  Pods ControlledOwners(std::string_view ns, std::string_view uid) const {
    return owners_.ListControlled(ns, uid);
  }
  Pods ControlledPods(std::string_view ns, std::string_view uid) const {
    return pods_.ListControlled(ns, uid);
  }
  // The cache shows all that was created and deleted for this key.
  bool Settled(const std::string& key) const;
  bool IsDeleted(const std::string& key, const Json& pod) const;
  void Forget(const std::string& key) { expectations_.Forget(key); }

  // The pods that it controls.
  net::Task<Result<Pods>> Claim(client::ObjectPtr owner);
  // Some at a time; stops at the first batch with an error, which it returns.
  net::Task<std::optional<ReplicaFailure>> Create(client::ObjectPtr owner, std::vector<Json> pods);
  net::Task<std::optional<ReplicaFailure>> Delete(client::ObjectPtr owner, Pods pods);
  // Unless it is so already. False: a newer version was in the way, which wakes the key again, or
  // the object is gone.
  net::Task<Result<bool>> WriteStatus(client::ObjectPtr owner, Json status);
  void Record(const Json& owner, std::string type, std::string reason, std::string message) {
    events_.Record(owner, std::move(type), std::move(reason), std::move(message));
  }

 private:
  void OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after);
  const Json* OwnerRef(const Json& pod) const;
  void EnqueueOwner(const Json& pod);
  void EnqueueMatching(const Json& pod);
  void RecordPod(const Json& owner, PodVerb verb, const std::string& pod, const std::string& error);
  net::Task<void> CreateOne(client::ObjectPtr owner, Json pod, Error* error);
  net::Task<void> DeleteOne(client::ObjectPtr owner, client::ObjectPtr pod, Error* error);

  Context context_;
  Options options_;
  client::Informer& owners_;
  client::Informer& pods_;
  client::EventRecorder events_;
  Expectations expectations_;
  client::Controller queue_;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::controllers
