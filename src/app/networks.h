// The loopback networks of one cluster: where its pods' and its Services' addresses come from.
// Every cluster on a machine has its own, held by a lock, so that none reaches another's pods.
#pragma once

#include <string>

#include "env/file_system.h"
#include "platform/system.h"

namespace weir::app {

struct Networks {
  platform::NameLock lock;
  std::string pods;      // as 127.70.0.0/16
  std::string services;  // as 127.102.0.0/16

  // A folder that was used before keeps its networks (the file `network` in it), since its objects
  // name addresses of them; kConflict where another cluster has them now. A new folder begins with
  // those that follow from its path and takes the next that are free; kUnavailable where none is.
  static Result<Networks> Claim(env::FileSystem& files, const std::string& data_dir);
};

}  // namespace weir::app
