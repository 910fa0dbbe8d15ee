#include "controllers/cron_job_controller.h"

#include <algorithm>
#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr int kWorkers = 5;

}  // namespace

CronJobController::CronJobController(Context context)
    : context_(context),
      crons_(context.informers.Get(client::refs::kCronJobs)),
      jobs_(context.informers.Get(client::refs::kJobs)),
      events_(context.client, context.tasks, context.clock, context.random, "cronjob-controller"),
      queue_(context.loop, "cronjobs", kWorkers,
             [this](std::string key) { return Reconcile(std::move(key)); }) {
  listening_.push_back(
      crons_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        queue_.Enqueue(client::KeyOf(after != nullptr ? *after : *before));
      }));
  listening_.push_back(
      jobs_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        const Json& job = after != nullptr ? *after : *before;
        const Json* owner = ControllerRef(job);
        if (owner == nullptr || GetString(*owner, "kind") != "CronJob") return;
        queue_.Enqueue(Namespace(job) + "/" + GetString(*owner, "name"));
      }));
}

net::Task<Result<client::ReconcileResult>> CronJobController::Reconcile(std::string key) {
  client::ObjectPtr cron = crons_.Get(key);
  if (cron == nullptr) co_return Done();
  Result<std::vector<client::ObjectPtr>> listed = co_await JobsOf(cron);
  if (!listed) co_return std::unexpected(listed.error());
  const std::vector<client::ObjectPtr> owned = std::move(*listed);
  std::vector<const Json*> plain;
  bool unexpected = false;
  for (const client::ObjectPtr& job : owned) {
    plain.push_back(job.get());
    unexpected = unexpected || IsUnexpected(*cron, *job);
  }
  if (unexpected) {  // the cache may be older than the last pass
    Result<Json> newest =
        co_await context_.client.Get(client::refs::kCronJobs, Namespace(*cron), Name(*cron));
    if (!newest) co_return std::unexpected(newest.error());
    cron = std::make_shared<const Json>(std::move(*newest));
  }
  CronJobPlan plan = PlanCronJob(*cron, plain, context_.clock.Now());
  std::vector<client::ObjectPtr> ended;
  for (const client::ObjectPtr& job : owned) {
    if (std::ranges::find(plan.remove, job.get()) != plan.remove.end()) ended.push_back(job);
  }
  const Status removed = co_await Remove(cron, std::move(ended));
  if (!removed) co_return std::unexpected(removed.error());
  if (plan.create) {
    const Result<Json> made = co_await Make(cron, std::move(*plan.create));
    if (!made) co_return std::unexpected(made.error());
    Json& active = Ensure(plan.status, {"active"});
    if (!active.is_array()) active = Json::array();
    active.push_back(ActiveReference(*made));
    plan.status["lastScheduleTime"] = plan.scheduled;
  }
  const bool changed = GetObject(*cron, {"status"}) != plan.status;
  if (changed) {
    Json object = *cron;
    object["status"] = std::move(plan.status);
    const Result<Json> written = co_await context_.client.Update(
        client::refs::kCronJobs, Namespace(*cron), Name(*cron), std::move(object), "status");
    if (!written) co_return std::unexpected(written.error());
  }
  for (CronJobPlan::Event& event : plan.events) {
    events_.Record(*cron, std::move(event.type), std::move(event.reason), std::move(event.message));
  }
  client::ReconcileResult result;
  result.requeue_after = plan.again.value_or(Duration::zero());
  co_return result;
}

// Those of the cache, and active ones that it does not show yet.
net::Task<Result<std::vector<client::ObjectPtr>>> CronJobController::JobsOf(
    client::ObjectPtr cron) {
  std::vector<client::ObjectPtr> out = jobs_.ListControlled(Namespace(*cron), Uid(*cron));
  for (const Json& reference : GetArray(*cron, {"status", "active"})) {
    const std::string uid = GetString(reference, "uid"), name = GetString(reference, "name");
    const bool shown =
        std::ranges::any_of(out, [&uid](const client::ObjectPtr& job) { return Uid(*job) == uid; });
    if (shown) continue;
    Result<Json> job = co_await context_.client.Get(client::refs::kJobs, Namespace(*cron), name);
    if (!job && job.error().code != Code::kNotFound) co_return std::unexpected(job.error());
    const bool same = job && Uid(*job) == uid;
    if (same) out.push_back(std::make_shared<const Json>(std::move(*job)));
  }
  co_return out;
}

net::Task<Status> CronJobController::Remove(client::ObjectPtr cron,
                                            std::vector<client::ObjectPtr> jobs) {
  for (const client::ObjectPtr& job : jobs) {
    client::Client::DeleteOptions options;
    options.uid = Uid(*job);
    options.propagation_policy = "Background";
    const Status deleted = co_await context_.client.Delete(client::refs::kJobs, Namespace(*job),
                                                           Name(*job), std::move(options));
    if (deleted) {
      events_.Record(*cron, "Normal", "SuccessfulDelete", "Deleted job " + Name(*job));
    } else if (deleted.error().code != Code::kNotFound) {
      co_return deleted;
    }
  }
  co_return Status();
}

net::Task<Result<Json>> CronJobController::Make(client::ObjectPtr cron, Json job) {
  const std::string ns = Namespace(*cron), name = Name(job);
  Result<Json> made = co_await context_.client.Create(client::refs::kJobs, ns, std::move(job));
  if (made) {
    events_.Record(*cron, "Normal", "SuccessfulCreate", "Created job " + name);
    co_return made;
  }
  if (made.error().code == Code::kConflict) {
    Result<Json> present = co_await context_.client.Get(client::refs::kJobs, ns, name);
    if (!present) co_return present;
    const bool ours = IsControlledBy(*present, Uid(*cron));
    if (ours) co_return present;
  }
  if (made.error().code != Code::kCancelled) {
    events_.Record(*cron, "Warning", "FailedCreate", "Error creating job: " + made.error().message);
  }
  co_return made;
}

}  // namespace weir::controllers
