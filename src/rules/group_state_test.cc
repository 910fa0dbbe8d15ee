#include "rules/group_state.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "promql/memory_storage.h"

namespace weir::rules {
namespace {

using model::Labels;

// The writes as text, one a line, in order; a vanished series' value is `stale`.
std::string Text(const std::vector<Write>& writes) {
  std::string text;
  for (const Write& write : writes) {
    text += write.labels.ToString() + " " +
            (model::IsStale(write.value) ? "stale" : FormatDouble(write.value)) + "\n";
  }
  return text;
}

class Rules : public testing::Test {
 protected:
  GroupState Make(const std::string& rules) {
    auto groups = ParseGroups(std::string_view("groups: [{name: g, rules: [" + rules + "]}]"));
    EXPECT_TRUE(groups.has_value()) << groups.error().message;
    return GroupState(std::move(groups->front()));
  }

  void Add(std::string name, std::string queue, int second, double value) {
    storage_.Add(Labels({{"__name__", std::move(name)}, {"queue", std::move(queue)}}),
                 second * 1000, value);
  }

  // Evaluates and writes the results back, as the engine does.
  std::string Step(GroupState& group, int second) {
    const Outcome outcome = group.Evaluate(FromUnixMillis(second * 1000), storage_);
    std::string text = Text(outcome.writes);
    for (const RuleError& error : outcome.errors) {
      text += error.rule + ": " + error.error.message + "\n";
    }
    for (const Write& write : outcome.writes)
      storage_.Add(write.labels, write.time_ms, write.value);
    return text;
  }

  promql::MemoryStorage storage_;
};

TEST_F(Rules, RecordsAndMarksWhatVanishes) {
  GroupState group = Make("{record: depth, expr: 'sum by (queue) (jobs)', labels: {a: b}}");
  Add("jobs", "x", 1, 3);
  Add("jobs", "y", 1, 4);
  EXPECT_EQ(Step(group, 1), "depth{a=\"b\",queue=\"x\"} 3\ndepth{a=\"b\",queue=\"y\"} 4\n");
  Add("jobs", "y", 2, model::StaleMarker());
  EXPECT_EQ(Step(group, 2), "depth{a=\"b\",queue=\"x\"} 3\ndepth{a=\"b\",queue=\"y\"} stale\n");
  EXPECT_EQ(Step(group, 3), "depth{a=\"b\",queue=\"x\"} 3\n");
  EXPECT_EQ(Text(group.Retire(FromUnixMillis(4000))), "depth{a=\"b\",queue=\"x\"} stale\n");
  EXPECT_EQ(Text(group.Retire(FromUnixMillis(4000))), "");
}

TEST_F(Rules, TheExamplesRuleIsNeverWithoutValue) {
  GroupState group =
      Make("{record: items, expr: 'size{queue=\"x\"} or clamp_max(absent(size{queue=\"x\"}), 0)'}");
  EXPECT_EQ(Step(group, 1), "items{queue=\"x\"} 0\n");
  Add("size", "x", 2, 5);
  EXPECT_EQ(Step(group, 2), "items{queue=\"x\"} 5\n");
  Add("size", "x", 3, model::StaleMarker());
  EXPECT_EQ(Step(group, 3), "items{queue=\"x\"} 0\n");
}

TEST_F(Rules, LaterRulesSeeEarlierOnes) {
  GroupState group =
      Make("{record: a, expr: sum(jobs)}, {record: b, expr: a * 2}, {record: c, expr: absent(a)}");
  Add("jobs", "x", 1, 3);
  EXPECT_EQ(Step(group, 1), "a 3\nb 6\n");
  Add("jobs", "x", 2, 4);
  EXPECT_EQ(Step(group, 2), "a 4\nb 8\n");
  Add("jobs", "x", 3, model::StaleMarker());
  EXPECT_EQ(Step(group, 3), "a stale\nb stale\nc 1\n");
}

TEST_F(Rules, AFailingRuleKeepsItsSeriesAndOthersGoOn) {
  GroupState group =
      Make("{record: r, expr: jobs / ignoring (queue) size}, {record: seven, expr: '7'}");
  Add("jobs", "x", 1, 6);
  Add("size", "x", 1, 2);
  EXPECT_EQ(Step(group, 1), "r 3\nseven 7\n");
  Add("size", "y", 2, 3);
  EXPECT_TRUE(
      Step(group, 2).starts_with("seven 7\nr: found duplicate series for the match group {}"));
  Add("size", "y", 3, model::StaleMarker());
  Add("jobs", "x", 3, model::StaleMarker());
  EXPECT_EQ(Step(group, 3), "r stale\nseven 7\n");
}

TEST_F(Rules, RefusesEqualLabelsAndTooManySeries) {
  GroupState equal = Make("{record: r, expr: jobs, labels: {queue: ''}}");
  Add("jobs", "x", 1, 1);
  Add("jobs", "y", 1, 1);
  EXPECT_EQ(Step(equal, 1),
            "r: vector contains metrics with the same labelset after applying rule labels\n");
  auto groups = ParseGroups(
      std::string_view("groups: [{name: g, limit: 1, rules: [{record: r, expr: jobs}]}]"));
  GroupState limited(std::move(groups->front()));
  EXPECT_EQ(Step(limited, 1), "r: exceeded limit of 1 with 2 series\n");
}

TEST_F(Rules, AlertsPendThenFireThenStop) {
  GroupState group =
      Make("{alert: Many, expr: jobs > 2, for: 2s, keep_firing_for: 1s, labels: {a: b}}");
  Add("jobs", "x", 1, 3);
  const std::string pending =
      "ALERTS{a=\"b\",alertname=\"Many\",alertstate=\"pending\",queue=\"x\"}";
  const std::string firing = "ALERTS{a=\"b\",alertname=\"Many\",alertstate=\"firing\",queue=\"x\"}";
  const std::string since = "ALERTS_FOR_STATE{a=\"b\",alertname=\"Many\",queue=\"x\"}";
  EXPECT_EQ(Step(group, 1), pending + " 1\n" + since + " 1\n");
  EXPECT_EQ(Step(group, 2), pending + " 1\n" + since + " 1\n");
  EXPECT_EQ(Step(group, 3), firing + " 1\n" + since + " 1\n" + pending + " stale\n");
  EXPECT_EQ(group.alerts(0).begin()->second.state, AlertState::kFiring);
  Add("jobs", "x", 4, 1);
  EXPECT_EQ(Step(group, 4), firing + " 1\n" + since + " 1\n");
  EXPECT_EQ(Step(group, 5), firing + " stale\n" + since + " stale\n");
  EXPECT_TRUE(group.alerts(0).empty());
}

TEST_F(Rules, AnAlertThatNeverFiredEndsAtOnce) {
  GroupState group = Make("{alert: Many, expr: jobs > 2, for: 1m, keep_firing_for: 1m}");
  Add("jobs", "x", 1, 3);
  Step(group, 1);
  Add("jobs", "x", 2, 0);
  EXPECT_EQ(Step(group, 2),
            "ALERTS{alertname=\"Many\",alertstate=\"pending\",queue=\"x\"} stale\n"
            "ALERTS_FOR_STATE{alertname=\"Many\",queue=\"x\"} stale\n");
}

TEST_F(Rules, TellsWhatItReads) {
  GroupState group = Make(
      "{record: a, expr: 'absent(jobs{queue=\"x\"})'}, "
      "{record: b, expr: 'rate({__name__=~\"hits_.*\"}[1m])'}");
  const auto reads = [&group](const char* name, const char* queue) {
    return group.Reads(Labels({{"__name__", name}, {"queue", queue}}));
  };
  EXPECT_TRUE(reads("jobs", "x"));
  EXPECT_FALSE(reads("jobs", "y"));
  EXPECT_TRUE(reads("hits_total", "y"));
  EXPECT_FALSE(reads("a", "x"));
  EXPECT_TRUE(group.MayRead("jobs"));
  EXPECT_TRUE(group.MayRead("hits_total"));
  EXPECT_FALSE(group.MayRead("a"));
}

}  // namespace
}  // namespace weir::rules
