#include "engine/engine.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"
#include "net/testing.h"
#include "tsdb/head.h"

namespace weir::engine {
namespace {

using model::Labels;

class EngineTest : public testing::Test {
 protected:
  EngineTest() : engine_(loop_, clock_, head_, [this] { return head_.NewAppender(); }) {
    head_.SetCommitListener([this](const model::CommitInfo& info) { engine_.OnCommit(info); });
  }

  void Append(const std::string& name, Time at, double value) {
    auto batch = head_.NewAppender();
    ASSERT_TRUE(batch->Append(Labels({{"__name__", name}}), ToUnixMillis(at), value));
    ASSERT_TRUE(batch->Commit());
  }

  std::string Ask(const std::string& query, Time at) {
    std::string text = "not called";
    engine_.Query(query, at, [&text](Result<model::QueryValue> value) {
      text = value ? ResultDocument(*value) : value.error().message;
    });
    return text;
  }

  net::Loop loop_;
  env::FakeClock clock_;
  tsdb::Head head_;
  Engine engine_;
};

TEST_F(EngineTest, QueriesAnswerAtOnce) {
  Append("jobs", clock_.Now(), 3);
  EXPECT_NE(Ask("jobs", clock_.Now()).find("\"3\"]"), std::string::npos);
  EXPECT_NE(Ask("jobs", clock_.Now()).find("\"3\"]"), std::string::npos);
  EXPECT_EQ(Ask("sum(", clock_.Now()), "1:5: parse error: unclosed left parenthesis");
  EXPECT_EQ(engine_.counters().queries, 3U);
  EXPECT_EQ(engine_.counters().query_failures, 1U);
}

TEST_F(EngineTest, AQueryNowSeesTheNewestCommitThoughItIsStampedAhead) {
  using std::chrono::milliseconds;
  Append("jobs", clock_.Now(), 3);
  Append("jobs", clock_.Now() + milliseconds(2), 4);
  EXPECT_NE(Ask("jobs", clock_.Now()).find("\"4\"]"), std::string::npos);
  EXPECT_NE(Ask("jobs", clock_.Now() - std::chrono::seconds(2)).find("\"result\":[]"),
            std::string::npos);
}

TEST_F(EngineTest, ListsSeries) {
  Append("jobs", clock_.Now(), 3);
  std::vector<Labels> found;
  engine_.Series("{__name__=~\"j.*\"}", clock_.Now(), [&found](auto series) { found = *series; });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].MetricName(), "jobs");
  bool failed = false;
  engine_.Series("jobs[5m]", clock_.Now(), [&failed](auto series) { failed = !series; });
  EXPECT_TRUE(failed);
}

net::Task<void> LetTimersRun(net::Loop&) {
  for (int i = 0; i < 10; ++i) co_await net::Yield();
}

TEST_F(EngineTest, TimersEvaluateNewGroupsAtOnce) {
  std::string changed;
  engine_.SetMetricChangedListener(
      [&changed](const std::vector<std::string>& names, Time) { changed += Join(names, ","); });
  engine_.Start();
  engine_.SetGroups("a", *rules::ParseGroups(std::string_view(
                             "groups: [{name: g, rules: [{record: one, expr: '1'}]}]")));
  net::RunTask(loop_, LetTimersRun(loop_));
  EXPECT_EQ(changed, "one");
  EXPECT_EQ(engine_.counters().rules.evaluations, 1U);
  net::RunTask(loop_, engine_.Stop());
}

TEST_F(EngineTest, ServesTheHttpApi) {
  Append("jobs", clock_.Now(), 3);
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/api/v1/query?time=1767225600";
  request.body = "query=jobs%2B1";
  net::SentResponse answer;
  net::RunTask(loop_, engine_.Handle(request, {}, answer));
  EXPECT_EQ(answer.sent.status, 200);
  EXPECT_EQ(
      answer.sent.body,
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1767225600,"4"]}]}})");
}

TEST_F(EngineTest, ARemotePrometheusIsAskedOverHttp) {
  std::string targets;
  const auto handler = [&](net::HttpRequest request, net::Peer peer,
                           net::ResponseWriter& writer) -> net::Task<void> {
    targets += request.target + "\n";
    request.target = request.target.substr(std::string_view("/prom").size());
    return engine_.Handle(std::move(request), std::move(peer), writer);
  };
  net::HttpServer server(loop_, {}, handler);
  ASSERT_TRUE(server.Start());
  Append("jobs", clock_.Now(), 3);
  net::HttpClient client(loop_);
  net::TaskGroup tasks(loop_, "test");
  auto remote = RemoteQuerier::Make(client, tasks,
                                    "http://127.0.0.1:" + std::to_string(server.port()) + "/prom/");
  ASSERT_TRUE(remote.has_value()) << remote.error().message;
  std::string answer;
  (*remote)->Query("jobs + 1", clock_.Now(), [&](Result<model::QueryValue> value) {
    answer = value ? ResultDocument(*value) : value.error().message;
    (*remote)->Series("jobs", clock_.Now(), [&](Result<std::vector<Labels>> series) {
      answer += series ? series->front().ToString() : series.error().message;
      loop_.Stop();
    });
  });
  loop_.Run();
  EXPECT_EQ(answer,
            R"({"resultType":"vector","result":[{"metric":{},"value":[1767225600,"4"]}]}jobs)");
  EXPECT_EQ(targets,
            "/prom/api/v1/query?query=jobs%20%2B%201&time=1767225600.000\n"
            "/prom/api/v1/series?match%5B%5D=jobs&start=1767225600.000\n");
  net::RunTask(loop_, tasks.Stop());
  net::RunTask(loop_, server.Stop(Duration(0)));
}

}  // namespace
}  // namespace weir::engine
