#include "proxy/proxy_plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace weir::proxy {
namespace {

constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
constexpr const char* kNodePortAddress = "127.0.0.1";

using Objects = std::vector<std::shared_ptr<const Json>>;

std::string Namespace(const Json& object) { return GetString(object, {"metadata", "namespace"}); }

std::optional<std::uint16_t> Port(const Json& object, std::string_view key) {
  const auto port = GetInt(object, {key});
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

bool IsTcp(const Json& port) { return GetString(port, "protocol", "TCP") == "TCP"; }

// The addresses of a slice, ready ones and, apart, those that still serve while they terminate.
struct Endpoints {
  std::set<Address> ready;
  std::set<Address> terminating;
};

void AddSlice(const Json& slice, const std::string& port_name, Endpoints& endpoints) {
  for (const Json& port : GetArray(slice, {"ports"})) {
    const auto number = Port(port, "port");
    if (!number || !IsTcp(port) || GetString(port, "name") != port_name) continue;
    for (const Json& endpoint : GetArray(slice, {"endpoints"})) {
      const Json& addresses = GetArray(endpoint, {"addresses"});
      if (addresses.empty() || !addresses[0].is_string()) continue;
      // A condition that is not told counts as true (discovery/v1).
      const bool ready = GetBool(endpoint, {"conditions", "ready"}, true);
      const bool serving = GetBool(endpoint, {"conditions", "serving"}, ready);
      const bool terminating = GetBool(endpoint, {"conditions", "terminating"}, false);
      const Address address{addresses[0].get<std::string>(), *number};
      if (ready) endpoints.ready.insert(address);
      if (serving && terminating) endpoints.terminating.insert(address);
    }
  }
}

// Ready endpoints; where there are none, those that serve while they terminate.
std::vector<Address> Backends(const Json& service, const std::string& port_name,
                              const Objects& slices) {
  Endpoints endpoints;
  for (const auto& slice : slices) {
    const bool of_service = Namespace(*slice) == Namespace(service) &&
                            GetString(*slice, {"metadata", "labels", kServiceNameLabel}) ==
                                GetString(service, {"metadata", "name"}) &&
                            GetString(*slice, "addressType", "IPv4") == "IPv4";
    if (of_service) AddSlice(*slice, port_name, endpoints);
  }
  const std::set<Address>& chosen =
      endpoints.ready.empty() ? endpoints.terminating : endpoints.ready;
  return {chosen.begin(), chosen.end()};
}

}  // namespace

std::vector<ServicePort> PlanServicePorts(const Objects& services, const Objects& slices) {
  std::map<Address, ServicePort> ports;
  for (const auto& service : services) {
    const std::string cluster_ip = GetString(*service, {"spec", "clusterIP"});
    if (GetString(*service, {"spec", "type"}) == "ExternalName") continue;
    if (!cluster_ip.starts_with("127.")) continue;
    for (const Json& port : GetArray(*service, {"spec", "ports"})) {
      const auto number = Port(port, "port");
      if (!number || !IsTcp(port)) continue;
      ServicePort plan;
      plan.ns = Namespace(*service);
      plan.service = GetString(*service, {"metadata", "name"});
      plan.port_name = GetString(port, "name");
      plan.backends = Backends(*service, plan.port_name, slices);
      plan.listen = {cluster_ip, *number};
      ports.try_emplace(plan.listen, plan);
      if (const auto node_port = Port(port, "nodePort")) {
        plan.listen = {kNodePortAddress, *node_port};
        ports.try_emplace(plan.listen, plan);
      }
    }
  }
  std::vector<ServicePort> list;
  for (auto& [address, port] : ports) list.push_back(std::move(port));
  return list;
}

}  // namespace weir::proxy
