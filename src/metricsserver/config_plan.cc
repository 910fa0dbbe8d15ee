#include "metricsserver/config_plan.h"

#include <utility>

namespace weir::metricsserver {

bool ConfigSet::Set(const std::string& source, Result<metricsapi::Config> config) {
  if (!config) {
    errors_[source] = config.error().message;
    return false;
  }
  errors_.erase(source);
  configs_[source] = std::move(*config);
  return true;
}

bool ConfigSet::Remove(const std::string& source) {
  errors_.erase(source);
  return configs_.erase(source) > 0;
}

metricsapi::Config ConfigSet::Merged() const {
  std::vector<metricsapi::Config> configs;
  for (const auto& [source, config] : configs_) configs.push_back(config);
  return metricsapi::Merge(configs);
}

std::vector<std::pair<std::string, std::string>> ConfigTexts(const Json& config_map) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& [key, value] : GetObject(config_map, {"data"}).items()) {
    if (value.is_string()) texts.emplace_back(key, value.get<std::string>());
  }
  return texts;
}

Result<metricsapi::Config> ReadConfigMap(const Json& config_map,
                                         const metricsapi::Resolver& resolve) {
  std::vector<metricsapi::Config> configs;
  for (const auto& [key, text] : ConfigTexts(config_map)) {
    auto config = metricsapi::ParseConfig(text, resolve);
    if (!config) return Prefixed("key " + key, config.error());
    configs.push_back(std::move(*config));
  }
  return metricsapi::Merge(configs);
}

}  // namespace weir::metricsserver
