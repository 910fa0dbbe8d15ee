// The hosts file of a namespace: how its pods find Services by name without a name server. Pure.
#pragma once

#include <string>
#include <vector>

#include "kubelet/pod_state.h"

namespace weir::kubelet {

// The file of namespace `ns`: localhost, every Service of the cluster under name.ns, name.ns.svc
// and name.ns.svc.cluster.local, those of `ns` under their bare name too, and the pods of `ns`
// under theirs. A headless Service stands for its ready pods. Lines are sorted by name, so that
// equal clusters give equal bytes. `pods` are those with an address, of every namespace.
std::string HostsFile(const std::string& ns, const std::vector<ObjectPtr>& services,
                      const std::vector<ObjectPtr>& pods);

}  // namespace weir::kubelet
