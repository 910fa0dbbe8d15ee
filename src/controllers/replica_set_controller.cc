#include "controllers/replica_set_controller.h"

#include <set>
#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

PodControl::Options ControlOptions() {
  PodControl::Options options;
  options.owners = client::refs::kReplicaSets;
  options.kind = "ReplicaSet";
  options.component = "replicaset-controller";
  return options;
}

}  // namespace

ReplicaSetController::ReplicaSetController(Context context)
    : context_(context), pods_(context, ControlOptions(), [this](std::string key) {
        return Reconcile(std::move(key));
      }) {}

net::Task<Result<client::ReconcileResult>> ReplicaSetController::Reconcile(std::string key) {
  client::ObjectPtr set = pods_.Owner(key);
  if (set == nullptr) {
    pods_.Forget(key);
    co_return Done();
  }
  const bool settled = pods_.Settled(key);
  Result<Pods> claimed = co_await pods_.Claim(set);
  if (!claimed) co_return std::unexpected(claimed.error());
  std::optional<ReplicaFailure> failure;
  if (settled && !IsBeingDeleted(*set)) failure = co_await Manage(set, *claimed);
  std::erase_if(*claimed, [&](const client::ObjectPtr& pod) { return pods_.IsDeleted(key, *pod); });
  Json status = ReplicaSetStatus(*set, Plain(*claimed), failure, context_.clock.Now());
  const Result<bool> written = co_await pods_.WriteStatus(set, std::move(status));
  if (!written) co_return std::unexpected(written.error());
  if (failure) co_return Fail(Code::kInternal, failure->message);
  const PodList pods = Plain(*claimed);
  client::ReconcileResult result;
  result.requeue_after = NextAvailable(*set, pods, context_.clock.Now()).value_or(Duration::zero());
  co_return result;
}

// All active pods of the ReplicaSets of the same owner.
Pods ReplicaSetController::RelatedPods(const Json& set) const {
  std::set<std::string> uids = {Uid(set)};
  if (const Json* owner = ControllerRef(set)) {
    const std::string owner_uid = GetString(*owner, "uid");
    for (const client::ObjectPtr& other : pods_.ControlledOwners(Namespace(set), owner_uid)) {
      uids.insert(Uid(*other));
    }
  }
  Pods related;
  for (const std::string& uid : uids) {
    for (client::ObjectPtr& pod : pods_.ControlledPods(Namespace(set), uid)) {
      if (IsActivePod(*pod)) related.push_back(std::move(pod));
    }
  }
  return related;
}

net::Task<std::optional<ReplicaFailure>> ReplicaSetController::Manage(client::ObjectPtr set,
                                                                      Pods pods) {
  std::erase_if(pods, [](const client::ObjectPtr& pod) { return !IsActivePod(*pod); });
  const Pods related = RelatedPods(*set);
  const ReplicaPlan plan = PlanReplicas(*set, Plain(pods), Plain(related), context_.clock.Now());
  if (plan.create > 0) {
    std::vector<Json> fresh(plan.create, NewPod(*set));
    co_return co_await pods_.Create(set, std::move(fresh));
  }
  if (plan.remove.empty()) co_return std::nullopt;
  co_return co_await pods_.Delete(set, Chosen(pods, plan.remove));
}

}  // namespace weir::controllers
