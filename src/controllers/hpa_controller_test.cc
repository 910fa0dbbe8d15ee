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

TEST_F(HpaControllerTest, ReplicasAndConditionsAreWrittenAtOnce) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  clock_.Advance(std::chrono::seconds(1));
  Metric("60");
  ASSERT_TRUE(Passes(2));
  EXPECT_EQ(api_.writes, (Texts{"status desired 2 of 2", "scale 3", "status desired 3 of 2"}));
  // What had been held back comes along: three replicas, and their condition.
  Metric("61");
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(api_.writes.size(), 4U);
  EXPECT_EQ(GetInt(Status(), {"currentReplicas"}, 0), 3);
  EXPECT_EQ(GetString(GetArray(Status(), {"conditions"})[0], "reason"), "ReadyForNewScale");
  // Now nothing but the value changes.
  Metric("62");
  ASSERT_TRUE(Passes(4));
  EXPECT_EQ(api_.writes.size(), 4U);
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

TEST_F(HpaControllerTest, AnEditOfAnythingElseIsNotWaitedFor) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  clock_.Advance(std::chrono::seconds(15));
  Json changed = hpa_;
  changed["spec"]["maxReplicas"] = 30;
  changed["metadata"]["annotations"] = {{"note", "a"}};
  api_.Push(kHpas, "MODIFIED", changed);
  ASSERT_TRUE(Passes(2));
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

TEST_F(HpaControllerTest, ATargetInTheCacheIsNotAskedFor) {
  api_.documents[std::string(kScale)] = ScaleOf(1, 1);
  api_.documents[std::string(kQueue)] = Items("20");
  Begin(Hpa("averageValue", "20"));
  ASSERT_TRUE(Passes(1));
  Json target;
  target["metadata"] = {{"namespace", "shop"}, {"name", "web"}};
  target["spec"] = {{"replicas", 1}, {"selector", {{"matchLabels", {{"app", "web"}}}}}};
  target["status"] = {{"replicas", 1}};
  api_.Push("/apis/apps/v1/deployments", "ADDED", target);
  ASSERT_TRUE(Passes(2));
  const auto asked = [&] {
    const auto count = std::ranges::count(api_.gets, std::string(kScale));
    api_.gets.clear();
    return count;
  };
  asked();
  Metric("70");
  ASSERT_TRUE(Passes(3));
  EXPECT_EQ(asked(), 0);
  EXPECT_EQ(api_.writes[1], "scale 4");
  // The cache has not heard of that yet: it would say 1.
  clock_.Advance(std::chrono::seconds(15));
  Metric("90");
  ASSERT_TRUE(Passes(4));
  EXPECT_EQ(asked(), 1);
  EXPECT_EQ(decisions_.back().from, 4);
  target["spec"]["replicas"] = 5;
  api_.Push("/apis/apps/v1/deployments", "MODIFIED", target);
  ASSERT_TRUE(Passes(5));
  EXPECT_EQ(asked(), 0);
}

TEST_F(HpaControllerTest, ADecisionThatIsPutOffIsRecordedWithWhatWasKnownBefore) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  HpaOptions options;
  options.decisions_kept = 1;
  Begin(Hpa("averageValue", "20"), options);  // its metric is not there
  ASSERT_TRUE(Passes(1));
  EXPECT_EQ(api_.events, Texts{});
  const std::vector<Json> decisions = controller_->decisions().InMemory("", "");
  ASSERT_EQ(decisions.size(), 1U);
  const Json scenario = ParseJson(GetString(decisions[0], "scenario")).value_or(Json());
  EXPECT_TRUE(scenario.contains("steps"));
  EXPECT_FALSE(scenario.contains("history")) << DumpJson(scenario);
}

TEST_F(HpaControllerTest, ATargetDiffersByThePathsOfItsKind) {
  const HpaFetch fetch(client_, clock_, ResolveForTest, {});
  const Json deployment = {{"apiVersion", "apps/v1"},
                           {"kind", "Deployment"},
                           {"spec", {{"replicas", 3}, {"size", 1}}},
                           {"status", {{"replicas", 3}, {"count", 1}}}};
  const Json fleet = {{"apiVersion", "example.com/v1"},
                      {"kind", "Fleet"},
                      {"spec", {{"size", 3}}},
                      {"status", {{"count", 3}, {"chosen", "a=b"}, {"replicas", 1}}}};
  const struct {
    const Json& object;
    std::string_view patch;
    bool differs;
  } kCases[] = {
      {deployment, R"({})", false},
      {deployment, R"({"status":{"readyReplicas":1,"count":2}})", false},
      {deployment, R"({"status":{"replicas":2}})", true},
      {deployment, R"({"spec":{"replicas":4}})", true},
      {deployment, R"({"spec":{"size":2}})", true},
      {fleet, R"({"status":{"replicas":2}})", false},
      {fleet, R"({"status":{"count":2}})", true},
      {fleet, R"({"status":{"chosen":"a=c"}})", true},
      {fleet, R"({"spec":{"size":4}})", true},
  };
  for (const auto& c : kCases) {
    Json after = c.object;
    after.merge_patch(ParseJson(c.patch).value_or(Json()));
    EXPECT_EQ(fetch.TargetDiffers(c.object, after), c.differs)
        << GetString(c.object, "kind") << c.patch;
  }
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

Json Named(Json hpa, const std::string& name) {
  hpa["metadata"]["name"] = name;
  hpa["metadata"]["uid"] = name;
  hpa["spec"]["scaleTargetRef"]["name"] = name;
  return hpa;
}

std::string ScaleAt(std::string_view name) {
  return "/apis/apps/v1/namespaces/shop/deployments/" + std::string(name) + "/scale";
}

TEST_F(HpaControllerTest, SeveralAutoscalersAtOnceAndNoneTwice) {
  const Texts names = {"web", "a", "b", "c"};
  std::vector<Json> others;
  for (const std::string& name : names) {
    api_.documents[ScaleAt(name)] = ScaleOf(2, 2);
    api_.Hold(ScaleAt(name));
    if (name != "web") others.push_back(Named(Hpa("averageValue", "20"), name));
  }
  api_.documents[std::string(kQueue)] = Items("40");
  HpaOptions options;
  options.workers = 3;
  Begin(Hpa("averageValue", "20"), options, others);
  const auto begun = [&] {
    return std::ranges::count_if(api_.gets,
                                 [](const std::string& path) { return path.ends_with("/scale"); });
  };
  ASSERT_TRUE(Until([&] { return begun() == 3; }));
  // All have something new to look at; the fourth waits for a worker, the others for themselves.
  controller_->MetricChanged({{MetricsApi::kExternal, "queue", ""}});
  Settle();
  EXPECT_EQ(begun(), 3);
  for (const std::string& name : names) api_.Release(ScaleAt(name));
  ASSERT_TRUE(Until([&] { return begun() >= 4; }));
}

// Three autoscalers of one metric, a worker for all.
class HpaControllerThree : public HpaControllerTest {
 protected:
  void BeginThree() {
    for (const std::string_view name : {"web", "a", "b"}) {
      if (!api_.documents.contains(ScaleAt(name))) api_.documents[ScaleAt(name)] = ScaleOf(2, 2);
    }
    api_.documents[std::string(kQueue)] = Items("40");
    HpaOptions options;
    options.workers = 1;
    Begin(Hpa("averageValue", "20"), options,
          {Named(Hpa("averageValue", "20"), "a"), Named(Hpa("averageValue", "20"), "b")});
    ASSERT_TRUE(Passes(3));
  }
};

TEST_F(HpaControllerThree, ASelectorThatReachesNothingIsNobodysRival) {
  Json pod;
  pod["metadata"] = {{"namespace", "shop"}, {"name", "p"}, {"labels", {{"app", "web"}}}};
  api_.Push("/api/v1/pods", "ADDED", pod);
  Json none = ScaleOf(2, 2);
  none["status"].erase("selector");
  api_.documents[ScaleAt("a")] = none;
  api_.documents[ScaleAt("b")] = ScaleOf(2, 2);
  api_.documents[ScaleAt("b")]["status"]["selector"] = "app=db";
  ASSERT_NO_FATAL_FAILURE(BeginThree());
  // b's selector is taken away: what it reached before stays what it reaches.
  api_.documents[ScaleAt("b")]["status"].erase("selector");
  PassAPeriodLater(6);
  Metric("80");
  ASSERT_TRUE(Passes(9));
  EXPECT_TRUE(std::ranges::find(api_.writes, "scale 4") != api_.writes.end());
  for (const std::string& event : api_.events) {
    EXPECT_EQ(event.find("AmbiguousSelector"), std::string::npos) << event;
  }
}

TEST_F(HpaControllerTest, APausedAutoscalerLeavesItsPodsToAnother) {
  Json pod;
  pod["metadata"] = {{"namespace", "shop"}, {"name", "p"}, {"labels", {{"app", "web"}}}};
  api_.Push("/api/v1/pods", "ADDED", pod);
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[ScaleAt("a")] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  HpaOptions options;
  options.workers = 1;
  Json other = Named(Hpa("averageValue", "20"), "a");
  Begin(Hpa("averageValue", "20"), options, {other});
  ASSERT_TRUE(Passes(2));
  PassAPeriodLater(4);
  EXPECT_TRUE(std::ranges::any_of(api_.events, [](const std::string& event) {
    return event.find("AmbiguousSelector") != std::string::npos;
  }));
  other["metadata"]["annotations"]["weir.dev/paused"] = "true";
  api_.Push(kHpas, "MODIFIED", other);
  ASSERT_TRUE(Passes(5));
  Metric("80");
  ASSERT_TRUE(Passes(7));
  EXPECT_TRUE(std::ranges::find(api_.writes, "scale 4") != api_.writes.end());
}

TEST_F(HpaControllerThree, AChangeIsReadOnceForAllWhoReadIt) {
  ASSERT_NO_FATAL_FAILURE(BeginThree());
  const auto asked = [&] {
    const auto count = std::ranges::count(api_.gets, std::string(kQueue));
    api_.gets.clear();
    return count;
  };
  EXPECT_EQ(asked(), 1);
  Metric("41");
  ASSERT_TRUE(Passes(6));
  EXPECT_EQ(asked(), 1);
  // What was asked before a change serves nobody after it.
  api_.Hold(kQueue);
  Metric("42");
  ASSERT_TRUE(Until([&] { return std::ranges::count(api_.gets, std::string(kQueue)) == 1; }));
  Metric("43");
  for (int asks = 2; asks <= 3; ++asks) {
    api_.Release(kQueue);
    ASSERT_TRUE(Until([&] {
      return std::ranges::count(api_.gets, std::string(kQueue)) >= asks ||
             controller_->counters().reconciles >= 10;
    }));
  }
  ASSERT_TRUE(Passes(10));
  EXPECT_EQ(asked(), 2);
}

TEST_F(HpaControllerThree, ValuesAloneAreWrittenAfterTheOthersHaveDecided) {
  ASSERT_NO_FATAL_FAILURE(BeginThree());
  clock_.Advance(std::chrono::seconds(15));
  api_.writes.clear();
  Metric("41");
  ASSERT_TRUE(Until([&] { return api_.writes.size() >= 3; }));
  // Nobody waits any more when the last one has decided: it writes at once.
  EXPECT_EQ(api_.writes[0], "status desired 2 of 2");
  EXPECT_NE(api_.writes[1].find("/a/status"), std::string::npos) << api_.writes[1];
  EXPECT_NE(api_.writes[2].find("/b/status"), std::string::npos) << api_.writes[2];
  EXPECT_EQ(controller_->counters().reconciles, 8U);
}

TEST_F(HpaControllerTest, UsageWakesWhoReadsIt) {
  const auto metric = [](std::string_view type, std::string_view field, Json source) {
    return Json{{"type", type}, {field, std::move(source)}};
  };
  const Json target = {{"type", "AverageValue"}, {"averageValue", "100m"}};
  const std::vector<Json> others = {
      Named(HpaOf(metric("ContainerResource", "containerResource",
                         {{"name", "cpu"}, {"container", "app"}, {"target", target}})),
            "container"),
      Named(HpaOf(metric("Pods", "pods", {{"metric", {{"name", "rps"}}}, {"target", target}})),
            "pods"),
      Named(Hpa("averageValue", "20"), "external")};
  Begin(HpaOf(metric("Resource", "resource", {{"name", "memory"}, {"target", target}})), {},
        others);
  ASSERT_TRUE(Passes(4));
  const auto woken = [&](MetricRef changed) {
    api_.gets.clear();
    controller_->MetricChanged({std::move(changed)});
    Settle();
    std::string names;
    for (const std::string_view name : {"web", "container", "pods", "external"}) {
      if (std::ranges::find(api_.gets, ScaleAt(name)) != api_.gets.end()) {
        names += std::string(name) + " ";
      }
    }
    return names;
  };
  EXPECT_EQ(woken({MetricsApi::kResource, "", ""}), "web container ");
  EXPECT_EQ(woken({MetricsApi::kCustom, "rps", "pods"}), "pods ");
  EXPECT_EQ(woken({MetricsApi::kCustom, "rps", "services"}), "");
  EXPECT_EQ(woken({MetricsApi::kExternal, "queue", ""}), "external ");
}

TEST_F(HpaControllerTest, PodsThatCountOtherwiseWakeTheirAutoscaler) {
  api_.documents[std::string(kScale)] = ScaleOf(2, 2);
  api_.documents[std::string(kQueue)] = Items("40");
  HpaOptions options;
  options.pod_delay = std::chrono::milliseconds(1);
  Begin(Hpa("value", "20"), options);  // a ratio that the ready pods bear
  ASSERT_TRUE(Passes(1));
  Json pod;
  pod["metadata"] = {{"namespace", "shop"}, {"name", "p"}, {"labels", {{"app", "db"}}}};
  pod["status"] = {{"phase", "Running"}};
  api_.Push("/api/v1/pods", "ADDED", pod);
  pod["metadata"]["name"] = "q";
  pod["metadata"]["labels"] = {{"app", "web"}};
  api_.Push("/api/v1/pods", "ADDED", pod);
  ASSERT_TRUE(Passes(2));
  pod["metadata"]["annotations"] = {{"note", "a"}};
  api_.Push("/api/v1/pods", "MODIFIED", pod);
  pod["status"]["phase"] = "Failed";
  api_.Push("/api/v1/pods", "MODIFIED", pod);
  ASSERT_TRUE(Passes(3));
  Settle();
  EXPECT_EQ(controller_->counters().reconciles, 3U);
}

}  // namespace
}  // namespace weir::controllers
