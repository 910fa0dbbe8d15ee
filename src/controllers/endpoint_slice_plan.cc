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

Json LabelsFor(const Json& service) {
  Json labels = GetObject(service, {"metadata", "labels"});
  labels[std::string(kServiceNameLabel)] = Name(service);
  labels[std::string(kSliceManagerLabel)] = kSliceManager;
  if (GetString(service, {"spec", "clusterIP"}) == "None") {
    labels["service.kubernetes.io/headless"] = "";
  }
  return labels;
}

Json NewSlice(const Json& service, Json ports, Json endpoints) {
  return {{"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"generateName", Name(service) + "-"},
            {"namespace", Namespace(service)},
            {"labels", LabelsFor(service)},
            {"ownerReferences", Json::array({NewControllerRef(service)})}}},
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

}  // namespace

bool WantsSlices(const Json& service) {
  return !GetObject(service, {"spec", "selector"}).empty() &&
         GetString(service, {"spec", "type"}) != "ExternalName" && !IsBeingDeleted(service);
}

SlicePlan PlanSlices(const Json& service, const std::vector<const Json*>& pods,
                     const std::vector<const Json*>& slices) {
  SlicePlan plan;
  std::vector<std::pair<Json, Json>> wanted = WantedSlices(service, pods);
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
      plan.create.push_back(NewSlice(service, std::move(ports), std::move(endpoints)));
      continue;
    }
    const Json& slice = *used[i];
    bool same = ListOf(slice, "ports") == ports && ListOf(slice, "endpoints") == endpoints &&
                GetObject(slice, {"metadata", "labels"}) == LabelsFor(service);
    if (same) continue;
    Json changed = slice;
    changed["ports"] = std::move(ports);
    changed["endpoints"] = std::move(endpoints);
    changed["metadata"]["labels"] = LabelsFor(service);
    plan.update.push_back(std::move(changed));
  }
  for (const Json* slice : free) {
    if (!IsBeingDeleted(*slice)) plan.remove.push_back(slice);
  }
  return plan;
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
