// A Deployment, its ReplicaSets and their pods without a server: passes see a cache that lags, pods
// become ready in any order. Whatever the order, the bounds of a rolling update hold after every
// single event.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "controllers/deployment_plan.h"
#include "controllers/deployment_status_plan.h"
#include "controllers/own_writes_plan.h"
#include "controllers/owner_refs_plan.h"
#include "controllers/replica_set_plan.h"
#include "env/random.h"

namespace weir::controllers {
namespace {

struct Bounds {
  int replicas;
  Json max_surge;
  Json max_unavailable;
};

class Cluster {
 public:
  Cluster(const Bounds& bounds, std::uint64_t seed) : random_(seed) {
    deployment_ = {
        {"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", {{"name", "web"}, {"namespace", "default"}, {"uid", "d"}, {"generation", 1}}},
        {"spec",
         {{"replicas", bounds.replicas},
          {"progressDeadlineSeconds", 600},
          {"revisionHistoryLimit", 1},
          {"selector", {{"matchLabels", {{"app", "web"}}}}},
          {"strategy",
           {{"type", "RollingUpdate"},
            {"rollingUpdate",
             {{"maxSurge", bounds.max_surge}, {"maxUnavailable", bounds.max_unavailable}}}}},
          {"template", {{"metadata", {{"labels", {{"app", "web"}}}}}}}}}};
  }

  void SetImage(const std::string& image) {
    deployment_["spec"]["template"]["spec"]["containers"] =
        Json::array({{{"name", "c"}, {"image", image}}});
    Touch();
  }
  void Scale(int replicas) {
    deployment_["spec"]["replicas"] = replicas;
    Touch();
  }

  void Step() {
    switch (random_.Below(5)) {
      case 0:
        DeploymentPass();
        break;
      case 1:
        if (Json* set = AnySet()) ReplicaSetPass(set_cache_[Name(*set)]);
        break;
      case 2:
        if (Json* set = AnySet()) {
          cache_[Name(*set)] = *set;
          own_writes_.Saw("web", Uid(*set), Generation(*set));
        }
        for (auto it = cache_.begin(); it != cache_.end();) {
          it = sets_.contains(it->first) ? std::next(it) : cache_.erase(it);
        }
        break;
      case 3:
        MakeOneReady();
        break;
      case 4:
        if (Json* set = AnySet()) set_cache_[Name(*set)] = *set;
        break;
      default:
        break;
    }
    now_ += std::chrono::seconds(1);
  }

  bool Complete() const {
    return IsComplete(deployment_, GetObject(deployment_, {"status"})) &&
           Available() == Replicas(deployment_) && std::ssize(pods_) == Replicas(deployment_);
  }
  // Runs until the rollout is complete; `check` after every event.
  template <class Check>
  bool Run(Check check) {
    for (int i = 0; i < 20000; ++i) {
      Step();
      check();
      if (Complete()) return true;
    }
    return false;
  }

  std::int64_t Available() const {
    std::int64_t count = 0;
    for (const auto& [name, pod] : pods_) count += IsPodReady(pod) ? 1 : 0;
    return count;
  }
  // What the ReplicaSets ask for together. Upstream bounds this, not the pods, of which surplus
  // ones may still be waiting for their deletion.
  std::int64_t Wanted() const {
    std::int64_t sum = 0;
    for (const auto& [name, set] : sets_) sum += Replicas(set);
    return sum;
  }
  const Json& deployment() const { return deployment_; }
  const std::map<std::string, Json>& sets() const { return sets_; }

 private:
  void Touch() {
    deployment_["metadata"]["generation"] = deployment_["metadata"]["generation"].get<int>() + 1;
  }

  Json* AnySet() {
    if (sets_.empty()) return nullptr;
    return &std::next(sets_.begin(), static_cast<long>(random_.Below(sets_.size())))->second;
  }

  static std::int64_t Generation(const Json& set) {
    return GetInt(set, {"metadata", "generation"}, 0);
  }

  void Store(Json set) {
    const auto before = sets_.find(Name(set));
    if (before != sets_.end() && before->second["spec"] != set["spec"]) {
      set["metadata"]["generation"] = Generation(set) + 1;
    }
    set["metadata"]["resourceVersion"] = std::to_string(++version_);
    const std::string name = Name(set);
    sets_[name] = std::move(set);
  }

  void DeploymentPass() {
    if (!own_writes_.Settled("web", Duration::zero())) return;
    DeploymentInput input;
    input.deployment = &deployment_;
    for (const auto& [name, set] : cache_) input.replica_sets.push_back(&set);
    input.now = now_;
    DeploymentPlan plan = PlanDeployment(input);
    for (DeploymentPlan::Write& write : plan.writes) {
      const std::string name = Name(write.replica_set);
      auto it = sets_.find(name);
      if (write.kind == DeploymentPlan::Write::Kind::kCreate) {
        if (it != sets_.end()) continue;  // the cache does not show it yet
        write.replica_set["metadata"]["uid"] = "uid-" + name;
        write.replica_set["metadata"]["generation"] = 1;
        write.replica_set["metadata"]["creationTimestamp"] = FormatRfc3339(now_);
        Store(std::move(write.replica_set));
      } else if (it == sets_.end() ||
                 GetString(it->second, {"metadata", "resourceVersion"}) !=
                     GetString(write.replica_set, {"metadata", "resourceVersion"})) {
        return;  // a conflict ends the pass
      } else if (write.kind == DeploymentPlan::Write::Kind::kDelete) {
        sets_.erase(it);
      } else {
        Store(std::move(write.replica_set));
      }
      if (auto stored = sets_.find(name); stored != sets_.end()) {
        own_writes_.Wrote("web", Uid(stored->second), Generation(stored->second), Duration::zero());
      }
    }
    if (plan.deployment) deployment_ = std::move(*plan.deployment);
  }

  PodList PodsOf(const Json& set) const {
    PodList out;
    for (const auto& [name, pod] : pods_) {
      if (IsControlledBy(pod, Uid(set))) out.push_back(&pod);
    }
    return out;
  }

  // `set` as the controller's own cache has it, which lags too; null where it knows of none.
  void ReplicaSetPass(Json set) {
    if (set.is_null()) return;
    PodList pods = PodsOf(set);
    ReplicaPlan plan = PlanReplicas(set, pods, pods, now_);
    for (std::size_t i = 0; i < plan.create; ++i) {
      Json pod = NewPod(set);
      std::string name = Name(set) + "-" + std::to_string(++pod_count_);
      pod["metadata"]["name"] = name;
      pod["metadata"]["uid"] = name;
      pods_[name] = std::move(pod);
    }
    std::vector<std::string> gone;
    for (const Json* pod : plan.remove) gone.push_back(Name(*pod));
    for (const std::string& name : gone) pods_.erase(name);
    set["status"] = ReplicaSetStatus(set, PodsOf(set), std::nullopt, now_);
    const auto stored = sets_.find(Name(set));
    if (stored == sets_.end()) return;
    const bool newest = GetString(stored->second, {"metadata", "resourceVersion"}) ==
                        GetString(set, {"metadata", "resourceVersion"});
    if (newest && GetObject(stored->second, {"status"}) != set["status"]) Store(std::move(set));
  }

  void MakeOneReady() {
    std::vector<Json*> waiting;
    for (auto& [name, pod] : pods_) {
      if (!IsPodReady(pod)) waiting.push_back(&pod);
    }
    if (waiting.empty()) return;
    Json& pod = *waiting[random_.Below(waiting.size())];
    pod["status"] = {{"phase", "Running"},
                     {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}}})}};
  }

  env::SeededRandom random_;
  Json deployment_;
  std::map<std::string, Json> sets_, cache_, set_cache_, pods_;
  OwnWrites own_writes_;
  Time now_{std::chrono::seconds(1767225600)};
  int version_ = 0, pod_count_ = 0;
};

TEST(RolloutSimulationTest, BoundsHoldAfterEveryEvent) {
  const Bounds cases[] = {{10, "25%", "25%"},  {1, "25%", "25%"}, {3, 0, 1},         {5, "50%", 0},
                          {4, "100%", "100%"}, {3, 5, 2},         {7, "10%", "10%"}, {20, 1, 0}};
  for (const Bounds& bounds : cases) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE(testing::Message() << bounds.replicas << " " << bounds.max_surge << " "
                                      << bounds.max_unavailable << " seed " << seed);
      Cluster cluster(bounds, seed);
      cluster.SetImage("v1");
      ASSERT_TRUE(cluster.Run([] {}));
      for (const char* image : {"v2", "v3", "v1"}) {  // the last one is a rollback
        cluster.SetImage(image);
        const std::int64_t least = bounds.replicas - MaxUnavailable(cluster.deployment());
        const std::int64_t most = bounds.replicas + MaxSurge(cluster.deployment());
        const bool done = cluster.Run([&] {
          ASSERT_GE(cluster.Available(), least);
          ASSERT_LE(cluster.Wanted(), most);
        });
        ASSERT_FALSE(HasFatalFailure());
        ASSERT_TRUE(done);
      }
      EXPECT_EQ(RevisionOf(cluster.deployment()), 4);
    }
  }
}

TEST(RolloutSimulationTest, ScalingDuringARolloutEndsAtTheNewSize) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Cluster cluster({10, "25%", "25%"}, seed);
    cluster.SetImage("v1");
    ASSERT_TRUE(cluster.Run([] {}));
    cluster.SetImage("v2");
    for (int i = 0; i < 30; ++i) cluster.Step();
    cluster.Scale(static_cast<int>(seed));
    ASSERT_TRUE(cluster.Run([] {})) << "seed " << seed;
    EXPECT_EQ(cluster.Available(), static_cast<std::int64_t>(seed));
  }
}

TEST(RolloutSimulationTest, OldReplicaSetsGoBeyondTheHistoryLimit) {
  Cluster cluster({2, 1, 0}, 5);
  for (const char* image : {"v1", "v2", "v3", "v4"}) {
    cluster.SetImage(image);
    ASSERT_TRUE(cluster.Run([] {}));
  }
  for (int i = 0; i < 200; ++i) cluster.Step();
  EXPECT_EQ(cluster.sets().size(), 2U);  // revisionHistoryLimit 1, and the present one
}

}  // namespace
}  // namespace weir::controllers
