#include "controllers/deployment_plan.h"

#include <gtest/gtest.h>

#include "controllers/deployment_status_plan.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

const Time kNow{std::chrono::seconds(1767225600)};

Json Deployment(int replicas, Json surge, Json unavailable, std::string_view image = "v2") {
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "web"}, {"namespace", "default"}, {"uid", "d"}, {"generation", 3}}},
      {"spec",
       {{"replicas", replicas},
        {"progressDeadlineSeconds", 600},
        {"selector", {{"matchLabels", {{"app", "web"}}}}},
        {"strategy",
         {{"type", "RollingUpdate"},
          {"rollingUpdate", {{"maxSurge", surge}, {"maxUnavailable", unavailable}}}}},
        {"template",
         {{"metadata", {{"labels", {{"app", "web"}}}}},
          {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", image}}})}}}}}}}};
}

// A ReplicaSet of that Deployment with an image, a size, and so many pods available.
Json Set(std::string_view name, std::string_view image, int replicas, int available, int revision,
         int desired, int most) {
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "ReplicaSet"},
      {"metadata",
       {{"name", name},
        {"namespace", "default"},
        {"uid", name},
        {"creationTimestamp", "2026-01-01T00:00:0" + std::to_string(revision) + "Z"},
        {"annotations",
         {{std::string(kRevision), std::to_string(revision)},
          {std::string(kDesiredReplicas), std::to_string(desired)},
          {std::string(kMaxReplicas), std::to_string(most)}}}}},
      {"spec",
       {{"replicas", replicas},
        {"template",
         {{"metadata", {{"labels", {{"app", "web"}, {"pod-template-hash", name}}}}},
          {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", image}}})}}}}}}},
      {"status",
       {{"replicas", replicas}, {"readyReplicas", available}, {"availableReplicas", available}}}};
}

// `name:size` of each resized ReplicaSet.
std::string Sizes(const DeploymentPlan& plan) {
  std::string out;
  for (const auto& write : plan.writes) {
    out += Name(write.replica_set) + ":" + std::to_string(Replicas(write.replica_set)) + " ";
  }
  return out;
}

DeploymentPlan Plan(const Json& deployment, const std::vector<Json>& sets) {
  DeploymentInput input;
  input.deployment = &deployment;
  for (const Json& set : sets) input.replica_sets.push_back(&set);
  input.now = kNow;
  return PlanDeployment(input);
}

TEST(DeploymentPlanTest, TheFirstPassMakesAReplicaSet) {
  Json deployment = Deployment(3, "25%", "25%");
  deployment["metadata"]["annotations"] = {
      {"team", "a"}, {"kubectl.kubernetes.io/last-applied-configuration", "x"}};
  DeploymentPlan plan = Plan(deployment, {});
  ASSERT_EQ(plan.writes.size(), 1U);
  const Json& set = plan.writes[0].replica_set;
  std::string hash = GetString(set, {"metadata", "labels", "pod-template-hash"});
  EXPECT_EQ(Name(set), "web-" + hash);
  EXPECT_EQ(hash.find_first_not_of("bcdfghjklmnpqrstvwxz2456789"), std::string::npos);
  EXPECT_EQ(GetString(set, {"spec", "selector", "matchLabels", "pod-template-hash"}), hash);
  EXPECT_EQ(GetString(set, {"spec", "template", "metadata", "labels", "pod-template-hash"}), hash);
  EXPECT_EQ(set["metadata"]["annotations"], Json({{"team", "a"},
                                                  {std::string(kRevision), "1"},
                                                  {std::string(kDesiredReplicas), "3"},
                                                  {std::string(kMaxReplicas), "4"}}));
  EXPECT_TRUE(IsControlledBy(set, "d"));
  EXPECT_EQ(plan.writes[0].event, "Scaled up replica set " + Name(set) + " from 0 to 3");
  ASSERT_TRUE(plan.deployment);
  EXPECT_EQ(RevisionOf(*plan.deployment), 1);
  const Json* progress = ConditionOf((*plan.deployment)["status"], "Progressing");
  EXPECT_EQ(GetString(*progress, "reason"), "NewReplicaSetCreated");
  EXPECT_EQ(GetString(*progress, "message"), "Created new replica set \"" + Name(set) + "\"");
}

// Where a rollout stands still because no new pod becomes ready: sizes recorded from a real
// cluster.
TEST(DeploymentPlanTest, RolloutStopsAtTheBounds) {
  struct Case {
    int replicas;
    Json surge, unavailable;
    int first_new;  // size with which the new ReplicaSet is made
    int stuck_old, stuck_new;
  };
  const Case cases[] = {{10, "25%", "25%", 3, 8, 5}, {1, "25%", "25%", 1, 1, 1},
                        {3, 0, 1, 0, 2, 1},          {5, "50%", 0, 3, 5, 3},
                        {3, 0, "25%", 0, 2, 1},      {4, "100%", "100%", 4, 0, 4},
                        {3, 5, 2, 3, 1, 3}};
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.replicas << " " << c.surge << " " << c.unavailable);
    Json deployment = Deployment(c.replicas, c.surge, c.unavailable);
    int most = c.replicas + static_cast<int>(MaxSurge(deployment));
    Json old = Set("old", "v1", c.replicas, c.replicas, 1, c.replicas, most);
    DeploymentPlan made = Plan(deployment, {old});
    ASSERT_EQ(made.writes.size(), 1U);
    EXPECT_EQ(Replicas(made.writes[0].replica_set), c.first_new);
    Json fresh = Set("new", "v2", c.first_new, 0, 2, c.replicas, most);
    for (int pass = 0; pass < 10; ++pass) {
      DeploymentPlan plan = Plan(deployment, {old, fresh});
      for (const auto& write : plan.writes) {
        Json& set = Name(write.replica_set) == "old" ? old : fresh;
        set = write.replica_set;
        set["status"]["replicas"] = Replicas(set);
        if (&set == &old) {
          set["status"]["readyReplicas"] = set["status"]["availableReplicas"] = Replicas(set);
        }
      }
    }
    EXPECT_EQ(Replicas(old), c.stuck_old);
    EXPECT_EQ(Replicas(fresh), c.stuck_new);
  }
}

// Scaled in the middle of a rollout: 13 of 10 become 25 of 20, then 7 of 5 (recorded).
TEST(DeploymentPlanTest, ScalingIsSharedInProportion) {
  Json up = Deployment(20, "25%", "25%");
  EXPECT_EQ(Sizes(Plan(up, {Set("old", "v1", 8, 8, 1, 10, 13), Set("new", "v2", 5, 0, 2, 10, 13)})),
            "old:15 new:10 ");
  Json down = Deployment(5, "25%", "25%");
  EXPECT_EQ(
      Sizes(Plan(down, {Set("old", "v1", 15, 15, 1, 20, 25), Set("new", "v2", 10, 0, 2, 20, 25)})),
      "old:4 new:3 ");
}

TEST(DeploymentPlanTest, WhatIsNotAvailableGoesFirst) {
  Json deployment = Deployment(5, "25%", "25%", "v3");
  std::vector<Json> sets = {Set("one", "v1", 4, 4, 1, 5, 7), Set("two", "v2", 3, 0, 2, 5, 7),
                            Set("three", "v3", 0, 0, 3, 5, 7)};
  EXPECT_EQ(Sizes(Plan(deployment, sets)), "two:0 ");
}

TEST(DeploymentPlanTest, RollingBackFindsTheOldReplicaSet) {
  Json deployment = Deployment(5, "25%", "25%", "v1");
  DeploymentPlan plan =
      Plan(deployment, {Set("one", "v1", 0, 0, 1, 5, 7), Set("two", "v2", 5, 5, 3, 5, 7)});
  ASSERT_EQ(plan.writes.size(), 1U);
  const Json& set = plan.writes[0].replica_set;
  EXPECT_EQ(Name(set), "one");
  EXPECT_EQ(RevisionOf(set), 4);
  EXPECT_EQ(GetString(set, {"metadata", "annotations", kRevisionHistory}), "1");
  EXPECT_EQ(RevisionOf(*plan.deployment), 4);
}

TEST(DeploymentPlanTest, PausedKeepsTheTemplateAndStillScales) {
  Json deployment = Deployment(3, 1, 1, "v2");
  deployment["spec"]["paused"] = true;
  DeploymentPlan plan = Plan(deployment, {Set("one", "v1", 2, 2, 1, 2, 3)});
  EXPECT_EQ(Sizes(plan), "one:3 ");
  const Json* progress = ConditionOf((*plan.deployment)["status"], "Progressing");
  ASSERT_NE(progress, nullptr);
  EXPECT_EQ(GetString(*progress, "reason"), "DeploymentPaused");
  EXPECT_EQ(GetString(*progress, "status"), "Unknown");
}

TEST(DeploymentPlanTest, RecreateWaitsForTheOldPods) {
  Json deployment = Deployment(2, 1, 1, "v2");
  deployment["spec"]["strategy"] = {{"type", "Recreate"}};
  EXPECT_EQ(Sizes(Plan(deployment, {Set("one", "v1", 2, 2, 1, 2, 2)})), "one:0 ");
  Json stopped = Set("one", "v1", 0, 0, 1, 2, 2);
  DeploymentInput input;
  input.deployment = &deployment;
  input.replica_sets = {&stopped};
  input.old_pods_running = true;
  input.now = kNow;
  EXPECT_TRUE(PlanDeployment(input).writes.empty());
  input.old_pods_running = false;
  DeploymentPlan plan = PlanDeployment(input);
  ASSERT_EQ(plan.writes.size(), 1U);
  EXPECT_EQ(Replicas(plan.writes[0].replica_set), 2);
}

TEST(DeploymentPlanTest, StatusAndConditions) {
  Json deployment = Deployment(2, 1, 0);
  deployment["metadata"]["annotations"] = {{std::string(kRevision), "1"}};
  DeploymentPlan plan = Plan(deployment, {Set("new", "v2", 2, 2, 1, 2, 3)});
  ASSERT_TRUE(plan.deployment);
  const Json& status = (*plan.deployment)["status"];
  EXPECT_EQ(GetInt(status, {"updatedReplicas"}), 2);
  EXPECT_EQ(GetInt(status, {"observedGeneration"}), 3);
  EXPECT_EQ(Find(status, "unavailableReplicas"), nullptr);
  EXPECT_EQ(GetString(*ConditionOf(status, "Available"), "message"),
            "Deployment has minimum availability.");
  EXPECT_EQ(GetString(*ConditionOf(status, "Progressing"), "message"),
            "ReplicaSet \"new\" has successfully progressed.");
  // Nothing new: nothing is written.
  DeploymentPlan again = Plan(*plan.deployment, {Set("new", "v2", 2, 2, 1, 2, 3)});
  EXPECT_FALSE(again.deployment);
  EXPECT_FALSE(again.again);
}

TEST(DeploymentPlanTest, ProgressDeadline) {
  Json deployment = Deployment(1, 1, 0);
  deployment["spec"]["progressDeadlineSeconds"] = 2;
  deployment["metadata"]["annotations"] = {{std::string(kRevision), "2"}};
  std::vector<Json> sets = {Set("old", "v1", 1, 1, 1, 1, 2), Set("new", "v2", 1, 0, 2, 1, 2)};
  DeploymentPlan first = Plan(deployment, sets);
  ASSERT_TRUE(first.deployment && first.again);
  DeploymentInput late;
  late.deployment = &*first.deployment;
  for (const Json& set : sets) late.replica_sets.push_back(&set);
  late.now = kNow + *first.again;
  DeploymentPlan second = PlanDeployment(late);
  ASSERT_TRUE(second.deployment);
  const Json* progress = ConditionOf((*second.deployment)["status"], "Progressing");
  EXPECT_EQ(GetString(*progress, "status"), "False");
  EXPECT_EQ(GetString(*progress, "message"), "ReplicaSet \"new\" has timed out progressing.");
}

}  // namespace
}  // namespace weir::controllers
