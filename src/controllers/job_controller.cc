#include "controllers/job_controller.h"

#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

PodControl::Options ControlOptions() {
  PodControl::Options options;
  options.owners = client::refs::kJobs;
  options.kind = "Job";
  options.component = "job-controller";
  return options;
}

}  // namespace

JobController::JobController(Context context)
    : context_(context), pods_(context, ControlOptions(), [this](std::string key) {
        return Reconcile(std::move(key));
      }) {}

net::Task<Result<client::ReconcileResult>> JobController::Reconcile(std::string key) {
  client::ObjectPtr job = pods_.Owner(key);
  const Status released = co_await Release(Strays(key, job));
  if (!released) co_return std::unexpected(released.error());
  if (job == nullptr) {
    pods_.Forget(key);
    co_return Done();
  }
  const bool settled = pods_.Settled(key);
  Result<Pods> claimed = co_await pods_.Claim(job);
  if (!claimed) co_return std::unexpected(claimed.error());
  JobPlan plan = PlanJob(*job, Plain(*claimed), settled, context_.clock.Now());
  if (plan.expired) {
    client::Client::DeleteOptions options;
    options.uid = Uid(*job);
    options.propagation_policy = "Foreground";
    const Status deleted = co_await context_.client.Delete(client::refs::kJobs, Namespace(*job),
                                                           Name(*job), std::move(options));
    if (!deleted && deleted.error().code != Code::kNotFound) {
      co_return std::unexpected(deleted.error());
    }
    co_return Done();
  }
  client::ReconcileResult result;
  result.requeue_after = plan.again.value_or(Duration::zero());
  const Status applied = co_await Apply(job, std::move(*claimed), std::move(plan));
  if (!applied) co_return std::unexpected(applied.error());
  co_return result;
}

Pods JobController::Strays(const std::string& key, const client::ObjectPtr& job) const {
  const auto [ns, name] = client::SplitKey(key);
  Pods out;
  for (const client::ObjectPtr& pod : pods_.PodsOf(ns)) {
    const Json* owner = ControllerRef(*pod);
    const bool of_name =
        owner != nullptr && GetString(*owner, "kind") == "Job" && GetString(*owner, "name") == name;
    if (!of_name || !IsTracked(*pod)) continue;
    if (job == nullptr || GetString(*owner, "uid") != Uid(*job)) out.push_back(pod);
  }
  return out;
}

net::Task<Status> JobController::Release(Pods pods) {
  for (const client::ObjectPtr& pod : pods) {
    if (!IsTracked(*pod)) continue;
    const Result<Json> released =
        co_await context_.client.Patch(client::refs::kPods, Namespace(*pod), Name(*pod),
                                       client::PatchType::kMerge, ReleaseTrackedPatch(*pod));
    if (released) continue;
    // A newer version wakes the key again.
    const Code code = released.error().code;
    if (code != Code::kNotFound && code != Code::kConflict) {
      co_return std::unexpected(released.error());
    }
  }
  co_return Status();
}

net::Task<Status> JobController::Apply(client::ObjectPtr job, Pods pods, JobPlan plan) {
  const Status released = co_await Release(Chosen(pods, plan.release));
  if (!released) co_return released;
  std::optional<ReplicaFailure> failure;
  const bool settled = pods_.Settled(client::KeyOf(*job));
  if (!plan.remove.empty() && settled) {
    const Pods surplus = Chosen(pods, plan.remove);
    if (!plan.removed_fail) {
      const Status freed = co_await Release(surplus);
      if (!freed) co_return freed;
    }
    failure = co_await pods_.Delete(job, surplus);
  } else if (!plan.create.empty()) {
    failure = co_await pods_.Create(job, std::move(plan.create));
  }
  const Result<bool> written = co_await pods_.WriteStatus(job, std::move(plan.status));
  if (!written) co_return std::unexpected(written.error());
  if (*written) {
    for (JobPlan::Event& event : plan.events) {
      pods_.Record(*job, std::move(event.type), std::move(event.reason), std::move(event.message));
    }
  }
  if (failure) co_return Fail(Code::kInternal, failure->message);
  co_return Status();
}

}  // namespace weir::controllers
