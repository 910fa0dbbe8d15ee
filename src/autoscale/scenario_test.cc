// Plays tests/hpa/*.jsonl: each line is named after the rule it shows. What else a scenario may
// say.

#include "autoscale/scenario.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/strings.h"

namespace weir::autoscale {
namespace {

std::vector<std::string> Lines() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_SOURCE_DIR "/tests/hpa")) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<std::string> lines;
  for (const auto& file : files) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  return lines;
}

// "True ReadyForNewScale: recommended size matches current size"; "" where there is no such
// condition.
std::string ConditionText(const Json& status, const std::string& type) {
  for (const Json& condition : GetArray(status, {"conditions"})) {
    if (GetString(condition, "type") != type) continue;
    return GetString(condition, "status") + " " + GetString(condition, "reason") + ": " +
           GetString(condition, "message");
  }
  return "";
}

// What is wanted of a condition holds its message, or ends with the reason.
void CheckCondition(const std::string& wanted, std::string text, const std::string& type) {
  if (!wanted.contains(": ")) text.resize(std::min(text.find(": "), text.size()));
  EXPECT_EQ(wanted, text) << type;
}

// The current values as texts, one for each metric, "" for one that failed.
Json CurrentValues(const Json& status) {
  Json values = Json::array();
  for (const Json& metric : GetArray(status, {"currentMetrics"})) {
    std::vector<std::string> texts;
    for (const Json& source : metric) {
      const Json* current = source.is_object() ? Find(source, "current") : nullptr;
      if (current == nullptr) continue;
      const auto utilization = GetInt(*current, {"averageUtilization"});
      if (utilization) texts.push_back(std::to_string(*utilization) + "%");
      for (const std::string_view key : {"averageValue", "value"}) {
        const std::string text = GetString(*current, key);
        if (!text.empty()) texts.push_back(text);
      }
    }
    values.push_back(Join(texts, " "));
  }
  return values;
}

Json EventTexts(const Json& events) {
  Json texts = Json::array();
  for (const Json& event : events) {
    texts.push_back(GetString(event, "type") + " " + GetString(event, "reason") + " " +
                    GetString(event, "message"));
  }
  return texts;
}

// Everything that `expect` speaks of must be so.
void Check(const Json& expect, const Json& answer, const Json& status) {
  static const std::set<std::string> kKeys = {"scaleTo",   "status",     "events",  "queries",
                                              "lookAgain", "conditions", "current", "error"};
  for (const auto& [key, value] : expect.items()) EXPECT_TRUE(kKeys.contains(key)) << key;
  EXPECT_EQ(DumpJson(*Find(expect, "scaleTo")), DumpJson(*Find(answer, "scaleTo")));
  if (expect.contains("status")) {
    EXPECT_EQ(DumpJson(*Find(expect, "status")), DumpJson(*Find(answer, "status")));
  }
  if (expect.contains("events")) {
    EXPECT_EQ(DumpJson(*Find(expect, "events")), DumpJson(EventTexts(*Find(answer, "events"))));
  }
  if (expect.contains("queries")) {
    EXPECT_EQ(DumpJson(*Find(expect, "queries")), DumpJson(*Find(answer, "queries")));
  }
  if (expect.contains("lookAgain")) {
    const Json* look_again = Find(answer, "lookAgain");
    EXPECT_EQ(*Find(expect, "lookAgain"), look_again == nullptr ? Json() : *look_again);
  }
  if (expect.contains("current")) {
    EXPECT_EQ(DumpJson(*Find(expect, "current")), DumpJson(CurrentValues(status)));
  }
  if (expect.contains("error")) {
    EXPECT_EQ(GetString(expect, "error"), GetString(answer, "error"));
  }
  for (const auto& [type, wanted] : GetObject(expect, {"conditions"}).items()) {
    CheckCondition(wanted.get<std::string>(), ConditionText(status, type), type);
  }
}

void Play(const Json& scenario, const std::string& line, bool upstream_exact) {
  SCOPED_TRACE(GetString(scenario, "name") + (upstream_exact ? " (upstream-exact)" : ""));
  const Result<std::string> text = Replay(line, upstream_exact);
  ASSERT_TRUE(text) << text.error().message;
  const Result<Json> answer = ParseJson(*text);
  ASSERT_TRUE(answer);
  const Json& steps = GetArray(scenario, {"steps"});
  const Json& answers = GetArray(*answer, {"steps"});
  ASSERT_EQ(steps.size(), answers.size());
  Json status = GetObject(scenario, {"hpa", "status"});
  for (std::size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    if (!Find(answers[i], "status")->is_null()) status = *Find(answers[i], "status");
    Check(*Find(steps[i], "expect"), answers[i], status);
  }
}

TEST(Scenarios, DecideAsTheirNamesSay) {
  const std::vector<std::string> lines = Lines();
  EXPECT_GE(lines.size(), 370U);
  std::set<std::string> names;
  for (const std::string& line : lines) {
    const Result<Json> scenario = ParseJson(line);
    ASSERT_TRUE(scenario) << scenario.error().message;
    const std::string name = GetString(*scenario, "name");
    EXPECT_TRUE(names.insert(name).second) << "twice: " << name;
    const std::string mode = GetString(*scenario, "mode");
    if (mode != "upstream-exact") Play(*scenario, line, false);
    if (mode != "default") Play(*scenario, line, true);
  }
}

// An autoscaler of one External metric with two pods, which sees 40 at each of two passes.
Json Small() {
  return ParseJson(R"({"hpa":{"metadata":{"namespace":"shop","name":"web"},"spec":{"scaleTargetRef":
{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"maxReplicas":9,"metrics":[{"type":
"External","external":{"metric":{"name":"queue"},"target":{"type":"AverageValue","averageValue":
"10"}}}]}},"steps":[{"t":0,"target":{"specReplicas":2,"statusReplicas":2,"selector":"app=web"},
"pods":[{"name":"a"},{"name":"b"}],"metrics":[{"values":["40"]}]},{"t":15}]})")
      .value_or(Json());
}

// What Replay says of the small scenario with `json` at that place; "" where it answers.
std::string ErrorAfter(const char* pointer, std::string_view json) {
  Json scenario = Small();
  scenario[Json::json_pointer(pointer)] = ParseJson(json).value_or(Json());
  const Result<std::string> answer = Replay(DumpJson(scenario), false);
  if (answer) return "";
  EXPECT_EQ(answer.error().code, Code::kInvalid);
  return answer.error().message;
}

TEST(Replay, NamesWhatIsWrong) {
  constexpr std::string_view kNoQuantity =
      ": quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  const std::string no_quantity(kNoQuantity);
  const struct {
    const char* pointer;
    std::string_view json;
    std::string error;
  } kCases[] = {
      // Types.
      {"", "[]", "a scenario must be an object"},
      {"/name", "7", "name: must be a string"},
      {"/steps", "{}", "steps: must be a list"},
      {"/steps", "null", "steps: missing"},
      {"/steps/0", "7", "steps[0]: must be an object"},
      {"/steps/0", "null", "steps[0]: must be an object"},
      {"/steps/0/t", "null", "steps[0]: t: missing"},
      {"/steps/0/t", R"("1")", "steps[0]: t: must be a number"},
      {"/steps/0/restart", "1", "steps[0]: restart: must be true or false"},
      {"/steps/0/getError", "true", "steps[0]: getError: must be a string"},
      {"/steps/0/target", R"("3")", "steps[0]: target: must be an object"},
      {"/steps/0/target/specReplicas", R"("3")",
       "steps[0]: target: specReplicas: must be a whole number"},
      {"/steps/0/target/specReplicas", "3.0",
       "steps[0]: target: specReplicas: must be a whole number"},
      {"/steps/0/target/specReplicas", "null", "steps[0]: target: specReplicas: missing"},
      {"/steps/0/pods/1/labels", R"({"app":1})",
       "steps[0]: pods[1]: labels: app: must be a string"},
      {"/steps/0/pods/1/ready", "true", "steps[0]: pods[1]: ready: must be a string"},
      {"/steps/0/pods/1/startTime", "[]", "steps[0]: pods[1]: startTime: must be a number"},
      {"/steps/0/metrics/0", "40", "steps[0]: metrics[0]: must be an object"},
      {"/steps/0/metrics/0/values", R"("40")", "steps[0]: metrics[0]: values: must be a list"},
      {"/steps/0/metrics/0/values/0", "true",
       "steps[0]: metrics[0]: values[0]: must be a quantity: a string or a number"},
      {"/podDefaults", R"({"containers":[{"name":"app","requests":{"cpu":false}}]})",
       "podDefaults: containers[0]: requests: cpu: must be a quantity: a string or a number"},
      {"/config", "[]", "config: must be an object"},
      {"/config/tolerance", R"("0.5")", "config: tolerance: must be a number"},
      {"/config/scaleToZero", R"("no")", "config: scaleToZero: must be true or false"},
      {"/config/cpuInitializationPeriod", R"("5m")",
       "config: cpuInitializationPeriod: must be a number"},
      {"/config/departures", R"({"saturate":"off"})",
       "config: departures: saturate: must be true or false"},
      {"/history", R"({"ups":[{"t":-5,"change":"2"}]})",
       "history: ups[0]: change: must be a whole number"},
      {"/history", R"({"recommendations":[{"replicas":2}]})",
       "history: recommendations[0]: t: missing"},
      {"/others", R"([{"name":"api","selector":{}}])", "others[0]: selector: must be a string"},
      // The autoscaler's own.
      {"/hpa", "null", "hpa: missing"},
      {"/hpa/spec", "null", "hpa: spec: missing"},
      {"/hpa/spec/maxReplicas", "null", "hpa: spec: maxReplicas: missing"},
      {"/hpa/spec/maxReplicas", R"("50")", "hpa: spec: maxReplicas: must be a whole number"},
      {"/hpa/spec/metrics/0/external/metric/name", "1",
       "hpa: spec: metrics[0]: external: metric: name: must be a string"},
      {"/hpa/spec/behavior", R"({"scaleUp":{"selectPolicy":"Most"}})",
       "hpa: spec: behavior: scaleUp: selectPolicy: must be one of Max, Min, Disabled"},
      {"/hpa/spec/behavior", R"({"scaleDown":{"policies":[{"type":"Pods","value":"1"}]}})",
       "hpa: spec: behavior: scaleDown: policies[0]: value: must be a whole number"},
      {"/hpa/status", R"({"lastScaleTime":"yesterday"})",
       "hpa: status: lastScaleTime: must be a string, a time as in 2026-01-31T12:00:00Z"},
      {"/steps/1/spec", R"({"maxReplicas":"7"})",
       "steps[1]: spec: maxReplicas: must be a whole number"},
      // Values.
      {"/steps/1/t", "1e300", "steps[1]: t: out of range"},
      {"/steps/0/t", "15.001", "steps[1]: t: must not be before that of the step before"},
      {"/steps/0/target/statusReplicas", "3000000000",
       "steps[0]: target: statusReplicas: does not fit in 32 bits"},
      {"/hpa/spec/maxReplicas", "99999999999", "hpa: spec: maxReplicas: does not fit in 32 bits"},
      {"/hpa/spec/metrics/0/external/target/averageValue", R"("x")",
       "hpa: spec: metrics[0]: external.target: averageValue" + no_quantity},
      {"/steps/0/metrics/0/values", R"(["1","x"])",
       "steps[0]: metrics[0]: values[1]" + no_quantity},
      {"/steps/0/pods/1/initContainers", R"([{},{"requests":{"cpu":"x"}}])",
       "steps[0]: pods[1]: initContainers[1]: requests: cpu" + no_quantity},
      // Keys.
      {"/step", "[]",
       "step: unknown key; known are name, config, hpa, history, others, podDefaults, steps, mode, "
       "queries, unvalidated"},
      {"/steps/0/metricz", "[]",
       "steps[0]: metricz: unknown key; known are t, spec, target, pods, metrics, restart, "
       "recreate, getError, getErrorContext, updateError, statusError, expect"},
      {"/steps/0/target/replicas", "3",
       "steps[0]: target: replicas: unknown key; known are specReplicas, statusReplicas, selector"},
      {"/hpa/spec/metrics/0/external/target/average", "3",
       "hpa: spec: metrics[0]: external: target: average: unknown key; known are type, value, "
       "averageValue, averageUtilization"},
      {"/config/departures", R"({"saturated":false})",
       "config: departures: saturated: unknown key; known are wake_from_zero, pause_annotation, "
       "average_over_zero_is_zero, saturate, hold_spec_replicas, follow_target_field, "
       "refuse_negative, keep_extremes, look_again"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ErrorAfter(c.pointer, c.json), c.error) << c.pointer << " " << c.json;
  }
  const Result<std::string> twice =
      Replay(R"({"hpa":{"spec":{"maxReplicas":5,"maxReplicas":9}}})", false);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "hpa: spec: maxReplicas: is there twice");
}

TEST(Replay, TakesWhatKubernetesWritesBesideWhatItReads) {
  const struct {
    const char* pointer;
    std::string_view json;
  } kCases[] = {
      {"/name", "null"},
      {"/hpa/kind", R"("HorizontalPodAutoscaler")"},
      {"/hpa/metadata/uid", R"("1")"},
      {"/hpa/status", R"({"currentMetrics":null,"desiredReplicas":2,"observedGeneration":3})"},
      {"/steps/0/metrics/0", "null"},
      {"/steps/0/pods/1/ready", "null"},
      {"/steps/0/expect", "7"},
      {"/steps/1/t", "0"},  // two passes within a moment
      {"/steps/1/pods", "null"},
      {"/steps/1/spec", "null"},
      {"/unvalidated", "true"},
  };
  for (const auto& c : kCases) EXPECT_EQ(ErrorAfter(c.pointer, c.json), "") << c.pointer;
}

TEST(Replay, ReadsNumbersAsQuantitiesByTheirDigits) {
  const struct {
    std::string_view number;
    std::string quantity;
  } kCases[] = {
      {"40", "40"},
      {"9007199254740993.001", "9007199254740993001m"},
      {"0.25e1", "2500m"},
  };
  Json scenario = Small();
  scenario["podDefaults"] = {{"labels", {{"app", "web"}}}, {"phase", "Running"}, {"ready", "True"}};
  Ensure(scenario["hpa"]["spec"]["metrics"][0], {"external", "target"}) = {{"type", "Value"},
                                                                           {"value", "10"}};
  for (const auto& c : kCases) {
    std::string line = DumpJson(scenario);
    line.replace(line.find(R"("40")"), 4, c.number);
    const Result<std::string> answer = Replay(line, false);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(answer->contains(R"("current":{"value":")" + c.quantity + "\"")) << *answer;
  }
}

// The answer to a scenario of tests/hpa after one departure was switched; the others are on, or off
// under upstream-exact.
std::string AnswerOf(const std::string& name, bool upstream_exact, const std::string& departure,
                     bool on) {
  for (const std::string& line : Lines()) {
    Json scenario = ParseJson(line).value_or(Json());
    if (GetString(scenario, "name") != name) continue;
    scenario["config"]["departures"][departure] = on;
    const Result<std::string> answer = Replay(DumpJson(scenario), upstream_exact);
    EXPECT_TRUE(answer) << answer.error().message;
    return answer.value_or("");
  }
  ADD_FAILURE() << "no scenario " << name;
  return {};
}

TEST(Replay, SwitchesEachDepartureAlone) {
  const struct {
    std::string departure;
    std::string scenario;
  } kCases[] = {
      {"wake_from_zero", "zero-set-by-somebody-else-wakes-on-work"},
      {"pause_annotation", "paused-by-annotation-does-nothing"},
      {"average_over_zero_is_zero", "average-over-zero-replicas-is-zero"},
      {"saturate", "a-load-beyond-all-numbers-reaches-the-maximum"},
      {"hold_spec_replicas", "average-within-tolerance-keeps-spec-replicas"},
      {"follow_target_field",
       "object-type-that-disagrees-is-followed-by-the-field-and-warned-once"},
      {"refuse_negative", "a-negative-value-never-scales-up"},
      {"keep_extremes", "a-longer-window-covers-every-recommendation"},
      {"look_again", "the-end-of-a-down-window-is-known-beforehand"},
  };
  ASSERT_EQ(std::size(kCases), std::size(kDepartureNames));
  for (std::size_t i = 0; i < std::size(kCases); ++i) {
    const auto& [departure, scenario] = kCases[i];
    EXPECT_EQ(departure, kDepartureNames[i].name);
    EXPECT_NE(AnswerOf(scenario, false, departure, false),
              AnswerOf(scenario, false, departure, true))
        << departure;
    EXPECT_NE(AnswerOf(scenario, true, departure, true), AnswerOf(scenario, true, departure, false))
        << departure;
  }
}

}  // namespace
}  // namespace weir::autoscale
