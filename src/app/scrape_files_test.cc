#include "app/scrape_files.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

constexpr const char* kRules = "groups: [{name: g, rules: [{record: a, expr: b}]}]";

TEST(ScrapeFiles, RuleFilesStandBesideTheConfiguration) {
  env::MemoryFileSystem files;
  ASSERT_TRUE(files.Write("/etc/p/prometheus.yml",
                          "global: {evaluation_interval: 3s}\n"
                          "rule_files: [one.yml, 'more/*.yml', /abs.yml]\n"
                          "scrape_configs: [{job_name: j, static_configs: [{targets: ['a:1']}]}]"));
  ASSERT_TRUE(files.Write("/etc/p/one.yml", kRules));
  ASSERT_TRUE(files.Write("/etc/p/more/a.yml", kRules));
  ASSERT_TRUE(files.Write("/etc/p/more/b.yaml", "not read"));
  ASSERT_TRUE(files.Write("/abs.yml", "groups: [{name: g, interval: 5s, rules: []}]"));
  const auto read = ReadScrapeFiles(files, "/etc/p/prometheus.yml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->lists.size(), 1U);
  ASSERT_EQ(read->groups.size(), 3U);
  EXPECT_EQ(read->groups[0].first, "/etc/p/one.yml");
  EXPECT_EQ(read->groups[0].second[0].interval, std::chrono::seconds(3));
  EXPECT_EQ(read->groups[1].first, "/etc/p/more/a.yml");
  EXPECT_EQ(read->groups[2].second[0].interval, std::chrono::seconds(5));
}

TEST(ScrapeFiles, RefusalsNameTheFile) {
  env::MemoryFileSystem files;
  EXPECT_FALSE(ReadScrapeFiles(files, "/p.yml"));
  ASSERT_TRUE(files.Write("/p.yml", "scrape_config: []"));
  EXPECT_EQ(ReadScrapeFiles(files, "/p.yml").error().message,
            "/p.yml: scrape_config: is not supported");
  ASSERT_TRUE(files.Write("/p.yml", "rule_files: [r.yml]"));
  EXPECT_TRUE(ReadScrapeFiles(files, "/p.yml").error().message.starts_with("/p.yml: rule_files: "));
  ASSERT_TRUE(files.Write("/r.yml", "groups: [{name: g, rules: [{record: a, expr: '('}]}]"));
  EXPECT_TRUE(ReadScrapeFiles(files, "/p.yml").error().message.starts_with("/r.yml: group \"g\""));
}

}  // namespace
}  // namespace weir::app
