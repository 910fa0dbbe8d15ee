// The controller against an API server that is a table of documents: what it reads, what it writes.

#include "controllers/hpa_controller.h"

#include <gtest/gtest.h>

#include "controllers/hpa_testing.h"

namespace weir::controllers {
namespace {

using autoscale::MetricsApi;

constexpr std::string_view kQueue = "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue";

Json Hpa(std::string_view target_field, std::string_view amount) {
  Json metric = {{"type", "External"}};
  metric["external"] = {{"metric", {{"name", "queue"}}},
                        {"target", {{"type", "AverageValue"}, {target_field, amount}}}};
  return HpaOf(std::move(metric));
}

Json Items(std::string_view value) {
  Json list = {{"kind", "ExternalMetricValueList"}};
  list["items"] = Json::array({{{"metricName", "queue"}, {"value", value}}});
  return list;
}

class HpaControllerTest : public HpaFixture {
 protected:
  // The pass of that number, a sync period after what was before: failures are told from then on.
  void PassAPeriodLater(std::uint64_t number) {
    clock_.Advance(std::chrono::seconds(15));
    controller_->MetricChanged({{MetricsApi::kExternal, "queue", ""}});
    ASSERT_TRUE(Passes(number));
  }

  void Metric(std::string_view value) {
    api_.documents[std::string(kQueue)] = Items(value);
    controller_->MetricChanged({{MetricsApi::kExternal, "queue", ""}});
  }
};

using Texts = std::vector<std::string>;

TEST_F(HpaControllerTest, ScalesAtOnceAndSaysWhy) {
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  api_.documents[std::string(kQueue)] = Items("70");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.writes, (Texts{"scale 4", "status desired 4 of 1"}));
  EXPECT_EQ(api_.events, (Texts{"Normal SuccessfulRescale New size: 4; reason: external metric "
                                "queue(nil) above target"}));
  ASSERT_EQ(decisions_.size(), 1U);
  EXPECT_EQ(decisions_[0].hpa, "shop/web");
  EXPECT_EQ(decisions_[0].target, "shop/web");
  EXPECT_EQ(decisions_[0].from, 1);
  EXPECT_EQ(decisions_[0].to, 4);
  EXPECT_FALSE(decisions_[0].metric_changed);
}

TEST_F(HpaControllerTest, AChangedMetricStartsAPass) {
  api_.documents[std::string(kScale)] = ScaleOf(0, 0);
  api_.documents[std::string(kQueue)] = Items("0");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.writes, (Texts{"status desired 0 of 0"}));
  controller_->MetricChanged({{MetricsApi::kExternal, "another", ""}});
  Settle();
  EXPECT_EQ(controller_->counters().reconciles, 1U);
  clock_.Advance(std::chrono::seconds(1));
  Metric("25");
  ASSERT_TRUE(Passes(2));
  ASSERT_EQ(api_.writes.size(), 3U);
  EXPECT_EQ(api_.writes[1], "scale 2");
  EXPECT_EQ(api_.writes[2], "status desired 2 of 0");
  ASSERT_EQ(decisions_.size(), 1U);
  EXPECT_EQ(decisions_[0].metric_changed, clock_.Now());
}

TEST_F(HpaControllerTest, ASteadyAutoscalerWritesNothing) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.writes, (Texts{"status desired 2 of 2"}));
  Metric("40");
  ASSERT_TRUE(Passes(2));
  // A value that changes alone waits for the sync period.
  Metric("41");
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(api_.writes.size(), 1U);
  clock_.Advance(std::chrono::seconds(15));
  Metric("39");
  ASSERT_TRUE(Passes(4));
  EXPECT_EQ(api_.writes.size(), 2U);
  EXPECT_EQ(DumpJson(GetArray(Status(), {"currentMetrics"})[0]["external"]["current"]),
            R"({"averageValue":"19500m"})");
}

TEST_F(HpaControllerTest, AnAverageOverOtherReplicasIsWrittenAtOnce) {
  api_.documents[std::string(kScale)] = ScaleOf(0, 0);
  api_.documents[std::string(kQueue)] = Items("70");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  const auto average = [this] {
    return GetString(GetArray(Status(), {"currentMetrics"})[0],
                     {"external", "current", "averageValue"});
  };
  EXPECT_EQ(average(), "0");
  api_.documents[std::string(kScale)] = ScaleOf(4, 0);
  Metric("70");
  ASSERT_TRUE(Passes(2));
  api_.documents[std::string(kScale)] = ScaleOf(4, 4);
  Metric("70");
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(average(), "17500m");
  const std::size_t writes = api_.writes.size();
  Metric("72");
  ASSERT_TRUE(Passes(4));
  EXPECT_EQ(api_.writes.size(), writes);
}

TEST_F(HpaControllerTest, AnUnreadableMetricHoldsAndWarnsOnceAPeriod) {
  api_.documents[std::string(kScale)] = ScaleOf(5, 5);
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  PassAPeriodLater(2);
  EXPECT_EQ(api_.writes, (Texts{"status desired 0 of 5"}));
  const Texts warnings = {
      "Warning FailedGetExternalMetric unable to get external metric shop/queue/nil: unable to "
      "fetch metrics from external metrics API: not here",
      "Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: "
      "failed to get queue external metric value: failed to get queue external metric: unable to "
      "get external metric shop/queue/nil: unable to fetch metrics from external metrics API: not "
      "here"};
  EXPECT_EQ(api_.events, warnings);
  controller_->MetricChanged({{MetricsApi::kExternal, "queue", ""}});
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(api_.events, warnings);
  EXPECT_EQ(api_.writes.size(), 1U);
}

TEST_F(HpaControllerTest, WhatComesWithANewAutoscalerIsWaitedFor) {
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  clock_.Advance(std::chrono::seconds(5));
  controller_->MetricChanged({{MetricsApi::kExternal, "queue", ""}});
  ASSERT_TRUE(Passes(2));
  clock_.Advance(std::chrono::seconds(9));
  EXPECT_TRUE(api_.writes.empty());
  Metric("70");
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(api_.writes, (Texts{"scale 4", "status desired 4 of 1"}));
  EXPECT_EQ(api_.events, (Texts{"Normal SuccessfulRescale New size: 4; reason: external metric "
                                "queue(nil) above target"}));
}

TEST_F(HpaControllerTest, ANewSpecIsWaitedForAsANewAutoscalerIs) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  clock_.Advance(std::chrono::seconds(60));
  Json changed = hpa_;
  changed["spec"]["metrics"][0]["external"]["metric"]["name"] = "stream";
  api_.Push(kHpas, "MODIFIED", changed);
  ASSERT_TRUE(Passes(2));
  EXPECT_TRUE(api_.events.empty());
  clock_.Advance(std::chrono::seconds(15));
  controller_->MetricChanged({{MetricsApi::kExternal, "stream", ""}});
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(api_.events.size(), 2U);
}

TEST_F(HpaControllerTest, WhatStaysAwayIsToldWhenThePeriodIsOver) {
  api_.documents[std::string(kScale)] = ScaleOf(5, 5);
  HpaOptions options;
  options.sync_period = std::chrono::milliseconds(20);
  Begin(Hpa("averageValue", "20"), options);
  ASSERT_TRUE(Passes(1));
  EXPECT_TRUE(api_.events.empty());
  clock_.Advance(std::chrono::milliseconds(20));
  ASSERT_TRUE(Until([&] { return api_.events.size() == 2; }));
}

TEST_F(HpaControllerTest, APassComesWhenTheWindowLetsTheTargetDown) {
  api_.documents[std::string(kScale)] = ScaleOf(5, 5);
  api_.documents[std::string(kQueue)] = Items("100");
  HpaOptions options;
  options.sync_period = std::chrono::hours(1);
  options.autoscale.downscale_stabilization = std::chrono::milliseconds(50);
  Begin(Hpa("averageValue", "20"), options);
  ASSERT_TRUE(Passes(1));
  Metric("0");
  ASSERT_TRUE(Passes(2));
  EXPECT_EQ(decisions_.size(), 0U);
  clock_.Advance(std::chrono::milliseconds(60));
  ASSERT_TRUE(Until([&] { return decisions_.size() == 1; }));
  EXPECT_EQ(decisions_[0].to, 0);
}

TEST_F(HpaControllerTest, AConflictOnTheScaleWritesTheSameNumberAgain) {
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  api_.documents[std::string(kQueue)] = Items("70");
  api_.failures[std::string(kScale)] = {409, "the object has been modified"};
  api_.failures_left = 2;
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Until([&] { return api_.writes.size() == 4; }));
  EXPECT_EQ(api_.writes, (Texts{"refused " + std::string(kScale), "refused " + std::string(kScale),
                                "scale 4", "status desired 4 of 1"}));
}

TEST_F(HpaControllerTest, ARefusedScaleIsAWarning) {
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  api_.documents[std::string(kQueue)] = Items("70");
  api_.failures[std::string(kScale)] = {403, "not allowed"};
  api_.failures_left = 1;
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.writes, (Texts{"refused " + std::string(kScale), "status desired 0 of 1"}));
  EXPECT_EQ(api_.events, (Texts{"Warning FailedRescale New size: 4; reason: external metric "
                                "queue(nil) above target; error: not allowed"}));
  EXPECT_TRUE(decisions_.empty());
}

TEST_F(HpaControllerTest, AConflictOnTheStatusIsSettledSilently) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  api_.failures[std::string(kHpa) + "/status"] = {409, "the object has been modified"};
  api_.failures_left = 1;
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.writes,
            (Texts{"refused " + std::string(kHpa) + "/status", "status desired 2 of 2"}));
  EXPECT_TRUE(api_.events.empty());
}

TEST_F(HpaControllerTest, AStatusThatCannotBeWrittenIsAWarning) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  api_.failures[std::string(kHpa) + "/status"] = {500, "disk full"};
  api_.failures_left = 1;
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.events, (Texts{"Warning FailedUpdateStatus disk full"}));
}

TEST_F(HpaControllerTest, AnUnknownKindIsToldInUpstreamsWords) {
  Json hpa = Hpa("averageValue", "20");
  hpa["spec"]["scaleTargetRef"]["kind"] = "Deploymint";
  Begin(std::move(hpa));
  ASSERT_TRUE(Passes(1));
  PassAPeriodLater(2);
  EXPECT_EQ(api_.events,
            (Texts{"Warning FailedGetScale no matches for kind \"Deploymint\" in group \"apps\""}));
}

TEST_F(HpaControllerTest, AChangedSpecStartsAPassAndItsOwnStatusDoesNot) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  Json with_status = hpa_;
  with_status["status"] = Status();
  api_.Push(kHpas, "MODIFIED", with_status);
  Settle();
  EXPECT_EQ(controller_->counters().reconciles, 1U);
  with_status["spec"]["minReplicas"] = 3;
  api_.Push(kHpas, "MODIFIED", with_status);
  ASSERT_TRUE(Passes(2));
  EXPECT_EQ(api_.writes[1], "scale 3");
}

TEST_F(HpaControllerTest, ADeletedAutoscalerIsForgotten) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  api_.Push(kHpas, "DELETED", hpa_);
  Settle();
  Metric("400");
  Settle();
  EXPECT_EQ(controller_->counters().reconciles, 1U);
  EXPECT_EQ(api_.writes.size(), 1U);
}

TEST_F(HpaControllerTest, AChangeOfTheTargetsScaleStartsAPass) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  Json target;
  target["metadata"] = {{"namespace", "shop"}, {"name", "web"}};
  target["spec"] = {{"replicas", 30}};
  api_.documents[std::string(kScale)] = ScaleOf(30, 2);
  api_.Push("/apis/apps/v1/deployments", "ADDED", target);
  ASSERT_TRUE(Passes(2));
  EXPECT_EQ(api_.writes[1], "scale 20");
}

TEST_F(HpaControllerTest, UpstreamExactWaitsForTheSyncPeriod) {
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  api_.documents[std::string(kQueue)] = Items("70");
  HpaOptions options;
  options.upstream_exact = true;
  Begin(Hpa("averageValue", "20"), options);
  ASSERT_TRUE(
      Until([&] { return std::ranges::find(api_.gets, std::string(kHpas)) != api_.gets.end(); }));
  Settle();
  Metric("700");
  Settle();
  EXPECT_EQ(controller_->counters().reconciles, 0U);
  EXPECT_TRUE(api_.writes.empty());
}

TEST_F(HpaControllerTest, UpstreamExactPassesOnceAPeriod) {
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  api_.documents[std::string(kQueue)] = Items("70");
  HpaOptions options;
  options.upstream_exact = true;
  options.sync_period = std::chrono::milliseconds(20);
  Begin(Hpa("averageValue", "20"), options);
  ASSERT_TRUE(Passes(2));
  EXPECT_EQ(api_.writes[0], "scale 4");
}

}  // namespace
}  // namespace weir::controllers
