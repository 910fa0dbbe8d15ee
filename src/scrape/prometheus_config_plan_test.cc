#include "scrape/prometheus_config_plan.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::scrape {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(PrometheusConfig, AJobOfOneAddress) {
  const auto config = ParsePrometheusConfig(R"(
global:
  scrape_interval: 1s
  evaluation_interval: 2s
  external_labels: {cluster: x}
rule_files: [rules.yaml, "more/*.yml"]
scrape_configs:
- job_name: sessions
  honor_labels: true
  static_configs:
  - targets: ['127.0.0.1:9100']
    labels: {instance: exporter}
)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->evaluation_interval, seconds(2));
  EXPECT_EQ(config->rule_files, (std::vector<std::string>{"rules.yaml", "more/*.yml"}));
  ASSERT_EQ(config->lists.size(), 1U);
  const std::vector<Target> targets = PlanStatic(config->lists[0]);
  ASSERT_EQ(targets.size(), 1U);
  EXPECT_EQ(targets[0].url, "http://127.0.0.1:9100/metrics");
  EXPECT_EQ(targets[0].labels.ToString(), R"({instance="exporter",job="sessions"})");
  EXPECT_EQ(targets[0].settings->interval, seconds(1));
  EXPECT_EQ(targets[0].settings->timeout, seconds(1));
  EXPECT_TRUE(targets[0].settings->honor_labels);
}

TEST(PrometheusConfig, Defaults) {
  const auto empty = ParsePrometheusConfig("");
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->lists.empty());
  EXPECT_EQ(empty->evaluation_interval, minutes(1));
  const auto config = ParsePrometheusConfig(
      "scrape_configs:\n- {job_name: j, static_configs: [{targets: ['a:1']}, {targets: ['b:1']}]}");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->lists.size(), 2U);
  EXPECT_EQ(config->lists[1].settings.interval, minutes(1));
  EXPECT_EQ(config->lists[1].settings.timeout, seconds(10));
  EXPECT_FALSE(config->lists[1].settings.honor_labels);
  EXPECT_TRUE(config->lists[1].settings.honor_timestamps);
}

TEST(PrometheusConfig, WhatAJobSays) {
  const auto config = ParsePrometheusConfig(R"(
scrape_configs:
- job_name: j
  scrape_interval: 500ms
  scrape_timeout: 200ms
  metrics_path: /stats
  params: {module: [a, b]}
  honor_timestamps: false
  sample_limit: 7
  relabel_configs:
  - {source_labels: [__address__], regex: 'drop:.*', action: drop}
  - {source_labels: [__address__], regex: '(.*):.*', target_label: host}
  metric_relabel_configs:
  - {source_labels: [__name__], regex: go_.*, action: drop}
  static_configs:
  - targets: ['keep:1', 'drop:1']
    labels: {job: other}
)");
  ASSERT_TRUE(config) << config.error().message;
  const std::vector<Target> targets = PlanStatic(config->lists[0]);
  ASSERT_EQ(targets.size(), 1U);
  EXPECT_EQ(targets[0].url, "http://keep:1/stats?module=a&module=b");
  EXPECT_EQ(targets[0].labels.ToString(), R"({host="keep",instance="keep:1",job="other"})");
  EXPECT_EQ(targets[0].settings->interval, milliseconds(500));
  EXPECT_EQ(targets[0].settings->timeout, milliseconds(200));
  EXPECT_EQ(targets[0].settings->sample_limit, 7U);
  EXPECT_EQ(targets[0].settings->metric_relabelings.size(), 1U);
}

TEST(PrometheusConfig, RefusalsNameTheField) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"alerting: {}", "alerting: is not supported"},
      {"global: {scrape_intervall: 1s}", "global.scrape_intervall: is not supported"},
      {"global: {scrape_interval: 5}", "global.scrape_interval: expected a text"},
      {"global: {scrape_interval: 1s, scrape_timeout: 2s}",
       "global.scrape_timeout: global scrape timeout greater than scrape interval"},
      {"rule_files: x", "rule_files: expected a list"},
      {"[]", "expected a mapping"},
      {"scrape_configs: [{}]", "scrape_configs[0].job_name: is required"},
      {"scrape_configs: [{job_name: j, kubernetes_sd_configs: []}]",
       "scrape_configs[0].kubernetes_sd_configs: is not supported"},
      {"scrape_configs: [{job_name: j, scheme: https}]",
       "scrape_configs[0].scheme: \"https\" is not supported"},
      {"scrape_configs: [{job_name: j, honor_labels: 1}]",
       "scrape_configs[0].honor_labels: expected true or false"},
      {"scrape_configs: [{job_name: j, scrape_interval: 1s, scrape_timeout: 2s}]",
       "scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval"},
      {"scrape_configs: [{job_name: j}, {job_name: j}]",
       "scrape_configs[1]: found multiple scrape configs with job name \"j\""},
      {"scrape_configs: [{job_name: j, static_configs: [{target: [a]}]}]",
       "scrape_configs[0].static_configs[0].target: is not supported"},
      {"scrape_configs: [{job_name: j, static_configs: [{targets: ['http://a']}]}]",
       "scrape_configs[0].static_configs[0].targets: \"http://a\" is not a valid hostname"},
      {"scrape_configs: [{job_name: j, relabel_configs: [{sourceLabels: [a]}]}]",
       "scrape_configs[0].relabel_configs[0].sourceLabels is not supported"},
      {"scrape_configs: [{job_name: j, relabel_configs: [{source_labels: [a]}]}]",
       "scrape_configs[0].relabel_configs[0].target_label is required for this action"},
  };
  for (const Case& c : cases) {
    const auto config = ParsePrometheusConfig(c.text);
    ASSERT_FALSE(config) << c.text;
    EXPECT_EQ(config.error().message, c.message);
  }
}

}  // namespace
}  // namespace weir::scrape
