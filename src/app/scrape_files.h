// `weir up --scrape-config FILE`: Prometheus' configuration file with the rule files that it names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "env/file_system.h"
#include "rules/rule.h"
#include "scrape/prometheus_config_plan.h"

namespace weir::app {

struct ScrapeFiles {
  std::vector<scrape::StaticTargets> lists;
  // By the rule file's path; groups that name no interval have the file's evaluation_interval.
  std::vector<std::pair<std::string, std::vector<rules::Group>>> groups;
};

// kInvalid names the file and the field. A rule file that is named without `*` must exist.
Result<ScrapeFiles> ReadScrapeFiles(env::FileSystem& files, const std::string& path);

}  // namespace weir::app
