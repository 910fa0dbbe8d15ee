// What holds in every situation, checked on generated ones. A failure prints the seed.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "autoscale/decide.h"
#include "base/json.h"
#include "env/random.h"

namespace weir::autoscale {
namespace {

constexpr Time kStart{std::chrono::seconds(1767225600)};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  bool Chance(unsigned percent) { return random_.Below(100) < percent; }
  std::int32_t Count(std::uint64_t bound) {
    return static_cast<std::int32_t>(random_.Below(bound));
  }

  kube::Quantity Value() {
    constexpr std::string_view kOdd[] = {
        "-5", "0", "9223372036854775807", "-9223372036854775808m", "1e18", "1n", "-1n", "4E"};
    if (Chance(15)) return *kube::Quantity::Parse(kOdd[random_.Below(std::size(kOdd))]);
    return kube::Quantity::FromMilli(static_cast<std::int64_t>(random_.Below(200'000)));
  }

  MetricSpec Metric() {
    MetricSpec metric;
    const std::uint64_t kind = random_.Below(4);
    metric.name = "m" + std::to_string(random_.Below(3));
    metric.identifier = {{"name", metric.name}};
    const auto target = kube::Quantity::FromMilli(1 + Count(30'000));
    if (kind == 0) {
      metric.type = MetricType::kResource;
      metric.type_name = "Resource";
      metric.name = "cpu";
      metric.target.type = "Utilization";
      metric.target.average_utilization = 1 + Count(150);
      return metric;
    }
    metric.type = kind == 1 ? MetricType::kObject : MetricType::kExternal;
    metric.type_name = kind == 1 ? "Object" : "External";
    const bool average = Chance(70);
    metric.target.type = average ? "AverageValue" : "Value";
    (average ? metric.target.average_value : metric.target.value) = target;
    return metric;
  }

  ScalingRules Rules() {
    ScalingRules rules;
    rules.window_s = Count(400);
    rules.select = Chance(80) ? SelectPolicy::kMax : SelectPolicy::kMin;
    for (int i = Count(3); i >= 0; --i) {
      rules.policies.push_back(
          {.percent = Chance(50), .value = 1 + Count(300), .period_s = 1 + Count(100)});
    }
    return rules;
  }

  Subject MakeSubject() {
    Subject subject;
    subject.ns = "shop";
    subject.name = "web";
    subject.spec.target_kind = "Deployment";
    subject.spec.min_replicas = Count(5);
    subject.spec.max_replicas = std::max(1, subject.spec.min_replicas) + Count(50);
    for (int i = Count(3); i >= 0; --i) subject.spec.metrics.push_back(Metric());
    if (Chance(60)) subject.spec.behavior = Behavior{.up = Rules(), .down = Rules()};
    return subject;
  }

  Observations Observe(const Subject& subject, std::int32_t replicas) {
    Observations seen;
    seen.scale = {.spec_replicas = replicas,
                  .status_replicas = Chance(80) ? replicas : Count(60),
                  .selector = "app=web"};
    for (std::int32_t i = 0; i < replicas; ++i) {
      Pod pod;
      pod.name = "p" + std::to_string(i);
      pod.labels = {{"app", "web"}};
      pod.phase = Chance(90) ? "Running" : "Pending";
      pod.ready = Chance(80) ? "True" : "False";
      pod.started = kStart - std::chrono::seconds(Count(900));
      pod.ready_since = *pod.started + std::chrono::seconds(Count(60));
      pod.containers.push_back({.name = "app", .amounts = {{"cpu", Value()}}});
      seen.pods.push_back(std::move(pod));
    }
    for (const MetricSpec& metric : subject.spec.metrics) {
      MetricResult result;
      if (Chance(15)) {
        result.error = "away";
      } else if (metric.type == MetricType::kResource) {
        for (const Pod& pod : seen.pods) {
          if (Chance(10)) continue;
          PodUsage usage;
          usage.pod = pod.name;
          usage.containers.push_back({.name = "app", .amounts = {{"cpu", Value()}}});
          usage.timestamp = kStart;
          result.pods.push_back(std::move(usage));
        }
      } else {
        for (int i = metric.type == MetricType::kObject ? 0 : Count(3); i >= 0; --i) {
          result.values.push_back(Value());
        }
      }
      seen.metrics.push_back(std::move(result));
    }
    return seen;
  }

 private:
  env::SeededRandom random_;
};

bool IsSane(const Json& value) {
  const std::string text = DumpJson(value);
  return !text.contains("nan") && !text.contains("inf") && !text.contains("NaN");
}

// A few passes of one autoscaler; the text of all that it decided.
std::string RunPasses(std::uint64_t seed, bool check) {
  Generator generate(seed);
  Subject subject = generate.MakeSubject();
  const HpaSpec& spec = subject.spec;
  const Options options;
  History history;
  std::int32_t replicas = generate.Count(60);
  std::string trace;
  Time now = kStart;
  for (int step = 0; step < 6; ++step, now += std::chrono::seconds(1 + generate.Count(60))) {
    const Observations seen = generate.Observe(subject, replicas);
    Decision decision = Decide(subject, seen, history, now, options);
    Complete(decision, subject, std::nullopt, history, now, options);
    trace += DumpJson(decision.status) + std::to_string(decision.scale_to.value_or(-1)) + "\n";
    if (check) {
      EXPECT_TRUE(IsSane(decision.status)) << DumpJson(decision.status);
      const auto failed = std::ranges::any_of(
          seen.metrics, [](const MetricResult& result) { return result.error.has_value(); });
      if (decision.scale_to) {
        EXPECT_GE(*decision.scale_to, spec.min_replicas);
        EXPECT_LE(*decision.scale_to, spec.max_replicas);
        EXPECT_NE(*decision.scale_to, replicas);
        // Unknown is not zero: only the upper bound may lower a target that is not fully known.
        if (failed && replicas <= spec.max_replicas) {
          EXPECT_GT(*decision.scale_to, replicas);
        }
      }
    }
    subject.status = decision.status;
    replicas = decision.scale_to.value_or(generate.Chance(80) ? replicas : generate.Count(60));
  }
  return trace;
}

TEST(Properties, DecisionsStayInBoundsAndUnknownNeverLowers) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RunPasses(seed, true);
    if (HasFailure()) return;
  }
}

TEST(Properties, TheSameInputsGiveTheSameBytes) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    EXPECT_EQ(RunPasses(seed, false), RunPasses(seed, false)) << "seed " << seed;
  }
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
