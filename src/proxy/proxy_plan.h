// Which addresses the proxy listens on, and where each leads: from Services and EndpointSlices.
// Pure. Rules of upstream's kube-proxy for TCP.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace weir::proxy {

struct Address {
  std::string ip;
  std::uint16_t port = 0;
  auto operator<=>(const Address&) const = default;
};

// One port of one Service on one address.
struct ServicePort {
  Address listen;
  std::string ns;
  std::string service;
  std::string port_name;
  std::vector<Address> backends;  // sorted, without repetition; empty: clients are refused
  bool operator==(const ServicePort&) const = default;
};

// Sorted by address. Of two that claim one address the first Service by name has it. Left out are
// headless and ExternalName Services, ports that are not TCP, and addresses outside 127.0.0.0/8,
// on which nothing of this machine could listen.
std::vector<ServicePort> PlanServicePorts(const std::vector<std::shared_ptr<const Json>>& services,
                                          const std::vector<std::shared_ptr<const Json>>& slices);

}  // namespace weir::proxy
