#include "app/usage_series.h"

#include <gtest/gtest.h>

#include <string>

#include "metricsapi/config.h"

namespace weir::app {
namespace {

class TextAppender final : public model::Appender {
 public:
  Status Append(const model::Labels& labels, std::int64_t time_ms, double value) override {
    text += labels.ToString() + " " + std::to_string(time_ms) + " " + std::to_string(value) + "\n";
    return {};
  }
  Status Commit() override {
    text += "committed\n";
    return {};
  }
  std::string text;
};

TEST(UsageSeries, AreTwoForEachContainer) {
  TextAppender batch;
  ASSERT_TRUE(AppendUsage(batch, {{"shop", "web-1", "app", 1.5, 4096}}, "weir",
                          Time(std::chrono::seconds(7))));
  EXPECT_EQ(batch.text,
            "container_cpu_usage_seconds_total{container=\"app\",namespace=\"shop\",node=\"weir\","
            "pod=\"web-1\"} 7000 1.500000\n"
            "container_memory_working_set_bytes{container=\"app\",namespace=\"shop\",node=\"weir\","
            "pod=\"web-1\"} 7000 4096.000000\n"
            "committed\n");
}

TEST(UsageSeries, HaveRulesThatCanBeRead) {
  const auto config = metricsapi::ParseConfig(
      kUsageRules, [](std::string_view, std::string_view) -> const kube::Resource* {
        static const kube::Resource any;
        return &any;
      });
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(config->resource_rules);
  EXPECT_TRUE(config->rules.empty());
}

}  // namespace
}  // namespace weir::app
