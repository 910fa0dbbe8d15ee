// One descriptor per resource, and the registry of all that a cluster serves: built-in ones from
// data/resources.txt, custom ones from CustomResourceDefinitions. Discovery, OpenAPI, Tables,
// decoding and validation come only from descriptors. Values; the registry belongs to the API
// server's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::kube {

struct Column {
  std::string name;
  std::string type;    // string, integer, date, ...
  std::string format;  // "name" or empty
  std::string description;
  int priority = 0;       // 1: with -o wide only
  std::string json_path;  // custom resources: additionalPrinterColumns
};

struct Subresource {
  std::string name;   // status, scale, log, binding, ...
  std::string group;  // of the kind it takes, where it is another one
  std::string version;
  std::string kind;
  std::vector<std::string> verbs;
};

struct Resource {
  std::string group;  // "" is the core group
  std::string version;
  std::string plural;
  std::string singular;
  std::string kind;
  std::string list_kind;
  bool namespaced = true;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  std::vector<std::string> verbs;
  std::vector<Subresource> subresources;
  std::vector<Column> columns;
  std::string deprecation;  // what each answer warns of; empty: nothing
  std::string type;         // of data/types.txt, "apps/v1.Deployment"; empty for custom resources
  // Where its objects are kept: under the same plural, in this version of this group (nearly always
  // its own).
  std::string storage_group;
  std::string storage_version;
  // Custom resources: the version's openAPIV3Schema, and the CRD's name. A structural schema that
  // preserves unknown fields at its root prunes nothing.
  std::shared_ptr<const Json> schema;
  std::string crd_name;
  Json scale_paths;  // custom resources: subresources.scale

  // The kind that a subresource takes where it is not the resource's own (Scale, Binding), as a
  // resource without subresources: what decoding its bodies and printing it needs.
  Resource OfSubresource(const Subresource& subresource) const;

  std::string ApiVersion() const;     // "v1", "apps/v1"
  std::string GroupResource() const;  // "deployments.apps", "pods"
  const Subresource* FindSubresource(std::string_view name) const;
  bool HasVerb(std::string_view verb) const;
};

// Pointers that it hands out are good until the next AddCustom or RemoveCustom.
class Registry {
 public:
  // `serve_v2beta2`: whether autoscaling/v2beta2 is served beside v2 and v1 (not in 1.36, so not
  // under --upstream-exact).
  explicit Registry(bool serve_v2beta2);

  const Resource* Find(std::string_view group, std::string_view version,
                       std::string_view plural) const;
  const Resource* FindKind(std::string_view group, std::string_view version,
                           std::string_view kind) const;
  // Any served version of the group's resource, the preferred one first. `name` is a plural, a
  // singular or (case-insensitive) a kind, as the REST mapper of prometheus-adapter and the HPA
  // need.
  const Resource* Resolve(std::string_view group, std::string_view name) const;
  // As Resolve for any group: core first, then groups in order.
  const Resource* ResolveAnyGroup(std::string_view name) const;
  // Versions of one group that serve any resource, preferred first.
  std::vector<std::string> Versions(std::string_view group) const;
  // Groups in discovery order, "" first.
  std::vector<std::string> Groups() const;
  // All resources of one group and version in discovery order (by plural).
  std::vector<const Resource*> List(std::string_view group, std::string_view version) const;

  // Adds every served version of a CRD (replacing what the same CRD gave before). kInvalid for what
  // does not make a resource; kConflict where the names are taken.
  Status AddCustom(const Json& crd);
  void RemoveCustom(std::string_view crd_name);

  // Documents of discovery. `extra_groups` are aggregated ones (metrics APIs), each an
  // APIGroupDiscovery object.
  Json AggregatedCore() const;
  Json AggregatedGroups(const std::vector<Json>& extra_groups) const;
  Json ApiVersions(std::string_view server_address) const;
  Json ApiGroupList(const std::vector<Json>& extra_groups) const;
  Json ApiGroup(std::string_view group) const;                                   // null if unknown
  Json ApiResourceList(std::string_view group, std::string_view version) const;  // null if unknown
  // /openapi/v3, and the document at one of its paths ("apis/apps/v1"); null where there is none.
  // The latter takes milliseconds and is the same until a custom resource comes or goes.
  Json OpenApiIndex(const std::vector<std::string>& extra_group_versions) const;
  Json OpenApiDocument(std::string_view path) const;
  // Counts each AddCustom and RemoveCustom.
  std::int64_t generation() const { return generation_; }

 private:
  Json AggregatedOf(bool core, const std::vector<Json>& extra_groups) const;
  using Resources = std::vector<std::shared_ptr<const Resource>>;

  // One group: its versions as discovery lists them, each with its resources by plural.
  struct Version {
    std::string name;
    Resources resources;
  };
  struct Group {
    std::string name;
    bool built_in = false;
    std::vector<Version> versions;
  };

  const Group* FindGroup(std::string_view name) const;
  Group& EnsureGroup(std::string_view name);
  static Version& EnsureVersion(Group& group, std::string_view name);
  Status CheckNames(const Resource& resource) const;

  std::vector<Group> groups_;
  std::int64_t generation_ = 0;
};

}  // namespace weir::kube
