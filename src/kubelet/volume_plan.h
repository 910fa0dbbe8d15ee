// Which folders a pod's volumes are, what is in them and where each container sees them. Pure.
#pragma once

#include "kubelet/env_plan.h"

namespace weir::kubelet {

struct VolumeFile {
  std::string path;  // below the volume's folder
  std::string content;
  unsigned mode = 0644;
  bool operator==(const VolumeFile&) const = default;
};

struct VolumePlan {
  std::string name;
  std::string folder;  // empty for hostPath with its own path in `host_path`
  std::string host_path;
  std::vector<VolumeFile> files;
  bool operator==(const VolumePlan&) const = default;
};

struct MountPlan {
  std::string source;
  std::string target;
  bool read_only = false;
  bool operator==(const MountPlan&) const = default;
};

// The volumes of a pod whose folder is `pod_dir`: emptyDir, configMap, secret, downwardAPI (the
// last three also projected, and tokens of ServiceAccounts) and hostPath. kInvalid names a volume
// of another kind, kNotFound an object that is missing.
Result<std::vector<VolumePlan>> PlanVolumes(const Json& pod, const std::string& pod_dir,
                                            const PodFacts& facts, const NeededObjects& objects);

// Where the container sees them; kInvalid for a mount without its volume.
Result<std::vector<MountPlan>> PlanMounts(const Json& container,
                                          const std::vector<VolumePlan>& volumes);

}  // namespace weir::kubelet
