#include "controllers/deployment_controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controllers/adopt.h"
#include "controllers/owner_refs_plan.h"
#include "kube/selector.h"

namespace weir::controllers {
namespace {

constexpr int kWorkers = 5;

std::int64_t Generation(const Json& object) {
  return GetInt(object, {"metadata", "generation"}, 0);
}

bool Matches(const Json& deployment, const Json& set) {
  const Json* selector = Find(deployment, {"spec", "selector"});
  if (selector == nullptr) return false;
  Result<kube::LabelSelector> parsed = kube::LabelSelector::FromJson(*selector);
  return parsed && !parsed->empty() && parsed->Matches(GetObject(set, {"metadata", "labels"}));
}

}  // namespace

DeploymentController::DeploymentController(Context context)
    : context_(context),
      deployments_(context.informers.Get(client::refs::kDeployments)),
      sets_(context.informers.Get(client::refs::kReplicaSets)),
      pods_(context.informers.Get(client::refs::kPods)),
      events_(context.client, context.tasks, context.clock, context.random,
              "deployment-controller"),
      queue_(context.loop, "deployment", kWorkers,
             [this](std::string key) { return Reconcile(std::move(key)); }) {
  listening_.push_back(deployments_.AddListener(
      [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        queue_.Enqueue(client::KeyOf(after != nullptr ? *after : *before));
      }));
  listening_.push_back(
      sets_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnReplicaSet(before, after);
      }));
  // Recreate goes on when the last of the old pods has gone.
  listening_.push_back(
      pods_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        if (after != nullptr || ControllerRef(*before) == nullptr) return;
        std::string set = GetString(*ControllerRef(*before), "name");
        client::ObjectPtr owner = sets_.Get(Namespace(*before), set);
        if (owner != nullptr) EnqueueOwner(*owner);
      }));
}

void DeploymentController::OnReplicaSet(const client::ObjectPtr& before,
                                        const client::ObjectPtr& after) {
  const Json& set = after != nullptr ? *after : *before;
  if (const Json* owner = ControllerRef(set)) {
    std::string key = Namespace(set) + "/" + GetString(*owner, "name");
    if (after == nullptr) own_writes_.Gone(key, Uid(set));
    if (after != nullptr) own_writes_.Saw(key, Uid(set), Generation(set));
  }
  if (before != nullptr) EnqueueOwner(*before);
  if (after == nullptr) return;
  EnqueueOwner(*after);
  if (ControllerRef(*after) != nullptr) return;
  for (const client::ObjectPtr& deployment : deployments_.List(Namespace(*after))) {
    if (Matches(*deployment, *after)) queue_.Enqueue(client::KeyOf(*deployment));
  }
}

void DeploymentController::EnqueueOwner(const Json& replica_set) {
  const Json* owner = ControllerRef(replica_set);
  if (owner == nullptr || GetString(*owner, "kind") != "Deployment") return;
  queue_.Enqueue(Namespace(replica_set) + "/" + GetString(*owner, "name"));
}

net::Task<Result<client::ReconcileResult>> DeploymentController::Reconcile(std::string key) {
  client::ObjectPtr deployment = deployments_.Get(key);
  if (deployment == nullptr) {
    own_writes_.Forget(key);
    co_return Done();
  }
  // The event that shows the last write wakes this key.
  if (!own_writes_.Settled(key, context_.clock.Monotonic())) co_return Done();
  Result<Sets> sets = co_await ClaimReplicaSets(deployment);
  if (!sets) co_return std::unexpected(sets.error());
  DeploymentInput input;
  input.deployment = deployment.get();
  for (const client::ObjectPtr& set : *sets) input.replica_sets.push_back(set.get());
  input.old_pods_running = OldPodsRunning(*deployment, *sets);
  input.now = context_.clock.Now();
  DeploymentPlan plan = PlanDeployment(input);
  for (DeploymentPlan::Write& write : plan.writes) {
    const Status applied = co_await Apply(deployment, std::move(write));
    if (!applied) co_return std::unexpected(applied.error());
  }
  if (plan.deployment) {
    Result<Json> written =
        co_await context_.client.Update(client::refs::kDeployments, Namespace(*deployment),
                                        Name(*deployment), std::move(*plan.deployment), "status");
    if (!written && written.error().code != Code::kNotFound) {
      co_return std::unexpected(written.error());
    }
  }
  client::ReconcileResult result;
  result.requeue_after = plan.again.value_or(Duration::zero());
  co_return result;
}

net::Task<Result<DeploymentController::Sets>> DeploymentController::ClaimReplicaSets(
    client::ObjectPtr deployment) {
  Sets claimed;
  const std::string uid = Uid(*deployment);
  const bool deleting = IsBeingDeleted(*deployment);
  for (const client::ObjectPtr& set : sets_.ListClaimable(Namespace(*deployment), uid)) {
    if (IsControlledBy(*set, uid)) {
      claimed.push_back(set);
      continue;
    }
    const bool adopts = ControllerRef(*set) == nullptr && !deleting && !IsBeingDeleted(*set) &&
                        Matches(*deployment, *set);
    if (!adopts) continue;
    Result<client::ObjectPtr> adopted =
        co_await Adopt(context_.client, client::refs::kReplicaSets, set, deployment);
    if (!adopted) co_return std::unexpected(adopted.error());
    if (*adopted) claimed.push_back(std::move(*adopted));
  }
  co_return claimed;
}

bool DeploymentController::OldPodsRunning(const Json& deployment, const Sets& sets) const {
  if (IsRollingUpdate(deployment)) return false;
  const auto runs = [](const client::ObjectPtr& pod) {
    const std::string phase = GetString(*pod, {"status", "phase"});
    return phase != "Succeeded" && phase != "Failed";
  };
  return std::ranges::any_of(sets, [&](const client::ObjectPtr& set) {
    return !SameTemplate(deployment, *set) &&
           std::ranges::any_of(pods_.ListControlled(Namespace(deployment), Uid(*set)), runs);
  });
}

net::Task<Status> DeploymentController::Apply(client::ObjectPtr deployment,
                                              DeploymentPlan::Write write) {
  using Kind = DeploymentPlan::Write::Kind;
  const std::string ns = Namespace(write.replica_set), name = Name(write.replica_set);
  switch (write.kind) {
    case Kind::kCreate:
      co_return co_await Create(deployment, std::move(write.replica_set), std::move(write.event));
    case Kind::kDelete: {
      client::Client::DeleteOptions options;
      options.uid = Uid(write.replica_set);
      const Status deleted =
          co_await context_.client.Delete(client::refs::kReplicaSets, ns, name, std::move(options));
      if (!deleted && deleted.error().code != Code::kNotFound) co_return deleted;
      co_return Status();
    }
    case Kind::kUpdate:
      break;
  }
  Result<Json> updated = co_await context_.client.Update(client::refs::kReplicaSets, ns, name,
                                                         std::move(write.replica_set));
  if (!updated) co_return std::unexpected(updated.error());
  Remember(*deployment, *updated);
  if (!write.event.empty()) {
    events_.Record(*deployment, "Normal", "ScalingReplicaSet", std::move(write.event));
  }
  co_return Status();
}

net::Task<Status> DeploymentController::Create(client::ObjectPtr deployment, Json replica_set,
                                               std::string event) {
  const std::string ns = Namespace(replica_set), name = Name(replica_set);
  Result<Json> created =
      co_await context_.client.Create(client::refs::kReplicaSets, ns, std::move(replica_set));
  if (created) {
    Remember(*deployment, *created);
    if (!event.empty()) {
      events_.Record(*deployment, "Normal", "ScalingReplicaSet", std::move(event));
    }
    co_return Status();
  }
  if (created.error().code != Code::kConflict) {
    if (created.error().code != Code::kCancelled) {
      events_.Record(*deployment, "Warning", "ReplicaSetCreateError",
                     fmt::format("Failed to create new replica set \"{}\": {}", name,
                                 created.error().message));
    }
    co_return std::unexpected(created.error());
  }
  // It is there: made by a pass that the cache does not show yet, or by somebody else.
  Result<Json> existing = co_await context_.client.Get(client::refs::kReplicaSets, ns, name);
  if (!existing) co_return std::unexpected(existing.error());
  const bool ours =
      IsControlledBy(*existing, Uid(*deployment)) && SameTemplate(*deployment, *existing);
  if (ours) co_return Status();
  co_return co_await CountCollision(deployment);
}

void DeploymentController::Remember(const Json& deployment, const Json& written) {
  const client::ObjectPtr cached = sets_.Get(client::KeyOf(written));
  const bool shown = cached != nullptr && Uid(*cached) == Uid(written) &&
                     Generation(*cached) >= Generation(written);
  if (shown) return;
  own_writes_.Wrote(client::KeyOf(deployment), Uid(written), Generation(written),
                    context_.clock.Monotonic());
}

net::Task<Status> DeploymentController::CountCollision(client::ObjectPtr deployment) {
  Json changed = *deployment;
  Json& count = Ensure(changed, {"status", "collisionCount"});
  count = GetInt(*deployment, {"status", "collisionCount"}, 0) + 1;
  Result<Json> written =
      co_await context_.client.Update(client::refs::kDeployments, Namespace(*deployment),
                                      Name(*deployment), std::move(changed), "status");
  if (!written) co_return std::unexpected(written.error());
  co_return Fail(Code::kConflict, "a ReplicaSet of that name belongs to somebody else");
}

}  // namespace weir::controllers
