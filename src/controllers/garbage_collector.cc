#include "controllers/garbage_collector.h"

#include <optional>
#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr int kWorkers = 10;
constexpr std::size_t kAbsentMax = 4096;
constexpr int kConflictTries = 5;
// An owner that orphans its dependents stays this long. kubectl looks at what it has deleted twice,
// first for its uid and then by name alone: were a Deployment's new ReplicaSet of the same name
// there in between, it would wait for that one's end.
constexpr Duration kBeforeLeaving = std::chrono::milliseconds(500);

client::ResourceRef RefOf(const ServedKind& kind) {
  return {kind.group, kind.version, kind.plural};
}

// What a reference names: the same uid under another kind or name is another owner.
std::string AbsentKey(const ServedKind& kind, std::string_view ns, std::string_view name,
                      std::string_view uid) {
  std::string key = kind.group + "/" + kind.kind + "/";
  if (kind.namespaced) key += ns;
  return key.append("/").append(name).append("/").append(uid);
}

// Gone meanwhile, or another object by now: nothing is left to do.
Status Tolerant(const Status& status) {
  if (!status && status.error().code == Code::kNotFound) return {};
  return status;
}

Status StatusFrom(const Result<Json>& result) {
  if (result) return {};
  return Tolerant(std::unexpected(result.error()));
}

}  // namespace

GarbageCollector::GarbageCollector(Context context)
    : context_(context), queue_(context.loop, "garbage", kWorkers, [this](std::string uid) {
        return Reconcile(std::move(uid));
      }) {
  for (const ServedKind& kind : BuiltInKinds()) {
    listening_.push_back(Listen(context_.informers.Get(RefOf(kind)), kind));
  }
  client::Informer& definitions = context_.informers.Get(client::refs::kCrds);
  listening_.push_back(definitions.AddListener(
      [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnDefinition(before, after);
      }));
}

client::Informer::Registration GarbageCollector::Listen(client::Informer& informer,
                                                        const ServedKind& kind) {
  return informer.AddListener(
      [this, kind](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnObject(kind, before, after);
      });
}

void GarbageCollector::OnObject(const ServedKind& kind, const client::ObjectPtr& before,
                                const client::ObjectPtr& after) {
  if (after == nullptr) {
    Gone(Uid(*before));
    return;
  }
  // The same name may stand for another object now.
  if (before != nullptr && Uid(*before) != Uid(*after)) Gone(Uid(*before));
  OwnedObject now = Summarize(kind, *after);
  const OwnedObject* was = graph_.Find(now.uid);
  bool same = was != nullptr && was->owners == now.owners && was->deleting == now.deleting &&
              was->finalizers == now.finalizers;
  bool matters = !now.owners.empty() || now.WaitsForDependents() || now.OrphansDependents();
  std::string uid = now.uid;
  // An owner may wait for a reference that is no more.
  if (was != nullptr && was->owners != now.owners) {
    for (const OwnerLink& owner : was->owners) queue_.Enqueue(owner.uid);
  }
  graph_.Put(std::move(now));
  if (matters && !same) queue_.Enqueue(std::move(uid));
}

Duration GarbageCollector::LeavesAt(const std::string& uid) {
  return leaving_.emplace(uid, context_.clock.Monotonic() + kBeforeLeaving).first->second;
}

void GarbageCollector::Gone(const std::string& uid) {
  leaving_.erase(uid);
  const OwnedObject* was = graph_.Find(uid);
  if (was != nullptr) {
    for (const OwnerLink& owner : was->owners) {
      const OwnedObject* object = graph_.Find(owner.uid);
      if (object != nullptr && object->WaitsForDependents()) queue_.Enqueue(owner.uid);
    }
  }
  if (was != nullptr) RememberAbsent(AbsentKey(was->kind, was->ns, was->name, uid));
  graph_.Remove(uid);
  for (const OwnedObject* dependent : graph_.Dependents(uid)) queue_.Enqueue(dependent->uid);
}

void GarbageCollector::RememberAbsent(std::string key) {
  if (absent_.size() >= kAbsentMax) absent_.clear();
  absent_.insert(std::move(key));
}

void GarbageCollector::OnDefinition(const client::ObjectPtr& before,
                                    const client::ObjectPtr& after) {
  std::string name = Name(after != nullptr ? *after : *before);
  std::optional<ServedKind> kind = after == nullptr ? std::nullopt : CustomKind(*after);
  auto it = custom_.find(name);
  if (it != custom_.end() && (!kind || it->second.kind != *kind)) {
    for (const auto& [key, object] : it->second.informer->objects()) Gone(Uid(*object));
    custom_.erase(it);
    it = custom_.end();
  }
  if (!kind || it != custom_.end()) return;
  std::shared_ptr<client::Informer> informer = context_.informers.Borrow(RefOf(*kind));
  client::Informer::Registration listening = Listen(*informer, *kind);
  custom_.insert_or_assign(name, Custom{*kind, std::move(informer), std::move(listening)});
}

std::vector<ServedKind> GarbageCollector::Kinds() const {
  std::vector<ServedKind> kinds = BuiltInKinds();
  for (const auto& [name, custom] : custom_) kinds.push_back(custom.kind);
  return kinds;
}

net::Task<Result<client::ReconcileResult>> GarbageCollector::Reconcile(std::string uid) {
  const OwnedObject* found = graph_.Find(uid);
  if (found == nullptr) co_return Done();
  const OwnedObject object = *found;
  std::vector<OwnerState> states;
  if (!object.deleting) {
    Result<std::vector<OwnerState>> looked_up = co_await OwnerStates(object);
    if (!looked_up) co_return std::unexpected(looked_up.error());
    states = std::move(*looked_up);
  }
  GarbagePlan plan = PlanGarbage(graph_, object, states);
  const bool orphans = plan.action == GarbagePlan::Action::kReleaseAll;
  if (orphans) LeavesAt(uid);
  const Status applied = co_await Apply(object, std::move(plan));
  if (!applied) co_return std::unexpected(applied.error());
  client::ReconcileResult result;
  const Duration wait = orphans ? LeavesAt(uid) - context_.clock.Monotonic() : Duration(0);
  if (wait > Duration(0)) result.requeue_after = wait;
  co_return result;
}

net::Task<Result<std::vector<OwnerState>>> GarbageCollector::OwnerStates(OwnedObject object) {
  std::vector<OwnerState> states;
  for (const OwnerLink& owner : object.owners) {
    const OwnedObject* cached = graph_.Find(owner.uid);
    if (cached != nullptr) {
      const bool waiting = cached->WaitsForDependents() && owner.blocks;
      states.push_back(waiting ? OwnerState::kWaiting : OwnerState::kPresent);
      continue;
    }
    // The cache may lag behind: only the server knows.
    const Result<bool> exists = co_await Exists(owner, object.ns);
    if (!exists) co_return std::unexpected(exists.error());
    states.push_back(*exists ? OwnerState::kPresent : OwnerState::kAbsent);
  }
  co_return states;
}

net::Task<Result<bool>> GarbageCollector::Exists(OwnerLink owner, std::string ns) {
  const std::vector<ServedKind> kinds = Kinds();
  const ServedKind* kind = FindKind(kinds, owner.api_version, owner.kind);
  if (kind == nullptr) co_return true;  // nobody can tell: the object stays
  const std::string key = AbsentKey(*kind, ns, owner.name, owner.uid);
  if (absent_.contains(key)) co_return false;
  const std::string owner_ns = kind->namespaced ? ns : std::string();
  const client::ResourceRef ref = RefOf(*kind);
  Result<Json> found = co_await context_.client.Get(ref, owner_ns, owner.name);
  if (!found && found.error().code != Code::kNotFound) co_return std::unexpected(found.error());
  const bool exists = found && Uid(*found) == owner.uid;
  if (!exists) RememberAbsent(key);
  co_return exists;
}

net::Task<Status> GarbageCollector::Apply(OwnedObject object, GarbagePlan plan) {
  using Action = GarbagePlan::Action;
  switch (plan.action) {
    case Action::kNothing:
      break;
    case Action::kVisit:
      for (const std::string& dependent : plan.dependents) queue_.Enqueue(dependent);
      break;
    case Action::kRelease:
      co_return co_await Release(object, std::move(plan.owners));
    case Action::kDelete: {
      client::Client::DeleteOptions options;
      options.uid = object.uid;
      options.propagation_policy = plan.policy;
      const Status deleted = co_await context_.client.Delete(RefOf(object.kind), object.ns,
                                                             object.name, std::move(options));
      if (!deleted && deleted.error().code == Code::kConflict) co_return Status();  // another one
      co_return Tolerant(deleted);
    }
    case Action::kReleaseAll:
      for (const std::string& uid : plan.dependents) {
        const OwnedObject* dependent = graph_.Find(uid);
        if (dependent == nullptr) continue;
        const OwnedObject copy = *dependent;
        std::vector<std::string> owners = {object.uid};
        const Status released = co_await Release(copy, std::move(owners));
        if (!released) co_return released;
      }
      if (context_.clock.Monotonic() < LeavesAt(object.uid)) co_return Status();  // comes again
      [[fallthrough]];
    case Action::kRemoveFinalizer:
      co_return co_await RemoveFinalizer(object, std::move(plan.finalizer));
  }
  co_return Status();
}

// The object as it is counts, not as the cache has it: its controller goes on writing its status
// while the dependents leave.
net::Task<Status> GarbageCollector::RemoveFinalizer(OwnedObject object, std::string finalizer) {
  const client::ResourceRef ref = RefOf(object.kind);
  Status status;
  for (int i = 0; i < kConflictTries; ++i) {
    Result<Json> current = co_await context_.client.Get(ref, object.ns, object.name);
    if (!current) co_return StatusFrom(current);
    const OwnedObject live = Summarize(object.kind, *current);
    if (live.uid != object.uid || !live.HasFinalizer(finalizer)) co_return Status();
    Json patch = RemoveFinalizerPatch(live, finalizer);
    Result<Json> patched = co_await context_.client.Patch(
        ref, object.ns, object.name, client::PatchType::kMerge, std::move(patch));
    status = StatusFrom(patched);
    if (status || status.error().code != Code::kConflict) co_return status;
  }
  co_return status;
}

net::Task<Status> GarbageCollector::Release(OwnedObject object, std::vector<std::string> owners) {
  const client::ResourceRef ref = RefOf(object.kind);
  Result<Json> current = co_await context_.client.Get(ref, object.ns, object.name);
  if (!current) co_return StatusFrom(current);
  if (Uid(*current) != object.uid) co_return Status();
  Json patch = ReleasePatch(*current, owners);
  patch["metadata"]["resourceVersion"] = GetString(*current, {"metadata", "resourceVersion"});
  Result<Json> patched = co_await context_.client.Patch(
      ref, object.ns, object.name, client::PatchType::kMerge, std::move(patch));
  co_return StatusFrom(patched);
}

}  // namespace weir::controllers
