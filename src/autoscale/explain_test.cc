// What a decision's record says, for every rule that can make the outcome what it is.

#include "autoscale/explain.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "autoscale/record.h"
#include "autoscale/scenario.h"

namespace weir::autoscale {
namespace {

constexpr const char* kQueue = R"({"type":"External","external":{"metric":{"name":"queue"},)"
                               R"("target":{"type":"AverageValue","averageValue":"10"}}})";
constexpr const char* kCpu = R"({"type":"Resource","resource":{"name":"cpu",)"
                             R"("target":{"type":"Utilization","averageUtilization":50}}})";

Json Parsed(std::string_view text) {
  const Result<Json> json = ParseJson(text);
  EXPECT_TRUE(json) << text;
  return json.value_or(Json());
}

// A scenario of the Deployment web with these metrics, between 1 and 20 replicas.
struct Case {
  std::string metrics = kQueue;  // of the spec
  std::string spec = "{}";       // more of it
  std::string hpa = "{}";        // more of the object
  // The last one's record is looked at.
  std::string steps;
};

Json RecordOf(const Case& c) {
  Json hpa = Parsed(c.hpa);
  hpa["metadata"]["namespace"] = "shop";
  hpa["metadata"]["name"] = "web";
  hpa["spec"] = {{"minReplicas", 1}, {"maxReplicas", 20}};
  hpa["spec"]["scaleTargetRef"] = {
      {"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}};
  hpa["spec"]["metrics"] = Parsed("[" + c.metrics + "]");
  hpa["spec"].update(Parsed(c.spec));
  Json scenario = {{"config", {{"syncPeriod", 15}}}, {"hpa", std::move(hpa)}};
  scenario["podDefaults"] =
      Parsed(R"({"phase":"Running","ready":"True","startTime":-900,"readyTransitionTime":-890,)"
             R"("containers":[{"name":"app","requests":{"cpu":"100m"}}]})");
  scenario["steps"] = Parsed("[" + c.steps + "]");
  Json record;
  const Result<std::string> answer =
      Replay(DumpJson(scenario), false,
             [&](const Inputs& inputs, const Json&) { record = MakeRecord(inputs, {}); });
  EXPECT_TRUE(answer) << answer.error().message;
  return record;
}

// A step at `t` with so many replicas, whose queue has so many messages.
std::string Queue(double t, int replicas, const std::string& messages) {
  const std::string count = std::to_string(replicas);
  return R"({"t":)" + std::to_string(t) + R"(,"target":{"specReplicas":)" + count +
         R"(,"statusReplicas":)" + count + R"(,"selector":"app=web"},"metrics":[{"values":[")" +
         messages + R"("]}]})";
}

void ExpectSummary(const Case& c, std::string_view rule, std::string_view summary) {
  const Json record = RecordOf(c);
  EXPECT_EQ(GetString(record, "rule"), rule);
  EXPECT_EQ(GetString(record, "summary"), summary);
}

TEST(Summary, OfWhatTheMetricsAskFor) {
  ExpectSummary({.steps = Queue(0, 3, "55")}, "Metrics",
                "Deployment web goes from 3 to 6 replicas: external metric queue is 55, at a "
                "target of 10 a replica, which asks for 6. More when external metric queue is "
                "above 66. Fewer when external metric queue is 50 or less, for 5m0s.");
  ExpectSummary({.spec = R"({"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}})",
                 .steps = Queue(0, 3, "12500m")},
                "Metrics",
                "Deployment web goes from 3 to 2 replicas: external metric queue is 12.5, at a "
                "target of 10 a replica, which asks for 2. More when external metric queue is "
                "above 22. Fewer when external metric queue is 10 or less.");
}

TEST(Summary, OfTolerance) {
  ExpectSummary({.steps = Queue(0, 3, "32")}, "WithinTolerance",
                "Deployment web stays at 3 replicas: external metric queue is 32, at a target of "
                "10 a replica, within the tolerance of 10%. More when external metric queue is "
                "above 33. Fewer when external metric queue is 20 or less, for 5m0s.");
  // From so many replicas on, the tolerance is wider than one replica.
  ExpectSummary({.steps = Queue(0, 15, "146")}, "WithinTolerance",
                "Deployment web stays at 15 replicas: external metric queue is 146, at a target of "
                "10 a replica, within the tolerance of 10%. More when external metric queue is "
                "above 165. Fewer when external metric queue is below 135, for 5m0s.");
}

TEST(Summary, OfBounds) {
  ExpectSummary({.steps = Queue(0, 12, "900")}, "MaxReplicas",
                "Deployment web goes from 12 to 20 replicas: the metrics ask for 90, but "
                "maxReplicas is 20. More only with a higher maxReplicas. Fewer when external "
                "metric queue is below 180, for 5m0s.");
  ExpectSummary({.spec = R"({"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}})",
                 .steps = Queue(0, 1, "0")},
                "MinReplicas",
                "Deployment web stays at 1 replica: the metrics ask for 0, but minReplicas is 1. "
                "More when external metric queue is above 11. Fewer only with a lower "
                "minReplicas.");
  ExpectSummary({.steps = Queue(0, 25, "0")}, "MaxReplicas",
                "Deployment web goes from 25 to 20 replicas: it has 25 replicas, and maxReplicas "
                "is 20. More only with a higher maxReplicas. Fewer when all metrics ask for it.");
  ExpectSummary({.spec = R"({"minReplicas":3})", .steps = Queue(0, 1, "0")}, "MinReplicas",
                "Deployment web goes from 1 to 3 replicas: it has 1 replica, and minReplicas is 3. "
                "More when a metric asks for it. Fewer only with a lower minReplicas.");
}

TEST(Summary, OfRateLimits) {
  ExpectSummary({.steps = Queue(0, 3, "150")}, "ScaleUpPolicy",
                "Deployment web goes from 3 to 6 replicas: the metrics ask for 15, but one step at "
                "most doubles the replicas, or makes them 4. More with the next sync period, if "
                "the metrics still ask for it. Fewer when external metric queue is 50 or less, "
                "for 5m0s.");
  const std::string up =
      R"({"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":2,"periodSeconds":60}]},)"
      R"("scaleDown":{"policies":[{"type":"Percent","value":50,"periodSeconds":30}],)"
      R"("stabilizationWindowSeconds":0}}})";
  ExpectSummary({.spec = up, .steps = Queue(0, 3, "150") + "," + Queue(10, 5, "150")},
                "ScaleUpPolicy",
                "Deployment web stays at 5 replicas: the metrics ask for 15, but the policy of 2 "
                "pods in 1m0s in behavior.scaleUp allows 5. More at 2026-01-01T00:01:00.000000Z, "
                "if the metrics still ask for it. Fewer when external metric queue is 40 or less.");
  ExpectSummary({.spec = up, .steps = Queue(0, 8, "1") + "," + Queue(10, 4, "1")},
                "ScaleDownPolicy",
                "Deployment web stays at 4 replicas: the metrics ask for 1, but the policy of 50% "
                "in 30s in behavior.scaleDown allows 4. More when external metric queue is above "
                "44. Fewer at 2026-01-01T00:00:30.000000Z, unless the metrics ask for more by "
                "then.");
}

TEST(Summary, OfSelectPolicyDisabled) {
  const std::string off =
      R"({"behavior":{"scaleUp":{"selectPolicy":"Disabled"},)"
      R"("scaleDown":{"selectPolicy":"Disabled","stabilizationWindowSeconds":0}}})";
  ExpectSummary({.spec = off, .steps = Queue(0, 3, "55")}, "ScaleUpDisabled",
                "Deployment web stays at 3 replicas: the metrics ask for 6, but "
                "behavior.scaleUp.selectPolicy is Disabled. More only where scaling up is not "
                "disabled. Fewer when external metric queue is 20 or less.");
  ExpectSummary({.spec = off, .steps = Queue(0, 3, "5")}, "ScaleDownDisabled",
                "Deployment web stays at 3 replicas: the metrics ask for 1, but "
                "behavior.scaleDown.selectPolicy is Disabled. More when external metric queue is "
                "above 33. Fewer only where scaling down is not disabled.");
}

TEST(Summary, OfStabilisation) {
  ExpectSummary({.steps = Queue(0, 3, "40") + "," + Queue(20, 4, "5")}, "ScaleDownStabilization",
                "Deployment web stays at 4 replicas: the metrics ask for 1, but asked for 4 within "
                "the last 5m0s. More when external metric queue is above 44. Fewer at "
                "2026-01-01T00:05:00.001000Z, unless the metrics ask for more by then.");
  ExpectSummary({.spec = R"({"behavior":{"scaleUp":{"stabilizationWindowSeconds":60}}})",
                 .steps = Queue(0, 3, "30") + "," + Queue(20, 3, "90")},
                "ScaleUpStabilization",
                "Deployment web stays at 3 replicas: the metrics ask for 9, but asked for no more "
                "than 3 within the last 1m0s. More at 2026-01-01T00:01:00.000000Z, if the metrics "
                "ask for it until then. Fewer when external metric queue is 20 or less, for "
                "5m0s.");
}

TEST(Summary, OfWhatIsNotKnown) {
  const std::string failed =
      R"({"t":0,"target":{"specReplicas":3,"statusReplicas":3,"selector":"app=web"},)"
      R"("metrics":[{"error":"no such metric"})";
  ExpectSummary({.steps = failed + "]}"}, "UnknownMetric",
                "Deployment web stays at 3 replicas: external metric queue cannot be read (unable "
                "to get external metric shop/queue/nil: unable to fetch metrics from external "
                "metrics API: no such metric), and what is not known lowers nothing. More when a "
                "metric can be read and asks for it. Fewer only when every metric can be read.");
  const std::string other = R"(,{"type":"External","external":{"metric":{"name":"other"},)"
                            R"("target":{"type":"Value","value":"4"}}})";
  ExpectSummary({.metrics = kQueue + other,
                 .steps = failed + R"(,{"values":["1"]}],"pods":)" +
                          R"([{"name":"a","labels":{"app":"web"}}]})"},
                "UnknownMetric",
                "Deployment web stays at 3 replicas: external metric queue cannot be read (unable "
                "to get external metric shop/queue/nil: unable to fetch metrics from external "
                "metrics API: no such metric), and what is not known lowers nothing; what is known "
                "asks for no more. More when external metric other is above 4.4. Fewer only when "
                "every metric can be read.");
  ExpectSummary({.metrics = kQueue + other, .steps = failed + R"(,{"error":"nor this"}]})"},
                "UnknownMetric",
                "Deployment web stays at 3 replicas: external metric queue cannot be read (unable "
                "to get external metric shop/queue/nil: unable to fetch metrics from external "
                "metrics API: no such metric), nor can the other, and what is not known lowers "
                "nothing. More when a metric can be read and asks for it. Fewer only when every "
                "metric can be read.");
  ExpectSummary({.steps = R"({"t":0,"getError":"deployments.apps \"web\" not found"})"},
                "UnknownScale",
                "Deployment web is left as it is: its scale cannot be read: deployments.apps "
                "\"web\" not found. More or fewer only once that is mended.");
  ExpectSummary({.steps = R"({"t":0,"target":{"specReplicas":3,"selector":""}})"},
                "UnknownPodsOfTarget",
                "Deployment web stays at 3 replicas: its pods cannot be told: selector is "
                "required. More or fewer only once that is mended.");
}

// Two of five pods are known to be busy: were the others idle, nothing would have to change.
TEST(Summary, OfPodsThatAreNotReadyOrHaveNoMetric) {
  const std::string step =
      R"({"t":0,"target":{"specReplicas":4,"statusReplicas":4,"selector":"app=web"},"pods":[)"
      R"({"name":"a","labels":{"app":"web"}},{"name":"b","labels":{"app":"web"}},)"
      R"({"name":"c","labels":{"app":"web"}},)"
      R"({"name":"d","labels":{"app":"web"},"phase":"Pending","ready":"False"}],)"
      R"("metrics":[{"timestamp":-5,"pods":[{"name":"a","containers":{"app":{"cpu":"100m"}}},)"
      R"({"name":"b","containers":{"app":{"cpu":"100m"}}}]}]})";
  const Case c{.metrics = kCpu, .steps = step};
  ExpectSummary(c, "UnknownPods",
                "Deployment web stays at 4 replicas: cpu is at 100% of what the pods request, at a "
                "target of 50%, but 2 pods are not ready or without a metric, and with them "
                "counted in nothing is certain. More when cpu is 56% or more with all "
                "pods ready and measured. Fewer when cpu is below 38% with all pods ready and "
                "measured, for 5m0s.");
  EXPECT_EQ(Explain(RecordOf(c)), GetString(RecordOf(c), "summary") +
                                      R"(

  decided    2026-01-01T00:00:00.000000Z, changed nothing
  rule       UnknownPods
  target     Deployment web: 4 in its spec, 4 in its status; 1 to 20 allowed
  metric *   cpu is at 100% of what the pods request, at a target of 50%: 4 (ratio 2, 1 with unknown pods, held for unknown pods), of 2025-12-31T23:59:55.000000Z; not ready: d; without the metric: c
  stages     the metrics ask for 4, stabilisation changes nothing, limits change nothing
)");
}

TEST(Summary, OfAPodsRatioWithinASyncPeriodAfterAChange) {
  const auto step = [](int t, int replicas) {
    return R"({"t":)" + std::to_string(t) + R"(,"target":{"specReplicas":)" +
           std::to_string(replicas) +
           R"(,"statusReplicas":2,"selector":"app=web"},"pods":[)"
           R"({"name":"a","labels":{"app":"web"}},{"name":"b","labels":{"app":"web"}}],)"
           R"("metrics":[{"pods":[{"name":"a","containers":{"app":{"cpu":"100m"}}},)"
           R"({"name":"b","containers":{"app":{"cpu":"100m"}}}]}]})";
  };
  ExpectSummary({.metrics = kCpu,
                 .spec = R"({"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}})",
                 .steps = step(0, 2) + "," + step(4, 3)},
                "SyncPeriod",
                "Deployment web stays at 3 replicas: cpu is at 100% of what the pods request, at a "
                "target of 50%, which asks for 4, but the last change has to work first. More at "
                "2026-01-01T00:00:15.000000Z, if the metrics still ask for it. Fewer when cpu is "
                "below 34%.");
}

TEST(Summary, OfATargetAtZero) {
  ExpectSummary({.steps = Queue(0, 0, "50")}, "TargetAtZero",
                "Deployment web stays at 0 replicas: it was set to zero, which turns an autoscaler "
                "with minReplicas 1 off. More only when somebody sets its replicas.");
  ExpectSummary({.metrics = kCpu, .spec = R"({"minReplicas":0})", .steps = Queue(0, 0, "50")},
                "TargetAtZero",
                "Deployment web stays at 0 replicas: it is at zero, and its autoscaler has no "
                "metric that has a value without pods. More only when somebody sets its replicas.");
  // With minReplicas 0, and a metric that has a value without pods, zero is a number like others.
  ExpectSummary({.spec = R"({"minReplicas":0})", .steps = Queue(0, 0, "0")}, "Metrics",
                "Deployment web stays at 0 replicas: external metric queue is 0, at a target of 10 "
                "a replica, which asks for 0. More when external metric queue is above 0.");
}

TEST(Summary, OfAPausedAutoscaler) {
  ExpectSummary({.hpa = R"({"metadata":{"annotations":{"weir.dev/paused":"true"}}})",
                 .steps = Queue(0, 3, "50")},
                "Paused",
                "Deployment web stays at 3 replicas: the annotation weir.dev/paused pauses its "
                "autoscaler. More or fewer only without the annotation.");
}

TEST(Summary, OfSeveralMetricsNamesTheOneThatWon) {
  const std::string bytes =
      R"(,{"type":"Object","object":{"metric":{"name":"backlog"},)"
      R"("describedObject":{"kind":"Service","name":"web","apiVersion":"v1"},)"
      R"("target":{"type":"AverageValue","averageValue":"100"}}})";
  const std::string step =
      R"({"t":0,"target":{"specReplicas":3,"statusReplicas":3,"selector":"app=web"},)"
      R"("metrics":[{"values":["20","35"]},{"value":"190"}]})";
  const Json record = RecordOf({.metrics = kQueue + bytes, .steps = step});
  EXPECT_EQ(GetString(record, "summary"),
            "Deployment web goes from 3 to 6 replicas: external metric queue is 55, at a target of "
            "10 a replica, which asks for 6, and no metric asks for more. More when external "
            "metric queue is above 66, or metric backlog of Service web is above 660. Fewer when "
            "external metric queue is 50 or less, and metric backlog of Service web is 500 or "
            "less, for 5m0s.");
  const Json& metrics = GetArray(record, {"metrics"});
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_TRUE(GetBool(metrics[0], {"wins"}, false));
  EXPECT_FALSE(metrics[1].contains("wins"));
  EXPECT_EQ(GetInt(metrics[1], {"proposes"}, -1), 2);
}

TEST(Summary, OfAScaleThatCouldNotBeWritten) {
  std::string step = Queue(0, 3, "55");
  step.insert(1, R"("updateError":"conflict",)");
  const Json record = RecordOf({.steps = step});
  EXPECT_FALSE(GetBool(record, {"changed"}, true));
  EXPECT_EQ(GetString(record, "summary"),
            "Deployment web should go from 3 to 6 replicas, which could not be written (conflict): "
            "external metric queue is 55, at a target of 10 a replica, which asks for 6. More when "
            "external metric queue is above 66. Fewer when external metric queue is 50 or less, "
            "for 5m0s.");
}

TEST(Explain, ReadsAnything) {
  EXPECT_EQ(Explain(Json()), "Nothing was decided: the record is empty.\n");
  const Json odd = Parsed(R"({"rule":7,"metrics":{},"stages":[1],"target":[]})");
  EXPECT_TRUE(Explain(odd).starts_with("  stays at 0 replicas: "));
}

TEST(Record, HasNoNumbersWhereTheScaleCouldNotBeRead) {
  const Json record = RecordOf({.steps = R"({"t":0,"getError":"no such kind"})"});
  EXPECT_EQ(GetString(record, "rule"), "UnknownScale");
  EXPECT_FALSE(record.contains("from"));
  EXPECT_FALSE(record.contains("to"));
  EXPECT_FALSE(GetBool(record, {"changed"}, true));
}

// The record's own scenario gives the same record.
TEST(Record, IsMadeAgainFromItsScenario) {
  const Json record = RecordOf({.steps = Queue(0, 3, "40") + "," + Queue(20.125, 4, "5")});
  Json again;
  const auto answer =
      Replay(GetString(record, "scenario"), false,
             [&](const Inputs& inputs, const Json&) { again = MakeRecord(inputs, {}); });
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(DumpJson(again, 1), DumpJson(record, 1));
  EXPECT_EQ(GetString(record, "time"), "2026-01-01T00:00:20.125000Z");
}

}  // namespace
}  // namespace weir::autoscale
