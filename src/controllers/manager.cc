#include "controllers/manager.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "base/strings.h"
#include "controllers/cron_job_controller.h"
#include "controllers/deployment_controller.h"
#include "controllers/endpoint_slice_controller.h"
#include "controllers/garbage_collector.h"
#include "controllers/job_controller.h"
#include "controllers/namespace_controller.h"
#include "controllers/namespace_plan.h"
#include "controllers/replica_set_controller.h"
#include "controllers/stateful_set_controller.h"

namespace weir::controllers {
namespace {

constexpr Duration kEventSweep = std::chrono::minutes(1);
constexpr const char* kEventsPage = "200";
const client::ResourceRef kEventsRef = client::refs::kEvents;

}  // namespace

struct ControllerManager::State {
  State(net::Loop& loop, env::Clock& clock_in, env::Random& random, client::Client& client_in,
        client::SharedInformers& informers_in, ManagerOptions options_in)
      : clock(clock_in),
        client(client_in),
        options(std::move(options_in)),
        writes(loop, "controllers' writes"),
        tasks(loop, "controllers"),
        informers(informers_in),
        context{loop, clock_in, random, client_in, informers, writes},
        namespaces(context, options.root_ca),
        replica_sets(context),
        stateful_sets(context),
        jobs(context),
        cron_jobs(context),
        deployments(context),
        endpoint_slices(context),
        garbage(context) {}

  // The controllers begin once they know what there is: an empty cache would look like loss.
  net::Task<void> StartWhenSynced() {
    if (const bool synced = co_await informers.WaitSynced(); !synced) co_return;
    namespaces.Start();
    replica_sets.Start();
    stateful_sets.Start();
    jobs.Start();
    cron_jobs.Start();
    deployments.Start();
    endpoint_slices.Start();
    garbage.Start();
  }

  // Page by page: there may be many, and others want their turn.
  net::Task<Result<std::vector<EventSeen>>> ListEvents() {
    std::vector<EventSeen> events;
    std::string from;
    do {
      const Result<Json> page =
          co_await client.GetPath(kEventsRef.Path("") + "?limit=" + kEventsPage + from);
      if (!page) co_return std::unexpected(page.error());
      AddEvents(*page, clock.Now(), events);
      from = GetString(*page, {"metadata", "continue"});
      if (!from.empty()) from = "&continue=" + PercentEncode(from);
      co_await net::Yield();
    } while (!from.empty());
    co_return events;
  }

  net::Task<void> ExpireEvents() {
    for (bool slept = co_await net::Sleep(kEventSweep); slept;
         slept = co_await net::Sleep(kEventSweep)) {
      Result<std::vector<EventSeen>> events = co_await ListEvents();
      if (!events) {
        spdlog::warn("events cannot be listed for expiry: {}", events.error().message);
        continue;
      }
      const std::vector<EventSeen> expired =
          ExpiredEvents(*std::move(events), options.event_ttl, options.events_max, clock.Now());
      for (const EventSeen& event : expired) {
        const Status deleted = co_await client.Delete(kEventsRef, event.ns, event.name);
        if (!deleted && deleted.error().code == Code::kCancelled) co_return;
      }
    }
  }

  env::Clock& clock;
  client::Client& client;
  ManagerOptions options;
  net::TaskGroup writes;
  net::TaskGroup tasks;
  client::SharedInformers& informers;
  Context context;
  NamespaceController namespaces;
  ReplicaSetController replica_sets;
  StatefulSetController stateful_sets;
  JobController jobs;
  CronJobController cron_jobs;
  DeploymentController deployments;
  EndpointSliceController endpoint_slices;
  GarbageCollector garbage;
};

ControllerManager::ControllerManager(net::Loop& loop, env::Clock& clock, env::Random& random,
                                     client::Client& client, client::SharedInformers& informers,
                                     ManagerOptions options)
    : state_(std::make_unique<State>(loop, clock, random, client, informers, std::move(options))) {}

ControllerManager::~ControllerManager() = default;

void ControllerManager::Start() {
  state_->tasks.Spawn(state_->StartWhenSynced());
  state_->tasks.Spawn(state_->ExpireEvents());
}

net::Task<void> ControllerManager::Stop() {
  co_await state_->tasks.Stop();
  co_await state_->deployments.Stop();
  co_await state_->replica_sets.Stop();
  co_await state_->stateful_sets.Stop();
  co_await state_->cron_jobs.Stop();
  co_await state_->jobs.Stop();
  co_await state_->endpoint_slices.Stop();
  co_await state_->namespaces.Stop();
  co_await state_->garbage.Stop();
  co_await state_->writes.Stop();
}

}  // namespace weir::controllers
