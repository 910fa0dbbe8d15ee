#include "controllers/decision_log.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autoscale/scenario.h"
#include "client/fake_api.h"
#include "controllers/hpa_testing.h"

namespace weir::controllers {
namespace {

constexpr Time kStart{std::chrono::seconds(1767225600)};
constexpr std::string_view kShop = "/apis/weir.dev/v1alpha1/namespaces/shop/decisions";

// A decision of the autoscaler shop/NAME, so many seconds after the start.
MadeDecisionPtr Made(const std::string& name, int second, bool changed) {
  auto made = std::make_shared<MadeDecision>();
  Json hpa = {{"metadata", {{"namespace", "shop"}, {"name", name}, {"uid", "u-" + name}}}};
  hpa["spec"] = {{"minReplicas", 1}, {"maxReplicas", 9}};
  made->inputs.hpa = std::make_shared<const Json>(std::move(hpa));
  made->inputs.seen.scale = {.spec_replicas = 2, .status_replicas = 2, .selector = ""};
  made->inputs.now = kStart + std::chrono::seconds(second);
  made->changed = changed;
  return made;
}

std::vector<std::string> Names(const std::vector<Json>& objects) {
  std::vector<std::string> names;
  for (const Json& object : objects) names.push_back(GetString(object, {"metadata", "name"}));
  return names;
}

class DecisionLogTest : public ::testing::Test {
 protected:
  void Begin(DecisionLog::Options options) {
    log_ = std::make_unique<DecisionLog>(client_, group_, options);
    log_->Start();
  }
  void TearDown() override {
    group_.Cancel();
    EXPECT_TRUE(Until([&] { return group_.running() == 0; }));
  }

  bool Until(const std::function<bool()>& condition) {
    for (int i = 0; i < 100'000 && !condition(); ++i) {
      if (loop_.context().stopped()) loop_.context().restart();
      loop_.context().run_one_for(std::chrono::milliseconds(20));
    }
    return condition();
  }
  bool Stored(const std::string& name) {
    return !api_.Get(std::string(kShop) + "/" + name).is_null();
  }

  net::Loop loop_;
  client::FakeApi api_{loop_};
  client::Client client_{api_, "test"};
  net::TaskGroup group_{loop_, "test"};
  std::unique_ptr<DecisionLog> log_;
};

TEST_F(DecisionLogTest, KeepsTheNewestInMemoryAlone) {
  Begin({.delay = Duration(0)});
  log_->Note("shop/web", Made("web", 0, false));
  log_->Note("shop/web", Made("web", 1, false));
  log_->Note("shop/api", Made("api", 1, false));
  EXPECT_EQ(Names(log_->InMemory("", "")), (std::vector<std::string>{"api.latest", "web.latest"}));
  EXPECT_TRUE(log_->InMemory("other", "").empty());
  const std::vector<Json> web = log_->InMemory("shop", "web.latest");
  ASSERT_EQ(web.size(), 1U);
  EXPECT_EQ(GetString(web[0], "time"), "2026-01-01T00:00:01.000000Z");
  log_->Forget("shop/web");
  EXPECT_EQ(Names(log_->InMemory("shop", "")), std::vector<std::string>{"api.latest"});
  EXPECT_EQ(log_->counters().stored, 0U);
}

TEST_F(DecisionLogTest, StoresChangesAsARing) {
  // One of an earlier process.
  api_.Put(std::string(kShop), {{"apiVersion", "weir.dev/v1alpha1"},
                                {"kind", "Decision"},
                                {"metadata", {{"name", "web.20251231t235900.000z"}}},
                                {"hpa", "web"}});
  Begin({.kept = 2, .delay = Duration(0)});
  log_->Note("shop/web", Made("web", 1, true));
  EXPECT_EQ(Names(log_->InMemory("shop", "")),
            (std::vector<std::string>{"web.latest", "web.20260101t000001.000z"}));
  ASSERT_TRUE(Until([&] { return Stored("web.20260101t000001.000z"); }));
  EXPECT_EQ(Names(log_->InMemory("shop", "")), std::vector<std::string>{"web.latest"});
  EXPECT_TRUE(Stored("web.20251231t235900.000z"));
  log_->Note("shop/web", Made("web", 2, true));
  ASSERT_TRUE(Until([&] { return !Stored("web.20251231t235900.000z"); }));
  EXPECT_TRUE(Stored("web.20260101t000001.000z"));
  EXPECT_TRUE(Stored("web.20260101t000002.000z"));
  EXPECT_EQ(log_->counters().stored, 2U);
  EXPECT_EQ(log_->counters().failed, 0U);
}

TEST_F(DecisionLogTest, LetsTheOldestGoWhereTooManyWait) {
  Begin({.waiting = 2, .delay = std::chrono::hours(1)});
  for (int i = 0; i < 3; ++i) log_->Note("shop/web", Made("web", i, true));
  EXPECT_EQ(Names(log_->InMemory("shop", "")),
            (std::vector<std::string>{"web.latest", "web.20260101t000001.000z",
                                      "web.20260101t000002.000z"}));
  EXPECT_EQ(log_->counters().let_go, 1U);
}

using HpaDecisions = HpaFixture;

// What the controller keeps is what it decided: replayed, it writes the same number.
TEST_F(HpaDecisions, ReplayToWhatTheControllerWrote) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  Json item = {{"metricName", "queue"}, {"value", "55"}, {"timestamp", "2026-01-01T00:00:00Z"}};
  Json list = {{"kind", "ExternalMetricValueList"}, {"items", Json::array({std::move(item)})}};
  api_.documents["/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue"] = std::move(list);
  Json external = {{"metric", {{"name", "queue"}}},
                   {"target", {{"type", "AverageValue"}, {"averageValue", "10"}}}};
  HpaOptions options;
  options.decisions_kept = 3;
  Begin(HpaOf({{"type", "External"}, {"external", std::move(external)}}), options);
  ASSERT_TRUE(Until([&] { return decisions_.size() == 1; }));
  ASSERT_TRUE(Until([&] { return !controller_->decisions().InMemory("shop", "").empty(); }));
  const std::vector<Json> kept = controller_->decisions().InMemory("shop", "");
  EXPECT_EQ(GetString(kept[0], {"metadata", "name"}), "web.latest");
  EXPECT_EQ(GetString(kept[0], "summary"),
            "Deployment web goes from 2 to 4 replicas: the metrics ask for 6, but one step at most "
            "doubles the replicas, or makes them 4. More with the next sync period, if the metrics "
            "still ask for it. Fewer when external metric queue is 30 or less, for 5m0s.");
  EXPECT_EQ(GetString(GetArray(kept[0], {"metrics"})[0], "time"), "2026-01-01T00:00:00.000000Z");
  EXPECT_FALSE(GetString(kept[0], {"hops", "written"}).empty());
  const Result<std::string> answer = autoscale::Replay(GetString(kept[0], "scenario"), false);
  ASSERT_TRUE(answer) << answer.error().message;
  const Result<Json> replayed = ParseJson(*answer);
  ASSERT_TRUE(replayed);
  EXPECT_EQ(GetInt(GetArray(*replayed, {"steps"})[0], {"scaleTo"}), decisions_[0].to);
}

}  // namespace
}  // namespace weir::controllers
