#include "controllers/cron_job_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T01:00:30Z");

Json Cron(std::string_view more = "{}") {
  Json cron = *ParseJson(R"({"apiVersion":"batch/v1","kind":"CronJob",
      "metadata":{"name":"tick","namespace":"ns","uid":"u",
                  "creationTimestamp":"2026-01-01T00:59:30Z"},
      "spec":{"schedule":"* * * * *","concurrencyPolicy":"Allow","successfulJobsHistoryLimit":1,
        "failedJobsHistoryLimit":1,"jobTemplate":{"metadata":{"labels":{"a":"b"}},
          "spec":{"template":{}}}}})");
  cron.merge_patch(*ParseJson(more));
  return cron;
}

Json Job(std::string_view name, std::string_view ended = {}) {
  Json job = {{"metadata", {{"name", name}, {"namespace", "ns"}, {"uid", name}}}};
  if (ended.empty()) return job;
  job["status"] = {{"completionTime", "2026-01-01T01:00:10Z"},
                   {"conditions", Json::array({{{"type", ended}, {"status", "True"}}})}};
  return job;
}

CronJobPlan Plan(const Json& cron, const std::vector<Json>& jobs = {}) {
  static std::vector<Json> kept;
  kept = jobs;
  std::vector<const Json*> list;
  for (const Json& job : kept) list.push_back(&job);
  return PlanCronJob(cron, list, kNow);
}

TEST(CronJobPlanTest, AJobForTheLastTimeThatHasCome) {
  const CronJobPlan plan = Plan(Cron());
  ASSERT_TRUE(plan.create);
  EXPECT_EQ(Name(*plan.create), "tick-29453820");  // minutes since 1970
  EXPECT_EQ(plan.scheduled, "2026-01-01T01:00:00Z");
  EXPECT_EQ(GetString(*plan.create, {"metadata", "labels", "a"}), "b");
  EXPECT_EQ(GetString(*plan.create, {"metadata", "annotations",
                                     "batch.kubernetes.io/cronjob-scheduled-timestamp"}),
            "2026-01-01T01:00:00Z");
  EXPECT_EQ(plan.again, std::chrono::seconds(30));
}

TEST(CronJobPlanTest, NotTwiceAndNotWhenItMayNot) {
  for (const char* more : {
           R"({"status":{"lastScheduleTime":"2026-01-01T01:00:00Z"}})",
           R"({"spec":{"suspend":true}})",
           R"({"spec":{"startingDeadlineSeconds":20}})",
           R"({"spec":{"timeZone":"Europe/Berlin"}})",
           R"({"spec":{"concurrencyPolicy":"Forbid"},"status":{"active":[{"uid":"a"}]}})",
       }) {
    EXPECT_FALSE(Plan(Cron(more), {Job("a")}).create) << more;
  }
  const CronJobPlan replaced =
      Plan(Cron(R"({"spec":{"concurrencyPolicy":"Replace"},"status":{"active":[{"uid":"a"}]}})"),
           {Job("a")});
  EXPECT_TRUE(replaced.create);
  ASSERT_EQ(replaced.remove.size(), 1U);
  EXPECT_FALSE(replaced.status.contains("active"));
}

TEST(CronJobPlanTest, RemembersWhatEndedAndForgetsTheOldest) {
  const CronJobPlan plan =
      Plan(Cron(R"({"spec":{"suspend":true},"status":{"active":[
               {"uid":"a","name":"a"},{"uid":"c","name":"c"},{"uid":"z","name":"z"}]}})"),
           {Job("a", "Complete"), Job("b", "Complete"), Job("c"), Job("d", "Failed"), Job("e")});
  EXPECT_EQ(plan.status["active"].size(), 1U);
  EXPECT_EQ(GetString(plan.status, "lastSuccessfulTime"), "2026-01-01T01:00:10Z");
  std::vector<std::string> told;
  for (const auto& event : plan.events) told.push_back(event.message);
  EXPECT_EQ(Join(told, "; "),
            "Saw completed job: a, condition: Complete; Active job went missing: z; "
            "Saw a job that the controller did not create or forgot: e");
  ASSERT_EQ(plan.remove.size(), 1U);
  EXPECT_EQ(Name(*plan.remove[0]), "a");
}

}  // namespace
}  // namespace weir::controllers
