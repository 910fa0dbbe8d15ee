#include "scrape/manager.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <utility>

namespace weir::scrape {
namespace {

// Changes come in bursts, when a rollout begins: one plan serves a burst.
constexpr Duration kBurst = std::chrono::milliseconds(20);

}  // namespace

Manager::Manager(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
                 client::SharedInformers& informers, AppenderFactory appenders)
    : group_(loop, "scrape-discovery"),
      scraper_(loop, clock, std::move(appenders)),
      events_(client, group_, clock, random, "weir-scrape"),
      monitors_(informers.Get(client::refs::kServiceMonitors)),
      services_(informers.Get(client::refs::kServices)),
      slices_(informers.Get(client::refs::kEndpointSlices)),
      pods_(informers.Get(client::refs::kPods)),
      dirty_(loop) {}

Manager::~Manager() = default;

void Manager::AddStatic(const StaticTargets& list) {
  for (Target& target : PlanStatic(list)) static_targets_.push_back(std::move(target));
}

void Manager::SetHopListener(std::function<void(const ScrapeReport&)> listener) {
  scraper_.SetListener(std::move(listener));
}

void Manager::Start() {
  scraper_.SetTargets(static_targets_);
  for (client::Informer* informer : {&monitors_, &services_, &slices_, &pods_}) {
    listening_.push_back(informer->AddListener(
        [this](const client::ObjectPtr&, const client::ObjectPtr&) { dirty_.Notify(); }));
  }
  group_.Spawn(Run());
}

net::Task<void> Manager::Run() {
  // Before all four lists are there, a plan would lack targets or labels.
  const std::array<client::Informer*, 4> informers{&monitors_, &services_, &slices_, &pods_};
  for (client::Informer* informer : informers) {
    const bool synced = co_await informer->WaitSynced();
    if (!synced) co_return;
  }
  bool go_on = true;
  while (go_on) {
    Plan();
    go_on = co_await dirty_.Wait();
    if (go_on) go_on = co_await net::Sleep(kBurst);
  }
}

void Manager::Plan() {
  ++plans_;
  const ClusterObjects objects{monitors_.List(), services_.List(), slices_.List(),
                               [this](std::string_view key) { return pods_.Get(key); }};
  TargetPlan plan = PlanTargets(objects);
  Report(plan.refusals);
  std::vector<Target> targets = static_targets_;
  for (Target& target : plan.targets) targets.push_back(std::move(target));
  scraper_.SetTargets(std::move(targets));
}

// Each refusal once, until the monitor or the reason changes.
void Manager::Report(const std::vector<Refusal>& refusals) {
  std::map<std::string, std::string> now;
  for (const Refusal& refusal : refusals) {
    const std::string key = client::KeyOf(*refusal.monitor);
    const std::string version = GetString(*refusal.monitor, {"metadata", "resourceVersion"});
    const std::string state = fmt::format("{} {}", version, refusal.message);
    now[key] = state;
    if (auto known = refused_.find(key); known != refused_.end() && known->second == state)
      continue;
    spdlog::warn("scrape: ServiceMonitor {} is not scraped: {}", key, refusal.message);
    events_.Record(*refusal.monitor, "Warning", "InvalidConfiguration",
                   fmt::format("the ServiceMonitor is not scraped: {}", refusal.message));
  }
  refused_ = std::move(now);
}

net::Task<void> Manager::Stop() {
  listening_.clear();
  co_await group_.Stop();
  co_await scraper_.Stop();
}

Manager::Counters Manager::counters() const {
  return {scraper_.counters(), refused_.size(), plans_};
}

}  // namespace weir::scrape
