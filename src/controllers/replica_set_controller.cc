#include "controllers/replica_set_controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "controllers/owner_refs_plan.h"
#include "controllers/parallel.h"
#include "kube/selector.h"

namespace weir::controllers {
namespace {

constexpr int kWorkers = 5;

PodList Plain(const std::vector<client::ObjectPtr>& pods) {
  PodList out;
  for (const client::ObjectPtr& pod : pods) out.push_back(pod.get());
  return out;
}

bool Matches(const Json& set, const Json& pod) {
  const Json* selector = Find(set, {"spec", "selector"});
  if (selector == nullptr) return false;
  Result<kube::LabelSelector> parsed = kube::LabelSelector::FromJson(*selector);
  return parsed && !parsed->empty() && parsed->Matches(GetObject(pod, {"metadata", "labels"}));
}

}  // namespace

ReplicaSetController::ReplicaSetController(Context context)
    : context_(context),
      sets_(context.informers.Get(client::refs::kReplicaSets)),
      pods_(context.informers.Get(client::refs::kPods)),
      events_(context.client, context.tasks, context.clock, context.random,
              "replicaset-controller"),
      queue_(context.loop, "replicaset", kWorkers,
             [this](std::string key) { return Reconcile(std::move(key)); }) {
  sets_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
    queue_.Enqueue(client::KeyOf(after != nullptr ? *after : *before));
  });
  pods_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
    OnPod(before, after);
  });
}

// Tells the expectations what has come and gone, and wakes whom the pod concerns.
void ReplicaSetController::OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  const Json& pod = after != nullptr ? *after : *before;
  if (const Json* owner = ControllerRef(pod)) {
    std::string key = Namespace(pod) + "/" + GetString(*owner, "name");
    if (before == nullptr) expectations_.CreationObserved(key);
    if (after == nullptr || IsBeingDeleted(*after)) expectations_.DeletionObserved(key, Uid(pod));
  }
  if (before != nullptr) EnqueueOwner(*before);
  if (after == nullptr) return;
  EnqueueOwner(*after);
  bool labels_changed = before == nullptr || GetObject(*before, {"metadata", "labels"}) !=
                                                 GetObject(*after, {"metadata", "labels"});
  bool released = before != nullptr && ControllerRef(*before) != nullptr;
  if (ControllerRef(*after) == nullptr && (labels_changed || released)) EnqueueMatching(*after);
}

void ReplicaSetController::EnqueueOwner(const Json& pod) {
  const Json* owner = ControllerRef(pod);
  if (owner == nullptr || GetString(*owner, "kind") != "ReplicaSet") return;
  queue_.Enqueue(Namespace(pod) + "/" + GetString(*owner, "name"));
}

void ReplicaSetController::EnqueueMatching(const Json& pod) {
  for (const client::ObjectPtr& set : sets_.List(Namespace(pod))) {
    if (Matches(*set, pod)) queue_.Enqueue(client::KeyOf(*set));
  }
}

net::Task<Result<client::ReconcileResult>> ReplicaSetController::Reconcile(std::string key) {
  client::ObjectPtr set = sets_.Get(key);
  if (set == nullptr) {
    expectations_.Forget(key);
    co_return Done();
  }
  const bool settled = expectations_.Satisfied(key, context_.clock.Monotonic());
  Result<Pods> claimed = co_await ClaimPods(set);
  if (!claimed) co_return std::unexpected(claimed.error());
  std::optional<ReplicaFailure> failure;
  if (settled && !IsBeingDeleted(*set)) failure = co_await Manage(set, *claimed);
  std::erase_if(*claimed, [&](const client::ObjectPtr& pod) {
    return expectations_.IsDeleted(key, Uid(*pod));
  });
  const Status written = co_await WriteStatus(set, *claimed, failure);
  if (!written) co_return std::unexpected(written.error());
  if (failure) co_return Fail(Code::kInternal, failure->message);
  const PodList pods = Plain(*claimed);
  client::ReconcileResult result;
  result.requeue_after = NextAvailable(*set, pods, context_.clock.Now()).value_or(Duration::zero());
  co_return result;
}

net::Task<Result<ReplicaSetController::Pods>> ReplicaSetController::ClaimPods(
    client::ObjectPtr set) {
  Pods claimed;
  const std::string uid = Uid(*set);
  const bool deleting = IsBeingDeleted(*set);
  for (const client::ObjectPtr& pod : pods_.List(Namespace(*set))) {
    const bool matches = Matches(*set, *pod);
    const bool orphan = ControllerRef(*pod) == nullptr;
    if (IsControlledBy(*pod, uid)) {
      if (matches) {
        claimed.push_back(pod);
        continue;
      }
      if (deleting || IsBeingDeleted(*pod)) continue;
      const std::vector<std::string> owners = {uid};
      Json patch = ReleasePatch(*pod, owners);
      Result<Json> released =
          co_await context_.client.Patch(client::refs::kPods, Namespace(*pod), Name(*pod),
                                         client::PatchType::kMerge, std::move(patch));
      if (!released && released.error().code != Code::kNotFound) {
        co_return std::unexpected(released.error());
      }
    } else if (orphan && matches && !deleting && IsActivePod(*pod)) {
      Json patch = AdoptPatch(*pod, *set);
      Result<Json> adopted =
          co_await context_.client.Patch(client::refs::kPods, Namespace(*pod), Name(*pod),
                                         client::PatchType::kMerge, std::move(patch));
      if (adopted) {
        claimed.push_back(std::make_shared<const Json>(std::move(*adopted)));
      } else if (adopted.error().code != Code::kNotFound) {
        co_return std::unexpected(adopted.error());
      }
    }
  }
  co_return claimed;
}

// All active pods of the ReplicaSets of the same owner.
ReplicaSetController::Pods ReplicaSetController::RelatedPods(const Json& set) const {
  std::set<std::string> uids = {Uid(set)};
  if (const Json* owner = ControllerRef(set)) {
    const std::string owner_uid = GetString(*owner, "uid");
    for (const client::ObjectPtr& other : sets_.List(Namespace(set))) {
      if (IsControlledBy(*other, owner_uid)) uids.insert(Uid(*other));
    }
  }
  Pods related;
  for (const client::ObjectPtr& pod : pods_.List(Namespace(set))) {
    const Json* owner = ControllerRef(*pod);
    if (owner != nullptr && uids.contains(GetString(*owner, "uid")) && IsActivePod(*pod)) {
      related.push_back(pod);
    }
  }
  return related;
}

net::Task<std::optional<ReplicaFailure>> ReplicaSetController::Manage(client::ObjectPtr set,
                                                                      Pods pods) {
  std::erase_if(pods, [](const client::ObjectPtr& pod) { return !IsActivePod(*pod); });
  const Pods related = RelatedPods(*set);
  const ReplicaPlan plan = PlanReplicas(*set, Plain(pods), Plain(related), context_.clock.Now());
  if (plan.create > 0) co_return co_await CreatePods(set, plan.create);
  if (plan.remove.empty()) co_return std::nullopt;
  Pods surplus;
  for (const Json* chosen : plan.remove) {
    for (const client::ObjectPtr& pod : pods) {
      if (pod.get() == chosen) surplus.push_back(pod);
    }
  }
  co_return co_await DeletePods(set, std::move(surplus));
}

net::Task<std::optional<ReplicaFailure>> ReplicaSetController::CreatePods(client::ObjectPtr set,
                                                                          std::size_t count) {
  const std::string key = client::KeyOf(*set);
  expectations_.ExpectCreations(key, count, context_.clock.Monotonic());
  std::size_t batch = 0, left = count;
  std::vector<Error> errors(count);
  while (left > 0) {
    batch = NextBatch(batch, left);
    std::vector<std::function<net::Task<void>()>> tasks;
    for (std::size_t i = 0; i < batch; ++i) {
      Error* error = &errors[count - left + i];
      tasks.emplace_back([this, set, error] { return CreatePod(set, error); });
    }
    co_await RunAll(context_.tasks.loop(), std::move(tasks));
    left -= batch;
    for (const Error& error : errors) {
      if (error.message.empty()) continue;
      // What was not even tried will not be seen either.
      for (std::size_t i = 0; i < left; ++i) expectations_.CreationObserved(key);
      co_return ReplicaFailure{"FailedCreate", error.message};
    }
  }
  co_return std::nullopt;
}

net::Task<void> ReplicaSetController::CreatePod(client::ObjectPtr set, Error* error) {
  Json pod = NewPod(*set);
  Result<Json> created =
      co_await context_.client.Create(client::refs::kPods, Namespace(*set), std::move(pod));
  if (created) {
    events_.Record(*set, "Normal", "SuccessfulCreate",
                   fmt::format("Created pod: {}", Name(*created)));
    co_return;
  }
  expectations_.CreationObserved(client::KeyOf(*set));
  *error = created.error();
  if (error->code == Code::kCancelled) co_return;
  events_.Record(*set, "Warning", "FailedCreate",
                 fmt::format("Error creating: {}", error->message));
}

net::Task<std::optional<ReplicaFailure>> ReplicaSetController::DeletePods(client::ObjectPtr set,
                                                                          Pods pods) {
  std::set<std::string> uids;
  for (const client::ObjectPtr& pod : pods) uids.insert(Uid(*pod));
  expectations_.ExpectDeletions(client::KeyOf(*set), uids, context_.clock.Monotonic());
  std::vector<Error> errors(pods.size());
  std::vector<std::function<net::Task<void>()>> tasks;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    Error* error = &errors[i];
    client::ObjectPtr pod = pods[i];
    tasks.emplace_back([this, set, pod, error] { return DeletePod(set, pod, error); });
  }
  co_await RunAll(context_.tasks.loop(), std::move(tasks));
  for (const Error& error : errors) {
    if (!error.message.empty()) co_return ReplicaFailure{"FailedDelete", error.message};
  }
  co_return std::nullopt;
}

net::Task<void> ReplicaSetController::DeletePod(client::ObjectPtr set, client::ObjectPtr pod,
                                                Error* error) {
  client::Client::DeleteOptions options;
  options.uid = Uid(*pod);
  const Status deleted = co_await context_.client.Delete(client::refs::kPods, Namespace(*pod),
                                                         Name(*pod), std::move(options));
  if (deleted) {
    events_.Record(*set, "Normal", "SuccessfulDelete", fmt::format("Deleted pod: {}", Name(*pod)));
    co_return;
  }
  expectations_.DeletionObserved(client::KeyOf(*set), Uid(*pod));
  // Gone already is as good; the cache will say so.
  if (deleted.error().code == Code::kNotFound) co_return;
  *error = deleted.error();
  if (error->code == Code::kCancelled) co_return;
  events_.Record(*set, "Warning", "FailedDelete",
                 fmt::format("Error deleting: {}", error->message));
}

net::Task<Status> ReplicaSetController::WriteStatus(client::ObjectPtr set, Pods pods,
                                                    std::optional<ReplicaFailure> failure) {
  Json status = ReplicaSetStatus(*set, Plain(pods), failure, context_.clock.Now());
  if (GetObject(*set, {"status"}) == status) co_return Status();
  Json changed = *set;
  changed["status"] = std::move(status);
  Result<Json> written = co_await context_.client.Update(
      client::refs::kReplicaSets, Namespace(*set), Name(*set), std::move(changed), "status");
  // A newer version wakes this key again; a ReplicaSet that is gone needs no status.
  if (!written && written.error().code != Code::kNotFound &&
      written.error().code != Code::kConflict) {
    co_return std::unexpected(written.error());
  }
  if (!written && written.error().code == Code::kConflict) {
    const client::ObjectPtr newest = sets_.Get(client::KeyOf(*set));
    const bool waiting = newest == set;
    if (waiting) co_return std::unexpected(written.error());
  }
  co_return Status();
}

}  // namespace weir::controllers
