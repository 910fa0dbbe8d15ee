// The values that a record names as those that would change the outcome do so: the decision is made
// again just below them and just above.

#include "autoscale/thresholds.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "autoscale/record.h"
#include "autoscale/scenario.h"

namespace weir::autoscale {
namespace {

Json Parsed(const std::string& text) {
  const Result<Json> json = ParseJson(text);
  EXPECT_TRUE(json) << text;
  return json.value_or(Json());
}

std::string Spec(const std::string& type, const std::string& metric, const std::string& target) {
  return R"({"type":")" + type + R"(",)" + metric + R"("target":)" + target + "}}";
}
std::string External(const std::string& target) {
  return Spec("External", R"("external":{"metric":{"name":"m"},)", target);
}
std::string Resource(const std::string& name, const std::string& target) {
  return Spec("Resource", R"("resource":{"name":")" + name + R"(",)", target);
}
std::string Average(const std::string& amount) {
  return R"({"type":"AverageValue","averageValue":")" + amount + R"("})";
}

// One pass of an autoscaler with this metric, without windows, where so many replicas are there and
// each bears (External: all of them bear) so much.
struct Case {
  std::string metric;
  int replicas = 3;
  std::string behavior = "{}";  // of both directions
};

struct Outcome {
  std::int64_t to = 0;
  Json record;
};

Outcome At(const Case& c, const std::string& amount) {
  Json hpa = {{"metadata", {{"namespace", "shop"}, {"name", "web"}}}};
  hpa["spec"] = {{"minReplicas", 0}, {"maxReplicas", 1000}};
  hpa["spec"]["scaleTargetRef"] = {{"kind", "Deployment"}, {"name", "web"}};
  hpa["spec"]["metrics"] = Json::array({Parsed(c.metric)});
  Json rules = Parsed(c.behavior);
  rules["stabilizationWindowSeconds"] = 0;
  hpa["spec"]["behavior"] = {{"scaleUp", rules}, {"scaleDown", rules}};
  Json pods = Json::array();
  Json usage = Json::array();
  const std::string resource = GetString(Parsed(c.metric), {"resource", "name"});
  for (int i = 0; i < c.replicas; ++i) {
    const std::string name = "p" + std::to_string(i);
    pods.push_back({{"name", name}});
    usage.push_back({{"name", name}, {"containers", {{"app", {{resource, amount}}}}}});
  }
  Json step = {{"t", 0}, {"pods", std::move(pods)}};
  step["target"] = {
      {"specReplicas", c.replicas}, {"statusReplicas", c.replicas}, {"selector", "app=web"}};
  const Json result =
      resource.empty() ? Json{{"values", Json::array({amount})}} : Json{{"pods", std::move(usage)}};
  step["metrics"] = Json::array({result});
  Json scenario = {{"hpa", std::move(hpa)}, {"steps", Json::array({std::move(step)})}};
  scenario["podDefaults"] =
      Parsed(R"({"labels":{"app":"web"},"phase":"Running","ready":"True","startTime":-900,)"
             R"("readyTransitionTime":-890,)"
             R"("containers":[{"name":"app","requests":{"cpu":"1","memory":"1Gi"}}]})");
  Outcome outcome;
  const auto answer = Replay(DumpJson(scenario), false, [&](const Inputs& inputs, const Json&) {
    outcome.record = MakeRecord(inputs, {});
  });
  EXPECT_TRUE(answer) << answer.error().message;
  outcome.to = GetInt(outcome.record, {"to"}, -1);
  return outcome;
}

// What a text of a record says in thousandths; a percentage of a request of one core.
std::int64_t Milli(std::string text) {
  if (text.ends_with('%')) {
    text.pop_back();
    return kube::Quantity::Parse(text)->MilliValue() / 100;
  }
  const Result<kube::Quantity> quantity = kube::Quantity::Parse(text);
  EXPECT_TRUE(quantity) << text;
  return quantity ? quantity->MilliValue() : 0;
}
std::string Amount(std::int64_t milli) { return kube::Quantity::FromMilli(milli).ToString(); }

// The least that the text can tell apart, where it has all its three decimals.
std::int64_t Step(const std::string& text) {
  const std::size_t dot = text.find('.');
  const std::size_t end = text.find_last_of("0123456789") + 1;
  if (dot == std::string::npos || end - dot <= 3 || text.ends_with('%')) return 1;
  std::string one = text;
  for (char& c : one) c = c >= '0' && c <= '9' ? '0' : c;
  one[end - 1] = '1';
  return Milli(one);
}

class ThresholdsHold : public ::testing::TestWithParam<Case> {};

TEST_P(ThresholdsHold, JustBelowAndJustAbove) {
  const Case& c = GetParam();
  // At its target nothing changes, so that the record's thresholds are those of these replicas.
  Json target = Parsed(c.metric);
  target =
      target.contains("resource") ? target["resource"]["target"] : target["external"]["target"];
  const std::int64_t percent = GetInt(target, {"averageUtilization"}, 0);
  const std::int64_t at =
      percent > 0 ? percent * 10
                  : Milli(GetString(target, "averageValue", GetString(target, "value")));
  const bool total = target.contains("averageValue") && c.metric.contains("External");
  const Outcome held = At(c, Amount(total ? at * c.replicas : at));
  ASSERT_EQ(held.to, c.replicas);
  const Json& metric = GetArray(held.record, {"metrics"})[0];
  SCOPED_TRACE(DumpJson(metric));
  const std::string above = GetString(metric, "above");
  const std::string at_least = GetString(metric, "atLeast");
  const std::string more = above + at_least;
  EXPECT_GT(At(c, Amount(Milli(more) + (above.empty() ? 0 : 1))).to, c.replicas);
  EXPECT_EQ(At(c, Amount(Milli(more) - (above.empty() ? 1 : Step(more) - 1))).to, c.replicas);
  const std::string up_to = GetString(metric, "upTo");
  const std::string below = GetString(metric, "below");
  const std::string fewer = up_to + below;
  EXPECT_LT(At(c, Amount(Milli(fewer) - (up_to.empty() ? 1 : 0))).to, c.replicas);
  EXPECT_EQ(At(c, Amount(Milli(fewer) + (up_to.empty() ? Step(fewer) - 1 : Step(fewer)))).to,
            c.replicas);
}

const char* const kOdd = R"({"tolerance":"0.07"})";
INSTANTIATE_TEST_SUITE_P(
    OfEachMeasure, ThresholdsHold,
    ::testing::Values(
        Case{External(Average("10"))}, Case{External(Average("10")), 15},
        Case{External(Average("7")), 11, kOdd}, Case{External(Average("1500m")), 7},
        Case{External(Average("3M")), 13}, Case{External(R"({"type":"Value","value":"4"})")},
        Case{External(R"({"type":"Value","value":"700m"})"), 12, kOdd},
        Case{Resource("memory", Average("50Mi"))}, Case{Resource("memory", Average("50Mi")), 12},
        Case{Resource("memory", Average("100Mi")), 7, kOdd},
        Case{Resource("memory", Average("3G")), 7}, Case{Resource("memory", Average("52428801"))},
        Case{Resource("memory", Average("1Ti")), 9, kOdd}, Case{Resource("cpu", Average("50m"))},
        Case{Resource("cpu", Average("2")), 7},
        Case{Resource("cpu", R"({"type":"Utilization","averageUtilization":50})")},
        Case{Resource("cpu", R"({"type":"Utilization","averageUtilization":50})"), 4},
        Case{Resource("cpu", R"({"type":"Utilization","averageUtilization":77})"), 13, kOdd}));

TEST(Thresholds, AreToldInTheUnitOfTheTarget) {
  const auto told = [](const Case& c, const std::string& amount) {
    const Json metric = GetArray(At(c, amount).record, {"metrics"})[0];
    std::string text;
    for (const char* key : {"value", "target", "above", "atLeast", "upTo", "below"}) {
      if (metric.contains(key)) text += std::string(key) + " " + GetString(metric, key) + " ";
    }
    return text;
  };
  EXPECT_EQ(told({Resource("memory", Average("50Mi")), 1}, "1380Ki"),
            "value 1.348Mi target 50Mi above 55Mi upTo 0 ");
  EXPECT_EQ(told({Resource("memory", Average("50Mi"))}, "50Mi"),
            "value 50Mi target 50Mi above 55Mi upTo 33.333Mi ");
  EXPECT_EQ(told({Resource("memory", Average("50M")), 1}, "1380Ki"),
            "value 1.413M target 50M above 55M upTo 0 ");
  EXPECT_EQ(told({Resource("memory", Average("1Gi")), 1}, "800Ki"),
            "value 0.000763Gi target 1Gi above 1.1Gi upTo 0 ");
  EXPECT_EQ(told({Resource("cpu", Average("50m"))}, "48m"),
            "value 48m target 50m above 55m upTo 33m ");
  EXPECT_EQ(told({External(Average("2k"))}, "5555500m"),
            "value 5555.5 target 2000 above 6600 upTo 4000 ");
  EXPECT_EQ(told({External(Average("10")), 15}, "150"), "value 150 target 10 above 165 below 135 ");
}

}  // namespace
}  // namespace weir::autoscale
