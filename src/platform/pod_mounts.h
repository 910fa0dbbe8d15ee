// The file system as a pod's container sees it: this machine's, with mounts of its own on top. Runs
// in the init, in its new mount namespace; nothing of it is visible outside.
#pragma once

#include <vector>

#include "platform/process.h"

namespace weir::platform {

// Detaches the namespace from the machine's, makes mount points that do not exist, binds each
// source on its target (shorter targets first) and mounts the PID namespace's own /proc. Errors
// name the mount.
Status SetUpMounts(std::vector<BindMount> mounts);

}  // namespace weir::platform
