#include "kube/defaults.h"

#include "base/strings.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

// A null of a Go type is an absent field. The few that Go writes as null are set again after this.
void DropNulls(Json& value) {
  if (value.is_array()) {
    for (Json& item : value) DropNulls(item);
  } else if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      if (it->is_null()) {
        it = value.erase(it);
      } else {
        DropNulls(*it);
        ++it;
      }
    }
  }
}

void DefaultNamespace(Json& object) {
  Ensure(object, {"metadata", "labels"});
  Json& labels = object["metadata"]["labels"];
  if (!labels.is_object()) labels = Json::object();
  std::string name = GetString(object, {"metadata", "name"});
  if (!name.empty()) labels["kubernetes.io/metadata.name"] = name;
  if (!object.contains("spec")) object["spec"] = Json::object();
  Default(Ensure(object, {"status"}), "phase", "Active");
}

void DefaultNode(Json& object) {
  Default(object, "spec", Json::object());
  Json& status = Ensure(object, {"status"});
  if (!status.is_object()) status = Json::object();
  Default(Ensure(status, {"daemonEndpoints", "kubeletEndpoint"}), "Port", 0);
  Json& info = Ensure(status, {"nodeInfo"});
  for (std::string_view key :
       {"architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion",
        "kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID"}) {
    Default(info, key, "");
  }
}

void DefaultEndpointSlice(Json& object) {
  if (!object.contains("endpoints")) object["endpoints"] = nullptr;
  if (!object.contains("ports")) object["ports"] = nullptr;
  if (object["endpoints"].is_array()) {
    for (Json& endpoint : object["endpoints"]) Default(endpoint, "conditions", Json::object());
  }
  if (!object["ports"].is_array()) return;
  for (Json& port : object["ports"]) {
    Default(port, "name", "");
    if (GetString(port, "protocol").empty()) port["protocol"] = "TCP";
  }
}

void DefaultEndpoints(Json& object) {
  auto subsets = object.find("subsets");
  if (subsets == object.end() || !subsets->is_array()) return;
  for (Json& subset : *subsets) {
    auto ports = subset.find("ports");
    if (ports == subset.end() || !ports->is_array()) continue;
    for (Json& port : *ports) {
      if (GetString(port, "protocol").empty()) port["protocol"] = "TCP";
    }
  }
}

void DefaultSecret(Json& object) {
  if (GetString(object, "type").empty()) object["type"] = "Opaque";
  auto strings = object.find("stringData");
  if (strings == object.end()) return;
  Json plain = std::move(*strings);
  object.erase(strings);
  if (!plain.is_object()) return;
  for (const auto& [key, value] : plain.items()) {
    if (value.is_string()) {
      Ensure(object, {"data"})[key] = Base64Encode(value.get_ref<const std::string&>());
    }
  }
}

// Selector and labels are its template's where it says nothing.
void DefaultReplicationController(Json& object) {
  const Json labels = GetObject(object, {"spec", "template", "metadata", "labels"});
  if (!labels.empty()) {
    if (GetObject(object, {"spec", "selector"}).empty()) {
      Ensure(object, {"spec", "selector"}) = labels;
    }
    if (GetObject(object, {"metadata", "labels"}).empty()) {
      Ensure(object, {"metadata", "labels"}) = labels;
    }
  }
  DefaultAppsWorkload("ReplicationController", object);
}

// The groups of what a binding refers to.
void DefaultRbac(Json& object) {
  constexpr std::string_view kGroup = "rbac.authorization.k8s.io";
  if (auto role = object.find("roleRef"); role != object.end() && role->is_object()) {
    if (GetString(*role, "apiGroup").empty()) (*role)["apiGroup"] = kGroup;
  }
  auto subjects = object.find("subjects");
  if (subjects == object.end() || !subjects->is_array()) return;
  for (Json& subject : *subjects) {
    if (!subject.is_object() || !GetString(subject, "apiGroup").empty()) continue;
    const std::string kind = GetString(subject, "kind");
    if (kind == "User" || kind == "Group") subject["apiGroup"] = kGroup;
  }
}

void DefaultEvent(Json& object) {
  for (std::string_view key : {"eventTime", "firstTimestamp", "lastTimestamp"}) {
    if (!object.contains(key)) object[std::string(key)] = nullptr;
  }
  Default(object, "reportingComponent", "");
  Default(object, "reportingInstance", "");
  Default(object, "source", Json::object());
  Default(object, "involvedObject", Json::object());
}

void DefaultCrd(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  if (!spec.is_object()) spec = Json::object();
  Json& names = Ensure(spec, {"names"});
  std::string kind = GetString(names, "kind");
  if (GetString(names, "singular").empty()) names["singular"] = ToLower(kind);
  if (GetString(names, "listKind").empty() && !kind.empty()) names["listKind"] = kind + "List";
  Default(Ensure(spec, {"conversion"}), "strategy", "None");
  Json& status = Ensure(object, {"status"});
  if (!status.is_object()) status = Json::object();
  Default(Ensure(status, {"acceptedNames"}), "kind", "");
  Default(status["acceptedNames"], "plural", "");
  if (!status.contains("conditions")) status["conditions"] = nullptr;
  if (!status.contains("storedVersions")) status["storedVersions"] = nullptr;
}

bool NullsAreFields(const Resource& resource) {
  return !resource.crd_name.empty() || resource.kind == "CustomResourceDefinition";
}

void DefaultCore(const std::string& kind, Json& object) {
  if (kind == "Pod") {
    DefaultPodSpec(Ensure(object, {"spec"}), true);
    Default(Ensure(object, {"status"}), "phase", "Pending");
  } else if (kind == "Service") {
    DefaultService(object);
  } else if (kind == "Namespace") {
    DefaultNamespace(object);
  } else if (kind == "Node") {
    DefaultNode(object);
  } else if (kind == "Secret") {
    DefaultSecret(object);
  } else if (kind == "Event") {
    DefaultEvent(object);
  } else if (kind == "Endpoints") {
    DefaultEndpoints(object);
  } else if (kind == "PersistentVolumeClaim") {
    DefaultVolumeClaim(object);
  } else if (kind == "ReplicationController") {
    DefaultReplicationController(object);
  }
}

}  // namespace

void DefaultService(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  if (!spec.is_object()) spec = Json::object();
  if (GetString(spec, "sessionAffinity").empty()) spec["sessionAffinity"] = "None";
  if (spec["sessionAffinity"] == "None") spec.erase("sessionAffinityConfig");
  if (spec["sessionAffinity"] == "ClientIP") {
    Default(Ensure(spec, {"sessionAffinityConfig", "clientIP"}), "timeoutSeconds", 10800);
  }
  if (GetString(spec, "type").empty()) spec["type"] = "ClusterIP";
  std::string type = GetString(spec, "type");
  if (auto ports = spec.find("ports"); ports != spec.end() && ports->is_array()) {
    for (Json& port : *ports) {
      if (!port.is_object()) continue;
      if (GetString(port, "protocol").empty()) port["protocol"] = "TCP";
      const Json* target = Find(port, "targetPort");
      bool unset = target == nullptr || target->is_null() || *target == 0 ||
                   (target->is_string() && GetString(port, "targetPort").empty());
      if (unset) port["targetPort"] = GetInt(port, {"port"}, 0);
    }
  }
  bool reachable = type == "NodePort" || type == "LoadBalancer" ||
                   (type == "ClusterIP" && !GetArray(spec, {"externalIPs"}).empty());
  if (reachable && GetString(spec, "externalTrafficPolicy").empty()) {
    spec["externalTrafficPolicy"] = "Cluster";
  }
  if (type == "LoadBalancer") Default(spec, "allocateLoadBalancerNodePorts", true);
  Default(Ensure(object, {"status"}), "loadBalancer", Json::object());
  if (type == "LoadBalancer" && Find(object, {"status", "loadBalancer", "ingress"}) != nullptr) {
    for (Json& entry : object["status"]["loadBalancer"]["ingress"]) {
      if (!GetString(entry, "ip").empty()) Default(entry, "ipMode", "VIP");
    }
  }
  std::string ip = GetString(spec, "clusterIP");
  if (!ip.empty() && !spec.contains("clusterIPs")) spec["clusterIPs"] = Json::array({ip});
  if (type == "ExternalName") return;
  Default(spec, "internalTrafficPolicy", "Cluster");
  // One family, except that upstream lets a headless Service without a selector have both.
  bool both = ip == "None" && GetObject(spec, {"selector"}).empty();
  if (GetString(spec, "ipFamilyPolicy").empty()) {
    spec["ipFamilyPolicy"] = both ? "RequireDualStack" : "SingleStack";
  }
  if (GetArray(spec, {"ipFamilies"}).empty()) {
    spec["ipFamilies"] = both ? Json::array({"IPv4", "IPv6"}) : Json::array({"IPv4"});
  }
}

void DefaultFromSchema(const Json& schema, Json& value) {
  if (value.is_object()) {
    for (const auto& [key, property] : GetObject(schema, {"properties"}).items()) {
      auto it = value.find(key);
      const Json* initial = Find(property, "default");
      bool missing =
          it == value.end() || (it->is_null() && !GetBool(property, {"nullable"}, false));
      if (missing && initial != nullptr) {
        value[key] = *initial;
        it = value.find(key);
      }
      if (it != value.end()) DefaultFromSchema(property, *it);
    }
    const Json* additional = Find(schema, "additionalProperties");
    if (additional == nullptr || !additional->is_object()) return;
    for (auto& [key, item] : value.items()) {
      if (Find(schema, {"properties", key}) == nullptr) DefaultFromSchema(*additional, item);
    }
  } else if (value.is_array()) {
    const Json* items = Find(schema, "items");
    if (items == nullptr) return;
    for (Json& item : value) DefaultFromSchema(*items, item);
  }
}

void ApplyDefaults(const Resource& resource, Json& object) {
  if (!object.is_object()) return;
  if (!NullsAreFields(resource)) DropNulls(object);
  if (!resource.crd_name.empty()) {
    if (resource.schema != nullptr) DefaultFromSchema(*resource.schema, object);
    return;
  }
  if (resource.group.empty()) {
    DefaultCore(resource.kind, object);
  } else if (resource.group == "apps") {
    if (resource.kind != "ControllerRevision") DefaultAppsWorkload(resource.kind, object);
  } else if (resource.group == "batch") {
    if (resource.kind == "Job") DefaultJob(object);
    if (resource.kind == "CronJob") DefaultCronJob(object);
  } else if (resource.group == "rbac.authorization.k8s.io") {
    DefaultRbac(object);
  } else if (resource.group == "autoscaling") {
    if (resource.kind == "HorizontalPodAutoscaler") DefaultHpa(resource.version, object);
  } else if (resource.group == "discovery.k8s.io") {
    if (resource.kind == "EndpointSlice") DefaultEndpointSlice(object);
  } else if (resource.group == "apiextensions.k8s.io") {
    DefaultCrd(object);
  } else if (resource.group == "coordination.k8s.io") {
    Default(object, "spec", Json::object());
  }
}

}  // namespace weir::kube
