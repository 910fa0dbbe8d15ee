#include "app/hops.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

constexpr Time kStart{std::chrono::seconds(1'800'000'000)};

Time At(int ms) { return kStart + std::chrono::milliseconds(ms); }

ScaleUp FromZero(int decided_ms) {
  ScaleUp s;
  s.hpa = "default/consumer";
  s.workload = "default/consumer";
  s.to = 4;
  s.sampled = At(decided_ms - 10);
  s.committed = At(decided_ms - 5);
  s.recorded = At(decided_ms - 4);
  s.decided = At(decided_ms);
  s.written = At(decided_ms + 1);
  return s;
}

TEST(Hops, JoinThePodsStagesToTheNewestScaleUpOfTheirWorkload) {
  prometheus::Registry registry;
  HopRecorder hops(registry);
  hops.Decided(FromZero(0));
  hops.Decided(FromZero(1000));
  hops.Pod("default/consumer", "new", "created", At(1002));
  hops.Pod("default/other", "new", "started", At(1003));
  hops.Pod("default/consumer", "new", "started", At(1010));
  hops.Pod("default/consumer", "new", "ready", At(1011));
  hops.Pod("default/consumer", "second", "ready",
           At(1500));  // a second pod does not move the first's time
  const Json items = hops.ToJson()["items"];
  ASSERT_EQ(items.size(), 2U);
  EXPECT_TRUE(items[0]["podCreated"].is_null());
  EXPECT_EQ(items[1]["podStarted"], FormatRfc3339Micro(At(1010)));
  EXPECT_EQ(items[1]["podReady"], FormatRfc3339Micro(At(1011)));
}

TEST(Hops, AStageWithoutTheOneBeforeItDoesNotCount) {
  prometheus::Registry registry;
  HopRecorder hops(registry);
  hops.Pod("default/consumer", "old", "created", At(-1));
  hops.Decided(FromZero(0));
  hops.Pod("default/consumer", "new", "ready", At(5));
  hops.Pod("default/consumer", "new", "created", At(-5));  // made before the decision
  EXPECT_TRUE(hops.ToJson()["items"][0]["podReady"].is_null());
  EXPECT_TRUE(hops.ToJson()["items"][0]["podCreated"].is_null());
}

TEST(Hops, APodThatComesBeforeTheWriteIsAnsweredCounts) {
  prometheus::Registry registry;
  HopRecorder hops(registry);
  hops.Pod("default/consumer", "old", "created", At(-50));  // of an earlier scale-up
  hops.Pod("default/consumer", "new", "created", At(2));
  hops.Pod("default/consumer", "new", "started", At(3));
  hops.Decided(FromZero(0));
  hops.Pod("default/consumer", "new", "ready", At(4));
  const Json item = hops.ToJson()["items"][0];
  EXPECT_EQ(item["podCreated"], FormatRfc3339Micro(At(2)));
  EXPECT_EQ(item["podReady"], FormatRfc3339Micro(At(4)));
}

TEST(Hops, APodThatWasThereBeforeTellsNothing) {
  prometheus::Registry registry;
  HopRecorder hops(registry);
  hops.Pod("default/consumer", "old", "created", At(-50));
  hops.Decided(FromZero(0));
  hops.Pod("default/consumer", "new", "created", At(2));
  hops.Pod("default/consumer", "old", "started", At(3));
  hops.Pod("default/consumer", "old", "ready", At(3));
  EXPECT_TRUE(hops.ToJson()["items"][0]["podStarted"].is_null());
  hops.Pod("default/consumer", "new", "started", At(8));
  hops.Pod("default/consumer", "old", "ready", At(9));
  EXPECT_TRUE(hops.ToJson()["items"][0]["podReady"].is_null());
  hops.Pod("default/consumer", "new", "ready", At(10));
  EXPECT_EQ(hops.ToJson()["items"][0]["podReady"], FormatRfc3339Micro(At(10)));
}

TEST(Hops, KeepABoundedNumber) {
  prometheus::Registry registry;
  HopRecorder hops(registry);
  for (int i = 0; i < 200; ++i) hops.Decided(FromZero(i * 1000));
  EXPECT_EQ(hops.ToJson()["items"].size(), 64U);
}

}  // namespace
}  // namespace weir::app
