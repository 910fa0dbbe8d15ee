// What `weir up` checks before it starts anything: each thing that is missing or wrong is named
// with what mends it.
#pragma once

#include <string>
#include <vector>

#include "apiserver/auth_plan.h"
#include "app/manifests.h"
#include "app/options.h"
#include "app/scrape_files.h"
#include "env/file_system.h"
#include "kubelet/catalogue_plan.h"
#include "platform/system.h"

namespace weir::app {

// The options with everything read that they name.
struct CheckedOptions {
  UpOptions options;  // data_dir is absolute
  platform::FileLock lock;
  std::vector<Manifest> manifests;
  kubelet::Catalogue catalogue;
  std::string adapter_config;  // text; empty: none
  ScrapeFiles scrape;
  apiserver::TokenMap tokens;
};

// kInvalid for a file that is wrong (with file and line), kConflict for a data folder in use (with
// the pid), kUnavailable where the kernel refuses namespaces.
Result<CheckedOptions> Preflight(const UpOptions& options, env::FileSystem& files);

}  // namespace weir::app
