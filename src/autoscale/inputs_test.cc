// The inputs of a decision, written as a scenario line, replay to that decision: on the project's
// own scenarios and on generated ones.

#include "autoscale/inputs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "autoscale/scenario.h"
#include "env/random.h"

namespace weir::autoscale {
namespace {

// Scenarios of a few passes, as JSON: every kind of metric, behavior, pods in every state.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Json Scenario() {
    Json spec = Spec();
    Json hpa = {{"metadata", {{"namespace", "shop"}, {"name", "web"}}}, {"spec", spec}};
    if (Chance(5)) hpa["metadata"]["annotations"] = {{"weir.dev/paused", "true"}};
    if (Chance(20)) {
      hpa["status"]["conditions"] =
          Json::array({{{"type", "ScaledToZero"}, {"status", "True"}, {"reason", "ScaledToZero"}}});
    }
    Json scenario = {{"name", "generated"}, {"hpa", std::move(hpa)}};
    if (Chance(50)) scenario["config"]["syncPeriod"] = 15;
    if (Chance(30)) scenario["config"]["downscaleStabilization"] = Count(120);
    if (Chance(10)) scenario["config"]["scaleToZero"] = false;
    for (const DepartureName& departure : kDepartureNames) {
      if (Chance(10)) scenario["config"]["departures"][std::string(departure.name)] = Chance(50);
    }
    if (Chance(10)) {
      scenario["others"] = Json::array({{{"name", "other"}, {"selector", "app=api,tier in (a)"}}});
    }
    std::int64_t t_ms = 0;
    for (int i = 0; i < 6; ++i, t_ms += 1 + Count(60'000)) {
      scenario["steps"].push_back(Step(static_cast<double>(t_ms) / 1000, spec));
    }
    return scenario;
  }

 private:
  bool Chance(unsigned percent) { return random_.Below(100) < percent; }
  int Count(std::uint64_t bound) { return static_cast<int>(random_.Below(bound)); }

  std::string Amount() {
    constexpr std::string_view kOdd[] = {
        "-5",   "0",  "9223372036854775807", "-9223372036854775808m",
        "1e18", "1n", "12345678901n",        "4Ei"};
    if (Chance(15)) return std::string(kOdd[random_.Below(std::size(kOdd))]);
    return std::to_string(Count(200'000)) + "m";
  }

  Json Metric() {
    const std::string name = "m" + std::to_string(Count(3));
    const bool average = Chance(60);
    const Json amount = {{"type", average ? "AverageValue" : "Value"},
                         {average ? "averageValue" : "value", std::to_string(1 + Count(40))}};
    switch (Count(5)) {
      case 0:
        return {{"type", "External"},
                {"external", {{"metric", {{"name", name}}}, {"target", amount}}}};
      case 1:
        return {{"type", "Object"},
                {"object",
                 {{"metric", {{"name", name}}},
                  {"describedObject", {{"kind", "Service"}, {"name", "web"}, {"apiVersion", "v1"}}},
                  {"target", amount}}}};
      case 2:
        return {{"type", "Pods"},
                {"pods",
                 {{"metric", {{"name", name}, {"selector", {{"matchLabels", {{"a", "b"}}}}}}},
                  {"target", {{"type", "AverageValue"}, {"averageValue", "20"}}}}}};
      case 3:
        return {{"type", "ContainerResource"},
                {"containerResource",
                 {{"name", "memory"},
                  {"container", "app"},
                  {"target", {{"type", "AverageValue"}, {"averageValue", "30"}}}}}};
      default:
        return {{"type", "Resource"},
                {"resource",
                 {{"name", "cpu"},
                  {"target", {{"type", "Utilization"}, {"averageUtilization", 1 + Count(150)}}}}}};
    }
  }

  Json Rules() {
    constexpr std::string_view kSelect[] = {"Max", "Min", "Disabled"};
    Json rules = {{"selectPolicy", kSelect[random_.Below(std::size(kSelect))]}};
    if (Chance(70)) rules["stabilizationWindowSeconds"] = Count(300);
    for (int i = Count(3); i >= 0; --i) {
      rules["policies"].push_back({{"type", Chance(50) ? "Percent" : "Pods"},
                                   {"value", 1 + Count(200)},
                                   {"periodSeconds", 1 + Count(100)}});
    }
    return rules;
  }

  Json Spec() {
    Json spec = {{"minReplicas", Count(4)}, {"maxReplicas", 4 + Count(40)}};
    spec["scaleTargetRef"] = {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}};
    for (int i = Count(3); i >= 0; --i) spec["metrics"].push_back(Metric());
    if (Chance(60)) spec["behavior"] = {{"scaleUp", Rules()}, {"scaleDown", Rules()}};
    return spec;
  }

  Json Pod(int i, double t) {
    Json pod = {{"name", "p" + std::to_string(i)},
                {"labels", {{"app", Chance(90) ? "web" : "api"}, {"tier", "a"}}},
                {"phase", Chance(85) ? "Running" : "Pending"}};
    if (Chance(90)) pod["ready"] = Chance(80) ? "True" : "False";
    if (Chance(90)) pod["startTime"] = t - Count(900);
    if (Chance(90)) pod["readyTransitionTime"] = t - Count(400);
    if (Chance(5)) pod["deletionTimestamp"] = t;
    pod["containers"] = Json::array({{{"name", "app"}, {"requests", {{"cpu", "100m"}}}}});
    if (Chance(10)) {
      pod["initContainers"] = Json::array(
          {{{"name", "side"}, {"restartPolicy", "Always"}, {"requests", {{"cpu", "10m"}}}}});
    }
    if (Chance(5)) pod["podRequests"] = {{"cpu", "150m"}};
    return pod;
  }

  Json Result(const Json& metric, int pods, double t) {
    if (Chance(10)) return {{"error", "away"}};
    const std::string type = GetString(metric, "type");
    if (type == "Object") return {{"value", Amount()}};
    if (type == "External") {
      Json values = Json::array();
      for (int i = Count(3); i >= 0; --i) values.push_back(Amount());
      return {{"values", values}};
    }
    Json result = {{"pods", Json::array()}};
    for (int i = 0; i < pods; ++i) {
      if (Chance(10)) continue;
      Json pod = {{"name", "p" + std::to_string(i)}, {"timestamp", t - Count(60)}};
      if (Chance(80)) pod["window"] = 30;
      if (type == "Pods") {
        pod["value"] = Amount();
      } else {
        pod["containers"] = {{"app", {{"cpu", Amount()}, {"memory", Amount()}}},
                             {"side", {{"cpu", Amount()}, {"memory", Amount()}}}};
      }
      result["pods"].push_back(std::move(pod));
    }
    return result;
  }

  Json Step(double t, const Json& spec) {
    const int replicas = Count(12);
    Json step = {{"t", t}};
    step["target"] = {{"specReplicas", replicas},
                      {"statusReplicas", Chance(80) ? replicas : Count(12)},
                      {"selector", Chance(97) ? "app=web" : ""}};
    if (Chance(3)) step["getError"] = "not there";
    if (Chance(5)) step["updateError"] = "conflict";
    step["pods"] = Json::array();
    for (int i = 0; i < replicas; ++i) step["pods"].push_back(Pod(i, t));
    step["metrics"] = Json::array();
    for (const Json& metric : GetArray(spec, {"metrics"})) {
      step["metrics"].push_back(Result(metric, replicas, t));
    }
    return step;
  }

  env::SeededRandom random_;
};

// Replays each step of the scenario alone, from its recorded inputs.
void ExpectEachStepAlone(const std::string& scenario, bool upstream_exact) {
  std::size_t steps = 0;
  const Result<std::string> whole =
      Replay(scenario, upstream_exact, [&](const Inputs& inputs, const Json& answer) {
        ++steps;
        const std::string line = ScenarioLine(inputs);
        // All switches that are off stand in the line.
        const Result<std::string> alone = Replay(line, false);
        ASSERT_TRUE(alone) << alone.error().message << "\n" << line;
        const Result<Json> read = ParseJson(*alone);
        ASSERT_TRUE(read);
        EXPECT_EQ(DumpJson(GetArray(*read, {"steps"})), "[" + DumpJson(answer) + "]") << line;
      });
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_GT(steps, 0U);
}

TEST(ScenarioLine, OfGeneratedInputsReplaysToTheDecision) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ExpectEachStepAlone(DumpJson(Generator(seed).Scenario()), seed % 4 == 0);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(ScenarioLine, OfEachStepInTheProjectsScenariosReplaysToTheDecision) {
  std::size_t lines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/tests/hpa")) {
    if (entry.path().extension() != ".jsonl") continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line); ++lines) {
      // A status that cannot be written is no input of the decision.
      if (line.contains("statusError")) continue;
      SCOPED_TRACE(line);
      ExpectEachStepAlone(line, false);
      ExpectEachStepAlone(line, true);
    }
  }
  EXPECT_GE(lines, 50U);
}

// Pod b became ready at 10 and is measured over 30 s: before 40 its usage is that of its start.
TEST(ScenarioLine, KeepsATimestampWithinItsWindow) {
  const std::string scenario =
      R"({"hpa":{"metadata":{"namespace":"shop","name":"web"},"spec":{"maxReplicas":9,)"
      R"("scaleTargetRef":{"kind":"Deployment","name":"web"},"metrics":[{"type":"Resource",)"
      R"("resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]}},)"
      R"("podDefaults":{"phase":"Running","ready":"True","startTime":5,"readyTransitionTime":10,)"
      R"("containers":[{"name":"app","requests":{"cpu":"100m"}}]},)"
      R"("steps":[{"t":60,"target":{"specReplicas":2,"statusReplicas":2,"selector":"app=web"},"pods":[)"
      R"({"name":"a","labels":{"app":"web"}},{"name":"b","labels":{"app":"web"}}],)"
      R"("metrics":[{"window":30,"pods":[)"
      R"({"name":"a","timestamp":50,"containers":{"app":{"cpu":"100m"}}},)"
      R"({"name":"b","timestamp":40,"containers":{"app":{"cpu":"100m"}}}]}]}]})";
  const auto scale_to = [](const std::string& line, const StepFn& told) {
    const Result<std::string> answer = Replay(line, false, told);
    EXPECT_TRUE(answer) << answer.error().message;
    const Result<Json> read = ParseJson(answer.value_or(""));
    return read ? GetInt(GetArray(*read, {"steps"})[0], {"scaleTo"}, -1) : -2;
  };
  Inputs inputs;
  EXPECT_EQ(scale_to(scenario, [&](const Inputs& seen, const Json&) { inputs = seen; }), 4);
  for (const auto before : {std::chrono::microseconds(1), std::chrono::microseconds(400)}) {
    Inputs earlier = inputs;
    earlier.seen.metrics.at(0).pods.at(1).timestamp -= before;
    EXPECT_EQ(scale_to(ScenarioLine(earlier), nullptr), -1) << ScenarioLine(earlier);
  }
}

TEST(ScenarioLine, SaysOnceWhatAllPodsHave) {
  const std::string scenario =
      R"({"hpa":{"metadata":{"namespace":"shop","name":"web"},)"
      R"("spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"web"}}},)"
      R"("steps":[{"t":0.5,"target":{"specReplicas":2,"selector":"app=web"},)"
      R"("pods":[{"name":"a","phase":"Running"},{"name":"b","phase":"Running"}]}]})";
  std::string line;
  const auto answer = Replay(
      scenario, false, [&](const Inputs& inputs, const Json&) { line = ScenarioLine(inputs); });
  ASSERT_TRUE(answer);
  EXPECT_EQ(
      line,
      R"({"hpa":{"metadata":{"name":"web","namespace":"shop"},)"
      R"("spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"web"}},)"
      R"("status":null},"name":"shop/web 2026-01-01T00:00:00.500000Z",)"
      R"("podDefaults":{"phase":"Running"},"steps":[{"pods":[{"name":"a"},{"name":"b"}],"t":0.5,)"
      R"("target":{"selector":"app=web","specReplicas":2,"statusReplicas":0}}]})");
}

}  // namespace
}  // namespace weir::autoscale
