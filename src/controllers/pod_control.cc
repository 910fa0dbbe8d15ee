#include "controllers/pod_control.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "controllers/adopt.h"
#include "controllers/owner_refs_plan.h"
#include "controllers/parallel.h"
#include "kube/selector.h"

namespace weir::controllers {
namespace {

bool Matches(const Json& owner, const Json& pod) {
  const Json* selector = Find(owner, {"spec", "selector"});
  if (selector == nullptr) return false;
  Result<kube::LabelSelector> parsed = kube::LabelSelector::FromJson(*selector);
  return parsed && !parsed->empty() && parsed->Matches(GetObject(pod, {"metadata", "labels"}));
}

}  // namespace

PodList Plain(const Pods& pods) {
  PodList out;
  for (const client::ObjectPtr& pod : pods) out.push_back(pod.get());
  return out;
}

Pods Chosen(const Pods& pods, const std::vector<const Json*>& chosen) {
  Pods out;
  for (const Json* one : chosen) {
    for (const client::ObjectPtr& pod : pods) {
      if (pod.get() == one) out.push_back(pod);
    }
  }
  return out;
}

PodControl::PodControl(Context context, Options options, client::ReconcileFn reconcile)
    : context_(context),
      options_(std::move(options)),
      owners_(context.informers.Get(options_.owners)),
      pods_(context.informers.Get(client::refs::kPods)),
      events_(context.client, context.tasks, context.clock, context.random, options_.component),
      queue_(context.loop, options_.owners.plural, options_.workers, std::move(reconcile)) {
  listening_.push_back(
      owners_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        queue_.Enqueue(client::KeyOf(after != nullptr ? *after : *before));
      }));
  listening_.push_back(
      pods_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnPod(before, after);
      }));
}

bool PodControl::Settled(const std::string& key) const {
  return expectations_.Satisfied(key, context_.clock.Monotonic());
}

bool PodControl::IsDeleted(const std::string& key, const Json& pod) const {
  return expectations_.IsDeleted(key, Uid(pod));
}

// The pod's controller, if it is of this kind.
const Json* PodControl::OwnerRef(const Json& pod) const {
  const Json* owner = ControllerRef(pod);
  return owner != nullptr && GetString(*owner, "kind") == options_.kind ? owner : nullptr;
}

// Tells the expectations what has come and gone, and wakes whom the pod concerns.
void PodControl::OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  const Json& pod = after != nullptr ? *after : *before;
  if (const Json* owner = OwnerRef(pod)) {
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

void PodControl::EnqueueOwner(const Json& pod) {
  if (const Json* owner = OwnerRef(pod)) {
    queue_.Enqueue(Namespace(pod) + "/" + GetString(*owner, "name"));
  }
}

void PodControl::EnqueueMatching(const Json& pod) {
  for (const client::ObjectPtr& owner : owners_.List(Namespace(pod))) {
    if (Matches(*owner, pod)) queue_.Enqueue(client::KeyOf(*owner));
  }
}

net::Task<Result<Pods>> PodControl::Claim(client::ObjectPtr owner) {
  Pods claimed;
  const std::string uid = Uid(*owner);
  const bool deleting = IsBeingDeleted(*owner);
  for (const client::ObjectPtr& pod : pods_.ListClaimable(Namespace(*owner), uid)) {
    const bool matches = Matches(*owner, *pod);
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
      const bool may = options_.may_adopt == nullptr || options_.may_adopt(*owner, *pod);
      if (!may) continue;
      Result<client::ObjectPtr> adopted =
          co_await Adopt(context_.client, client::refs::kPods, pod, owner);
      if (!adopted) co_return std::unexpected(adopted.error());
      if (*adopted) claimed.push_back(std::move(*adopted));
    }
  }
  co_return claimed;
}

std::string PlainWords(const Json&, PodVerb verb, const std::string& pod,
                       const std::string& error) {
  const bool create = verb == PodVerb::kCreate;
  if (error.empty()) return fmt::format("{} pod: {}", create ? "Created" : "Deleted", pod);
  return fmt::format("Error {}: {}", create ? "creating" : "deleting", error);
}

void PodControl::RecordPod(const Json& owner, PodVerb verb, const std::string& pod,
                           const std::string& error) {
  const std::string what = verb == PodVerb::kCreate ? "Create" : "Delete";
  const bool ok = error.empty();
  Record(owner, ok ? "Normal" : "Warning", (ok ? "Successful" : "Failed") + what,
         options_.words(owner, verb, pod, error));
}

net::Task<std::optional<ReplicaFailure>> PodControl::Create(client::ObjectPtr owner,
                                                            std::vector<Json> pods) {
  const std::string key = client::KeyOf(*owner);
  const std::size_t count = pods.size();
  expectations_.ExpectCreations(key, count, context_.clock.Monotonic());
  std::size_t batch = 0, left = count;
  std::vector<Error> errors(count);
  while (left > 0) {
    batch = NextBatch(batch, left);
    std::vector<std::function<net::Task<void>()>> tasks;
    for (std::size_t i = count - left; i < count - left + batch; ++i) {
      Error* error = &errors[i];
      Json pod = std::move(pods[i]);
      tasks.emplace_back([this, owner, pod, error] { return CreateOne(owner, pod, error); });
    }
    co_await RunAll(context_.loop, std::move(tasks));
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

net::Task<void> PodControl::CreateOne(client::ObjectPtr owner, Json pod, Error* error) {
  const std::string name = Name(pod);
  Result<Json> created =
      co_await context_.client.Create(client::refs::kPods, Namespace(*owner), std::move(pod));
  if (created) {
    RecordPod(*owner, PodVerb::kCreate, Name(*created), "");
    co_return;
  }
  expectations_.CreationObserved(client::KeyOf(*owner));
  *error = created.error();
  if (error->code == Code::kCancelled) co_return;
  RecordPod(*owner, PodVerb::kCreate, name, error->message);
}

net::Task<std::optional<ReplicaFailure>> PodControl::Delete(client::ObjectPtr owner, Pods pods) {
  std::set<std::string> uids;
  for (const client::ObjectPtr& pod : pods) uids.insert(Uid(*pod));
  expectations_.ExpectDeletions(client::KeyOf(*owner), uids, context_.clock.Monotonic());
  std::vector<Error> errors(pods.size());
  std::vector<std::function<net::Task<void>()>> tasks;
  for (std::size_t i = 0; i < pods.size(); ++i) {
    Error* error = &errors[i];
    client::ObjectPtr pod = pods[i];
    tasks.emplace_back([this, owner, pod, error] { return DeleteOne(owner, pod, error); });
  }
  co_await RunAll(context_.loop, std::move(tasks));
  for (const Error& error : errors) {
    if (!error.message.empty()) co_return ReplicaFailure{"FailedDelete", error.message};
  }
  co_return std::nullopt;
}

net::Task<void> PodControl::DeleteOne(client::ObjectPtr owner, client::ObjectPtr pod,
                                      Error* error) {
  client::Client::DeleteOptions options;
  options.uid = Uid(*pod);
  const Status deleted = co_await context_.client.Delete(client::refs::kPods, Namespace(*pod),
                                                         Name(*pod), std::move(options));
  if (deleted) {
    RecordPod(*owner, PodVerb::kDelete, Name(*pod), "");
    co_return;
  }
  expectations_.DeletionObserved(client::KeyOf(*owner), Uid(*pod));
  // Gone already is as good; the cache will say so.
  if (deleted.error().code == Code::kNotFound) co_return;
  *error = deleted.error();
  if (error->code == Code::kCancelled) co_return;
  RecordPod(*owner, PodVerb::kDelete, Name(*pod), error->message);
}

net::Task<Result<bool>> PodControl::WriteStatus(client::ObjectPtr owner, Json status) {
  if (GetObject(*owner, {"status"}) == status) co_return true;
  Json changed = *owner;
  changed["status"] = std::move(status);
  Result<Json> written = co_await context_.client.Update(
      options_.owners, Namespace(*owner), Name(*owner), std::move(changed), "status");
  if (written) co_return true;
  const Code code = written.error().code;
  const bool newer = owners_.Get(client::KeyOf(*owner)) != owner;
  if (code == Code::kNotFound || (code == Code::kConflict && newer)) co_return false;
  co_return std::unexpected(written.error());
}

}  // namespace weir::controllers
