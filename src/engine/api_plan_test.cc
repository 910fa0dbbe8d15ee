#include "engine/api_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "promql/memory_storage.h"

namespace weir::engine {
namespace {

using model::Labels;

class Api : public testing::Test {
 protected:
  Api() : runner_(storage_, [] { return nullptr; }, {}) {
    storage_.Add(Labels({{"__name__", "up"}, {"job", "a\"b"}}), 1'000'000, 1);
    storage_.Add(Labels({{"__name__", "up"}, {"job", "c"}}), 1'000'500, 0.25);
    storage_.Add(Labels({{"__name__", "queue"}}), 1'000'000, 1e21);
  }

  ApiReply Ask(std::string path, std::vector<std::pair<std::string, std::string>> parameters = {},
               std::string method = "GET") {
    return AnswerApi({std::move(method), std::move(path), std::move(parameters)},
                     FromUnixMillis(1'001'500), storage_, runner_, {});
  }

  promql::MemoryStorage storage_;
  RuleRunner runner_;
};

TEST_F(Api, AnswersInPrometheusShapes) {
  struct Case {
    std::string path;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string data;
  };
  const std::string query = "/api/v1/query";
  const Case cases[] = {
      {query,
       {{"query", "up"}},
       R"({"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a\"b"},"value":[1001.500,"1"]},{"metric":{"__name__":"up","job":"c"},"value":[1001.500,"0.25"]}]})"},
      {query,
       {{"query", "up{job=\"c\"}"}, {"time", "1000.25"}},
       R"({"resultType":"vector","result":[]})"},
      {query,
       {{"query", "1 / 0"}, {"time", "1970-01-01T00:16:40Z"}},
       R"({"resultType":"scalar","result":[1000,"+Inf"]})"},
      {query, {{"query", "\"x\""}, {"time", "1"}}, R"({"resultType":"string","result":[1,"x"]})"},
      {query,
       {{"query", "queue[1m]"}, {"time", "1001"}},
       R"({"resultType":"matrix","result":[{"metric":{"__name__":"queue"},"values":[[1000,"1e+21"]]}]})"},
      {"/api/v1/query_range",
       {{"query", "sum(up)"}, {"start", "1000"}, {"end", "1001"}, {"step", "500ms"}},
       R"({"resultType":"matrix","result":[{"metric":{},"values":[[1000,"1"],[1000.500,"1.25"],[1001,"1.25"]]}]})"},
      {"/api/v1/series",
       {{"match[]", "up{job=\"c\"}"}, {"match[]", "queue"}},
       R"([{"__name__":"queue"},{"__name__":"up","job":"c"}])"},
      {"/api/v1/series", {{"match[]", "nothing"}}, "[]"},
      {"/api/v1/series",
       {{"match[]", "up"}, {"start", "1000.2"}},
       R"([{"__name__":"up","job":"c"}])"},
      {"/api/v1/labels", {}, R"(["__name__","job"])"},
      {"/api/v1/labels", {{"match[]", "queue"}}, R"(["__name__"])"},
      {"/api/v1/label/job/values", {}, R"(["a\"b","c"])"},
      {"/api/v1/rules", {}, R"({"groups":[]})"},
  };
  for (const Case& c : cases) {
    const ApiReply reply = Ask(c.path, c.parameters);
    EXPECT_EQ(reply.status, 200) << c.path;
    EXPECT_EQ(reply.content_type, "application/json");
    EXPECT_EQ(reply.body, R"({"status":"success","data":)" + c.data + "}");
  }
  EXPECT_EQ(Ask("/api/v1/query", {{"query", "1"}}, "POST").status, 200);
  EXPECT_EQ(Ask("/-/ready").status, 200);
  EXPECT_EQ(Ask("/-/ready", {}, "POST").status, 404);
}

TEST_F(Api, RefusesAsPrometheusDoes) {
  struct Case {
    std::string path;
    std::vector<std::pair<std::string, std::string>> parameters;
    int status;
    std::string body;
  };
  const Case cases[] = {
      {"/api/v1/query",
       {{"query", "sum("}},
       400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"})"},
      {"/api/v1/query",
       {{"query", "up"}, {"time", "x"}},
       400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": cannot parse \"x\" to a valid timestamp"})"},
      {"/api/v1/query",
       {{"query", "topk(NaN, up)"}},
       422,
       R"({"status":"error","errorType":"execution","error":"Parameter value is NaN"})"},
      {"/api/v1/query_range",
       {{"query", "up"}, {"start", "2"}, {"end", "1"}, {"step", "1"}},
       400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"})"},
      {"/api/v1/query_range",
       {{"query", "up"}, {"start", "0"}, {"end", "100000"}, {"step", "1"}},
       400,
       R"json({"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"})json"},
      {"/api/v1/series",
       {},
       400,
       R"({"status":"error","errorType":"bad_data","error":"no match[] parameter provided"})"},
      {"/api/v1/nothing", {}, 404, "404 page not found\n"},
  };
  for (const Case& c : cases) {
    const ApiReply reply = Ask(c.path, c.parameters);
    EXPECT_EQ(reply.status, c.status) << c.path;
    EXPECT_EQ(reply.body, c.body);
  }
}

TEST_F(Api, ShowsRules) {
  runner_.SetGroups(
      "default/r",
      *rules::ParseGroups(std::string_view(
          "groups: [{name: g, interval: 1s, rules: [{record: a, expr: up, labels: {b: c}}, "
          "{alert: d, expr: up > 0, for: 1m}]}]")),
      FromUnixMillis(0));
  EXPECT_EQ(
      Ask("/api/v1/rules").body,
      R"({"status":"success","data":{"groups":[{"name":"g","file":"default/r","rules":[)"
      R"({"name":"a","query":"up","labels":{"b":"c"},"health":"ok","lastEvaluation":"1970-01-01T00:00:00Z","type":"recording"},)"
      R"({"state":"inactive","name":"d","query":"up > 0","duration":60,"keepFiringFor":0,"annotations":{},"alerts":[],"labels":{},"health":"ok","lastEvaluation":"1970-01-01T00:00:00Z","type":"alerting"}],)"
      R"("interval":1,"limit":0,"lastEvaluation":"1970-01-01T00:00:00Z"}]}})");
}

TEST(RemoteAnswer, ReadsWhatItWrites) {
  const double inf = std::numeric_limits<double>::infinity();
  const model::QueryValue values[] = {
      model::Vector{{Labels({{"a", "b"}}), 1500, 0.1}, {Labels(), 1000, -inf}},
      model::Scalar{1001, 1e300},
      model::Matrix{{Labels({{"a", "b"}}), {{1000, 1}, {2001, 2e-9}}}},
  };
  for (const model::QueryValue& value : values) {
    const auto read =
        ParseQueryAnswer(200, R"({"status":"success","data":)" + ResultDocument(value) + "}");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(ResultDocument(*read), ResultDocument(value));
  }
  const auto series =
      ParseSeriesAnswer(200, R"({"status":"success","data":[{"__name__":"up","a":"b"}]})");
  ASSERT_TRUE(series.has_value());
  EXPECT_EQ(series->front().ToString(), "up{a=\"b\"}");
}

TEST(RemoteAnswer, TellsWhatWentWrong) {
  struct Case {
    int status;
    std::string body;
    std::string want;
  };
  const Case cases[] = {
      {502, "x", "bad_response: unknown response code 502"},
      {400, R"({"status":"error","errorType":"bad_data","error":"no"})", "bad_data: no"},
      {503, R"({"status":"error","errorType":"timeout","error":"no"})", "timeout: no"},
      {200, R"({"status":"success","data":null})", "bad_response: no data"},
      {200,
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}})",
       "bad_response: cannot read a result of type \"vector\""},
      {200, R"({"status":"success","data":{"resultType":"odd","result":[]}})",
       "bad_response: cannot read a result of type \"odd\""},
  };
  for (const Case& c : cases) {
    const auto read = ParseQueryAnswer(c.status, c.body);
    ASSERT_FALSE(read.has_value()) << c.body;
    EXPECT_EQ(read.error().message, c.want);
  }
  EXPECT_FALSE(ParseQueryAnswer(200, "{").has_value());
  EXPECT_FALSE(ParseSeriesAnswer(200, R"({"status":"success","data":[3]})").has_value());
}

}  // namespace
}  // namespace weir::engine
