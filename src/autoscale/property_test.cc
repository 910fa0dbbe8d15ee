// What holds in every situation, checked on generated ones. A failure prints the seed.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "autoscale/testing.h"
#include "base/json.h"
#include "env/random.h"

namespace weir::autoscale {
namespace {

constexpr Time kStart = kGeneratedStart;

Passes RunPasses(std::uint64_t seed, const Options& options) {
  env::SeededRandom random(seed);
  Generator generate([&random](std::uint64_t bound) { return random.Below(bound); });
  env::SeededRandom other(seed);
  Generator reorder([&other](std::uint64_t bound) { return other.Below(bound); });
  return RunPasses(generate, reorder, options);
}

Options OptionsOf(std::uint64_t seed) {
  env::SeededRandom random(~seed);
  return Generator([&random](std::uint64_t bound) { return random.Below(bound); }).MakeOptions();
}

TEST(Properties, HoldInSituationsOfEveryKind) {
  Options quick;
  quick.sync_period = std::chrono::seconds(15);
  std::string traces;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    for (const Options& options : {seed % 2 == 0 ? Options() : quick, OptionsOf(seed)}) {
      const Passes passes = RunPasses(seed, options);
      ASSERT_EQ(passes.wrong, "") << "seed " << seed;
      ASSERT_EQ(passes.order, "") << "seed " << seed;
      if (options.departures.saturate) ASSERT_EQ(passes.numbers, "") << "seed " << seed;
      traces += passes.trace;
    }
  }
  for (const std::string_view kind : {"FailedGetScale",
                                      "ScalingPaused",
                                      "InvalidSelector",
                                      "AmbiguousSelector",
                                      "InvalidMetricSourceType",
                                      "target was set",
                                      "is not a valid label selector operator",
                                      "NotIn",
                                      "queue: orders",
                                      "FailedRescale",
                                      "ScaleDownStabilized",
                                      "ScaleUpStabilized",
                                      "ScaleUpLimit",
                                      "ScaleDownLimit",
                                      "TooManyReplicas",
                                      "TooFewReplicas",
                                      "\"ScaledToZero\"",
                                      "TargetTypeMismatch",
                                      " Pod p",
                                      "again "}) {
    EXPECT_TRUE(traces.contains(kind)) << kind;
  }
}

TEST(Properties, TheSameInputsGiveTheSameBytes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const Options& options : {Options(), Options::UpstreamExact()}) {
      EXPECT_EQ(RunPasses(seed, options).trace, RunPasses(seed, options).trace) << "seed " << seed;
    }
  }
}

// The check itself finds what it is for: upstream's numbers break it.
TEST(Properties, AreBrokenByUpstreamsNumbers) {
  int broken = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    if (!RunPasses(seed, Options::UpstreamExact()).numbers.empty()) ++broken;
  }
  EXPECT_GT(broken, 0);
}

TEST(History, StaysShortHoweverOftenAPassRuns) {
  env::SeededRandom random(7);
  History history;
  for (int i = 0; i < 20'000; ++i) {
    const Time now = kStart + std::chrono::milliseconds(10 * i);
    RememberExtremes(history, static_cast<std::int32_t>(random.Below(1000)), now,
                     now - std::chrono::hours(1));
  }
  EXPECT_LT(history.recommendations.size(), 100U);
}

// The extremes kept answer every window as the whole list would.
TEST(History, ExtremesOfEveryWindowAreKept) {
  env::SeededRandom random(11);
  for (int round = 0; round < 50; ++round) {
    History history;
    std::vector<Recommendation> all;
    for (int i = 0; i < 40; ++i) {
      const Time now = kStart + std::chrono::seconds(i);
      const auto replicas = static_cast<std::int32_t>(random.Below(12));
      all.push_back({replicas, now});
      RememberExtremes(history, replicas, now, kStart - std::chrono::hours(1));
    }
    for (int from = 0; from < 40; ++from) {
      const auto in_window = [&](const Recommendation& one) {
        return one.at >= kStart + std::chrono::seconds(from);
      };
      std::int32_t low = 99, high = -1, kept_low = 99, kept_high = -1;
      for (const Recommendation& one : all) {
        if (!in_window(one)) continue;
        low = std::min(low, one.replicas);
        high = std::max(high, one.replicas);
      }
      for (const Recommendation& one : history.recommendations) {
        if (!in_window(one)) continue;
        kept_low = std::min(kept_low, one.replicas);
        kept_high = std::max(kept_high, one.replicas);
      }
      EXPECT_EQ(low, kept_low);
      EXPECT_EQ(high, kept_high);
    }
  }
}

}  // namespace
}  // namespace weir::autoscale
