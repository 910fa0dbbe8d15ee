// OpenAPI v3 as far as clients need it to know that the server validates: for every resource a
// PATCH that takes `fieldValidation`. With it kubectl sends its files unchecked (query-parameter
// verifier of k8s.io/kubectl); schemas for `kubectl explain` are not in it.
#include <algorithm>

#include "base/strings.h"
#include "kube/resource.h"

namespace weir::kube {
namespace {

// The part of a path that names the group version: "api/v1", "apis/apps/v1".
std::string Root(std::string_view group, std::string_view version) {
  if (group.empty()) return "api/" + std::string(version);
  return "apis/" + std::string(group) + "/" + std::string(version);
}

Json Reference(const std::string& root, std::string_view content) {
  // Clients cache a document under its hash.
  std::string digits = "0123456789ABCDEF";
  std::uint64_t hash = Fnv1a(content);
  std::string hex;
  for (int i = 0; i < 16; ++i) {
    hex += digits[hash >> 60U];
    hash <<= 4U;
  }
  return {{"serverRelativeURL", "/openapi/v3/" + root + "?hash=" + hex}};
}

Json QueryParameter(std::string_view name) {
  return {{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}, {"uniqueItems", true}}}};
}

// An operation that says which kind it is about and that it takes fieldValidation and dryRun.
Json Operation(const Resource& resource, std::string_view action) {
  Json parameters = Json::array();
  for (std::string_view name : {"dryRun", "fieldManager", "fieldValidation"}) {
    parameters.push_back(QueryParameter(name));
  }
  return {{"parameters", std::move(parameters)},
          {"responses", {{"200", {{"description", "OK"}}}}},
          {"x-kubernetes-action", action},
          {"x-kubernetes-group-version-kind",
           {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}}}};
}

}  // namespace

Json Registry::OpenApiIndex(const std::vector<std::string>& extra_group_versions) const {
  Json paths = Json::object();
  for (const Group& group : groups_) {
    for (const Version& version : group.versions) {
      std::string root = Root(group.name, version.name);
      paths[root] = Reference(root, DumpJson(OpenApiDocument(group.name, version.name)));
    }
  }
  for (const std::string& group_version : extra_group_versions) {
    std::string root = "apis/" + group_version;
    paths[root] = Reference(root, root);
  }
  return {{"paths", std::move(paths)}};
}

Json Registry::OpenApiDocument(std::string_view group, std::string_view version) const {
  std::vector<const Resource*> resources = List(group, version);
  if (resources.empty()) return nullptr;
  Json paths = Json::object();
  for (const Resource* resource : resources) {
    std::string path = "/" + Root(group, version) + "/";
    if (resource->namespaced) path += "namespaces/{namespace}/";
    path += resource->plural;
    if (resource->HasVerb("create")) paths[path]["post"] = Operation(*resource, "post");
    path += "/{name}";
    if (resource->HasVerb("update")) paths[path]["put"] = Operation(*resource, "put");
    if (resource->HasVerb("patch")) paths[path]["patch"] = Operation(*resource, "patch");
  }
  return {{"openapi", "3.0.0"},
          {"info", {{"title", "Kubernetes"}, {"version", "v1.36.3"}}},
          {"paths", std::move(paths)}};
}

}  // namespace weir::kube
