#include "scrape/page_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/yaml.h"
#include "model/storage.h"

namespace weir::scrape {
namespace {

using model::Labels;

constexpr std::int64_t kNow = 1'767'225'600'000;
constexpr std::string_view kText = "text/plain";

std::vector<std::string> Print(const PagePlan& plan) {
  std::vector<std::string> lines;
  for (const PlannedSample& sample : plan.samples) {
    std::string line = sample.labels->ToString() + " ";
    line += model::IsStale(sample.value) ? "stale" : FormatDouble(sample.value);
    if (sample.time_ms != kNow) line += " @" + std::to_string(sample.time_ms - kNow);
    lines.push_back(line);
  }
  return lines;
}

using Lines = std::vector<std::string>;

struct Fixture {
  PageReader reader;
  Labels target{std::vector<model::Label>{{"job", "j"}}};
  ScrapeSettings settings;

  Lines Read(std::string_view page) {
    const auto plan = reader.Read(page, kText, target, settings, kNow);
    if (!plan) return {"error: " + plan.error().message};
    return Print(*plan);
  }
};

TEST(PageReader, SeriesThatVanishAreMarkedOnce) {
  Fixture f;
  EXPECT_EQ(f.Read("a 1\nb{x=\"1\"} 2\n"), (Lines{"a{job=\"j\"} 1", "b{job=\"j\",x=\"1\"} 2"}));
  EXPECT_EQ(f.Read("a 3\n"), (Lines{"a{job=\"j\"} 3", "b{job=\"j\",x=\"1\"} stale"}));
  EXPECT_EQ(f.Read("a 3\n"), (Lines{"a{job=\"j\"} 3"}));
  EXPECT_EQ(f.Read(""), (Lines{"a{job=\"j\"} stale"}));
  EXPECT_EQ(f.Read("b{x=\"1\"} 2\n"), (Lines{"b{job=\"j\",x=\"1\"} 2"}));
}

TEST(PageReader, TheSameLabelsInAnotherSpellingHaveNotVanished) {
  Fixture f;
  f.Read("a{x=\"1\",y=\"2\"} 1\n");
  EXPECT_EQ(f.Read("a{y=\"2\",x=\"1\"} 2\n"), (Lines{"a{job=\"j\",x=\"1\",y=\"2\"} 2"}));
}

TEST(PageReader, SeriesWithTimestampsOfTheirOwnGetNoMarkers) {
  Fixture f;
  EXPECT_EQ(f.Read("a 1 1767225599000\n"), (Lines{"a{job=\"j\"} 1 @-1000"}));
  EXPECT_EQ(f.Read(""), Lines{});
  EXPECT_EQ(f.Read("a 1 1767229200000\n"), Lines{});  // an hour ahead
  f.settings.honor_timestamps = false;
  EXPECT_EQ(f.Read("a 1 1767225599000\n"), (Lines{"a{job=\"j\"} 1"}));
  EXPECT_EQ(f.Read(""), (Lines{"a{job=\"j\"} stale"}));
}

TEST(PageReader, AFailedPageLeavesWhatIsKnown) {
  Fixture f;
  f.Read("a 1\n");
  EXPECT_EQ(f.Read("b 1\na x\n"), (Lines{"error: line 2: expected a value, got \"x\""}));
  EXPECT_EQ(f.Read("b 1\n"), (Lines{"b{job=\"j\"} 1", "a{job=\"j\"} stale"}));
  EXPECT_EQ(f.reader.Vanish(), (std::vector<Labels>{Labels({{"__name__", "b"}, {"job", "j"}})}));
  EXPECT_TRUE(f.reader.Vanish().empty());
  EXPECT_EQ(f.Read(""), Lines{});
}

TEST(PageReader, MetricRelabelingsAndLimits) {
  Fixture f;
  f.settings.metric_relabelings = *ParseRelabelRules(
      *ParseYamlDocument("[{action: drop, sourceLabels: [__name__], regex: 'drop.*'}, {action: "
                         "labeldrop, regex: x}]"),
      "r");
  f.settings.sample_limit = 2;
  const auto plan =
      f.reader.Read("drop_a 1\nb{x=\"1\"} 2\nc 3\n", kText, f.target, f.settings, kNow);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->scraped, 3U);
  EXPECT_EQ(plan->kept, 2U);
  EXPECT_EQ(plan->added, 2U);
  EXPECT_EQ(Print(*plan), (Lines{"b{job=\"j\"} 2", "c{job=\"j\"} 3"}));
  EXPECT_EQ(
      f.Read("b 1\nc 1\nd 1\n"),
      (Lines{"error: sample limit exceeded: the page has more than 2 samples (sampleLimit)"}));
  f.settings.metric_relabelings =
      *ParseRelabelRules(*ParseYamlDocument("[{targetLabel: __name__, replacement: ''}]"), "r");
  EXPECT_EQ(f.Read("z 1\n"), (Lines{"error: z has no metric name after relabelling"}));
}

TEST(PageReader, NewRulesMarkTheOldLabelsStale) {
  Fixture f;
  f.Read("a{x=\"1\"} 1\nb 1\n");
  f.reader.ForgetTexts();
  f.settings.metric_relabelings =
      *ParseRelabelRules(*ParseYamlDocument("[{action: labeldrop, regex: x}]"), "r");
  EXPECT_EQ(f.Read("a{x=\"1\"} 1\nb 1\n"),
            (Lines{"a{job=\"j\"} 1", "b{job=\"j\"} 1", "a{job=\"j\",x=\"1\"} stale"}));
  EXPECT_EQ(f.Read("a{x=\"1\"} 1\nb 1\n"), (Lines{"a{job=\"j\"} 1", "b{job=\"j\"} 1"}));
}

TEST(PageReader, CountsAddedSeries) {
  Fixture f;
  const auto added = [&](std::string_view page) {
    return f.reader.Read(page, kText, f.target, f.settings, kNow)->added;
  };
  EXPECT_EQ(added("a 1\nb 1\n"), 2U);
  EXPECT_EQ(added("a 1\nb 1\nc 1\n"), 1U);
  EXPECT_EQ(added("a 1\n"), 0U);
  EXPECT_EQ(added("a 1\nb 1\n"), 1U);
}

TEST(JoinTargetLabels, RenamesOrHonoursWhatConflicts) {
  const Labels scraped({{"__name__", "m"}, {"job", "own"}, {"x", "1"}});
  const Labels target({{"instance", "i"}, {"job", "j"}});
  EXPECT_EQ(JoinTargetLabels(scraped, target, false).ToString(),
            R"(m{exported_job="own",instance="i",job="j",x="1"})");
  EXPECT_EQ(JoinTargetLabels(scraped, target, true).ToString(),
            R"(m{instance="i",job="own",x="1"})");
  const Labels both({{"__name__", "m"}, {"exported_job", "e"}, {"job", "own"}});
  EXPECT_EQ(JoinTargetLabels(both, target, false).ToString(),
            R"(m{exported_exported_job="own",exported_job="e",instance="i",job="j"})");
}

}  // namespace
}  // namespace weir::scrape
