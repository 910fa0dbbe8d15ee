#include "exposition/writer.h"

#include <gtest/gtest.h>

namespace weir::exposition {
namespace {

TEST(Writer, WritesFamiliesAndEscapes) {
  Writer writer;
  writer.Family("jobs", "Jobs\\that\nwait", MetricType::kGauge);
  writer.Sample(model::Labels(), 1);
  writer.Sample(model::Labels({{"__name__", "jobs"}, {"q", "a\"b\\c\nd"}, {"r", "x"}}), 2.5);
  writer.Family("seen", "", MetricType::kCounter);
  writer.Sample("_total", model::Labels(), 1e6, 1767225600000);
  EXPECT_EQ(writer.Take(),
            "# HELP jobs Jobs\\\\that\\nwait\n"
            "# TYPE jobs gauge\n"
            "jobs 1\n"
            "jobs{q=\"a\\\"b\\\\c\\nd\",r=\"x\"} 2.5\n"
            "# TYPE seen counter\n"
            "seen_total 1000000 1767225600000\n");
  EXPECT_EQ(writer.Take(), "");
}

TEST(Writer, ItsPagesReadBack) {
  const model::Labels labels({{"q", "\"\\\n}{,= \xC3\xA9"}});
  Writer writer;
  writer.Family("m", "a\\nb\n", MetricType::kHistogram);
  writer.Sample("_count", labels, 0.1);
  const auto page = Parse(writer.Take(), kTextContentType);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->samples.size(), 1U);
  EXPECT_EQ(page->samples[0].labels.Get("q"), labels.Get("q"));
  EXPECT_EQ(page->samples[0].labels.MetricName(), "m_count");
  EXPECT_EQ(page->samples[0].value, 0.1);
  EXPECT_EQ(page->families[0].help, "a\\nb\n");
  EXPECT_EQ(page->families[0].type, MetricType::kHistogram);
}

}  // namespace
}  // namespace weir::exposition
