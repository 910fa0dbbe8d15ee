#include "kube/resource.h"

#include <gtest/gtest.h>

#include "kube/types.h"

namespace weir::kube {
namespace {

constexpr std::string_view kWidgets = R"({"metadata":{"name":"widgets.crd.example.com"},"spec":{
  "group":"crd.example.com","scope":"Namespaced",
  "names":{"plural":"widgets","kind":"Widget","shortNames":["wd"],"categories":["toys"]},
  "versions":[
    {"name":"v1beta1","served":true,"storage":false},
    {"name":"v1","served":true,"storage":true,
     "schema":{"openAPIV3Schema":{"type":"object"}},
     "subresources":{"status":{},"scale":{"specReplicasPath":".spec.replicas",
       "statusReplicasPath":".status.replicas"}},
     "additionalPrinterColumns":[{"name":"Size","type":"integer","jsonPath":".spec.size"}]},
    {"name":"v1alpha1","served":false,"storage":false}]}})";

TEST(TypeTable, HasWhatItsFileSays) {
  const TypeTable& table = TypeTable::Get();
  const Type* deployment = table.FindKind("apps/v1", "Deployment");
  ASSERT_NE(deployment, nullptr);
  EXPECT_EQ(deployment->name, "apps/v1.Deployment");
  const Type* spec = table.Find("apps/v1.DeploymentSpec");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->GoName(), "v1.DeploymentSpec");
  EXPECT_EQ(spec->BareName(), "DeploymentSpec");
  const Field* replicas = spec->Find("replicas");
  ASSERT_NE(replicas, nullptr);
  EXPECT_TRUE(replicas->pointer);
  EXPECT_EQ(replicas->number, 1);
  EXPECT_TRUE(spec->Find("strategy")->patch_retain_keys);
  const Field* empty_dir = table.Find("core/v1.Volume")->Find("emptyDir");
  EXPECT_EQ(empty_dir->via, 2);
  EXPECT_EQ(empty_dir->number, 2);
  const Field* containers = table.Find("core/v1.PodSpec")->Find("containers");
  EXPECT_EQ(containers->patch_key, "name");
  EXPECT_EQ(table.GoName(containers->type), "[]v1.Container");
  EXPECT_EQ(table.GoName(table.Find("core/v1.Secret")->Find("data")->type), "map[string][]uint8");
  EXPECT_EQ(table.FindKind("apps/v1", "Pod"), nullptr);
  EXPECT_EQ(spec->Find("Replicas"), nullptr);
}

TEST(Registry, ServesBuiltInResources) {
  Registry registry(true);
  const Resource* pods = registry.Find("", "v1", "pods");
  ASSERT_NE(pods, nullptr);
  EXPECT_EQ(pods->type, "core/v1.Pod");
  EXPECT_EQ(pods->GroupResource(), "pods");
  EXPECT_NE(pods->FindSubresource("log"), nullptr);
  EXPECT_EQ(pods->FindSubresource("proxy"), nullptr);
  EXPECT_TRUE(pods->HasVerb("deletecollection"));
  EXPECT_EQ(pods->columns[1].name, "Ready");
  const Resource* deployments = registry.FindKind("apps", "v1", "Deployment");
  ASSERT_NE(deployments, nullptr);
  EXPECT_EQ(deployments->GroupResource(), "deployments.apps");
  Resource scale = deployments->OfSubresource(*deployments->FindSubresource("scale"));
  EXPECT_EQ(scale.type, "autoscaling/v1.Scale");
  EXPECT_EQ(scale.ApiVersion(), "autoscaling/v1");
  Resource binding = pods->OfSubresource(*pods->FindSubresource("binding"));
  EXPECT_EQ(binding.type, "core/v1.Binding");
  const Resource* hpa = registry.Find("autoscaling", "v1", "horizontalpodautoscalers");
  EXPECT_EQ(hpa->storage_version, "v2");
  const Resource* events = registry.Find("events.k8s.io", "v1", "events");
  ASSERT_NE(events, nullptr);
  EXPECT_EQ(events->storage_group, "");
  EXPECT_EQ(registry.Find("", "v1", "bindings"), nullptr);
  for (const std::string& group : registry.Groups()) {
    for (const std::string& version : registry.Versions(group)) {
      for (const Resource* resource : registry.List(group, version)) {
        EXPECT_FALSE(resource->type.empty()) << resource->GroupResource();
      }
    }
  }
}

TEST(Registry, OrdersVersionsAndLeavesV2beta2Out) {
  EXPECT_EQ(Registry(true).Versions("autoscaling"),
            (std::vector<std::string>{"v2", "v1", "v2beta2"}));
  EXPECT_EQ(Registry(false).Versions("autoscaling"), (std::vector<std::string>{"v2", "v1"}));
  EXPECT_EQ(Registry(false).Groups(),
            (std::vector<std::string>{
                "", "apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
                "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io",
                "apiextensions.k8s.io", "coordination.k8s.io", "discovery.k8s.io"}));
}

TEST(Registry, ResolvesNames) {
  Registry registry(true);
  struct Case {
    std::string_view group, name, version;
  };
  constexpr Case kCases[] = {
      {"apps", "deployments", "v1"},
      {"apps", "deployment", "v1"},
      {"apps", "Deployment", "v1"},
      {"apps", "DEPLOYMENT", "v1"},
      {"", "Pod", "v1"},
      {"autoscaling", "horizontalpodautoscaler", "v2"},
  };
  for (const Case& c : kCases) {
    const Resource* found = registry.Resolve(c.group, c.name);
    ASSERT_NE(found, nullptr) << c.name;
    EXPECT_EQ(found->version, c.version);
  }
  EXPECT_EQ(registry.Resolve("apps", "pods"), nullptr);
  EXPECT_EQ(registry.Resolve("nope", "pods"), nullptr);
  EXPECT_EQ(registry.ResolveAnyGroup("deployments")->group, "apps");
  EXPECT_EQ(registry.ResolveAnyGroup("deploys"), nullptr);
}

TEST(Registry, TakesCustomResources) {
  Registry registry(false);
  ASSERT_TRUE(registry.AddCustom(*ParseJson(kWidgets)));
  EXPECT_EQ(registry.Versions("crd.example.com"), (std::vector<std::string>{"v1", "v1beta1"}));
  const Resource* v1 = registry.Find("crd.example.com", "v1", "widgets");
  ASSERT_NE(v1, nullptr);
  EXPECT_EQ(v1->singular, "widget");
  EXPECT_EQ(v1->list_kind, "WidgetList");
  EXPECT_EQ(v1->storage_version, "v1");
  EXPECT_TRUE(v1->type.empty());
  ASSERT_NE(v1->schema, nullptr);
  ASSERT_EQ(v1->columns.size(), 2U);
  EXPECT_EQ(v1->columns[1].json_path, ".spec.size");
  EXPECT_EQ(GetString(v1->scale_paths, "specReplicasPath"), ".spec.replicas");
  const Resource* beta = registry.Find("crd.example.com", "v1beta1", "widgets");
  ASSERT_NE(beta, nullptr);
  EXPECT_TRUE(beta->subresources.empty());
  EXPECT_EQ(beta->columns[1].name, "Age");
  EXPECT_EQ(registry.Groups().back(), "crd.example.com");

  // The same definition again replaces, another one with the same names is refused.
  ASSERT_TRUE(registry.AddCustom(*ParseJson(kWidgets)));
  EXPECT_EQ(registry.List("crd.example.com", "v1").size(), 1U);
  Json rival = *ParseJson(kWidgets);
  rival["metadata"]["name"] = "others.crd.example.com";
  EXPECT_EQ(registry.AddCustom(rival).error().code, Code::kConflict);
  rival["spec"]["group"] = "apps";
  EXPECT_EQ(registry.AddCustom(rival).error().code, Code::kConflict);
  rival["spec"]["group"] = "Not A Group";
  EXPECT_EQ(registry.AddCustom(rival).error().code, Code::kInvalid);
  EXPECT_TRUE(registry.AddCustom(Json::object()));

  registry.RemoveCustom("widgets.crd.example.com");
  EXPECT_TRUE(registry.Versions("crd.example.com").empty());
  EXPECT_EQ(registry.Groups().back(), "discovery.k8s.io");
}

TEST(Discovery, PrintsAggregatedDocuments) {
  Registry registry(false);
  ASSERT_TRUE(registry.AddCustom(*ParseJson(kWidgets)));
  Json core = registry.AggregatedCore();
  EXPECT_EQ(GetString(core, "kind"), "APIGroupDiscoveryList");
  EXPECT_EQ(GetString(core, "apiVersion"), "apidiscovery.k8s.io/v2");
  ASSERT_EQ(core["items"].size(), 1U);
  EXPECT_EQ(core["items"][0]["metadata"], Json::object());
  EXPECT_EQ(core["items"][0]["versions"][0]["freshness"], "Current");
  Json extra = {{"metadata", {{"name", "metrics.k8s.io"}}},
                {"versions", Json::array({{{"version", "v1beta1"}}})}};
  Json groups = registry.AggregatedGroups({extra})["items"];
  const Json* apps = nullptr;
  const Json* custom = nullptr;
  for (const Json& group : groups) {
    if (GetString(group, {"metadata", "name"}) == "apps") apps = &group;
    if (GetString(group, {"metadata", "name"}) == "crd.example.com") custom = &group;
  }
  ASSERT_NE(apps, nullptr);
  EXPECT_EQ((*apps)["versions"][0]["resources"][2], *ParseJson(R"({
    "resource":"deployments","responseKind":{"group":"","version":"","kind":"Deployment"},
    "scope":"Namespaced","singularResource":"deployment","shortNames":["deploy"],
    "categories":["all"],
    "verbs":["create","delete","deletecollection","get","list","patch","update","watch"],
    "subresources":[
      {"subresource":"scale","verbs":["get","patch","update"],
       "responseKind":{"group":"autoscaling","version":"v1","kind":"Scale"}},
      {"subresource":"status","verbs":["get","patch","update"],
       "responseKind":{"group":"","version":"","kind":"Deployment"}}]})"));
  ASSERT_NE(custom, nullptr);
  EXPECT_EQ((*custom)["versions"][0]["resources"][0]["responseKind"],
            (Json{{"group", "crd.example.com"}, {"version", "v1"}, {"kind", "Widget"}}));
  EXPECT_EQ(groups.back(), extra);
}

TEST(Discovery, PrintsLegacyDocuments) {
  Registry registry(false);
  ASSERT_TRUE(registry.AddCustom(*ParseJson(kWidgets)));
  EXPECT_EQ(registry.ApiVersions("127.0.0.1:6443")["versions"], Json::array({"v1"}));
  EXPECT_EQ(registry.ApiGroup("autoscaling"), *ParseJson(R"({
    "kind":"APIGroup","apiVersion":"v1","name":"autoscaling",
    "versions":[{"groupVersion":"autoscaling/v2","version":"v2"},
                {"groupVersion":"autoscaling/v1","version":"v1"}],
    "preferredVersion":{"groupVersion":"autoscaling/v2","version":"v2"}})"));
  EXPECT_TRUE(registry.ApiGroup("nope").is_null());
  EXPECT_TRUE(registry.ApiGroup("").is_null());
  EXPECT_EQ(registry.ApiGroupList({})["groups"][0]["name"], "apps");
  EXPECT_EQ(registry.ApiResourceList("crd.example.com", "v1"), *ParseJson(R"({
    "kind":"APIResourceList","apiVersion":"v1","groupVersion":"crd.example.com/v1","resources":[
     {"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget",
      "shortNames":["wd"],"categories":["toys"],
      "verbs":["delete","deletecollection","get","list","patch","create","update","watch"]},
     {"name":"widgets/status","singularName":"","namespaced":true,"kind":"Widget",
      "verbs":["get","patch","update"]},
     {"name":"widgets/scale","singularName":"","namespaced":true,"group":"autoscaling",
      "version":"v1","kind":"Scale","verbs":["get","patch","update"]}]})"));
  EXPECT_TRUE(registry.ApiResourceList("apps", "v9").is_null());
}

TEST(OpenApi, TellsThatTheServerValidates) {
  Registry registry(false);
  ASSERT_TRUE(registry.AddCustom(*ParseJson(kWidgets)));
  Json index = registry.OpenApiIndex({"metrics.k8s.io/v1beta1"})["paths"];
  for (const char* path : {"api/v1", "apis/apps/v1", "apis/crd.example.com/v1",
                           "apis/crd.example.com/v1beta1", "apis/metrics.k8s.io/v1beta1"}) {
    ASSERT_TRUE(index.contains(path)) << path;
    EXPECT_TRUE(index[path]["serverRelativeURL"].get<std::string>().starts_with(
        "/openapi/v3/" + std::string(path) + "?hash="));
  }
  Json document = registry.OpenApiDocument("apis/apps/v1");
  const Json& patch =
      document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
  EXPECT_EQ(patch["x-kubernetes-group-version-kind"],
            (Json{{"group", "apps"}, {"version", "v1"}, {"kind", "Deployment"}}));
  bool validates = false;
  for (const Json& parameter : patch["parameters"]) {
    validates = validates || (parameter["name"] == "fieldValidation" && parameter["in"] == "query");
  }
  EXPECT_TRUE(validates);
  for (const char* path : {"apis/apps/v9", "apis/nothing", "apis", "api/v1/pods", ""}) {
    EXPECT_EQ(registry.OpenApiDocument(path).is_null(), std::string(path) != "apis") << path;
  }
  Registry fewer(false);
  EXPECT_EQ(fewer.OpenApiIndex({})["paths"]["apis/apps/v1"], index["apis/apps/v1"]);
}

TEST(OpenApi, ChangesItsHashWithItsContent) {
  Registry registry(false);
  Json crd = *ParseJson(kWidgets);
  ASSERT_TRUE(registry.AddCustom(crd));
  const Json before = registry.OpenApiIndex({})["paths"]["apis/crd.example.com/v1"];
  const std::int64_t generation = registry.generation();
  for (Json& version : crd["spec"]["versions"]) {
    version["schema"]["openAPIV3Schema"] = {{"type", "object"}, {"description", "another"}};
  }
  ASSERT_TRUE(registry.AddCustom(crd));
  EXPECT_NE(registry.OpenApiIndex({})["paths"]["apis/crd.example.com/v1"], before);
  EXPECT_GT(registry.generation(), generation);
}

TEST(OpenApi, HasTheSchemasOfItsKinds) {
  Registry registry(false);
  const Json schemas = registry.OpenApiDocument("api/v1")["components"]["schemas"];
  const struct {
    std::string type;
    std::string field;
    std::string schema;  // of the field
  } kCases[] = {
      {"ConfigMap", "metadata",
       R"({"allOf":[{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],
           "default":{}})"},
      {"ConfigMap", "data",
       R"({"type":"object","additionalProperties":{"type":"string","default":""}})"},
      {"ConfigMap", "binaryData",
       R"({"type":"object","additionalProperties":{"type":"string","format":"byte"}})"},
      {"ConfigMap", "immutable", R"({"type":"boolean"})"},
      {"EnvVar", "name", R"({"type":"string","default":""})"},
      {"EnvVar", "value", R"({"type":"string"})"},
      {"EnvVar", "valueFrom",
       R"({"allOf":[{"$ref":"#/components/schemas/io.k8s.api.core.v1.EnvVarSource"}]})"},
      {"PodSpec", "containers",
       R"({"type":"array","items":{"allOf":[
           {"$ref":"#/components/schemas/io.k8s.api.core.v1.Container"}],"default":{}},
           "x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],
           "x-kubernetes-patch-strategy":"merge","x-kubernetes-patch-merge-key":"name"})"},
      {"ResourceRequirements", "limits",
       R"({"type":"object","additionalProperties":{
           "$ref":"#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"}})"},
      {"ContainerPort", "containerPort", R"({"type":"integer","format":"int32","default":0})"},
  };
  for (const auto& c : kCases) {
    const Json& type = schemas["io.k8s.api.core.v1." + c.type];
    EXPECT_EQ(type["properties"][c.field], *ParseJson(c.schema)) << c.type << "." << c.field;
  }
  EXPECT_EQ(schemas["io.k8s.api.core.v1.EnvVar"]["required"], Json::array({"name"}));
  const Json config_map = {{"group", ""}, {"version", "v1"}, {"kind", "ConfigMap"}};
  EXPECT_EQ(schemas["io.k8s.api.core.v1.ConfigMap"]["x-kubernetes-group-version-kind"],
            Json::array({config_map}));
  EXPECT_TRUE(schemas.contains("io.k8s.api.core.v1.ConfigMapList"));
}

TEST(OpenApi, HasEachReferenceThatItMakes) {
  Registry registry(true);
  ASSERT_TRUE(registry.AddCustom(*ParseJson(kWidgets)));
  constexpr std::string_view kPrefix = "#/components/schemas/";
  for (const auto& [path, reference] : registry.OpenApiIndex({})["paths"].items()) {
    const Json document = registry.OpenApiDocument(path);
    ASSERT_FALSE(document.is_null()) << path;
    const std::string text = DumpJson(document);
    for (std::size_t at = text.find(kPrefix); at != std::string::npos;
         at = text.find(kPrefix, at + 1)) {
      const std::size_t begin = at + kPrefix.size();
      const std::string name = text.substr(begin, text.find('"', begin) - begin);
      EXPECT_TRUE(document["components"]["schemas"].contains(name)) << path << ": " << name;
    }
  }
}

}  // namespace
}  // namespace weir::kube
