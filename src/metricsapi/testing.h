// A few resources and a resolver over them, for this module's tests and fuzz target.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metricsapi/config.h"

namespace weir::metricsapi {

inline const kube::Resource* ResolveForTest(std::string_view group, std::string_view name) {
  static const std::vector<kube::Resource> resources = [] {
    std::vector<kube::Resource> list;
    const auto add = [&list](std::string in_group, std::string plural, std::string singular,
                             std::string kind, bool namespaced) {
      kube::Resource resource;
      resource.group = std::move(in_group);
      resource.version = "v1";
      resource.plural = std::move(plural);
      resource.singular = std::move(singular);
      resource.kind = std::move(kind);
      resource.namespaced = namespaced;
      list.push_back(std::move(resource));
    };
    add("", "pods", "pod", "Pod", true);
    add("", "services", "service", "Service", true);
    add("", "namespaces", "namespace", "Namespace", false);
    add("", "nodes", "node", "Node", false);
    add("apps", "deployments", "deployment", "Deployment", true);
    add("networking.k8s.io", "ingresses", "ingress", "Ingress", true);
    return list;
  }();
  for (const kube::Resource& resource : resources) {
    if (!group.empty() && resource.group != group) continue;
    if (resource.plural == name || resource.singular == name) return &resource;
  }
  return nullptr;
}

}  // namespace weir::metricsapi
