#include "controllers/stateful_set_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T01:00:00Z");

Json Set(std::string_view more = "{}") {
  Json set = *ParseJson(R"({"apiVersion":"apps/v1","kind":"StatefulSet",
      "metadata":{"name":"db","namespace":"ns","uid":"u","generation":2},
      "spec":{"replicas":3,"serviceName":"db","podManagementPolicy":"OrderedReady",
        "selector":{"matchLabels":{"app":"db"}},
        "updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":0}},
        "template":{"metadata":{"labels":{"app":"db"}},"spec":{"containers":[{"name":"c"}]}}}})");
  set.merge_patch(*ParseJson(more));
  return set;
}

// `db-0:new`, `db-1:old!` (not ready), `db-2:new-` (being deleted).
Json Pod(std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool unready = text.ends_with('!'), leaving = text.ends_with('-');
  std::string_view revision = text.substr(colon + 1);
  if (unready || leaving) revision.remove_suffix(1);
  Json pod = {{"metadata",
               {{"name", text.substr(0, colon)},
                {"namespace", "ns"},
                {"uid", text.substr(0, colon)},
                {"labels", {{"controller-revision-hash", revision}}}}},
              {"status",
               {{"phase", "Running"},
                {"conditions",
                 Json::array({{{"type", "Ready"}, {"status", unready ? "False" : "True"}}})}}}};
  if (leaving) pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:59:00Z";
  return pod;
}

RevisionPlan Revisions() {
  RevisionPlan plan;
  plan.current = {{"metadata", {{"name", "old"}}}, {"revision", 1}};
  plan.update = {{"metadata", {{"name", "new"}}}, {"revision", 2}};
  return plan;
}

// What a pass makes and removes: "+db-0:new -db-2".
std::string Moves(const Json& set, const std::vector<std::string>& texts) {
  std::vector<Json> pods;
  for (const std::string& text : texts) pods.push_back(Pod(text));
  PodList list;
  for (const Json& pod : pods) list.push_back(&pod);
  const StatefulSetPlan plan = PlanStatefulSet(set, list, Revisions(), kNow);
  std::vector<std::string> out;
  for (const Json& pod : plan.create) {
    out.push_back("+" + Name(pod) + ":" +
                  GetString(pod, {"metadata", "labels", "controller-revision-hash"}));
  }
  for (const Json* pod : plan.remove) out.push_back("-" + Name(*pod));
  return Join(out, " ");
}

TEST(StatefulSetPlanTest, OneAfterAnother) {
  struct Case {
    const char* more;
    std::vector<std::string> pods;
    const char* moves;
  };
  constexpr const char* kTwo = R"({"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}})";
  constexpr const char* kAll = R"({"spec":{"podManagementPolicy":"Parallel"}})";
  constexpr const char* kOne = R"({"spec":{"replicas":1}})";
  const Case cases[] = {
      {"{}", {}, "+db-0:new"},
      {"{}", {"db-0:new!"}, ""},
      {"{}", {"db-0:new"}, "+db-1:new"},
      {"{}", {"db-0:new", "db-1:new-"}, ""},
      {"{}", {"db-1:new", "db-2:new"}, "+db-0:new"},
      {"{}", {"db-0:new", "db-1:new", "db-2:new"}, ""},
      // Updates go from the highest down, one at a time, and stop where a pod is not ready.
      {"{}", {"db-0:old", "db-1:old", "db-2:old"}, "-db-2"},
      {"{}", {"db-0:old", "db-1:old", "db-2:new"}, "-db-1"},
      {"{}", {"db-0:old", "db-1:old", "db-2:new!"}, ""},
      // Below the partition the old revision stays, also of pods made anew.
      {kTwo, {"db-0:old", "db-1:old", "db-2:new"}, ""},
      {kTwo, {"db-1:old", "db-2:new"}, "+db-0:old"},
      {R"({"spec":{"updateStrategy":{"type":"OnDelete"}}})",
       {"db-0:old", "db-1:old", "db-2:old"},
       ""},
      {kOne, {"db-0:new", "db-1:new", "db-2:new"}, "-db-2"},
      {kOne, {"db-0:new", "db-1:new", "db-2:new-"}, ""},
      {kOne, {"db-0:new", "db-1:new", "db-2:new!"}, "-db-2"},
      {kOne, {"db-0:new", "db-1:new!", "db-2:new!"}, ""},
      {kAll, {"db-1:new!"}, "+db-0:new +db-2:new"},
      {R"({"spec":{"podManagementPolicy":"Parallel","replicas":0}})",
       {"db-0:new", "db-1:new!"},
       "-db-1 -db-0"},
      {R"({"spec":{"replicas":2,"ordinals":{"start":5}}})", {"db-5:new"}, "+db-6:new"},
      {R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})", {}, ""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Moves(Set(c.more), c.pods), c.moves) << c.more << " " << Join(c.pods, " ");
  }
}

TEST(StatefulSetPlanTest, PodsHaveAnIdentity) {
  const Json set = Set(R"({"spec":{"volumeClaimTemplates":[{"metadata":{"name":"data"}}]}})");
  const StatefulSetPlan plan = PlanStatefulSet(set, {}, Revisions(), kNow);
  ASSERT_EQ(plan.create.size(), 1U);
  const Json& pod = plan.create[0];
  EXPECT_EQ(GetString(pod, {"spec", "hostname"}), "db-0");
  EXPECT_EQ(GetString(pod, {"spec", "subdomain"}), "db");
  EXPECT_EQ(GetString(pod, {"metadata", "labels", "apps.kubernetes.io/pod-index"}), "0");
  EXPECT_TRUE(IsControlledBy(pod, "u"));
  EXPECT_EQ(pod["spec"]["volumes"],
            *ParseJson(R"([{"name":"data","persistentVolumeClaim":{"claimName":"data-db-0"}}])"));
  const std::vector<Json> claims = ClaimsOf(set, pod);
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(Name(claims[0]), "data-db-0");
  EXPECT_EQ(GetString(claims[0], {"metadata", "labels", "app"}), "db");
}

TEST(StatefulSetPlanTest, StatusEndsAnUpdate) {
  std::vector<Json> pods = {Pod("db-0:new"), Pod("db-1:new"), Pod("db-2:new")};
  const auto status = [&pods] {
    PodList list;
    for (const Json& pod : pods) list.push_back(&pod);
    return PlanStatefulSet(Set(), list, Revisions(), kNow).status;
  };
  EXPECT_EQ(GetString(status(), "currentRevision"), "new");
  EXPECT_EQ(GetInt(status(), {"currentReplicas"}), 3);
  pods[0] = Pod("db-0:old");
  EXPECT_EQ(status(), *ParseJson(R"({"replicas":3,"readyReplicas":3,"availableReplicas":3,
      "currentReplicas":1,"updatedReplicas":2,"currentRevision":"old","updateRevision":"new",
      "collisionCount":0,"observedGeneration":2})"));
}

TEST(StatefulSetPlanTest, RevisionsAreKeptAndFoundAgain) {
  Json set = Set();
  const RevisionPlan first = PlanRevisions(set, {}, {});
  EXPECT_EQ(first.write, RevisionPlan::Write::kCreate);
  EXPECT_EQ(GetInt(first.update, {"revision"}), 1);
  const Json one = first.update;
  EXPECT_EQ(PlanRevisions(set, {&one}, {}).write, RevisionPlan::Write::kNone);

  set["spec"]["template"]["spec"]["containers"][0]["image"] = "b";
  set["status"]["currentRevision"] = Name(one);
  const RevisionPlan second = PlanRevisions(set, {&one}, {});
  EXPECT_EQ(second.write, RevisionPlan::Write::kCreate);
  EXPECT_EQ(GetInt(second.update, {"revision"}), 2);
  EXPECT_EQ(Name(second.current), Name(one));
  // Back to the first template: its revision is the newest again.
  const Json two = second.update;
  const RevisionPlan back = PlanRevisions(Set(), {&one, &two}, {});
  EXPECT_EQ(back.write, RevisionPlan::Write::kRenumber);
  EXPECT_EQ(Name(back.update), Name(one));
  EXPECT_EQ(GetInt(back.update, {"revision"}), 3);

  const RevisionPlan pruned =
      PlanRevisions(Set(R"({"spec":{"revisionHistoryLimit":0}})"), {&one, &two}, {});
  ASSERT_EQ(pruned.surplus.size(), 1U);
  EXPECT_EQ(Name(*pruned.surplus[0]), Name(two));
}

}  // namespace
}  // namespace weir::controllers
