#include "autoscale/replay.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "autoscale/record.h"
#include "autoscale/scenario.h"
#include "base/json.h"
#include "base/strings.h"

namespace weir::autoscale {
namespace {

constexpr std::string_view kHpa =
    R"("hpa":{"metadata":{"namespace":"shop","name":"web"},"spec":{"scaleTargetRef":)"
    R"({"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"maxReplicas":9,"metrics":[{)"
    R"("type":"External","external":{"metric":{"name":"queue"},"target":{"type":"AverageValue",)"
    R"("averageValue":"10"}}}]}})";

std::string Empty(const std::string& name) {
  return R"({"name":")" + name + "\"," + std::string(kHpa) + R"(,"steps":[]})";
}

// A decision from 2 to `to` replicas, as the API serves it.
Json Decided(const std::string& name, int to) {
  const std::string scenario =
      "{" + std::string(kHpa) +
      R"(,"steps":[{"t":5,"target":{"specReplicas":2,"statusReplicas":2,"selector":"app=web"},)"
      R"("metrics":[{"values":[")" +
      std::to_string(to * 10) + R"("]}]}]})";
  Json record;
  const auto answer = Replay(
      scenario, false, [&](const Inputs& inputs, const Json&) { record = MakeRecord(inputs, {}); });
  EXPECT_TRUE(answer) << answer.error().message;
  record["apiVersion"] = "weir.dev/v1alpha1";
  record["kind"] = "Decision";
  record["metadata"] = {{"name", name}, {"namespace", "shop"}};
  return record;
}

struct Told {
  std::vector<std::string> answers;
  std::vector<std::string> errors;
  bool fine = false;
};

Told All(std::string_view text, bool upstream_exact = false) {
  Told told;
  told.fine = ReplayAll(text, upstream_exact, [&](const Result<std::string>& answer) {
    if (answer) {
      told.answers.push_back(*answer);
    } else {
      told.errors.push_back(answer.error().message);
    }
  });
  return told;
}

// An answer to a Decision, without its steps.
std::string Comparison(const std::string& answer) {
  Json json = ParseJson(answer).value_or(Json::object());
  EXPECT_EQ(GetArray(json, {"steps"}).size(), 1U) << answer;
  json.erase("steps");
  json.erase("name");
  return DumpJson(json);
}

TEST(ReplayAll, AnswersTheOthersWhereALineIsBroken) {
  const Told told =
      All(Empty("a") + "\n \t\r\n\n{\n" + Empty("b") + "\r\n{\"steps\":7}\n\n" + Empty("c"));
  EXPECT_FALSE(told.fine);
  EXPECT_EQ(told.answers,
            (std::vector<std::string>{R"({"name":"a","steps":[]})", R"({"name":"b","steps":[]})",
                                      R"({"name":"c","steps":[]})"}));
  ASSERT_EQ(told.errors.size(), 2U);
  EXPECT_TRUE(told.errors[0].starts_with("line 4: ")) << told.errors[0];
  EXPECT_EQ(told.errors[1], "line 6: steps: must be a list");
}

TEST(ReplayAll, OfNothingIsNothing) {
  for (const std::string_view text : {"", "\n", " \n\n  "}) {
    const Told told = All(text);
    EXPECT_TRUE(told.fine);
    EXPECT_TRUE(told.answers.empty() && told.errors.empty());
  }
}

TEST(ReplayAll, ReadsWhatIsPrintedOverSeveralLines) {
  const Result<Json> scenario = ParseJson(Empty("a"));
  ASSERT_TRUE(scenario);
  const Told told = All(DumpJson(*scenario, 2) + "\n" + DumpJson(Decided("web.1", 4), 4) + "\n" +
                        Empty("b") + "\n[\n  1\n]\n");
  EXPECT_FALSE(told.fine);
  ASSERT_EQ(told.answers.size(), 3U);
  EXPECT_EQ(told.answers[0], R"({"name":"a","steps":[]})");
  EXPECT_EQ(told.answers[2], R"({"name":"b","steps":[]})");
  ASSERT_EQ(told.errors.size(), 1U);
  EXPECT_TRUE(told.errors[0].ends_with(": a scenario must be an object")) << told.errors[0];
}

TEST(ReplayAll, ComparesADecisionWithItsRecord) {
  const Told told = All(DumpJson(Decided("web.1", 4)));
  EXPECT_TRUE(told.fine);
  ASSERT_EQ(told.answers.size(), 1U);
  EXPECT_EQ(Comparison(told.answers[0]),
            R"({"decision":"web.1","recorded":{"changed":true,"to":4},)"
            R"("replayed":{"changed":true,"to":4},"same":true})");
  for (const auto& [field, value] : {std::pair("to", Json(5)), std::pair("changed", Json(false))}) {
    Json other = Decided("web.1", 4);
    other[field] = value;
    const Told differs = All(DumpJson(other));
    EXPECT_FALSE(differs.fine);
    EXPECT_TRUE(differs.errors.empty());
    ASSERT_EQ(differs.answers.size(), 1U);
    EXPECT_TRUE(differs.answers[0].contains(R"("same":false)")) << differs.answers[0];
  }
}

TEST(ReplayAll, TellsOfEachDecisionInAList) {
  Json large = Decided("web.2", 4);
  large.erase("scenario");
  Json broken = Decided("web.3", 4);
  broken["scenario"] = R"({"steps":7})";
  Json number = Decided("web.4", 4);
  number["scenario"] = 7;
  const Json list = {
      {"kind", "List"},
      {"items",
       {Decided("web.1", 4), large, broken, number, {{"kind", "Pod"}}, Decided("web.latest", 2)}}};
  const Told told = All("\n" + DumpJson(list, 4) + "\n");
  EXPECT_FALSE(told.fine);
  ASSERT_EQ(told.answers.size(), 2U);
  EXPECT_TRUE(told.answers[0].contains(R"("decision":"web.1")"));
  EXPECT_EQ(Comparison(told.answers[1]),
            R"({"decision":"web.latest","recorded":{"changed":false,"to":2},)"
            R"("replayed":{"changed":false,"to":2},"same":true})");
  EXPECT_EQ(
      told.errors,
      (std::vector<std::string>{
          "line 2: items[1]: decision web.2: has no scenario: its inputs were too large to be "
          "kept",
          "line 2: items[2]: decision web.3: scenario: steps: must be a list",
          "line 2: items[3]: decision web.4: scenario: must be a string",
          "line 2: items[4]: kind: must be Decision"}));
  EXPECT_EQ(All(R"({"kind":"List"})").errors,
            std::vector<std::string>{"line 1: items: must be a list"});
  EXPECT_EQ(All(R"({"kind":"Pod"})").errors,
            std::vector<std::string>{"line 1: kind: must be Decision"});
}

}  // namespace
}  // namespace weir::autoscale
