#include "controllers/replica_set_plan.h"

#include <gtest/gtest.h>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T01:00:00Z");

Json Pod(std::string_view name, std::string_view more = "{}") {
  Json pod = {
      {"metadata", {{"name", name}, {"uid", name}, {"creationTimestamp", "2026-01-01T00:00:00Z"}}},
      {"spec", {{"nodeName", "n"}}},
      {"status",
       {{"phase", "Running"},
        {"conditions", Json::array({{{"type", "Ready"},
                                     {"status", "True"},
                                     {"lastTransitionTime", "2026-01-01T00:00:10Z"}}})}}}};
  pod.merge_patch(*ParseJson(more));
  return pod;
}

Json Set(int replicas, int min_ready = 0) {
  return {{"apiVersion", "apps/v1"},
          {"kind", "ReplicaSet"},
          {"metadata", {{"name", "web"}, {"namespace", "ns"}, {"uid", "u"}, {"generation", 4}}},
          {"spec",
           {{"replicas", replicas},
            {"minReadySeconds", min_ready},
            {"template",
             {{"metadata", {{"labels", {{"a", "b"}}}}},
              {"spec", {{"containers", Json::array({{{"name", "c"}}})}}}}}}}};
}

TEST(ReplicaSetPlanTest, HowManyPodsComeAndGo) {
  struct Case {
    int wanted, have;
    std::size_t create, remove;
  };
  const Case cases[] = {{3, 0, 3, 0}, {3, 3, 0, 0}, {0, 2, 0, 2}, {1, 4, 0, 3}, {1000, 0, 500, 0}};
  for (const Case& c : cases) {
    std::vector<Json> pods;
    for (int i = 0; i < c.have; ++i) pods.push_back(Pod("p" + std::to_string(i)));
    PodList list;
    for (const Json& pod : pods) list.push_back(&pod);
    ReplicaPlan plan = PlanReplicas(Set(c.wanted), list, list, kNow);
    EXPECT_EQ(plan.create, c.create);
    EXPECT_EQ(plan.remove.size(), c.remove);
  }
}

TEST(ReplicaSetPlanTest, WhichPodGoesFirst) {
  struct Case {
    const char* why;
    Json first, second;
  };
  const Case cases[] = {
      {"not assigned", Pod("a", R"({"spec":{"nodeName":null}})"), Pod("b")},
      {"pending", Pod("a", R"({"status":{"phase":"Pending"}})"), Pod("b")},
      {"unknown before running", Pod("a", R"({"status":{"phase":"Unknown"}})"), Pod("b")},
      {"not ready", Pod("a", R"({"status":{"conditions":[]}})"), Pod("b")},
      {"cheaper", Pod("z", R"({"metadata":{"annotations":
                    {"controller.kubernetes.io/pod-deletion-cost":"-10"}}})"),
       Pod("b")},
      {"ready for a shorter time",
       Pod("z", R"({"status":{"conditions":[{"type":"Ready","status":"True",
                    "lastTransitionTime":"2026-01-01T00:59:50Z"}]}})"),
       Pod("b")},
      {"restarted more often", Pod("z", R"({"status":{"containerStatuses":[{"restartCount":3}]}})"),
       Pod("b")},
      {"younger", Pod("z", R"({"metadata":{"creationTimestamp":"2026-01-01T00:59:50Z"},
                             "status":{"conditions":[{"type":"Ready","status":"True",
                                       "lastTransitionTime":"2026-01-01T00:00:10Z"}]}})"),
       Pod("b")},
  };
  for (const Case& c : cases) {
    PodList pods = {&c.second, &c.first};
    ReplicaPlan plan = PlanReplicas(Set(1), pods, pods, kNow);
    ASSERT_EQ(plan.remove.size(), 1U) << c.why;
    EXPECT_EQ(Name(*plan.remove[0]), Name(c.first)) << c.why;
  }
}

TEST(ReplicaSetPlanTest, Status) {
  Json ready = Pod("a", R"({"metadata":{"labels":{"a":"b"}}})");
  Json fresh = Pod("b", R"({"status":{"conditions":[{"type":"Ready","status":"True",
                            "lastTransitionTime":"2026-01-01T00:59:55Z"}]}})");
  Json unready = Pod("c", R"({"status":{"conditions":[]}})");
  Json going = Pod("d", R"({"metadata":{"deletionTimestamp":"2026-01-01T00:59:59Z"}})");
  Json ended = Pod("e", R"({"status":{"phase":"Failed"}})");
  PodList pods = {&ready, &fresh, &unready, &going, &ended};
  EXPECT_EQ(ReplicaSetStatus(Set(5, 30), pods, std::nullopt, kNow),
            Json({{"replicas", 3},
                  {"fullyLabeledReplicas", 1},
                  {"readyReplicas", 2},
                  {"availableReplicas", 1},
                  {"terminatingReplicas", 1},
                  {"observedGeneration", 4}}));
  EXPECT_EQ(NextAvailable(Set(5, 30), pods, kNow), std::chrono::seconds(25));
  EXPECT_EQ(NextAvailable(Set(5), pods, kNow), std::nullopt);
  Json failed = ReplicaSetStatus(Set(5), {}, ReplicaFailure{"FailedCreate", "no"}, kNow);
  EXPECT_EQ(GetString(failed["conditions"][0], "reason"), "FailedCreate");
}

TEST(ReplicaSetPlanTest, BatchesGrow) {
  std::size_t batch = 0, left = 20;
  std::vector<std::size_t> sizes;
  while (left > 0) {
    batch = NextBatch(batch, left);
    sizes.push_back(batch);
    left -= batch;
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 2, 4, 8, 5}));
}

TEST(ExpectationsTest, HoldUntilEverythingWasSeen) {
  using std::chrono::seconds;
  Expectations expectations;
  EXPECT_TRUE(expectations.Satisfied("k", seconds(0)));
  expectations.ExpectCreations("k", 2, seconds(0));
  expectations.CreationObserved("k");
  expectations.CreationObserved("other");
  EXPECT_FALSE(expectations.Satisfied("k", seconds(1)));
  expectations.CreationObserved("k");
  EXPECT_TRUE(expectations.Satisfied("k", seconds(1)));
  expectations.ExpectDeletions("k", {"a", "b"}, seconds(1));
  expectations.DeletionObserved("k", "a");
  expectations.DeletionObserved("k", "a");
  EXPECT_FALSE(expectations.Satisfied("k", seconds(2)));
  EXPECT_TRUE(expectations.Satisfied("k", seconds(400)));  // they will never come
  expectations.DeletionObserved("k", "b");
  EXPECT_TRUE(expectations.Satisfied("k", seconds(2)));
}

}  // namespace
}  // namespace weir::controllers
