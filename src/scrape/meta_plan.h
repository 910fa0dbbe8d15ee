// What Prometheus' Kubernetes discovery knows of one address: the `__meta_kubernetes_*` labels that
// relabelling rules read, in the names of both its roles, endpoints and endpointslice. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/labels.h"

namespace weir::scrape {

struct ContainerPort {
  std::string container;
  std::string image;
  std::string name;
  std::int64_t number = 0;
  std::string protocol;
};

// All ports that a pod's containers declare.
std::vector<ContainerPort> ContainerPorts(const Json& pod);

// One address that a Service leads to. Pointers may be null where a part is not known.
struct DiscoveredAddress {
  const Json* service = nullptr;
  const Json* slice = nullptr;
  const Json* endpoint = nullptr;  // one of slice.endpoints
  const Json* port = nullptr;      // one of slice.ports; null for a pod's port that no slice names
  const Json* pod = nullptr;
  std::optional<ContainerPort> container_port;
};

model::Labels MetaLabels(const DiscoveredAddress& address);

}  // namespace weir::scrape
