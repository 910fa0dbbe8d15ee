#include "scrape/meta_plan.h"

#include <fmt/format.h>

#include "scrape/scrape_plan.h"

namespace weir::scrape {
namespace {

constexpr std::string_view kPrefix = "__meta_kubernetes_";

class Builder {
 public:
  void Set(std::string_view name, std::string_view value) {
    labels_.push_back({fmt::format("{}{}", kPrefix, name), std::string(value)});
  }
  // Under the names of both roles.
  void SetEndpoint(std::string_view name, std::string_view value) {
    Set(fmt::format("endpoint_{}", name), value);
    Set(fmt::format("endpointslice_{}", name), value);
  }
  // metadata.labels and metadata.annotations of an object, each with its presence.
  void SetMetadata(std::string_view kind, const Json& object) {
    for (const auto& [key, value] : GetObject(object, {"metadata", "labels"}).items()) {
      if (!value.is_string()) continue;
      Set(fmt::format("{}_label_{}", kind, LabelNameOf(key)), value.get_ref<const std::string&>());
      Set(fmt::format("{}_labelpresent_{}", kind, LabelNameOf(key)), "true");
    }
    for (const auto& [key, value] : GetObject(object, {"metadata", "annotations"}).items()) {
      if (!value.is_string()) continue;
      Set(fmt::format("{}_annotation_{}", kind, LabelNameOf(key)),
          value.get_ref<const std::string&>());
      Set(fmt::format("{}_annotationpresent_{}", kind, LabelNameOf(key)), "true");
    }
  }
  model::Labels Take() { return model::Labels(std::move(labels_)); }

 private:
  std::vector<model::Label> labels_;
};

std::string_view BoolText(bool value) { return value ? "true" : "false"; }

std::string PodReady(const Json& pod) {
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") != "Ready") continue;
    return GetString(condition, "status") == "True" ? "true" : "false";
  }
  return "unknown";
}

void AddPod(const Json& pod, Builder& labels) {
  labels.Set("pod_name", GetString(pod, {"metadata", "name"}));
  labels.Set("pod_uid", GetString(pod, {"metadata", "uid"}));
  labels.Set("pod_ip", GetString(pod, {"status", "podIP"}));
  labels.Set("pod_host_ip", GetString(pod, {"status", "hostIP"}));
  labels.Set("pod_node_name", GetString(pod, {"spec", "nodeName"}));
  labels.Set("pod_phase", GetString(pod, {"status", "phase"}));
  labels.Set("pod_ready", PodReady(pod));
  for (const Json& owner : GetArray(pod, {"metadata", "ownerReferences"})) {
    if (!GetBool(owner, {"controller"}, false)) continue;
    labels.Set("pod_controller_kind", GetString(owner, "kind"));
    labels.Set("pod_controller_name", GetString(owner, "name"));
  }
  labels.SetMetadata("pod", pod);
}

void AddEndpoint(const Json& endpoint, Builder& labels) {
  // A condition that is not there counts as ready (EndpointConditions).
  labels.Set("endpoint_ready", BoolText(GetBool(endpoint, {"conditions", "ready"}, true)));
  for (const std::string_view condition : {"ready", "serving", "terminating"}) {
    const bool fallback = condition != "terminating";
    labels.Set(fmt::format("endpointslice_endpoint_conditions_{}", condition),
               BoolText(GetBool(endpoint, {"conditions", condition}, fallback)));
  }
  labels.Set("endpoint_node_name", GetString(endpoint, "nodeName"));
  labels.Set("endpoint_hostname", GetString(endpoint, "hostname"));
  labels.SetEndpoint("address_target_kind", GetString(endpoint, {"targetRef", "kind"}));
  labels.SetEndpoint("address_target_name", GetString(endpoint, {"targetRef", "name"}));
}

}  // namespace

std::vector<ContainerPort> ContainerPorts(const Json& pod) {
  std::vector<ContainerPort> ports;
  for (const Json& container : GetArray(pod, {"spec", "containers"})) {
    for (const Json& port : GetArray(container, {"ports"})) {
      ports.push_back({GetString(container, "name"), GetString(container, "image"),
                       GetString(port, "name"), GetInt(port, {"containerPort"}, 0),
                       GetString(port, "protocol", "TCP")});
    }
  }
  return ports;
}

model::Labels MetaLabels(const DiscoveredAddress& address) {
  Builder labels;
  const Json& service = *address.service;
  const std::string name = GetString(service, {"metadata", "name"});
  labels.Set("namespace", GetString(service, {"metadata", "namespace"}));
  labels.Set("service_name", name);
  labels.Set("endpoints_name", name);
  labels.SetMetadata("service", service);
  if (address.slice != nullptr) {
    labels.Set("endpointslice_name", GetString(*address.slice, {"metadata", "name"}));
    labels.Set("endpointslice_address_type", GetString(*address.slice, "addressType"));
    labels.SetMetadata("endpointslice", *address.slice);
  }
  if (address.endpoint != nullptr) AddEndpoint(*address.endpoint, labels);
  if (address.port != nullptr) {
    labels.SetEndpoint("port_name", GetString(*address.port, "name"));
    labels.SetEndpoint("port_protocol", GetString(*address.port, "protocol", "TCP"));
    labels.Set("endpointslice_port", std::to_string(GetInt(*address.port, {"port"}, 0)));
  }
  if (address.pod != nullptr) AddPod(*address.pod, labels);
  if (address.container_port) {
    labels.Set("pod_container_name", address.container_port->container);
    labels.Set("pod_container_image", address.container_port->image);
    labels.Set("pod_container_port_name", address.container_port->name);
    labels.Set("pod_container_port_number", std::to_string(address.container_port->number));
    labels.Set("pod_container_port_protocol", address.container_port->protocol);
  }
  return labels.Take();
}

}  // namespace weir::scrape
