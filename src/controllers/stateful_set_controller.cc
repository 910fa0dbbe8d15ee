#include "controllers/stateful_set_controller.h"

#include <fmt/format.h>

#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

PodControl::Options ControlOptions() {
  PodControl::Options options;
  options.owners = client::refs::kStatefulSets;
  options.kind = "StatefulSet";
  options.component = "statefulset-controller";
  options.may_adopt = [](const Json& set, const Json& pod) {
    return OrdinalOf(set, pod).has_value();
  };
  options.words = [](const Json& set, PodVerb verb, const std::string& pod,
                     const std::string& error) {
    const bool create = verb == PodVerb::kCreate;
    if (error.empty()) {
      return fmt::format("{} Pod {} in StatefulSet {} successful", create ? "Create" : "Delete",
                         pod, Name(set));
    }
    return fmt::format("{} Pod {} in StatefulSet {} failed error: {}", create ? "create" : "delete",
                       pod, Name(set), error);
  };
  return options;
}

}  // namespace

StatefulSetController::StatefulSetController(Context context)
    : context_(context),
      revisions_(context.informers.Get(client::refs::kControllerRevisions)),
      pods_(context, ControlOptions(),
            [this](std::string key) { return Reconcile(std::move(key)); }) {}

std::vector<client::ObjectPtr> StatefulSetController::RevisionsOf(const Json& set) const {
  return revisions_.ListControlled(Namespace(set), Uid(set));
}

net::Task<Result<client::ReconcileResult>> StatefulSetController::Reconcile(std::string key) {
  client::ObjectPtr set = pods_.Owner(key);
  if (set == nullptr) {
    pods_.Forget(key);
    co_return Done();
  }
  Result<Pods> claimed = co_await pods_.Claim(set);
  if (!claimed) co_return std::unexpected(claimed.error());
  // The event that shows the last write wakes this key.
  if (!pods_.Settled(key)) co_return Done();
  const std::vector<client::ObjectPtr> owned = RevisionsOf(*set);
  std::vector<const Json*> plain;
  for (const client::ObjectPtr& revision : owned) plain.push_back(revision.get());
  RevisionPlan revisions = PlanRevisions(*set, plain, Plain(*claimed));
  if (!IsBeingDeleted(*set)) {
    const Status kept = co_await WriteRevisions(revisions);
    if (!kept) co_return std::unexpected(kept.error());
  }
  StatefulSetPlan plan = PlanStatefulSet(*set, Plain(*claimed), revisions, context_.clock.Now());
  const Result<bool> written = co_await pods_.WriteStatus(set, std::move(plan.status));
  if (!written) co_return std::unexpected(written.error());
  if (!plan.create.empty()) {
    const Status made = co_await MakePods(set, std::move(plan.create));
    if (!made) co_return std::unexpected(made.error());
  } else if (!plan.remove.empty()) {
    const auto failure = co_await pods_.Delete(set, Chosen(*claimed, plan.remove));
    if (failure) co_return Fail(Code::kInternal, failure->message);
  }
  client::ReconcileResult result;
  result.requeue_after = plan.again.value_or(Duration::zero());
  co_return result;
}

net::Task<Status> StatefulSetController::WriteRevisions(RevisionPlan plan) {
  const std::string ns = Namespace(plan.update), name = Name(plan.update);
  std::vector<std::string> surplus;
  for (const Json* revision : plan.surplus) surplus.push_back(Name(*revision));
  if (plan.write == RevisionPlan::Write::kCreate) {
    const Result<Json> made = co_await context_.client.Create(client::refs::kControllerRevisions,
                                                              ns, std::move(plan.update));
    // It is there where the cache does not show it yet.
    if (!made && made.error().code != Code::kConflict) co_return std::unexpected(made.error());
  } else if (plan.write == RevisionPlan::Write::kRenumber) {
    const Result<Json> made = co_await context_.client.Update(client::refs::kControllerRevisions,
                                                              ns, name, std::move(plan.update));
    if (!made) co_return std::unexpected(made.error());
  }
  for (const std::string& old : surplus) {
    const Status deleted =
        co_await context_.client.Delete(client::refs::kControllerRevisions, ns, old);
    if (!deleted && deleted.error().code != Code::kNotFound) co_return deleted;
  }
  co_return Status();
}

// The claims of their volumes first.
net::Task<Status> StatefulSetController::MakePods(client::ObjectPtr set, std::vector<Json> pods) {
  for (const Json& pod : pods) {
    for (Json& claim : ClaimsOf(*set, pod)) {
      const Result<Json> made = co_await context_.client.Create(client::refs::kVolumeClaims,
                                                                Namespace(*set), std::move(claim));
      if (!made && made.error().code != Code::kConflict) co_return std::unexpected(made.error());
    }
  }
  const auto failure = co_await pods_.Create(set, std::move(pods));
  if (failure) co_return Fail(Code::kInternal, failure->message);
  co_return Status();
}

}  // namespace weir::controllers
