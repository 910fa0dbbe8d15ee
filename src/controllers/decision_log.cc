#include "controllers/decision_log.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "client/informer.h"
#include "controllers/decision_plan.h"

namespace weir::controllers {
namespace {

const client::ResourceRef kDecisions{"weir.dev", "v1alpha1", "decisions"};

std::string NameOf(const std::string& key, const MadeDecision& made) {
  return DecisionName(client::SplitKey(key).second, made.inputs.now);
}

Json ObjectOf(const MadeDecision& made, std::string name) {
  return DecisionObject(*made.inputs.hpa, std::move(name), made.inputs.now,
                        autoscale::MakeRecord(made.inputs, made.hops));
}

}  // namespace

DecisionLog::DecisionLog(client::Client& client, net::TaskGroup& group, Options options)
    : client_(client), group_(group), options_(options), news_(group.loop()) {}

void DecisionLog::Start() { group_.Spawn(Run()); }

void DecisionLog::Note(const std::string& key, MadeDecisionPtr made) {
  if (made->changed) {
    waiting_.push_back({key, made});
    if (waiting_.size() > options_.waiting) {
      waiting_.pop_front();
      ++counters_.let_go;
    }
    news_.Notify();
  }
  newest_[key] = std::move(made);
}

void DecisionLog::Forget(const std::string& key) {
  newest_.erase(key);
  stored_.erase(key);
  std::erase_if(waiting_, [&](const Waiting& one) { return one.key == key; });
}

std::vector<Json> DecisionLog::InMemory(std::string_view ns, std::string_view name) const {
  std::vector<Json> objects;
  const auto add = [&](const std::string& key, const MadeDecision& made, std::string of_name) {
    if (!ns.empty() && client::SplitKey(key).first != ns) return;
    if (!name.empty() && of_name != name) return;
    objects.push_back(ObjectOf(made, std::move(of_name)));
  };
  for (const auto& [key, made] : newest_) {
    add(key, *made, LatestDecisionName(client::SplitKey(key).second));
  }
  for (const Waiting& one : waiting_) add(one.key, *one.made, NameOf(one.key, *one.made));
  return objects;
}

net::Task<void> DecisionLog::Run() {
  co_await ReadStored();
  for (bool woken = co_await news_.Wait(); woken; woken = co_await news_.Wait()) {
    const bool slept = co_await net::Sleep(options_.delay);
    if (!slept) co_return;
    co_await StoreWaiting();
  }
}

// The rings of a process before this one.
net::Task<void> DecisionLog::ReadStored() {
  const Result<Json> list = co_await client_.List(kDecisions, "");
  if (!list) {
    spdlog::warn("decisions that are stored cannot be listed: {}", list.error().message);
    co_return;
  }
  // In order of their names, which is that of their times.
  for (const Json& object : GetArray(*list, {"items"})) {
    const std::string key =
        GetString(object, {"metadata", "namespace"}) + "/" + GetString(object, "hpa");
    stored_[key].push_back(GetString(object, {"metadata", "name"}));
  }
}

net::Task<void> DecisionLog::StoreWaiting() {
  while (!waiting_.empty()) {
    Waiting one = std::move(waiting_.front());
    waiting_.pop_front();
    co_await Store(std::move(one));
  }
}

net::Task<void> DecisionLog::Store(Waiting one) {
  const std::string ns = client::SplitKey(one.key).first;
  const std::string name = NameOf(one.key, *one.made);
  const Result<Json> created = co_await client_.Create(kDecisions, ns, ObjectOf(*one.made, name));
  if (!created) {
    // Its namespace may be going, or the object has no room: it stays untold.
    ++counters_.failed;
    spdlog::debug("decision {} of {}: {}", name, one.key, created.error().message);
    co_return;
  }
  ++counters_.stored;
  if (!newest_.contains(one.key)) co_return;  // gone meanwhile, and its decisions with it
  stored_[one.key].push_back(name);
  while (stored_[one.key].size() > options_.kept) {
    const std::string oldest = stored_[one.key].front();
    stored_[one.key].pop_front();
    const Status deleted = co_await client_.Delete(kDecisions, ns, oldest);
    if (!deleted) spdlog::debug("decision {}: {}", oldest, deleted.error().message);
  }
}

net::Task<void> DecisionLog::Stop() { co_await StoreWaiting(); }

}  // namespace weir::controllers
