// Adapter configurations of several sources, merged: which is in force, and what is wrong with the
// others. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "metricsapi/config.h"

namespace weir::metricsserver {

class ConfigSet {
 public:
  // A good configuration replaces the source's last one. A bad one leaves that in force and is
  // kept as the source's error. True where what is in force has changed.
  bool Set(const std::string& source, Result<metricsapi::Config> config);
  // The source is gone.
  bool Remove(const std::string& source);

  // All in force, sources in the order of their names.
  metricsapi::Config Merged() const;
  // By source: those whose newest configuration was refused.
  const std::map<std::string, std::string>& errors() const { return errors_; }

 private:
  std::map<std::string, metricsapi::Config> configs_;
  std::map<std::string, std::string> errors_;
};

// The configuration texts of a ConfigMap's keys, in order.
std::vector<std::pair<std::string, std::string>> ConfigTexts(const Json& config_map);

// A ConfigMap's configuration: all keys, merged. Errors name the key.
Result<metricsapi::Config> ReadConfigMap(const Json& config_map,
                                         const metricsapi::Resolver& resolve);

}  // namespace weir::metricsserver
