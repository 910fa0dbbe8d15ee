// Prometheus' own configuration file, as far as it says what to scrape from lists of addresses and
// where recording rules stand. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "scrape/scrape_plan.h"

namespace weir::scrape {

struct PrometheusConfig {
  // Of rule groups that name none.
  Duration evaluation_interval = std::chrono::minutes(1);
  // As written: relative to the file's folder; the last element may have `*`.
  std::vector<std::string> rule_files;
  // One for each static_configs entry of each job, in order.
  std::vector<StaticTargets> lists;
};

// Reads the file's text with Prometheus 3.5's defaults. kInvalid names the field that is unknown,
// not supported or wrong (`scrape_configs[0].scrape_interval: ...`): half a file is never used.
// Read: global (scrape_interval, scrape_timeout, evaluation_interval; external_labels, which local
// series do not get), rule_files, and of scrape_configs job_name, static_configs, scrape_interval,
// scrape_timeout, metrics_path, scheme (http), params, honor_labels, honor_timestamps,
// sample_limit, relabel_configs and metric_relabel_configs.
Result<PrometheusConfig> ParsePrometheusConfig(std::string_view yaml);

}  // namespace weir::scrape
