#include "kube/strategy.h"

#include <algorithm>

#include "kube/defaults.h"
#include "kube/quantity.h"

namespace weir::kube {
namespace {

bool Is(const Resource& resource, std::string_view group, std::string_view kind) {
  return resource.group == group && resource.kind == kind;
}

bool HasStatus(const Resource& resource) { return resource.FindSubresource("status") != nullptr; }

// Kinds whose objects count the changes of their spec.
bool HasGeneration(const Resource& resource) {
  if (!resource.crd_name.empty()) return true;
  if (resource.group.empty()) {
    return resource.kind == "Pod" || resource.kind == "ReplicationController";
  }
  constexpr std::string_view kGroups[] = {
      "apps", "batch", "discovery.k8s.io", "policy", "networking.k8s.io", "apiextensions.k8s.io"};
  return std::ranges::find(kGroups, resource.group) != std::end(kGroups) &&
         resource.kind != "ControllerRevision";
}

// PodQOSClass: Guaranteed where every container's limits are its requests, for both resources.
std::string QosClass(const Json& spec) {
  bool any = false, guaranteed = true;
  for (std::string_view list : {"containers", "initContainers"}) {
    for (const Json& container : GetArray(spec, {list})) {
      for (std::string_view resource : {"cpu", "memory"}) {
        auto amount = [&](std::string_view part) {
          return Quantity::Parse(GetString(container, {"resources", part, resource}, "0"))
              .value_or(Quantity());
        };
        Quantity limit = amount("limits"), request = amount("requests");
        any = any || limit.Sign() > 0 || request.Sign() > 0;
        guaranteed = guaranteed && limit.Sign() > 0 && limit.Compare(request) == 0;
      }
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

void PreparePod(Json& object) {
  Json& spec = Ensure(object, {"spec"});
  if (GetInt(spec, {"terminationGracePeriodSeconds"}, 0) < 0) {
    spec["terminationGracePeriodSeconds"] = 1;
  }
  object["status"] = {{"phase", "Pending"}, {"qosClass", QosClass(spec)}};
}

// A Job's pods carry its uid, and its selector asks for it (generateSelector); the older labels
// stay beside the newer ones.
void PrepareJob(Json& object) {
  if (GetBool(object, {"spec", "manualSelector"}, false)) return;
  const std::string uid = GetString(object, {"metadata", "uid"});
  const std::string name = GetString(object, {"metadata", "name"});
  const Json before = GetObject(object, {"spec", "template", "metadata", "labels"});
  const bool shared = GetObject(object, {"metadata", "labels"}) == before;
  Json& labels = Ensure(object, {"spec", "template", "metadata", "labels"});
  if (!labels.is_object()) labels = Json::object();
  for (std::string_view prefix : {"", "batch.kubernetes.io/"}) {
    labels[std::string(prefix) + "controller-uid"] = uid;
    labels[std::string(prefix) + "job-name"] = name;
  }
  const Json all = labels;
  // What it has from its template follows it.
  if (shared) Ensure(object, {"metadata", "labels"}) = all;
  Json& selector = Ensure(object, {"spec", "selector", "matchLabels"});
  if (!selector.is_object()) selector = Json::object();
  selector["batch.kubernetes.io/controller-uid"] = uid;
}

std::string StorageVersion(const Json& crd) {
  for (const Json& version : GetArray(crd, {"spec", "versions"})) {
    if (GetBool(version, {"storage"}, false)) return GetString(version, "name");
  }
  return {};
}

void AddStoredVersion(Json& crd) {
  std::string storage = StorageVersion(crd);
  if (storage.empty()) return;
  Json& stored = Ensure(crd, {"status", "storedVersions"});
  if (!stored.is_array()) stored = Json::array();
  if (std::find(stored.begin(), stored.end(), Json(storage)) == stored.end()) {
    stored.push_back(storage);
  }
}

// What only the system sets, whatever the request says (rest.BeforeUpdate).
void KeepSystemMetadata(const Json& old, Json& object) {
  const Json& before = GetObject(old, {"metadata"});
  Json& meta = Ensure(object, {"metadata"});
  for (std::string_view key :
       {"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"}) {
    const Json* value = Find(before, key);
    if (value != nullptr) {
      meta[std::string(key)] = *value;
    } else {
      meta.erase(std::string(key));
    }
  }
  if (GetString(meta, "uid").empty() && before.contains("uid")) meta["uid"] = before["uid"];
}

// Everything but `key` as it was.
void KeepAllBut(std::string_view key, const Json& old, Json& object) {
  Json changed = object.contains(key) ? object[std::string(key)] : Json();
  Json meta = std::move(object["metadata"]);
  Json api_version = object["apiVersion"], kind = object["kind"];
  object = old;
  object["metadata"] = std::move(meta);
  if (!api_version.is_null()) object["apiVersion"] = std::move(api_version);
  if (!kind.is_null()) object["kind"] = std::move(kind);
  if (changed.is_null()) {
    object.erase(std::string(key));
  } else {
    object[std::string(key)] = std::move(changed);
  }
}

void Copy(const Json& from, Json& to, std::string_view key) {
  if (const Json* value = Find(from, key)) {
    to[std::string(key)] = *value;
  } else {
    to.erase(std::string(key));
  }
}

// A cluster IP that an update leaves out stays; a changed one is for validation to refuse.
void KeepClusterIp(const Json& before, Json& spec) {
  std::string old_ip = GetString(before, "clusterIP");
  if (GetString(before, "type") == "ExternalName" || old_ip.empty()) return;
  std::string ip = GetString(spec, "clusterIP");
  if (ip.empty()) Copy(before, spec, "clusterIP");
  if (!ip.empty() && ip != old_ip) {
    spec["clusterIPs"] = Json::array({ip});
  } else {
    Copy(before, spec, "clusterIPs");
  }
}

bool HasNodePorts(const Json& spec) {
  std::string type = GetString(spec, "type");
  return type == "NodePort" || type == "LoadBalancer";
}

// Node ports stay with their ports, and go with the type that had them.
void KeepNodePorts(const Json& before, Json& spec) {
  auto ports = spec.find("ports");
  if (ports == spec.end() || !ports->is_array() || !HasNodePorts(before)) return;
  bool wanted = HasNodePorts(spec);
  for (Json& port : *ports) {
    for (const Json& old_port : GetArray(before, {"ports"})) {
      bool same = GetInt(port, {"port"}, 0) == GetInt(old_port, {"port"}, 0) &&
                  GetString(port, "protocol") == GetString(old_port, "protocol");
      std::int64_t given = GetInt(old_port, {"nodePort"}, 0);
      if (!same || given == 0) continue;
      if (wanted) Default(port, "nodePort", given);
      if (!wanted && GetInt(port, {"nodePort"}, 0) == given) port.erase("nodePort");
    }
  }
}

// What a Service has been given stays where an update leaves it out (patchAllocatedValues), and
// goes where the new type has no use for it (dropTypeDependentFields).
void PrepareServiceUpdate(const Json& old, Json& object) {
  const Json& before = GetObject(old, {"spec"});
  Json& spec = Ensure(object, {"spec"});
  if (GetString(spec, "type") == "ExternalName") {
    for (std::string_view key : {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy",
                                 "internalTrafficPolicy", "externalTrafficPolicy"}) {
      spec.erase(std::string(key));
    }
  } else {
    KeepClusterIp(before, spec);
  }
  KeepNodePorts(before, spec);
  bool reachable = HasNodePorts(spec) || !GetArray(spec, {"externalIPs"}).empty();
  if (!reachable && HasNodePorts(before)) {
    for (std::string_view key : {"externalTrafficPolicy", "healthCheckNodePort"}) {
      const Json* value = Find(spec, key);
      const Json* old_value = Find(before, key);
      bool unchanged = value != nullptr && old_value != nullptr && *value == *old_value;
      if (unchanged) spec.erase(std::string(key));
    }
  }
  if (GetString(spec, "type") != "LoadBalancer" && GetString(before, "type") == "LoadBalancer") {
    spec.erase("allocateLoadBalancerNodePorts");
  }
}

bool SpecChanged(const Resource& resource, const Json& old, const Json& object) {
  bool everything = !resource.crd_name.empty() || Is(resource, "discovery.k8s.io", "EndpointSlice");
  if (!everything) {
    if (GetObject(old, {"spec"}) != GetObject(object, {"spec"})) return true;
    return Is(resource, "apps", "Deployment") && GetObject(old, {"metadata", "annotations"}) !=
                                                     GetObject(object, {"metadata", "annotations"});
  }
  if (Is(resource, "discovery.k8s.io", "EndpointSlice") &&
      GetObject(old, {"metadata", "labels"}) != GetObject(object, {"metadata", "labels"})) {
    return true;
  }
  auto essence = [&](Json value) {
    value.erase("metadata");
    value.erase("apiVersion");
    if (!resource.crd_name.empty() && HasStatus(resource)) value.erase("status");
    return value;
  };
  return essence(old) != essence(object);
}

void PrepareMainUpdate(const Resource& resource, const Json& old, Json& object) {
  if (HasStatus(resource)) Copy(old, object, "status");
  if (Is(resource, "", "Namespace")) {
    Copy(GetObject(old, {"spec"}), Ensure(object, {"spec"}), "finalizers");
  } else if (Is(resource, "", "Service")) {
    PrepareServiceUpdate(old, object);
  } else if (Is(resource, "apiextensions.k8s.io", "CustomResourceDefinition")) {
    AddStoredVersion(object);
  }
  if (HasGeneration(resource) && SpecChanged(resource, old, object)) {
    object["metadata"]["generation"] = GetInt(old, {"metadata", "generation"}, 0) + 1;
  }
}

void PrepareStatusUpdate(const Resource& resource, const Json& old, Json& object) {
  KeepAllBut("status", old, object);
  Json& meta = object["metadata"];
  const Json& before = GetObject(old, {"metadata"});
  if (!resource.crd_name.empty()) {  // the status alone
    Json version = meta.contains("resourceVersion") ? meta["resourceVersion"] : Json();
    meta = before;
    if (!version.is_null()) meta["resourceVersion"] = std::move(version);
  } else if (resource.group == "apps") {
    Copy(before, meta, "labels");
  } else if (Is(resource, "", "Pod")) {
    Copy(before, meta, "ownerReferences");
    Json& status = Ensure(object, {"status"});
    const Json* qos = Find(old, {"status", "qosClass"});
    if (qos != nullptr) status["qosClass"] = *qos;
  }
}

}  // namespace

void PrepareForCreate(const Resource& resource, Json& object) {
  if (!object.is_object()) return;
  Json& meta = Ensure(object, {"metadata"});
  if (HasGeneration(resource)) meta["generation"] = 1;
  // A node registers itself, with its status.
  if (HasStatus(resource) && !Is(resource, "", "Node")) object.erase("status");
  if (Is(resource, "", "Pod")) {
    PreparePod(object);
  } else if (Is(resource, "", "Namespace")) {
    Json& finalizers = Ensure(object, {"spec", "finalizers"});
    if (!finalizers.is_array()) finalizers = Json::array();
    if (std::find(finalizers.begin(), finalizers.end(), Json("kubernetes")) == finalizers.end()) {
      finalizers.push_back("kubernetes");
    }
  } else if (Is(resource, "apiextensions.k8s.io", "CustomResourceDefinition")) {
    AddStoredVersion(object);
  } else if (Is(resource, "batch", "Job")) {
    PrepareJob(object);
  }
  ApplyDefaults(resource, object);
}

void PrepareForUpdate(const Resource& resource, std::string_view subresource, const Json& old,
                      Json& object) {
  if (!object.is_object()) return;
  KeepSystemMetadata(old, object);
  if (subresource == "status") {
    PrepareStatusUpdate(resource, old, object);
  } else {
    PrepareMainUpdate(resource, old, object);
  }
  ApplyDefaults(resource, object);
}

namespace {

// Field labels beside metadata.name and metadata.namespace, which every kind has.
struct FieldLabel {
  std::string_view kind;
  std::string_view key;
};
constexpr FieldLabel kFieldLabels[] = {
    {"Pod", "spec.nodeName"},
    {"Pod", "spec.restartPolicy"},
    {"Pod", "spec.schedulerName"},
    {"Pod", "spec.serviceAccountName"},
    {"Pod", "spec.hostNetwork"},
    {"Pod", "status.phase"},
    {"Pod", "status.podIP"},
    {"Pod", "status.nominatedNodeName"},
    {"Namespace", "status.phase"},
    {"Node", "spec.unschedulable"},
    {"Secret", "type"},
    {"Service", "spec.clusterIP"},
    {"Service", "spec.type"},
    {"ReplicationController", "status.replicas"},
    {"Job", "status.successful"},
    {"Event", "involvedObject.kind"},
    {"Event", "involvedObject.namespace"},
    {"Event", "involvedObject.name"},
    {"Event", "involvedObject.uid"},
    {"Event", "involvedObject.apiVersion"},
    {"Event", "involvedObject.resourceVersion"},
    {"Event", "involvedObject.fieldPath"},
    {"Event", "reason"},
    {"Event", "reportingComponent"},
    {"Event", "source"},
    {"Event", "type"},
};

std::string TextAt(const Json& object, std::string_view key) {
  const Json* at = &object;
  while (at != nullptr && !key.empty()) {
    std::size_t dot = key.find('.');
    at = Find(*at, key.substr(0, dot));
    key = dot == std::string_view::npos ? std::string_view() : key.substr(dot + 1);
  }
  if (at == nullptr || at->is_null()) return {};
  return at->is_string() ? at->get<std::string>() : DumpJson(*at);
}

}  // namespace

bool FieldValue(const Resource& resource, const Json& object, std::string_view key,
                std::string* value) {
  if (key == "metadata.name" || (key == "metadata.namespace" && resource.namespaced)) {
    *value = TextAt(object, key);
    return true;
  }
  if (!resource.crd_name.empty()) return false;
  for (const FieldLabel& label : kFieldLabels) {
    if (label.kind != resource.kind || label.key != key) continue;
    if (resource.kind == "Event" && key == "source") {
      *value = GetString(object, {"source", "component"});
      if (value->empty()) *value = GetString(object, "reportingComponent");
    } else if (resource.kind == "Job") {
      *value = std::to_string(GetInt(object, {"status", "succeeded"}, 0));
    } else {
      *value = TextAt(object, key);
      bool is_bool = key == "spec.hostNetwork" || key == "spec.unschedulable";
      if (value->empty() && is_bool) *value = "false";
      if (value->empty() && key == "status.replicas") *value = "0";
    }
    return true;
  }
  return false;
}

}  // namespace weir::kube
