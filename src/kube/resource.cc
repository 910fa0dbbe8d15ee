#include "kube/resource.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/check.h"
#include "base/strings.h"
#include "kube/data_lines.h"
#include "kube/names.h"
#include "kube/types.h"

namespace weir::kube {

extern const std::string_view k_embedded_resources_txt;

namespace {

constexpr std::string_view kUsualVerbs[] = {"create", "delete", "deletecollection", "get",
                                            "list",   "patch",  "update",           "watch"};
// The same for custom resources, in the order that the apiextensions server writes down.
constexpr std::string_view kCustomVerbs[] = {"delete", "deletecollection", "get",    "list",
                                             "patch",  "create",           "update", "watch"};

constexpr std::string_view kNameDescription =
    "Name must be unique within a namespace. Is required when creating resources, although some "
    "resources may allow a client to request the generation of an appropriate name automatically. "
    "Name is primarily intended for creation idempotence and configuration definition. Cannot be "
    "updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
constexpr std::string_view kCreatedDescription =
    "CreationTimestamp is a timestamp representing the server time when this object was created.";

Column NameColumn() {
  return {"Name", "string", "name", std::string(kNameDescription), 0, ".metadata.name"};
}

void SetVersion(std::string_view text, std::string& group, std::string& version) {
  std::size_t slash = text.find('/');
  group = slash == std::string_view::npos ? "" : text.substr(0, slash);
  version = text.substr(slash == std::string_view::npos ? 0 : slash + 1);
}

std::vector<std::string> Words(std::string_view line) {
  std::vector<std::string> out;
  for (std::string_view word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
    out.emplace_back(word);
  }
  return out;
}

// subresource NAME [GROUP/VERSION] KIND served|later VERB...
void ReadSubresource(std::string_view line, Resource& resource) {
  Subresource out;
  out.name = TakeWord(line);
  std::string_view kind = TakeWord(line);
  if (kind.contains('/')) {
    SetVersion(kind, out.group, out.version);
    kind = TakeWord(line);
  }
  out.kind = kind;
  bool served = TakeWord(line) == "served";
  out.verbs = Words(line);
  if (served) resource.subresources.push_back(std::move(out));
}

// column TYPE[:FORMAT] [wide] NAME [-- DESCRIPTION]
void ReadColumn(std::string_view line, Resource& resource) {
  Column out;
  std::string_view type = TakeWord(line);
  out.type = TakePiece(type, ':');
  out.format = type;
  line = Trim(line);
  if (line.starts_with("wide ")) {
    out.priority = 1;
    TakeWord(line);
  }
  std::size_t description = line.find(" -- ");
  out.name = Trim(line.substr(0, description));
  if (description != std::string_view::npos) out.description = line.substr(description + 4);
  if (out.format == "name") out.description = kNameDescription;
  if (out.name == "Age" || out.name == "Created At") out.description = kCreatedDescription;
  resource.columns.push_back(std::move(out));
}

// stored [GROUP/]VERSION, where the core group is called `core`
void ReadStored(std::string_view where, Resource& resource) {
  if (!where.contains('/')) {
    resource.storage_version = where;
    return;
  }
  SetVersion(where, resource.storage_group, resource.storage_version);
  if (resource.storage_group == "core") resource.storage_group.clear();
}

// resource VERSION PLURAL SINGULAR KIND namespaced|cluster served|later
bool ReadHeader(std::string_view line, Resource& resource) {
  SetVersion(TakeWord(line), resource.group, resource.version);
  resource.plural = TakeWord(line);
  resource.singular = TakeWord(line);
  resource.kind = TakeWord(line);
  resource.list_kind = resource.kind + "List";
  resource.namespaced = TakeWord(line) == "namespaced";
  resource.storage_group = resource.group;
  resource.storage_version = resource.version;
  if (const Type* type = TypeTable::Get().FindKind(resource.ApiVersion(), resource.kind)) {
    resource.type = type->name;
  }
  return TakeWord(line) == "served";
}

// All served resources of data/resources.txt, in its order.
std::vector<Resource> ReadResources(std::string_view text) {
  std::vector<Resource> out;
  bool served = false;
  std::string_view line;
  while (TakeLine(text, line)) {
    std::string_view word = TakeWord(line);
    if (word == "resource") {
      Resource resource;
      served = ReadHeader(line, resource);
      if (served) out.push_back(std::move(resource));
    } else if (served && word == "short") {
      out.back().short_names = Words(line);
    } else if (served && word == "categories") {
      out.back().categories = Words(line);
    } else if (served && word == "verbs") {
      out.back().verbs = Words(line);
      if (out.back().verbs == std::vector<std::string>{"all"}) {
        out.back().verbs.assign(std::begin(kUsualVerbs), std::end(kUsualVerbs));
      }
    } else if (served && word == "deprecated") {
      out.back().deprecation = Trim(line);
    } else if (served && word == "stored") {
      ReadStored(TakeWord(line), out.back());
    } else if (served && word == "subresource") {
      ReadSubresource(line, out.back());
    } else if (served && word == "column") {
      ReadColumn(line, out.back());
    } else {
      bool known = !served || word.empty() || word.starts_with('#');
      WEIR_CHECK(known);
    }
  }
  return out;
}

// version.CompareKubeAwareVersionStrings: v10, v2, v1, v11beta2, v10beta3, v3beta1, v12alpha1,
// then anything else by name.
struct VersionRank {
  int stability = 0;  // 3 general, 2 beta, 1 alpha, 0 no Kubernetes-like name
  std::int64_t major = 0;
  std::int64_t minor = 0;
};

VersionRank RankOf(std::string_view name) {
  VersionRank out;
  if (!name.starts_with('v')) return {};
  name.remove_prefix(1);
  auto take_number = [&name](std::int64_t& number) {
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    return error == std::errc() && number > 0;
  };
  if (!take_number(out.major)) return {};
  if (name.empty()) {
    out.stability = 3;
    return out;
  }
  for (auto [word, stability] : {std::pair("beta", 2), std::pair("alpha", 1)}) {
    if (!name.starts_with(word)) continue;
    name.remove_prefix(std::string_view(word).size());
    out.stability = stability;
  }
  if (out.stability == 0 || !take_number(out.minor) || !name.empty()) return {};
  return out;
}

bool ComesBefore(std::string_view a, std::string_view b) {
  VersionRank x = RankOf(a);
  VersionRank y = RankOf(b);
  auto key = [](const VersionRank& rank) {
    return std::tie(rank.stability, rank.major, rank.minor);
  };
  if (key(x) != key(y)) return key(x) > key(y);
  return a < b;
}

std::vector<std::string> Strings(const Json& array) {
  std::vector<std::string> out;
  for (const Json& item : array) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

// The columns of a custom resource: its name, then its own or else the age.
std::vector<Column> CustomColumns(const Json& version) {
  std::vector<Column> out = {NameColumn()};
  for (const Json& column : GetArray(version, {"additionalPrinterColumns"})) {
    std::string path = GetString(column, "jsonPath");
    std::string description = GetString(column, "description");
    if (description.empty()) {
      description = "Custom resource definition column (in JSONPath format): " + path;
    }
    out.push_back({GetString(column, "name"), GetString(column, "type"),
                   GetString(column, "format"), std::move(description),
                   static_cast<int>(GetInt(column, {"priority"}, 0)), path});
  }
  if (out.size() == 1) {
    out.push_back(
        {"Age", "date", "", std::string(kCreatedDescription), 0, ".metadata.creationTimestamp"});
  }
  return out;
}

Resource CustomResource(const Json& crd, const Json& version) {
  const Json& names = GetObject(crd, {"spec", "names"});
  Resource out;
  out.group = GetString(crd, {"spec", "group"});
  out.storage_group = out.group;
  out.version = GetString(version, "name");
  out.plural = GetString(names, "plural");
  out.kind = GetString(names, "kind");
  out.singular = GetString(names, "singular");
  if (out.singular.empty()) out.singular = ToLower(out.kind);
  out.list_kind = GetString(names, "listKind");
  if (out.list_kind.empty()) out.list_kind = out.kind + "List";
  out.namespaced = GetString(crd, {"spec", "scope"}) == "Namespaced";
  out.short_names = Strings(GetArray(names, {"shortNames"}));
  out.categories = Strings(GetArray(names, {"categories"}));
  out.verbs.assign(std::begin(kCustomVerbs), std::end(kCustomVerbs));
  out.columns = CustomColumns(version);
  out.crd_name = GetString(crd, {"metadata", "name"});
  if (const Json* schema = Find(version, {"schema", "openAPIV3Schema"})) {
    out.schema = std::make_shared<const Json>(*schema);
  }
  if (Find(version, {"subresources", "status"}) != nullptr) {
    out.subresources.push_back({"status", "", "", out.kind, {"get", "patch", "update"}});
  }
  if (const Json* scale = Find(version, {"subresources", "scale"})) {
    out.subresources.push_back({"scale", "autoscaling", "v1", "Scale", {"get", "patch", "update"}});
    out.scale_paths = *scale;
  }
  for (const Json& other : GetArray(crd, {"spec", "versions"})) {
    if (GetBool(other, {"storage"}, false)) out.storage_version = GetString(other, "name");
  }
  return out;
}

}  // namespace

namespace {

// A Scale has no resource of its own, but a Table.
std::vector<Column> ScaleColumns() {
  std::vector<Column> out = {NameColumn()};
  out.front().format.clear();
  for (const char* name : {"Desired", "Available"}) {
    Column column;
    column.name = name;
    column.type = "integer";
    out.push_back(std::move(column));
  }
  Column age;
  age.name = "Age";
  age.type = "string";
  age.description = kCreatedDescription;
  out.push_back(std::move(age));
  return out;
}

}  // namespace

Resource Resource::OfSubresource(const Subresource& subresource) const {
  if (subresource.kind == kind && subresource.group.empty()) return *this;
  Resource out;
  out.group = subresource.version.empty() ? group : subresource.group;
  out.version = subresource.version.empty() ? version : subresource.version;
  out.plural = plural;
  out.singular = singular;
  out.kind = subresource.kind;
  out.list_kind = subresource.kind + "List";
  out.namespaced = namespaced;
  out.storage_group = out.group;
  out.storage_version = out.version;
  if (out.kind == "Scale") out.columns = ScaleColumns();
  if (const kube::Type* found = TypeTable::Get().FindKind(out.ApiVersion(), out.kind)) {
    out.type = found->name;
  }
  return out;
}

std::string Resource::ApiVersion() const { return group.empty() ? version : group + "/" + version; }

std::string Resource::GroupResource() const {
  return group.empty() ? plural : plural + "." + group;
}

const Subresource* Resource::FindSubresource(std::string_view name) const {
  for (const Subresource& subresource : subresources) {
    if (subresource.name == name) return &subresource;
  }
  return nullptr;
}

bool Resource::HasVerb(std::string_view verb) const {
  return std::ranges::find(verbs, verb) != verbs.end();
}

Registry::Registry(bool serve_v2beta2) {
  for (Resource& resource : ReadResources(k_embedded_resources_txt)) {
    if (resource.version == "v2beta2" && !serve_v2beta2) continue;
    Group& group = EnsureGroup(resource.group);
    group.built_in = true;
    Version& version = EnsureVersion(group, resource.version);
    version.resources.push_back(std::make_shared<const Resource>(std::move(resource)));
  }
}

const Registry::Group* Registry::FindGroup(std::string_view name) const {
  for (const Group& group : groups_) {
    if (group.name == name) return &group;
  }
  return nullptr;
}

// Groups of custom resources come after the built-in ones, by name.
Registry::Group& Registry::EnsureGroup(std::string_view name) {
  for (Group& group : groups_) {
    if (group.name == name) return group;
  }
  auto at = std::ranges::find_if(
      groups_, [&](const Group& group) { return !group.built_in && group.name > name; });
  return *groups_.insert(at, Group{std::string(name), false, {}});
}

Registry::Version& Registry::EnsureVersion(Group& group, std::string_view name) {
  for (Version& version : group.versions) {
    if (version.name == name) return version;
  }
  auto at = group.versions.end();
  if (!group.built_in) {
    at = std::ranges::find_if(group.versions,
                              [&](const Version& other) { return ComesBefore(name, other.name); });
  }
  return *group.versions.insert(at, Version{std::string(name), {}});
}

const Resource* Registry::Find(std::string_view group, std::string_view version,
                               std::string_view plural) const {
  for (const Resource* resource : List(group, version)) {
    if (resource->plural == plural) return resource;
  }
  return nullptr;
}

const Resource* Registry::FindKind(std::string_view group, std::string_view version,
                                   std::string_view kind) const {
  for (const Resource* resource : List(group, version)) {
    if (resource->kind == kind) return resource;
  }
  return nullptr;
}

const Resource* Registry::Resolve(std::string_view group, std::string_view name) const {
  const Group* found = FindGroup(group);
  if (found == nullptr) return nullptr;
  std::string lower = ToLower(name);
  for (const Version& version : found->versions) {
    for (const auto& resource : version.resources) {
      if (resource->plural == name || resource->singular == name ||
          ToLower(resource->kind) == lower) {
        return resource.get();
      }
    }
  }
  return nullptr;
}

const Resource* Registry::ResolveAnyGroup(std::string_view name) const {
  for (const Group& group : groups_) {
    if (const Resource* found = Resolve(group.name, name)) return found;
  }
  return nullptr;
}

std::vector<std::string> Registry::Versions(std::string_view group) const {
  std::vector<std::string> out;
  if (const Group* found = FindGroup(group)) {
    for (const Version& version : found->versions) out.push_back(version.name);
  }
  return out;
}

std::vector<std::string> Registry::Groups() const {
  std::vector<std::string> out;
  out.reserve(groups_.size());
  for (const Group& group : groups_) out.push_back(group.name);
  return out;
}

std::vector<const Resource*> Registry::List(std::string_view group,
                                            std::string_view version) const {
  std::vector<const Resource*> out;
  const Group* found = FindGroup(group);
  if (found == nullptr) return out;
  for (const Version& candidate : found->versions) {
    if (candidate.name != version) continue;
    for (const auto& resource : candidate.resources) out.push_back(resource.get());
  }
  return out;
}

Status Registry::CheckNames(const Resource& resource) const {
  const Group* group = FindGroup(resource.group);
  if (group == nullptr) return {};
  if (group->built_in) {
    return Fail(Code::kConflict, "the group " + Quote(resource.group) + " is built in");
  }
  for (const Version& version : group->versions) {
    for (const auto& other : version.resources) {
      if (other->crd_name == resource.crd_name) continue;
      if (other->plural == resource.plural) {
        return Fail(Code::kConflict, Quote(resource.plural) + " is already in use");
      }
      if (other->kind == resource.kind) {
        return Fail(Code::kConflict, Quote(resource.kind) + " is already in use");
      }
    }
  }
  return {};
}

Status Registry::AddCustom(const Json& crd) {
  std::vector<Resource> served;
  for (const Json& version : GetArray(crd, {"spec", "versions"})) {
    if (!GetBool(version, {"served"}, false)) continue;
    Resource resource = CustomResource(crd, version);
    for (std::string_view text :
         {std::string_view(resource.group), std::string_view(resource.version),
          std::string_view(resource.plural)}) {
      if (std::vector<std::string> why = SubdomainErrors(text); !why.empty()) {
        return Fail(Code::kInvalid, "customresourcedefinition " + Quote(resource.crd_name) + ": " +
                                        Quote(text) + ": " + Join(why, "; "));
      }
    }
    if (resource.kind.empty()) {
      return Fail(Code::kInvalid,
                  "customresourcedefinition " + Quote(resource.crd_name) + ": no spec.names.kind");
    }
    if (Status status = CheckNames(resource); !status) return status;
    served.push_back(std::move(resource));
  }
  RemoveCustom(GetString(crd, {"metadata", "name"}));
  for (Resource& resource : served) {
    Group& group = EnsureGroup(resource.group);
    Resources& list = EnsureVersion(group, resource.version).resources;
    auto at = std::ranges::find_if(
        list, [&](const auto& other) { return other->plural > resource.plural; });
    list.insert(at, std::make_shared<const Resource>(std::move(resource)));
  }
  return {};
}

void Registry::RemoveCustom(std::string_view crd_name) {
  if (crd_name.empty()) return;
  ++generation_;
  for (Group& group : groups_) {
    for (Version& version : group.versions) {
      std::erase_if(version.resources,
                    [&](const auto& resource) { return resource->crd_name == crd_name; });
    }
    std::erase_if(group.versions, [](const Version& version) { return version.resources.empty(); });
  }
  std::erase_if(groups_, [](const Group& group) { return group.versions.empty(); });
}

}  // namespace weir::kube
