#include "metricsserver/server.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "client/fake_api.h"
#include "metricsapi/testing.h"
#include "net/testing.h"
#include "promql/evaluator.h"
#include "promql/memory_storage.h"
#include "promql/parser.h"

namespace weir::metricsserver {
namespace {

using model::Labels;

constexpr std::string_view kRedis = R"(rules:
- seriesQuery: '{__name__=~"^redis_.*"}'
  resources: {template: <<.Resource>>}
  metricsQuery: <<.Series>>{<<.LabelMatchers>>}
)";
constexpr std::string_view kQueues = R"(externalRules:
- seriesQuery: queue_depth
  resources: {overrides: {namespace: {resource: namespace}}}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
)";

constexpr std::string_view kUsage = R"(resourceRules:
  cpu:
    containerQuery: sum(cpu{<<.LabelMatchers>>,container!=""}) by (<<.GroupBy>>)
    nodeQuery: sum(cpu{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    resources: {template: <<.Resource>>}
    containerLabel: container
  memory:
    containerQuery: sum(mem{<<.LabelMatchers>>,container!=""}) by (<<.GroupBy>>)
    nodeQuery: sum(mem{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    resources: {template: <<.Resource>>}
    containerLabel: container
)";

// PromQL over a map; may refuse, or stay silent.
class StandIn final : public model::Querier {
 public:
  enum class Mode { kAnswers, kFails, kSilent };

  void Query(std::string query, Time at,
             std::function<void(Result<model::QueryValue>)> done) override {
    if (mode == Mode::kSilent) return silent.push_back(std::move(done));
    if (mode == Mode::kFails) return done(Fail(Code::kUnavailable, "down"));
    const auto expr = promql::Parse(query);
    if (!expr) return done(std::unexpected(expr.error()));
    done(promql::Evaluate(*expr, at, storage));
  }

  void Series(std::string selector, Time start,
              std::function<void(Result<std::vector<Labels>>)> done) override {
    if (mode != Mode::kAnswers) return done(Fail(Code::kUnavailable, "down"));
    std::vector<Labels> found;
    const auto series =
        storage.Select(promql::ParseSelector(selector).value(), ToUnixMillis(start), 1LL << 60);
    for (const model::SeriesData& one : *series) found.push_back(one.labels);
    done(std::move(found));
  }

  promql::MemoryStorage storage;
  Mode mode = Mode::kAnswers;
  std::vector<std::function<void(Result<model::QueryValue>)>> silent;
};

class MetricsServer : public testing::Test {
 protected:
  MetricsServer() : api_(loop_), client_(api_, "test"), listed_(loop_) { Make({}); }
  ~MetricsServer() override { net::RunTask(loop_, server_->Stop()); }

  void Make(Options options) {
    if (server_) net::RunTask(loop_, server_->Stop());
    server_ = std::make_unique<Server>(loop_, clock_, random_, client_, querier_,
                                       metricsapi::ResolveForTest, options);
    server_->SetMetricsListener([this] { listed_.Notify(); });
  }

  model::CommitInfo Add(std::string name, std::vector<model::Label> labels, double value) {
    labels.push_back({"__name__", std::move(name)});
    const Labels series(std::move(labels));
    querier_.storage.Add(series, ToUnixMillis(clock_.Now()), value);
    return {ToUnixMillis(clock_.Now()), {{.labels = series, .created = true}}};
  }

  // Runs the server until the set of metrics changes.
  void AwaitMetrics() {
    const auto wait = [](net::Signal& listed) -> net::Task<bool> {
      return listed.WaitFor(std::chrono::seconds(20));
    };
    ASSERT_TRUE(net::RunTask(loop_, wait(listed_)));
  }

  net::HttpResponse Get(const std::string& path) {
    net::HttpRequest request;
    request.target = "/apis/" + path;
    net::SentResponse answer;
    net::RunTask(loop_, server_->Handle(request, answer));
    return answer.sent;
  }

  // The values of the items, or the message of a refusal.
  std::string Values(const std::string& path) {
    const auto body = ParseJson(Get(path).body);
    if (!body) return "no JSON";
    if (GetString(*body, "kind") == "Status") return GetString(*body, "message");
    std::string text;
    for (const Json& item : GetArray(*body, {"items"})) {
      const std::string name = GetString(item, {"describedObject", "name"});
      text += (name.empty() ? "" : name + "=") + GetString(item, "value") + " ";
    }
    return text;
  }

  net::Loop loop_;
  env::FakeClock clock_;
  env::SeededRandom random_{1};
  client::FakeApi api_;
  client::Client client_;
  StandIn querier_;
  net::Signal listed_;
  std::unique_ptr<Server> server_;
};

constexpr const char* kItems =
    "custom.metrics.k8s.io/v1beta1/namespaces/ns/services/redis/redis_items";

TEST_F(MetricsServer, ServesWhatItsRulesMakeOfSeries) {
  Add("redis_items", {{"namespace", "ns"}, {"service", "redis"}}, 7);
  Add("queue_depth", {{"namespace", "ns"}}, 3);
  ASSERT_TRUE(server_->SetConfig("file", kRedis));
  ASSERT_TRUE(server_->SetConfig("other", kQueues));
  EXPECT_EQ(Values(kItems), "the server could not find the metric redis_items for services");
  server_->Start();
  AwaitMetrics();
  EXPECT_EQ(Values(kItems), "redis=7 ");
  EXPECT_EQ(Values("external.metrics.k8s.io/v1beta1/namespaces/ns/queue_depth"), "3 ");
  EXPECT_EQ(Values("external.metrics.k8s.io/v1beta1/namespaces/ns/nothing"),
            "the server could not find the metric nothing for ");
  EXPECT_EQ(Values("custom.metrics.k8s.io/v1beta1/namespaces/ns/widgets/a/redis_items"),
            "the server could not find the metric redis_items for widgets");
  EXPECT_EQ(server_->MetricsOfSeries("queue_depth"),
            (std::vector<metricsapi::MetricRef>{{true, "", "queue_depth"}}));
}

TEST_F(MetricsServer, ServesTheGroupsThatHaveRules) {
  const std::array<std::string, 3> groups = {"custom.metrics.k8s.io", "external.metrics.k8s.io",
                                             "metrics.k8s.io"};
  const auto served = [&] {
    std::string text;
    for (const std::string& group : groups) {
      const bool is = Get(group).status == 200;
      EXPECT_EQ(Get(group + "/v1beta1").status, is ? 200 : 404);
      EXPECT_EQ(server_->Discovery(group).is_null(), !is);
      if (!is) EXPECT_EQ(Get(group + "/v1beta1").body, "404 page not found\n");
      text += is ? group + " " : "";
    }
    return text;
  };
  EXPECT_EQ(served(), "");
  ASSERT_TRUE(server_->SetConfig("a", kRedis));
  EXPECT_EQ(served(), "custom.metrics.k8s.io ");
  ASSERT_TRUE(server_->SetConfig("b", kQueues));
  EXPECT_EQ(served(), "custom.metrics.k8s.io external.metrics.k8s.io ");
  ASSERT_TRUE(server_->SetConfig("c", kUsage));
  EXPECT_EQ(served(), "custom.metrics.k8s.io external.metrics.k8s.io metrics.k8s.io ");
  EXPECT_EQ(Get("custom.metrics.k8s.io/v1beta2").body,
            R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":)"
            R"("custom.metrics.k8s.io/v1beta2","resources":[]})"
            "\n");
  const auto group = ParseJson(Get("custom.metrics.k8s.io").body);
  ASSERT_TRUE(group);
  EXPECT_EQ(GetString(*group, {"preferredVersion", "version"}), "v1beta2");
  const Json discovery = server_->Discovery("custom.metrics.k8s.io");
  EXPECT_EQ(GetString(discovery, {"metadata", "name"}), "custom.metrics.k8s.io");
  EXPECT_EQ(discovery["versions"].size(), 2U);
  EXPECT_TRUE(discovery["versions"][0]["resources"].empty());
  EXPECT_EQ(server_->Discovery("external.metrics.k8s.io")["versions"].size(), 1U);
  EXPECT_EQ(DumpJson(server_->Discovery("metrics.k8s.io")["versions"][0]["resources"][1]["verbs"]),
            R"(["get","list"])");
  EXPECT_EQ(Get("external.metrics.k8s.io/v1").status, 404);
}

TEST_F(MetricsServer, ServesTheUsageOfPodsAndNodes) {
  ASSERT_TRUE(server_->SetConfig("file", kUsage));
  Add("cpu", {{"namespace", "a"}, {"pod", "web"}, {"container", "c"}}, 0.25);
  Add("mem", {{"namespace", "a"}, {"pod", "web"}, {"container", "c"}}, 1024);
  Add("cpu", {{"namespace", "a"}, {"pod", "half"}, {"container", "c"}}, 0.25);
  Add("cpu", {{"node", "n"}}, 2);
  Add("mem", {{"node", "n"}}, 4096);
  for (const char* name : {"web", "half"}) {
    api_.Put("/api/v1/namespaces/a/pods",
             {{"metadata", {{"name", name}, {"namespace", "a"}, {"labels", {{"app", name}}}}}});
  }
  api_.Put("/api/v1/nodes", {{"metadata", {{"name", "n"}}}});
  const auto usage = [this](const std::string& path) {
    const auto body = ParseJson(Get("metrics.k8s.io/v1beta1/" + path).body);
    if (!body) return std::string("no JSON");
    if (GetString(*body, "kind") == "Status") return GetString(*body, "message");
    std::string text;
    const auto add = [&text](const Json& item) {
      text += GetString(item, {"metadata", "name"});
      if (item.contains("usage")) text += " " + GetString(item, {"usage", "cpu"});
      for (const Json& container : GetArray(item, {"containers"})) {
        text += " " + GetString(container, {"usage", "memory"});
      }
      text += ";";
    };
    if (!body->contains("items")) add(*body);
    for (const Json& item : GetArray(*body, {"items"})) add(item);
    return text;
  };
  EXPECT_EQ(usage("namespaces/a/pods"), "web 1Ki;");
  EXPECT_EQ(usage("namespaces/a/pods/web"), "web 1Ki;");
  EXPECT_EQ(usage("namespaces/a/pods/half"), "podmetrics.metrics.k8s.io \"a/half\" not found");
  EXPECT_EQ(usage("namespaces/a/pods/none"), "pods \"none\" not found");
  EXPECT_EQ(usage("namespaces/b/pods"), "");
  EXPECT_EQ(usage("nodes"), "n 2;");
  EXPECT_EQ(usage("nodes/n"), "n 2;");
  EXPECT_EQ(usage("nodes/none"), "node \"none\" not found");
  querier_.mode = StandIn::Mode::kFails;
  EXPECT_EQ(usage("nodes"), "");
  EXPECT_EQ(server_->counters().failures, 1U);
  api_.SetDown(true);
  EXPECT_EQ(Get("metrics.k8s.io/v1beta1/nodes").status, 500);
}

TEST_F(MetricsServer, AWildcardAsksForTheObjectsThereAre) {
  Add("redis_items", {{"namespace", "ns"}, {"service", "a"}}, 1);
  Add("redis_items", {{"namespace", "ns"}, {"service", "gone"}}, 2);
  api_.Put("/api/v1/namespaces/ns/services", {{"metadata", {{"name", "a"}}}});
  api_.Put("/api/v1/namespaces/ns/services", {{"metadata", {{"name", "b"}}}});
  ASSERT_TRUE(server_->SetConfig("file", kRedis));
  server_->Start();
  AwaitMetrics();
  const std::string path = "custom.metrics.k8s.io/v1beta1/namespaces/";
  EXPECT_EQ(Values(path + "ns/services/*/redis_items"), "a=1 ");
  EXPECT_EQ(Values(path + "empty/services/*/redis_items"),
            "the server could not find the metric redis_items for services");
  api_.SetDown(true);
  EXPECT_EQ(Values(path + "ns/services/*/redis_items"),
            "Internal error occurred: unable to list matching resources");
}

TEST_F(MetricsServer, ANewSeriesIsAMetricAtOnce) {
  ASSERT_TRUE(server_->SetConfig("file", kRedis));
  server_->Start();
  AwaitMetrics();
  server_->OnCommit(Add("redis_items", {{"namespace", "ns"}, {"service", "redis"}}, 7));
  AwaitMetrics();
  EXPECT_EQ(Values(kItems), "redis=7 ");
  // One that comes back after it aged out is no new series, but a new name to the list.
  clock_.Advance(std::chrono::minutes(6));
  server_->OnCommit(Add("redis_up", {{"namespace", "ns"}}, 1));
  AwaitMetrics();
  EXPECT_EQ(Values(kItems), "the server could not find the metric redis_items for services");
  model::CommitInfo back = Add("redis_items", {{"namespace", "ns"}, {"service", "redis"}}, 8);
  back.series[0].created = false;
  server_->OnCommit(back);
  AwaitMetrics();
  EXPECT_EQ(Values(kItems), "redis=8 ");
}

TEST_F(MetricsServer, ABadConfigurationLeavesTheLastGoodOne) {
  Add("redis_items", {{"namespace", "ns"}, {"service", "redis"}}, 7);
  ASSERT_TRUE(server_->SetConfig("file", kRedis));
  server_->Start();
  AwaitMetrics();
  const Status refused = server_->SetConfig("file", "rules: [{seriesQuery: x, metricQuery: y}]");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("line 1: field metricQuery not found"));
  EXPECT_EQ(server_->config_errors().size(), 1U);
  EXPECT_EQ(Values(kItems), "redis=7 ");
  ASSERT_TRUE(server_->SetConfig("file", ""));
  EXPECT_TRUE(server_->config_errors().empty());
  AwaitMetrics();
  EXPECT_EQ(Get(kItems).body, "404 page not found\n");
}

TEST_F(MetricsServer, ConfigMapsCarryRules) {
  Add("queue_depth", {{"namespace", "ns"}}, 3);
  server_->Start();
  const std::string maps = "/api/v1/namespaces/default/configmaps";
  const auto map = [](std::string_view text) {
    return Json{
        {"apiVersion", "v1"},
        {"kind", "ConfigMap"},
        {"metadata", {{"name", "rules"}, {"labels", {{std::string(kConfigLabel), "true"}}}}},
        {"data", {{"config.yaml", text}}}};
  };
  const std::string depth = "external.metrics.k8s.io/v1beta1/namespaces/ns/queue_depth";
  api_.Put(maps, map(kQueues));
  AwaitMetrics();
  EXPECT_EQ(Values(depth), "3 ");
  api_.Put(maps, map("rules: 3"));
  const auto told = [this] { return !api_.List("/api/v1/events").empty(); };
  ASSERT_TRUE(net::RunTask(loop_, api_.Until(told)));
  const Json event = api_.List("/api/v1/events")[0];
  EXPECT_EQ(GetString(event, "reason"), "InvalidAdapterConfig");
  EXPECT_NE(GetString(event, "message").find("key config.yaml: "), std::string::npos);
  EXPECT_EQ(server_->config_errors().begin()->first, "default/rules");
  EXPECT_EQ(Values(depth), "3 ");
  api_.Remove(maps + "/rules");
  AwaitMetrics();
  EXPECT_EQ(Get(depth).body, "404 page not found\n");
}

TEST_F(MetricsServer, PromqlThatFailsOrIsSilentIsAnErrorAndKeepsTheList) {
  Options options;
  options.timeout = std::chrono::milliseconds(5);
  Make(options);
  Add("redis_items", {{"namespace", "ns"}, {"service", "redis"}}, 7);
  ASSERT_TRUE(server_->SetConfig("file", kRedis));
  server_->Start();
  AwaitMetrics();
  for (const StandIn::Mode mode : {StandIn::Mode::kFails, StandIn::Mode::kSilent}) {
    querier_.mode = mode;
    EXPECT_EQ(Get(kItems).status, 500);
    EXPECT_EQ(Values(kItems), "Internal error occurred: unable to fetch metrics");
  }
  EXPECT_EQ(server_->counters().failures, 4U);
  querier_.mode = StandIn::Mode::kAnswers;
  EXPECT_EQ(Values(kItems), "redis=7 ");
  for (const auto& late : querier_.silent) late(Fail(Code::kTimeout, "late"));
}

}  // namespace
}  // namespace weir::metricsserver
