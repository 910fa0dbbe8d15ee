#include "engine/rule_runner_plan.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "promql/evaluator.h"
#include "promql/parser.h"
#include "tsdb/head.h"

namespace weir::engine {
namespace {

using model::Labels;

std::vector<rules::Group> Groups(const std::string& yaml) {
  auto groups = rules::ParseGroups(std::string_view("groups: [" + yaml + "]"));
  EXPECT_TRUE(groups.has_value()) << groups.error().message;
  return groups ? std::move(*groups) : std::vector<rules::Group>();
}

std::string Group(const std::string& name, const std::string& rules,
                  const std::string& interval = "10s") {
  return "{name: " + name + ", interval: " + interval + ", rules: [" + rules + "]}";
}

class Runner : public testing::Test {
 protected:
  Runner() { Make({}); }

  void Make(RunnerOptions options) {
    runner_ = std::make_unique<RuleRunner>(head_, [this] { return head_.NewAppender(); }, options);
    runner_->SetErrorListener([this](const std::string& rule, const Error& error) {
      errors_ += rule + ": " + error.message + "\n";
    });
    runner_->SetChangeListener([this](const std::vector<std::string>& series, Time at) {
      changes_ += Join(series, ",") + "@" + std::to_string(ToUnixMillis(at)) + "\n";
    });
    head_.SetCommitListener([this](const model::CommitInfo& info) {
      if (listening_) runner_->OnCommit(info, FromUnixMillis(now_ms_));
    });
  }

  // One scrape at `ms`, which is also now.
  void Scrape(std::int64_t ms, std::vector<std::pair<std::string, double>> series) {
    now_ms_ = ms;
    auto batch = head_.NewAppender();
    for (const auto& [name, value] : series) {
      EXPECT_TRUE(batch->Append(Labels({{"__name__", name}}), ms, value).has_value());
    }
    EXPECT_TRUE(batch->Commit().has_value());
  }

  // The value of a query at `ms`, `-` where there is none.
  std::string Value(const std::string& query, std::int64_t ms) {
    const auto expr = promql::Parse(query);
    const auto value = promql::Evaluate(*expr, FromUnixMillis(ms), head_);
    const auto& vector = std::get<model::Vector>(*value);
    return vector.empty() ? "-" : FormatDouble(vector[0].value);
  }

  std::string TakeChanges() { return std::exchange(changes_, {}); }

  tsdb::Head head_;
  std::unique_ptr<RuleRunner> runner_;
  std::int64_t now_ms_ = 0;
  bool listening_ = true;
  std::string errors_;
  std::string changes_;
};

TEST_F(Runner, ACommitEvaluatesWhatReadsItAtItsTime) {
  runner_->SetGroups("a",
                     Groups(Group("g", "{record: double, expr: jobs * 2}") + ", " +
                            Group("h", "{record: other, expr: mails * 2}")),
                     FromUnixMillis(0));
  Scrape(1000, {{"jobs", 3}});
  EXPECT_EQ(Value("double", 1000), "6");
  EXPECT_EQ(runner_->counters().evaluations, 1U);
  EXPECT_EQ(TakeChanges(), "double,jobs@1000\n");
  Scrape(2000, {{"unrelated", 3}});
  EXPECT_EQ(runner_->counters().evaluations, 1U);
}

TEST_F(Runner, VanishingWakesAbsent) {
  runner_->SetGroups("a",
                     Groups(Group("g",
                                  "{record: items, expr: 'size or "
                                  "clamp_max(absent(size), 0)'}")),
                     FromUnixMillis(0));
  Scrape(1000, {{"size", 3}});
  EXPECT_EQ(Value("items", 1000), "3");
  Scrape(2000, {{"size", model::StaleMarker()}});
  EXPECT_EQ(Value("items", 2000), "0");
  Scrape(3000, {{"size", 1}});
  EXPECT_EQ(Value("items", 3000), "1");
}

TEST_F(Runner, UnchangedValuesTellNobody) {
  runner_->SetGroups("a", Groups(Group("g", "{record: double, expr: jobs * 2}")),
                     FromUnixMillis(0));
  Scrape(1000, {{"jobs", 3}, {"up", 1}});
  EXPECT_EQ(TakeChanges(), "double,jobs,up@1000\n");
  Scrape(2000, {{"jobs", 3}, {"up", 1}});
  EXPECT_EQ(TakeChanges(), "");
  EXPECT_EQ(Value("double", 2000), "6");
  Scrape(3000, {{"jobs", 4}, {"up", 1}});
  EXPECT_EQ(TakeChanges(), "double,jobs@3000\n");
}

TEST_F(Runner, RulesThatReadRulesFollowInTheSameCommit) {
  runner_->SetGroups("z", Groups(Group("first", "{record: a, expr: jobs + 1}")), FromUnixMillis(0));
  runner_->SetGroups("a", Groups(Group("second", "{record: b, expr: a + 1}")), FromUnixMillis(0));
  runner_->SetGroups("m", Groups(Group("third", "{record: c, expr: b + 1}")), FromUnixMillis(0));
  Scrape(1000, {{"jobs", 1}});
  EXPECT_EQ(Value("c", 1000), "4");
  EXPECT_EQ(TakeChanges(), "a,b,c,jobs@1000\n");
  EXPECT_EQ(runner_->counters().evaluations, 3U);
}

TEST_F(Runner, LoopsEnd) {
  runner_->SetGroups("a",
                     Groups(Group("g", "{record: a, expr: b + 1 or jobs}") + ", " +
                            Group("h", "{record: b, expr: a + 1}") + ", " +
                            Group("i", "{record: own, expr: own + 1 or jobs}")),
                     FromUnixMillis(0));
  Scrape(1000, {{"jobs", 1}});
  EXPECT_EQ(runner_->counters().evaluations, 3U);
  EXPECT_EQ(Value("b", 1000), "2");
  Scrape(2000, {{"jobs", 2}});
  EXPECT_EQ(runner_->counters().evaluations, 6U);
  EXPECT_EQ(Value("own", 2000), "2");
}

TEST_F(Runner, TimeOfAGroupOnlyGrows) {
  runner_->SetGroups("a", Groups(Group("g", "{record: both, expr: jobs + mails}")),
                     FromUnixMillis(0));
  Scrape(1000, {{"mails", 1}});
  now_ms_ = 1000;
  Scrape(1000, {{"jobs", 1}});  // the same instant again: one millisecond later for the rule
  EXPECT_EQ(Value("both", 1001), "2");
  Scrape(900, {{"late", 1}, {"jobs2", 1}});
  EXPECT_EQ(runner_->counters().rejected, 0U);
  // A sample from the future does not take the group along.
  now_ms_ = 2000;
  auto batch = head_.NewAppender();
  ASSERT_TRUE(batch->Append(Labels({{"__name__", "jobs"}}), 9'000'000, 5));
  ASSERT_TRUE(batch->Commit());
  EXPECT_EQ(ToUnixMillis(runner_->Groups()[0].last_evaluation), 2000);
}

TEST_F(Runner, TimersEvaluateAtTheirInterval) {
  using std::chrono::seconds;
  runner_->SetGroups("a",
                     Groups(Group("g", "{record: now, expr: time()}", "2s") + ", " +
                            Group("h", "{record: later, expr: time()}", "5s")),
                     FromUnixMillis(0));
  EXPECT_EQ(runner_->NextDue(), Duration(0));
  for (int second = 1; second <= 7; ++second) {
    now_ms_ = second * 1000;
    runner_->RunDue(FromUnixMillis(now_ms_), seconds(second));
  }
  EXPECT_EQ(runner_->counters().evaluations, 4U + 2U);
  EXPECT_EQ(Value("now", 7000), "7");
  EXPECT_EQ(Value("later", 7000), "6");
  EXPECT_EQ(runner_->NextDue(), Duration(seconds(9)));
  // What was slept over is not made up.
  now_ms_ = 100'000;
  runner_->RunDue(FromUnixMillis(now_ms_), seconds(100));
  EXPECT_EQ(runner_->counters().evaluations, 8U);
  EXPECT_EQ(runner_->NextDue(), Duration(seconds(102)));
}

TEST_F(Runner, ChangedGroupsEndTheirSeriesAndUnchangedOnesKeepTheirState) {
  const auto at = [](std::int64_t ms) { return FromUnixMillis(ms); };
  runner_->SetGroups(
      "a",
      Groups(Group("g", "{record: a, expr: jobs}") + ", " + Group("h", "{record: b, expr: jobs}")),
      at(0));
  runner_->SetGroups("other", Groups(Group("g", "{record: c, expr: jobs}")), at(0));
  Scrape(1000, {{"jobs", 1}});
  now_ms_ = 1500;
  runner_->SetGroups(
      "a",
      Groups(Group("g", "{record: a2, expr: jobs}") + ", " + Group("h", "{record: b, expr: jobs}")),
      at(1500));
  EXPECT_EQ(Value("a", 1600), "-");
  EXPECT_EQ(Value("b", 1600), "1");
  EXPECT_EQ(Value("c", 1600), "1");
  runner_->SetGroups("a", {}, at(1700));
  EXPECT_EQ(Value("b", 1800), "-");
  EXPECT_EQ(Value("c", 1800), "1");
  EXPECT_EQ(runner_->Groups().size(), 1U);
}

TEST_F(Runner, AnErrorIsToldOnceUntilItEnds) {
  runner_->SetGroups("a", Groups(Group("g", "{record: r, expr: 'topk(scalar(k), jobs)'}")),
                     FromUnixMillis(0));
  Scrape(1000, {{"jobs", 3}});
  const std::string told = "a/g: r: Parameter value is NaN\n";
  EXPECT_EQ(errors_, told);
  Scrape(2000, {{"jobs", 3}});
  EXPECT_EQ(errors_, told);
  EXPECT_EQ(runner_->counters().failures, 2U);
  EXPECT_EQ(runner_->Groups()[0].errors->front(), "Parameter value is NaN");
  Scrape(3000, {{"jobs", 3}, {"k", 1}});
  EXPECT_EQ(runner_->Groups()[0].errors->front(), "");
  Scrape(4000, {{"k", model::StaleMarker()}});
  EXPECT_EQ(errors_, told + told);
}

TEST_F(Runner, WithoutOnCommitTimersAlone) {
  Make({.evaluation_interval = std::chrono::seconds(1), .on_commit = false});
  runner_->SetGroups("a", Groups(Group("g", "{record: double, expr: jobs * 2}", "0s")),
                     FromUnixMillis(0));
  Scrape(1000, {{"jobs", 3}});
  EXPECT_EQ(Value("double", 1000), "-");
  EXPECT_EQ(TakeChanges(), "jobs@1000\n");
  now_ms_ = 1200;
  runner_->RunDue(FromUnixMillis(1200), Duration(0));
  EXPECT_EQ(Value("double", 1200), "6");
  EXPECT_EQ(TakeChanges(), "double@1200\n");
  EXPECT_EQ(runner_->NextDue(), Duration(std::chrono::seconds(1)));
}

}  // namespace
}  // namespace weir::engine
