#include "controllers/job_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T01:00:00Z");

Json Job(std::string_view more = "{}") {
  Json job = *ParseJson(R"({"apiVersion":"batch/v1","kind":"Job",
      "metadata":{"name":"sum","namespace":"ns","uid":"u"},
      "spec":{"completions":3,"parallelism":2,"backoffLimit":1,"completionMode":"NonIndexed",
        "suspend":false,"podReplacementPolicy":"TerminatingOrFailed",
        "template":{"metadata":{"labels":{"a":"b"}},
          "spec":{"restartPolicy":"Never","containers":[{"name":"c"}]}}}})");
  job.merge_patch(*ParseJson(more));
  return job;
}

// A pod that has not been counted.
Json Pod(std::string_view name, std::string_view phase, std::string_view more = "{}") {
  Json pod = {{"metadata",
               {{"name", name},
                {"namespace", "ns"},
                {"uid", name},
                {"creationTimestamp", "2026-01-01T00:00:00Z"},
                {"finalizers", Json::array({kJobFinalizer})}}},
              {"status", {{"phase", phase}}}};
  pod.merge_patch(*ParseJson(more));
  return pod;
}

JobPlan Plan(const Json& job, const std::vector<Json>& pods, bool settled = true) {
  static std::vector<Json> kept;
  kept = pods;
  PodList list;
  for (const Json& pod : kept) list.push_back(&pod);
  return PlanJob(job, list, settled, kNow);
}

// "create N, remove a b, release c"
std::string Moves(const JobPlan& plan) {
  std::vector<std::string> out;
  if (!plan.create.empty()) out.push_back("create " + std::to_string(plan.create.size()));
  for (const Json* pod : plan.remove) {
    out.push_back((plan.removed_fail ? "fail " : "remove ") + Name(*pod));
  }
  for (const Json* pod : plan.release) out.push_back("release " + Name(*pod));
  return Join(out, ", ");
}

std::string Conditions(const JobPlan& plan) {
  std::vector<std::string> out;
  for (const Json& condition : GetArray(plan.status, {"conditions"})) {
    out.push_back(GetString(condition, "type") + "=" + GetString(condition, "status"));
  }
  return Join(out, " ");
}

TEST(JobPlanTest, AsManyPodsAsItMayHave) {
  EXPECT_EQ(Moves(Plan(Job(), {})), "create 2");
  EXPECT_EQ(Moves(Plan(Job(), {}, /*settled=*/false)), "");
  EXPECT_EQ(Moves(Plan(Job(), {Pod("a", "Running")})), "create 1");
  EXPECT_EQ(Moves(Plan(Job(R"({"status":{"succeeded":2}})"), {Pod("a", "Running")})), "");
  EXPECT_EQ(Moves(Plan(Job(R"({"spec":{"parallelism":0}})"), {Pod("a", "Running")})), "remove a");
  const JobPlan plan = Plan(Job(), {});
  EXPECT_TRUE(IsTracked(plan.create[0]));
  EXPECT_EQ(GetString(plan.status, "startTime"), "2026-01-01T01:00:00Z");
}

// Three passes: the uid is stored, the finalizer goes, the count moves.
TEST(JobPlanTest, EachPodIsCountedOnce) {
  Json job = Job();
  JobPlan plan = Plan(job, {Pod("a", "Succeeded"), Pod("b", "Running")});
  EXPECT_EQ(plan.status["uncountedTerminatedPods"], *ParseJson(R"({"succeeded":["a"]})"));
  EXPECT_EQ(Moves(plan), "create 1");
  job["status"] = plan.status;
  plan = Plan(job, {Pod("a", "Succeeded"), Pod("b", "Running"), Pod("c", "Running")});
  EXPECT_EQ(Moves(plan), "release a");
  EXPECT_EQ(GetInt(plan.status, {"succeeded"}), std::nullopt);
  for (const bool pod_is_left : {true, false}) {
    std::vector<Json> pods = {Pod("b", "Running"), Pod("c", "Running")};
    if (pod_is_left) {
      pods.push_back(Pod("a", "Succeeded", R"({"metadata":{"finalizers":null}})"));
    }
    plan = Plan(job, pods);
    EXPECT_EQ(GetInt(plan.status, {"succeeded"}), 1);
    EXPECT_EQ(plan.status["uncountedTerminatedPods"], Json::object());
  }
}

TEST(JobPlanTest, CompletesWhenEnoughHaveSucceeded) {
  JobPlan plan = Plan(Job(R"({"status":{"succeeded":3}})"), {Pod("x", "Running")});
  EXPECT_EQ(Conditions(plan), "SuccessCriteriaMet=True");
  EXPECT_EQ(Moves(plan), "remove x");
  EXPECT_TRUE(plan.events.empty());
  plan = Plan(Job(R"({"status":{"succeeded":3}})"), {});
  EXPECT_EQ(Conditions(plan), "SuccessCriteriaMet=True Complete=True");
  EXPECT_EQ(GetString(plan.status, "completionTime"), "2026-01-01T01:00:00Z");
  ASSERT_EQ(plan.events.size(), 1U);
  EXPECT_EQ(plan.events[0].reason, "Completed");
}

TEST(JobPlanTest, FailsAfterTooManyFailuresOrTooLong) {
  JobPlan plan = Plan(Job(R"({"status":{"failed":2}})"), {Pod("x", "Running")});
  EXPECT_EQ(Moves(plan), "fail x");
  EXPECT_EQ(Conditions(plan), "FailureTarget=True");
  plan = Plan(Job(R"({"status":{"failed":2}})"), {});
  EXPECT_EQ(Conditions(plan), "FailureTarget=True Failed=True");
  EXPECT_EQ(plan.events[0].message, "Job has reached the specified backoff limit");

  constexpr const char* kLate = R"({"spec":{"activeDeadlineSeconds":60},
                                    "status":{"startTime":"2026-01-01T00:59:00Z"}})";
  EXPECT_EQ(Plan(Job(kLate), {}).events[0].reason, "DeadlineExceeded");
  constexpr const char* kSoon = R"({"spec":{"activeDeadlineSeconds":90},
                                    "status":{"startTime":"2026-01-01T00:59:00Z"}})";
  EXPECT_EQ(Plan(Job(kSoon), {Pod("a", "Running"), Pod("b", "Running")}).again,
            std::chrono::seconds(30));
}

TEST(JobPlanTest, WaitsLongerAfterEachFailure) {
  const auto failed = [](std::string_view name, std::string_view at) {
    return Pod(name, "Failed",
               R"({"metadata":{"creationTimestamp":")" + std::string(at) + R"("}})");
  };
  const Json job = Job(R"({"spec":{"backoffLimit":9}})");
  JobPlan plan = Plan(job, {failed("a", "2026-01-01T00:59:55Z")});
  EXPECT_EQ(Moves(plan), "");
  EXPECT_EQ(plan.again, std::chrono::seconds(5));
  plan = Plan(job, {failed("a", "2026-01-01T00:59:40Z"), failed("b", "2026-01-01T00:59:55Z")});
  EXPECT_EQ(plan.again, std::chrono::seconds(15));
  EXPECT_EQ(Moves(Plan(job, {failed("a", "2026-01-01T00:59:50Z")})), "create 2");
}

TEST(JobPlanTest, SuspendsAndResumes) {
  JobPlan plan = Plan(Job(R"({"spec":{"suspend":true}})"), {Pod("a", "Running")});
  EXPECT_EQ(Moves(plan), "remove a");
  EXPECT_EQ(Conditions(plan), "Suspended=True");
  EXPECT_FALSE(plan.status.contains("startTime"));
  Json resumed = Job();
  resumed["status"] = plan.status;
  plan = Plan(resumed, {});
  EXPECT_EQ(Conditions(plan), "Suspended=False");
  EXPECT_EQ(Moves(plan), "create 2");
  EXPECT_EQ(plan.events[0].reason, "Resumed");
}

TEST(JobPlanTest, IndexesAreFilledOnce) {
  const Json job = Job(R"({"spec":{"completionMode":"Indexed","parallelism":3}})");
  const auto indexed = [](std::string_view name, std::string_view phase, std::string_view index) {
    return Pod(name, phase,
               R"({"metadata":{"annotations":{"batch.kubernetes.io/job-completion-index":")" +
                   std::string(index) + R"("}}})");
  };
  const JobPlan plan = Plan(job, {indexed("a", "Succeeded", "1"), indexed("b", "Running", "0")});
  EXPECT_EQ(GetString(plan.status, "completedIndexes"), "1");
  ASSERT_EQ(plan.create.size(), 1U);
  EXPECT_EQ(GetString(plan.create[0], {"spec", "hostname"}), "sum-2");
  EXPECT_EQ(GetString(plan.create[0], {"metadata", "generateName"}), "sum-2-");
}

TEST(JobPlanTest, GoesSomeTimeAfterItsEnd) {
  constexpr const char* kEnded = R"({"spec":{"ttlSecondsAfterFinished":60},"status":{"conditions":[
      {"type":"Complete","status":"True","lastTransitionTime":"2026-01-01T00:59:30Z"}]}})";
  const JobPlan plan = Plan(Job(kEnded), {Pod("a", "Succeeded")});
  EXPECT_FALSE(plan.expired);
  EXPECT_EQ(plan.again, std::chrono::seconds(30));
  EXPECT_EQ(Moves(plan), "release a");
  Json old = Job(kEnded);
  old["spec"]["ttlSecondsAfterFinished"] = 30;
  EXPECT_TRUE(Plan(old, {}).expired);
}

TEST(JobPlanTest, IndexesAsText) {
  for (const char* text : {"", "3", "0,1", "0-2", "0-2,5,7,8,10-12"}) {
    EXPECT_EQ(PrintIndexes(ParseIndexes(text)), text);
  }
  EXPECT_TRUE(ParseIndexes("0-99999999999,x").empty());
}

}  // namespace
}  // namespace weir::controllers
