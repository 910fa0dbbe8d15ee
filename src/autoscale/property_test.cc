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

struct Passes {
  std::string trace;  // all that was decided
  std::string wrong;  // what must not be, none found where empty
  std::string order;  // where another order of the pods decided otherwise
};

// What an order of pods may not change: not the texts, which name the first pod that lacks
// something.
std::string Essence(const Decision& decision) {
  std::string text = std::to_string(decision.scale_to.value_or(-1)) + " " +
                     std::to_string(decision.wanted.value_or(-1));
  return text + DumpJson(GetArray(decision.status.ToJson(), {"currentMetrics"}));
}

// Six passes of one autoscaler.
Passes RunPasses(std::uint64_t seed, const Options& options) {
  env::SeededRandom random(seed);
  Generator generate([&random](std::uint64_t bound) { return random.Below(bound); });
  env::SeededRandom other(seed);
  Generator reorder([&other](std::uint64_t bound) { return other.Below(bound); });
  Subject subject = generate.MakeSubject();
  History history;
  std::int32_t replicas = generate.Count(60);
  Passes passes;
  Time now = kGeneratedStart;
  for (int step = 0; step < 6; ++step) {
    const Observations seen = generate.Observe(subject, replicas);
    History again = history;
    Decision decision = Decide(subject, seen, history, now, options);
    Complete(decision, subject, std::nullopt, history, now, options);
    Decision shuffled = Decide(subject, reorder.Shuffled(seen), again, now, options);
    Complete(shuffled, subject, std::nullopt, again, now, options);
    passes.trace +=
        DumpJson(decision.status.ToJson()) + std::to_string(decision.scale_to.value_or(-1)) + "\n";
    if (passes.wrong.empty()) passes.wrong = WhatIsWrong(subject, seen, decision, now);
    if (Essence(shuffled) != Essence(decision)) {
      passes.order = Essence(decision) + " became " + Essence(shuffled);
    }
    subject.status = decision.status;
    replicas = decision.scale_to.value_or(generate.Chance(80) ? replicas : generate.Count(60));
    now += std::chrono::seconds(1 + generate.Count(60));
  }
  return passes;
}

TEST(Properties, HoldInEverySituation) {
  Options quick;
  quick.sync_period = std::chrono::seconds(15);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    for (const Options& options : {Options(), quick}) {
      const Passes passes = RunPasses(seed, options);
      ASSERT_EQ(passes.wrong, "") << "seed " << seed;
      ASSERT_EQ(passes.order, "") << "seed " << seed;
    }
  }
}

TEST(Properties, TheSameInputsGiveTheSameBytes) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const Options& options : {Options(), Options::UpstreamExact()}) {
      EXPECT_EQ(RunPasses(seed, options).trace, RunPasses(seed, options).trace) << "seed " << seed;
    }
  }
}

// The check itself finds what it is for: upstream's numbers break it.
TEST(Properties, AreBrokenByUpstreamsNumbers) {
  int broken = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    if (!RunPasses(seed, Options::UpstreamExact()).wrong.empty()) ++broken;
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
