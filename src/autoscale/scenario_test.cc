// Plays tests/hpa/*.jsonl: each line is named after the rule it shows.

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

// {"AbleToScale": "True ReadyForNewScale", ...}
Json Conditions(const Json& status) {
  Json conditions = Json::object();
  for (const Json& condition : GetArray(status, {"conditions"})) {
    conditions[GetString(condition, "type")] =
        GetString(condition, "status") + " " + GetString(condition, "reason");
  }
  return conditions;
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
  const Json conditions = Conditions(status);
  for (const auto& [type, text] : GetObject(expect, {"conditions"}).items()) {
    EXPECT_EQ(text, GetString(conditions, type)) << type;
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
  EXPECT_GE(lines.size(), 190U);
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

TEST(Replay, NamesWhatIsWrong) {
  const struct {
    std::string line;
    std::string error;
  } kCases[] = {
      {"[]", "a scenario must be an object"},
      {R"({"steps":[{}]})", "steps[0]: t: missing"},
      {R"({"steps":[7]})", "steps[0]: must be an object"},
      {R"({"steps":[{"t":"1"}]})", "steps[0]: t: must be a number"},
      {R"({"steps":[{"t":1e300}]})", "steps[0]: t: out of range"},
      {R"({"config":{"tolerance":0.1,"cpuInitializationPeriod":"5m"}})",
       "config: cpuInitializationPeriod: must be a number"},
      {R"({"hpa":{"spec":{"maxReplicas":99999999999}}})",
       "hpa: spec: maxReplicas: does not fit in 32 bits"},
      {R"({"hpa":{"spec":{"metrics":[{"type":"External","external":{"target":{"value":"x"}}}]}}})",
       "hpa: spec: metrics[0]: external.target: value: quantities must match the regular "
       "expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
      {R"({"steps":[{"t":0,"pods":[{"startTime":[]}]}]})",
       "steps[0]: pods[0]: startTime: must be a number"},
  };
  for (const auto& c : kCases) {
    const Result<std::string> answer = Replay(c.line, false);
    ASSERT_FALSE(answer) << c.line;
    EXPECT_EQ(answer.error().code, Code::kInvalid);
    EXPECT_EQ(answer.error().message, c.error);
  }
}

TEST(Replay, AnswersLineByLineAndNamesTheBrokenOne) {
  const Result<std::string> answers = ReplayAll("{\"name\":\"a\"}\n\n{\"name\":\"b\"}", true);
  ASSERT_TRUE(answers);
  EXPECT_EQ(*answers, "{\"name\":\"a\",\"steps\":[]}\n{\"name\":\"b\",\"steps\":[]}\n");
  const Result<std::string> broken = ReplayAll("{}\n{", true);
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("line 2: ")) << broken.error().message;
}

}  // namespace
}  // namespace weir::autoscale
