// The documents of discovery, made from the registry (resource.h).
#include <algorithm>

#include "base/strings.h"
#include "kube/resource.h"

namespace weir::kube {
namespace {

std::string GroupVersion(std::string_view group, std::string_view version) {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

Json Strings(const std::vector<std::string>& strings) { return strings; }

// Built-in resources leave the group and version of the kind empty where they are the document's
// own; custom ones name them, and so do subresources of another group's kind.
Json ResponseKind(const Resource& resource, const Subresource* subresource) {
  bool custom = !resource.crd_name.empty();
  Json out = {{"group", custom ? resource.group : ""},
              {"version", custom ? resource.version : ""},
              {"kind", subresource != nullptr ? subresource->kind : resource.kind}};
  if (subresource != nullptr && !subresource->version.empty()) {
    out["group"] = subresource->group;
    out["version"] = subresource->version;
  }
  return out;
}

Json ResourceDiscovery(const Resource& resource) {
  Json out = {{"resource", resource.plural},
              {"responseKind", ResponseKind(resource, nullptr)},
              {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
              {"singularResource", resource.singular},
              {"verbs", Strings(resource.verbs)}};
  if (!resource.short_names.empty()) out["shortNames"] = Strings(resource.short_names);
  if (!resource.categories.empty()) out["categories"] = Strings(resource.categories);
  Json subresources = Json::array();
  for (const Subresource& subresource : resource.subresources) {
    subresources.push_back({{"subresource", subresource.name},
                            {"responseKind", ResponseKind(resource, &subresource)},
                            {"verbs", Strings(subresource.verbs)}});
  }
  if (!subresources.empty()) out["subresources"] = std::move(subresources);
  return out;
}

Json DiscoveryList(Json items) {
  return {{"kind", "APIGroupDiscoveryList"},
          {"apiVersion", "apidiscovery.k8s.io/v2"},
          {"metadata", Json::object()},
          {"items", std::move(items)}};
}

// One group of the unaggregated form.
Json GroupEntry(std::string_view name, const std::vector<std::string>& versions) {
  Json list = Json::array();
  for (const std::string& version : versions) {
    list.push_back({{"groupVersion", GroupVersion(name, version)}, {"version", version}});
  }
  Json preferred = list.empty() ? Json::object() : list[0];
  return {{"name", name}, {"versions", std::move(list)}, {"preferredVersion", preferred}};
}

}  // namespace

Json Registry::AggregatedCore() const { return AggregatedOf(true, {}); }

Json Registry::AggregatedGroups(const std::vector<Json>& extra_groups) const {
  return AggregatedOf(false, extra_groups);
}

// /api tells the core group alone, which has no name there; /apis tells all others.
Json Registry::AggregatedOf(bool core, const std::vector<Json>& extra_groups) const {
  Json items = Json::array();
  for (const Group& group : groups_) {
    if (group.name.empty() != core) continue;
    Json versions = Json::array();
    for (const Version& version : group.versions) {
      Json resources = Json::array();
      for (const auto& resource : version.resources) {
        resources.push_back(ResourceDiscovery(*resource));
      }
      versions.push_back({{"version", version.name},
                          {"resources", std::move(resources)},
                          {"freshness", "Current"}});
    }
    Json metadata = Json::object();
    if (!core) metadata["name"] = group.name;
    items.push_back({{"metadata", std::move(metadata)}, {"versions", std::move(versions)}});
  }
  for (const Json& group : extra_groups) items.push_back(group);
  return DiscoveryList(std::move(items));
}

Json Registry::ApiVersions(std::string_view server_address) const {
  Json address = {{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", server_address}};
  return {{"kind", "APIVersions"},
          {"versions", Strings(Versions(""))},
          {"serverAddressByClientCIDRs", Json::array({address})}};
}

Json Registry::ApiGroupList(const std::vector<Json>& extra_groups) const {
  Json groups = Json::array();
  for (const std::string& name : Groups()) {
    if (!name.empty()) groups.push_back(GroupEntry(name, Versions(name)));
  }
  for (const Json& extra : extra_groups) {
    std::vector<std::string> versions;
    for (const Json& version : GetArray(extra, {"versions"})) {
      versions.push_back(GetString(version, "version"));
    }
    groups.push_back(GroupEntry(GetString(extra, {"metadata", "name"}), versions));
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

Json Registry::ApiGroup(std::string_view group) const {
  if (group.empty() || FindGroup(group) == nullptr) return nullptr;
  Json out = GroupEntry(group, Versions(group));
  out["kind"] = "APIGroup";
  out["apiVersion"] = "v1";
  return out;
}

Json Registry::ApiResourceList(std::string_view group, std::string_view version) const {
  std::vector<std::string> versions = Versions(group);
  if (std::ranges::find(versions, version) == versions.end()) return nullptr;
  Json resources = Json::array();
  for (const Resource* resource : List(group, version)) {
    Json entry = {{"name", resource->plural},
                  {"singularName", resource->singular},
                  {"namespaced", resource->namespaced},
                  {"kind", resource->kind},
                  {"verbs", Strings(resource->verbs)}};
    if (!resource->short_names.empty()) entry["shortNames"] = Strings(resource->short_names);
    if (!resource->categories.empty()) entry["categories"] = Strings(resource->categories);
    resources.push_back(std::move(entry));
    for (const Subresource& subresource : resource->subresources) {
      Json part = {{"name", resource->plural + "/" + subresource.name},
                   {"singularName", ""},
                   {"namespaced", resource->namespaced},
                   {"kind", subresource.kind},
                   {"verbs", Strings(subresource.verbs)}};
      if (!subresource.version.empty()) {
        part["group"] = subresource.group;
        part["version"] = subresource.version;
      }
      resources.push_back(std::move(part));
    }
  }
  Json list = {{"kind", "APIResourceList"},
               {"groupVersion", GroupVersion(group, version)},
               {"resources", std::move(resources)}};
  if (!group.empty()) list["apiVersion"] = "v1";  // as upstream leaves it out
  return list;
}

}  // namespace weir::kube
