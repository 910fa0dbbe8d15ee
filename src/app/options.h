// What `weir up` was asked to do. Filled by main.cc from flags, checked here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace weir::app {

struct UpOptions {
  std::vector<std::string> files;     // manifests applied at start: files or folders
  std::string data_dir;               // empty: DefaultDataDir()
  std::optional<std::uint16_t> port;  // none: 6443, or a free one where that is taken
  Duration downscale_stabilization = std::chrono::seconds(300);
  Duration hpa_sync_period = std::chrono::seconds(15);
  std::string images_file;
  std::string adapter_config_file;
  std::string scrape_config_file;
  // prometheus-adapter's flags. Without an interval a new series is listed at once.
  std::optional<Duration> metrics_relist_interval;
  std::optional<Duration> metrics_max_age;
  std::string token_auth_file;
  // false: no node registers here, so that somebody else's kubelet, or a stand-in, runs the pods
  // and nothing listens for Services.
  bool node = true;
  bool upstream_exact = false;
};

// $XDG_DATA_HOME/weir, else ~/.local/share/weir, else /var/tmp/weir.
std::string DefaultDataDir();

}  // namespace weir::app
