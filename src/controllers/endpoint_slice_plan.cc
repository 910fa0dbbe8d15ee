#include "controllers/endpoint_slice_plan.h"

#include <algorithm>
#include <map>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

// The number of the pod's port that the Service's targetPort means; 0 where the pod has no port of
// that name.
std::int64_t ResolvePort(const Json& service_port, const Json& pod) {
  const Json* target = Find(service_port, "targetPort");
  if (target == nullptr || target->is_null()) return GetInt(service_port, {"port"}, 0);
  if (!target->is_string()) return target->is_number_integer() ? target->get<std::int64_t>() : 0;
  std::string protocol = GetString(service_port, "protocol", "TCP");
  for (std::string_view list : {"containers", "initContainers"}) {
    for (const Json& container : GetArray(pod, {"spec", list})) {
      // Of the init containers, only sidecars serve.
      if (list == "initContainers" && GetString(container, "restartPolicy") != "Always") continue;
      for (const Json& port : GetArray(container, {"ports"})) {
        if (Json(GetString(port, "name")) == *target &&
            GetString(port, "protocol", "TCP") == protocol) {
          return GetInt(port, {"containerPort"}, 0);
        }
      }
    }
  }
  return 0;
}

// The ports of the slice that this pod belongs to. A headless Service may have none.
Json PortsFor(const Json& service, const Json& pod) {
  Json ports = Json::array();
  for (const Json& service_port : GetArray(service, {"spec", "ports"})) {
    std::int64_t number = ResolvePort(service_port, pod);
    if (number == 0) continue;
    Json port = {{"name", GetString(service_port, "name")},
                 {"port", number},
                 {"protocol", GetString(service_port, "protocol", "TCP")}};
    if (const Json* protocol = Find(service_port, "appProtocol")) port["appProtocol"] = *protocol;
    ports.push_back(std::move(port));
  }
  return ports;
}

bool IsEndpoint(const Json& pod) {
  std::string phase = GetString(pod, {"status", "phase"});
  return !GetString(pod, {"status", "podIP"}).empty() && phase != "Succeeded" && phase != "Failed";
}

Json EndpointFor(const Json& service, const Json& pod) {
  bool serving = IsPodReady(pod);
  bool terminating = IsBeingDeleted(pod);
  bool publish = GetBool(service, {"spec", "publishNotReadyAddresses"}, false);
  Json endpoint = {
      {"addresses", Json::array({GetString(pod, {"status", "podIP"})})},
      {"conditions",
       {{"ready", publish || (serving && !terminating)},
        {"serving", serving},
        {"terminating", terminating}}},
      {"targetRef",
       {{"kind", "Pod"}, {"namespace", Namespace(pod)}, {"name", Name(pod)}, {"uid", Uid(pod)}}}};
  std::string node = GetString(pod, {"spec", "nodeName"});
  if (!node.empty()) endpoint["nodeName"] = node;
  std::string hostname = GetString(pod, {"spec", "hostname"});
  if (!hostname.empty() && GetString(pod, {"spec", "subdomain"}) == Name(service)) {
    endpoint["hostname"] = hostname;
  }
  return endpoint;
}

constexpr std::string_view kHeadlessLabel = "service.kubernetes.io/headless";

bool IsHeadless(const Json& service) { return GetString(service, {"spec", "clusterIP"}) == "None"; }

Json SliceLabels(const Json& owner, std::string_view manager) {
  Json labels = GetObject(owner, {"metadata", "labels"});
  labels[std::string(kServiceNameLabel)] = Name(owner);
  labels[std::string(kSliceManagerLabel)] = manager;
  if (IsHeadless(owner)) labels[std::string(kHeadlessLabel)] = "";
  return labels;
}

// What slices of one owner shall say: ports and endpoints of each.
struct Wanted {
  const Json& owner;
  Json labels;
  std::vector<std::pair<Json, Json>> slices;
};

Json NewSlice(const Wanted& wanted, Json ports, Json endpoints) {
  return {{"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"generateName", Name(wanted.owner) + "-"},
            {"namespace", Namespace(wanted.owner)},
            {"labels", wanted.labels},
            {"ownerReferences", Json::array({NewControllerRef(wanted.owner)})}}},
          {"addressType", "IPv4"},
          {"ports", std::move(ports)},
          {"endpoints", std::move(endpoints)}};
}

// Endpoints in slices of at most kEndpointsPerSlice, by their ports.
std::vector<std::pair<Json, Json>> WantedSlices(const Json& service,
                                                const std::vector<const Json*>& pods) {
  std::map<Json, Json> groups;
  for (const Json* pod : pods) {
    if (!IsEndpoint(*pod)) continue;
    Json& group = groups[PortsFor(service, *pod)];
    if (group.is_null()) group = Json::array();
    group.push_back(EndpointFor(service, *pod));
  }
  std::vector<std::pair<Json, Json>> wanted;
  for (auto& [ports, endpoints] : groups) {
    Json part = Json::array();
    for (Json& endpoint : endpoints) {
      part.push_back(std::move(endpoint));
      if (part.size() < kEndpointsPerSlice) continue;
      wanted.emplace_back(ports, std::move(part));
      part = Json::array();
    }
    if (!part.empty()) wanted.emplace_back(ports, std::move(part));
  }
  // A Service without pods has one slice that says so.
  if (wanted.empty()) wanted.emplace_back(Json::array(), Json::array());
  return wanted;
}

Json ListOf(const Json& slice, std::string_view key) { return GetArray(slice, {key}); }

SlicePlan PlanWanted(Wanted all, const std::vector<const Json*>& slices) {
  SlicePlan plan;
  auto& wanted = all.slices;
  std::vector<const Json*> free = slices;
  std::ranges::sort(free, {}, [](const Json* slice) { return Name(*slice); });
  std::vector<const Json*> used(wanted.size(), nullptr);
  // A slice keeps its ports where it can; what is left over takes any.
  for (bool same_ports : {true, false}) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (used[i] != nullptr) continue;
      auto it = std::ranges::find_if(free, [&](const Json* slice) {
        return !IsBeingDeleted(*slice) &&
               (!same_ports || ListOf(*slice, "ports") == wanted[i].first);
      });
      if (it == free.end()) continue;
      used[i] = *it;
      free.erase(it);
    }
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto& [ports, endpoints] = wanted[i];
    if (used[i] == nullptr) {
      plan.create.push_back(NewSlice(all, std::move(ports), std::move(endpoints)));
      continue;
    }
    const Json& slice = *used[i];
    bool same = ListOf(slice, "ports") == ports && ListOf(slice, "endpoints") == endpoints &&
                GetObject(slice, {"metadata", "labels"}) == all.labels;
    if (same) continue;
    Json changed = slice;
    changed["ports"] = std::move(ports);
    changed["endpoints"] = std::move(endpoints);
    changed["metadata"]["labels"] = all.labels;
    plan.update.push_back(std::move(changed));
  }
  for (const Json* slice : free) {
    if (!IsBeingDeleted(*slice)) plan.remove.push_back(slice);
  }
  return plan;
}

// One address of Endpoints as an endpoint of a slice.
Json MirroredEndpoint(const Json& address, bool ready) {
  Json endpoint = {{"addresses", Json::array({GetString(address, "ip")})},
                   {"conditions", {{"ready", ready}}}};
  for (std::string_view key : {"hostname", "nodeName", "targetRef"}) {
    if (const Json* value = Find(address, key)) endpoint[std::string(key)] = *value;
  }
  return endpoint;
}

Json EndpointAddressFor(const Json& service, const Json& pod) {
  const Json endpoint = EndpointFor(service, pod);
  Json address = {{"ip", endpoint["addresses"][0]}, {"targetRef", endpoint["targetRef"]}};
  for (const char* key : {"hostname", "nodeName"}) {
    if (endpoint.contains(key)) address[key] = endpoint[key];
  }
  return address;
}

// Ports with the same addresses share a subset.
Json SubsetsFor(const Json& service, const std::vector<const Json*>& pods) {
  const bool publish = GetBool(service, {"spec", "publishNotReadyAddresses"}, false);
  std::map<Json, std::map<bool, Json>> by_port;  // port, ready: addresses
  for (const Json* pod : pods) {
    if (!IsEndpoint(*pod) || (IsBeingDeleted(*pod) && !publish)) continue;
    Json ports = PortsFor(service, *pod);
    if (ports.empty() && IsHeadless(service)) ports.push_back(nullptr);
    for (Json& port : ports) {
      Json& addresses = by_port[port][publish || IsPodReady(*pod)];
      if (addresses.is_null()) addresses = Json::array();
      addresses.push_back(EndpointAddressFor(service, *pod));
    }
  }
  std::map<std::map<bool, Json>, Json> by_addresses;
  for (auto& [port, addresses] : by_port) {
    for (auto& [ready, list] : addresses) std::sort(list.begin(), list.end());
    Json& ports = by_addresses[addresses];
    if (ports.is_null()) ports = Json::array();
    if (!port.is_null()) ports.push_back(port);
  }
  Json subsets = Json::array();
  for (const auto& [addresses, ports] : by_addresses) {
    Json subset = Json::object();
    for (const auto& [ready, list] : addresses) {
      subset[ready ? "addresses" : "notReadyAddresses"] = list;
    }
    if (!ports.empty()) subset["ports"] = ports;
    for (Json& port : subset.contains("ports") ? subset["ports"] : Json::array()) {
      if (GetString(port, "name").empty()) port.erase("name");
    }
    subsets.push_back(std::move(subset));
  }
  return subsets;
}

}  // namespace

bool WantsSlices(const Json& service) {
  return !GetObject(service, {"spec", "selector"}).empty() &&
         GetString(service, {"spec", "type"}) != "ExternalName" && !IsBeingDeleted(service);
}

SlicePlan PlanSlices(const Json& service, const std::vector<const Json*>& pods,
                     const std::vector<const Json*>& slices) {
  return PlanWanted({service, SliceLabels(service, kSliceManager), WantedSlices(service, pods)},
                    slices);
}

SlicePlan PlanMirror(const Json& service, const Json* endpoints,
                     const std::vector<const Json*>& slices) {
  const bool mirrored =
      endpoints != nullptr && GetObject(service, {"spec", "selector"}).empty() &&
      GetString(*endpoints, {"metadata", "labels", "endpointslice.kubernetes.io/skip-mirror"}) !=
          "true";
  if (!mirrored) {
    SlicePlan plan;
    for (const Json* slice : slices) {
      if (!IsBeingDeleted(*slice)) plan.remove.push_back(slice);
    }
    return plan;
  }
  Wanted wanted{*endpoints, SliceLabels(*endpoints, kMirrorManager), {}};
  for (const Json& subset : GetArray(*endpoints, {"subsets"})) {
    Json list = Json::array(), ports = Json::array();
    for (const auto& [key, ready] :
         {std::pair("addresses", true), std::pair("notReadyAddresses", false)}) {
      for (const Json& address : GetArray(subset, {key})) {
        list.push_back(MirroredEndpoint(address, ready));
      }
    }
    for (Json port : GetArray(subset, {"ports"})) {
      if (!port.contains("name")) port["name"] = "";
      ports.push_back(std::move(port));
    }
    wanted.slices.emplace_back(std::move(ports), std::move(list));
  }
  return PlanWanted(std::move(wanted), slices);
}

std::optional<Json> PlanEndpoints(const Json& service, const std::vector<const Json*>& pods,
                                  const Json* present) {
  Json labels = GetObject(service, {"metadata", "labels"});
  labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller";
  labels.erase(std::string(kHeadlessLabel));
  if (IsHeadless(service)) labels[std::string(kHeadlessLabel)] = "";
  Json subsets = SubsetsFor(service, pods);
  if (present != nullptr && GetArray(*present, {"subsets"}) == subsets &&
      GetObject(*present, {"metadata", "labels"}) == labels) {
    return std::nullopt;
  }
  Json endpoints =
      present != nullptr
          ? *present
          : Json{{"apiVersion", "v1"},
                 {"kind", "Endpoints"},
                 {"metadata", {{"name", Name(service)}, {"namespace", Namespace(service)}}}};
  endpoints["metadata"]["labels"] = std::move(labels);
  endpoints.erase("subsets");
  if (!subsets.empty()) endpoints["subsets"] = std::move(subsets);
  return endpoints;
}

bool EndpointChanged(const Json& before, const Json& after) {
  auto essence = [](const Json& pod) {
    return Json::array({GetObject(pod, {"metadata", "labels"}), GetString(pod, {"status", "podIP"}),
                        GetString(pod, {"status", "phase"}), IsPodReady(pod), IsBeingDeleted(pod),
                        GetString(pod, {"spec", "nodeName"})});
  };
  return essence(before) != essence(after);
}

}  // namespace weir::controllers
