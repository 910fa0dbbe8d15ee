// Prometheus' configuration file: any text is read or refused, and what is read gives targets.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "scrape/prometheus_config_plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = weir::scrape::ParsePrometheusConfig(text);
  if (!config) {
    WEIR_CHECK(!config.error().message.empty());
    return 0;
  }
  for (const weir::scrape::StaticTargets& list : config->lists) {
    WEIR_CHECK(list.settings.timeout <= list.settings.interval);
    WEIR_CHECK(weir::scrape::PlanStatic(list).size() <= list.addresses.size());
  }
  return 0;
}
