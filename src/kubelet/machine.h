// What this machine tells about itself, for the Node object.
#pragma once

#include "kubelet/node_plan.h"

namespace weir::kubelet {

MachineFacts ReadMachineFacts(const std::string& node_name, const std::string& host_ip,
                              const std::string& version);

}  // namespace weir::kubelet
