// OpenAPI v3: for every resource its paths with their operations, and the schemas of the kinds.
// From it kubectl explains fields, makes its patches, and learns that the server validates (a PATCH
// that takes `fieldValidation`).
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kube/openapi_schema.h"
#include "kube/resource.h"

namespace weir::kube {
namespace {

// Counts with the digest of what a document is made from: another number for another form.
constexpr std::string_view kForm = "2";

constexpr std::string_view kMediaTypes[] = {
    "application/json", "application/vnd.kubernetes.protobuf", "application/yaml"};

// The part of a path that names the group version: "api/v1", "apis/apps/v1".
std::string Root(std::string_view group, std::string_view version) {
  if (group.empty()) return "api/" + std::string(version);
  return "apis/" + std::string(group) + "/" + std::string(version);
}

Json Reference(const std::string& root, std::string_view content) {
  // Clients cache a document under its hash.
  return {{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={:016X}", root, Fnv1a(content))}};
}

Json Parameter(std::string_view name, std::string_view where, std::string_view type) {
  Json parameter = {
      {"name", name}, {"in", where}, {"schema", {{"type", type}, {"uniqueItems", true}}}};
  if (where == "path") parameter["required"] = true;
  return parameter;
}

Json Parameters(std::initializer_list<std::string_view> names) {
  Json parameters = Json::array();
  for (const std::string_view name : names) {
    const bool flag = name == "force" || name == "watch" || name == "allowWatchBookmarks" ||
                      name == "orphanDependents" || name == "sendInitialEvents";
    const bool number = name == "limit" || name == "timeoutSeconds" || name == "gracePeriodSeconds";
    parameters.push_back(Parameter(name, "query",
                                   flag     ? "boolean"
                                   : number ? "integer"
                                            : "string"));
  }
  return parameters;
}

Json ListParameters() {
  return Parameters({"allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit",
                     "resourceVersion", "resourceVersionMatch", "sendInitialEvents",
                     "timeoutSeconds", "watch"});
}

std::string Capitalised(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  return out;
}

// What operations are called after: "AppsV1", "CoreV1", "RbacAuthorizationV1".
std::string OperationGroup(const Resource& resource, bool tag) {
  std::string group = resource.group.empty() ? "core" : resource.group;
  if (group.ends_with(".k8s.io")) group.resize(group.size() - 7);
  std::string out;
  for (const std::string& part : Split(group, '.')) out += Capitalised(part);
  if (!tag) return out + Capitalised(resource.version);
  out[0] = static_cast<char>(out[0] + 32);
  return out + "_" + resource.version;
}

// A body or an answer in each of the ways in which a kind travels.
Json Content(const Json& schema) {
  Json content = Json::object();
  for (const std::string_view media : kMediaTypes) content[std::string(media)]["schema"] = schema;
  return content;
}

// The operations of one path. `kind` is what it takes: the resource's own, or Scale and the like.
class Operations {
 public:
  Operations(const Resource& resource, const Resource& kind, std::string schema, std::string name)
      : resource_(resource), kind_(kind), schema_(std::move(schema)), name_(std::move(name)) {}

  Json Read() const { return Make("read", "get", Json::array(), {"200"}); }
  Json Create() const {
    return Writing("create", "post", {"200", "201", "202"}, WriteParameters(false));
  }
  Json Replace() const { return Writing("replace", "put", {"200", "201"}, WriteParameters(false)); }
  Json Patch() const {
    Json operation = Make("patch", "patch", WriteParameters(true), {"200", "201"});
    Json content = Json::object();
    const Json patch = SchemaReference("io.k8s.apimachinery.pkg.apis.meta.v1.Patch");
    for (const std::string_view media :
         {"apply-patch+yaml", "json-patch+json", "merge-patch+json"}) {
      content["application/" + std::string(media)]["schema"] = patch;
    }
    if (resource_.crd_name.empty()) {
      content["application/strategic-merge-patch+json"]["schema"] = patch;
    }
    operation["requestBody"] = {{"content", std::move(content)}, {"required", true}};
    return operation;
  }
  Json Delete() const {
    return Make(
        "delete", "delete",
        Parameters({"dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"}),
        {"200", "202"});
  }
  Json Collection(std::string_view verb, std::string_view action) const {
    return Make(verb, action, ListParameters(), {"200"});
  }

 private:
  static Json WriteParameters(bool patch) {
    return patch ? Parameters({"dryRun", "fieldManager", "fieldValidation", "force"})
                 : Parameters({"dryRun", "fieldManager", "fieldValidation"});
  }

  Json Writing(std::string_view verb, std::string_view action,
               std::initializer_list<std::string_view> codes, Json parameters) const {
    Json operation = Make(verb, action, std::move(parameters), codes);
    operation["requestBody"] = {{"content", Content(SchemaReference(schema_))}, {"required", true}};
    return operation;
  }

  Json Make(std::string_view verb, std::string_view action, Json parameters,
            std::initializer_list<std::string_view> codes) const {
    Json responses = {{"401", {{"description", "Unauthorized"}}}};
    for (const std::string_view code : codes) {
      responses[std::string(code)] = {{"description", "OK"},
                                      {"content", Content(SchemaReference(schema_))}};
    }
    Json operation = {{"operationId", fmt::format("{}{}{}", verb,
                                                  OperationGroup(resource_, /*tag=*/false), name_)},
                      {"tags", Json::array({OperationGroup(resource_, /*tag=*/true)})},
                      {"responses", std::move(responses)},
                      {"x-kubernetes-action", action},
                      {"x-kubernetes-group-version-kind",
                       {{"group", kind_.group}, {"version", kind_.version}, {"kind", kind_.kind}}}};
    if (!parameters.empty()) operation["parameters"] = std::move(parameters);
    return operation;
  }

  const Resource& resource_;
  const Resource& kind_;
  std::string schema_;  // of what is taken and answered
  std::string name_;    // "NamespacedDeploymentScale"
};

Json PathParameters(bool name, bool ns) {
  Json parameters = Parameters({"pretty"});
  if (name) parameters.push_back(Parameter("name", "path", "string"));
  if (ns) parameters.push_back(Parameter("namespace", "path", "string"));
  return parameters;
}

// All paths of one resource.
class ResourcePaths {
 public:
  ResourcePaths(const Resource& resource, Json& paths, Json& schemas)
      : resource_(resource), paths_(paths), schemas_(schemas) {
    schema_ = AddKindSchemas(resource, schemas);
    list_schema_ = schema_.substr(0, schema_.rfind('.') + 1) + resource.list_kind;
    root_ = "/" + Root(resource.group, resource.version) + "/";
    scope_ = resource.namespaced ? "namespaces/{namespace}/" : "";
    name_ = (resource.namespaced ? "Namespaced" : "") + resource.kind;
  }

  void Add() {
    AddCollection();
    AddObject();
    for (const Subresource& subresource : resource_.subresources) AddSubresource(subresource);
    if (resource_.HasVerb("watch")) AddWatches();
  }

 private:
  Operations Of(std::string schema, std::string name) const {
    return Operations(resource_, resource_, std::move(schema), std::move(name));
  }

  Json& Path(const std::string& path, bool name, bool ns) {
    Json& item = paths_[path];
    item["parameters"] = PathParameters(name, ns);
    return item;
  }

  void AddCollection() {
    const std::string all = "ForAllNamespaces";
    if (resource_.namespaced && resource_.HasVerb("list")) {
      Path(root_ + resource_.plural, false, false)["get"] =
          Of(list_schema_, resource_.kind + all).Collection("list", "list");
    }
    Json& item = Path(root_ + scope_ + resource_.plural, false, resource_.namespaced);
    if (resource_.HasVerb("list")) {
      item["get"] = Of(list_schema_, name_).Collection("list", "list");
    }
    if (resource_.HasVerb("create")) item["post"] = Of(schema_, name_).Create();
    if (resource_.HasVerb("deletecollection")) {
      item["delete"] =
          Of(list_schema_, "Collection" + name_).Collection("delete", "deletecollection");
    }
  }

  void AddObject() {
    if (!resource_.HasVerb("get")) return;
    Json& item = Path(root_ + scope_ + resource_.plural + "/{name}", true, resource_.namespaced);
    const Operations operations = Of(schema_, name_);
    item["get"] = operations.Read();
    if (resource_.HasVerb("update")) item["put"] = operations.Replace();
    if (resource_.HasVerb("patch")) item["patch"] = operations.Patch();
    if (resource_.HasVerb("delete")) item["delete"] = operations.Delete();
  }

  void AddSubresource(const Subresource& subresource) {
    const Resource kind = resource_.OfSubresource(subresource);
    std::string schema = schema_;
    if (kind.kind != resource_.kind) {
      const Type* type = TypeTable::Get().Find(kind.type);
      if (type == nullptr) return;  // a stream's options have no body
      AddSchemas(*type, schemas_);
      schema = TypeTable::Get().OpenApiName(*type);
    }
    Json& item = Path(root_ + scope_ + resource_.plural + "/{name}/" + subresource.name, true,
                      resource_.namespaced);
    const Operations operations(resource_, kind, schema, name_ + Capitalised(subresource.name));
    for (const std::string& verb : subresource.verbs) {
      if (verb == "get") item["get"] = operations.Read();
      if (verb == "create") item["post"] = operations.Create();
      if (verb == "update") item["put"] = operations.Replace();
      if (verb == "patch") item["patch"] = operations.Patch();
    }
  }

  void AddWatches() {
    const std::string event = "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent";
    const std::string watch = root_ + "watch/";
    if (resource_.namespaced) {
      Path(watch + resource_.plural, false, false)["get"] =
          Of(event, resource_.kind + "ListForAllNamespaces").Collection("watch", "watchlist");
    }
    Path(watch + scope_ + resource_.plural, false, resource_.namespaced)["get"] =
        Of(event, name_ + "List").Collection("watch", "watchlist");
    Path(watch + scope_ + resource_.plural + "/{name}", true, resource_.namespaced)["get"] =
        Of(event, name_).Collection("watch", "watch");
  }

  const Resource& resource_;
  Json& paths_;
  Json& schemas_;
  std::string schema_;
  std::string list_schema_;
  std::string root_;
  std::string scope_;
  std::string name_;
};

Json DocumentOf(Json paths, Json schemas) {
  Json document = {{"openapi", "3.0.0"},
                   {"info", {{"title", "Kubernetes"}, {"version", "v1.36.3"}}},
                   {"paths", std::move(paths)}};
  if (!schemas.empty()) document["components"]["schemas"] = std::move(schemas);
  return document;
}

// What of a resource its part of the document is made from.
std::string Essence(const Resource& resource) {
  std::string text = fmt::format("{} {} {} {}", resource.plural, resource.kind, resource.namespaced,
                                 Join(resource.verbs, ","));
  for (const Subresource& subresource : resource.subresources) {
    text +=
        fmt::format(" {} {} {}", subresource.name, subresource.kind, Join(subresource.verbs, ","));
  }
  if (resource.schema != nullptr) text += DumpJson(*resource.schema);
  return text;
}

// A document that says no more than that something can be read at a path.
Json PlainDocument(const std::string& path) {
  Json operation = {{"responses", {{"200", {{"description", "OK"}}}}}};
  return DocumentOf({{path, {{"get", std::move(operation)}}}}, Json::object());
}

}  // namespace

Json Registry::OpenApiIndex(const std::vector<std::string>& extra_group_versions) const {
  Json paths = Json::object();
  const std::string common = fmt::format("{}{}", kForm, TypeTable::Get().digest());
  for (const char* root : {"api", "apis", "version"}) paths[root] = Reference(root, root);
  for (const Group& group : groups_) {
    if (!group.name.empty() && group.built_in) {
      const std::string root = "apis/" + group.name;
      paths[root] = Reference(root, root);
    }
    for (const Version& version : group.versions) {
      std::string content = common;
      for (const auto& resource : version.resources) content += Essence(*resource);
      const std::string root = Root(group.name, version.name);
      paths[root] = Reference(root, content);
    }
  }
  for (const std::string& group_version : extra_group_versions) {
    std::string root = "apis/" + group_version;
    paths[root] = Reference(root, root);
  }
  return {{"paths", std::move(paths)}};
}

Json Registry::OpenApiDocument(std::string_view path) const {
  if (path == "api" || path == "apis" || path == "version") {
    return PlainDocument("/" + std::string(path) + "/");
  }
  const std::vector<std::string> parts = Split(path, '/');
  if (parts.size() == 2 && parts[0] == "apis") {
    const Group* group = FindGroup(parts[1]);
    if (group == nullptr || !group->built_in) return nullptr;
    return PlainDocument("/" + std::string(path) + "/");
  }
  std::vector<const Resource*> resources;
  if (parts.size() == 2 && parts[0] == "api") resources = List("", parts[1]);
  if (parts.size() == 3 && parts[0] == "apis") resources = List(parts[1], parts[2]);
  if (resources.empty()) return nullptr;
  Json paths = Json::object();
  Json schemas = {{"io.k8s.apimachinery.pkg.apis.meta.v1.Patch", {{"type", "object"}}}};
  for (const std::string_view type :
       {"meta/v1.DeleteOptions", "meta/v1.Status", "meta/v1.WatchEvent"}) {
    AddSchemas(*TypeTable::Get().Find(type), schemas);
  }
  for (const Resource* resource : resources) ResourcePaths(*resource, paths, schemas).Add();
  return DocumentOf(std::move(paths), std::move(schemas));
}

}  // namespace weir::kube
