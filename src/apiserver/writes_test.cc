// Writes to a server in process, and what it answers. Words are those recorded from a real
// cluster.
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "base/strings.h"

namespace weir::apiserver {
namespace {

constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kConfigMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kServices = "/api/v1/namespaces/default/services";
constexpr const char* kDeployments = "/apis/apps/v1/namespaces/default/deployments";

constexpr const char* kPod =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"app":"x"}},
        "spec":{"containers":[{"name":"c","image":"nginx"}]}})";
constexpr const char* kDeployment =
    R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},
        "spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},
                "template":{"metadata":{"labels":{"a":"b"}},
                            "spec":{"containers":[{"name":"c","image":"nginx"}]}}}})";

const net::Headers kMerge = {{"content-type", "application/merge-patch+json"}};
const net::Headers kStrategic = {{"content-type", "application/strategic-merge-patch+json"}};
const net::Headers kJsonPatch = {{"content-type", "application/json-patch+json"}};

std::string Message(const TestServer::Answer& answer) { return GetString(answer.json, "message"); }

std::string ConfigMap(const std::string& name, const std::string& more = "") {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"("})" + more +
         "}";
}

std::string Names(const Json& list) {
  std::string names;
  for (const Json& item : GetArray(list, {"items"})) {
    names += GetString(item, {"metadata", "name"}) + " ";
  }
  return names;
}

TEST(WritesTest, CreateFillsInWhatTheServerSets) {
  TestServer server;
  const auto made = server.Do(std::string("POST ") + kPods, kPod);
  ASSERT_EQ(made.code, 201) << made.body;
  const Json& pod = made.json;
  EXPECT_EQ(GetString(pod, {"metadata", "namespace"}), "default");
  EXPECT_EQ(GetString(pod, {"metadata", "creationTimestamp"}), "2026-01-01T00:00:00Z");
  EXPECT_EQ(GetString(pod, {"metadata", "uid"}).size(), 36U);
  EXPECT_NE(GetString(pod, {"metadata", "resourceVersion"}), "");
  EXPECT_EQ(GetString(pod, {"spec", "restartPolicy"}), "Always");
  EXPECT_EQ(GetString(pod, {"spec", "serviceAccountName"}), "default");
  EXPECT_EQ(GetString(pod, {"status", "phase"}), "Pending");
  const auto read = server.Do(std::string("GET ") + kPods + "/p");
  EXPECT_EQ(read.body, made.body);
}

TEST(WritesTest, CreateIsRefused) {
  struct Case {
    const char* what;
    std::string path;
    std::string body;
    int code;
    const char* message;
  };
  TestServer server;
  ASSERT_EQ(server.Do(std::string("POST ") + kConfigMaps, ConfigMap("a")).code, 201);
  const std::string dry = std::string(kConfigMaps) + "?dryRun=All";
  const Case cases[] = {
      {"twice", kConfigMaps, ConfigMap("a"), 409, "configmaps \"a\" already exists"},
      {"twice, dry", dry, ConfigMap("a"), 409, "configmaps \"a\" already exists"},
      {"no namespace", "/api/v1/namespaces/nope/configmaps", ConfigMap("b"), 404,
       "namespaces \"nope\" not found"},
      {"another namespace", kConfigMaps, R"({"metadata":{"name":"b","namespace":"other"}})", 400,
       "the namespace of the provided object does not match the namespace sent on the request"},
      {"no name", dry, R"({"metadata":{}})", 422,
       "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is "
       "required"},
      {"bad dryRun", std::string(kConfigMaps) + "?dryRun=Yes", ConfigMap("b"), 422,
       "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Yes\"]: supported "
       "values: \"All\""},
      {"another kind", dry, R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"b"}})", 400,
       "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to "
       "(core.ConfigMap): unknown conversion"},
      {"an unknown field", std::string(kDeployments) + "?fieldValidation=Strict",
       ReplaceAll(kDeployment, "replicas", "replicsa"), 400,
       "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: "
       "unknown field \"spec.replicsa\""},
      {"a wrong type", kDeployments, ReplaceAll(kDeployment, ":2", ":\"2\""), 400,
       "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal "
       "string into Go struct field DeploymentSpec.spec.replicas of type int32"},
  };
  for (const Case& c : cases) {
    const auto answer = server.Do("POST " + c.path, c.body);
    EXPECT_EQ(answer.code, c.code) << c.what;
    EXPECT_EQ(Message(answer), c.message) << c.what;
  }
  const auto plain = server.Do(std::string("POST ") + kConfigMaps, ConfigMap("b"),
                               {{"content-type", "text/plain"}});
  EXPECT_EQ(plain.code, 415);
}

TEST(WritesTest, UnknownFieldsAreWarnedOf) {
  TestServer server;
  const std::string body = ReplaceAll(kDeployment, "replicas", "replicsa");
  const auto warned = server.Do(std::string("POST ") + kDeployments + "?dryRun=All", body);
  EXPECT_EQ(warned.code, 201);
  EXPECT_EQ(warned.warnings,
            std::vector<std::string>{"299 - \"unknown field \\\"spec.replicsa\\\"\""});
  const auto twice = server.Do(std::string("POST ") + kDeployments + "?dryRun=All",
                               ReplaceAll(body, R"("spec":{"rep)", R"("nope":1,"spec":{"rep)"));
  EXPECT_EQ(twice.warnings, (std::vector<std::string>{
                                "299 - \"unknown field \\\"nope\\\"\"",
                                "299 - \"unknown field \\\"spec.replicsa\\\"\"",
                            }));
  const auto silent =
      server.Do(std::string("POST ") + kDeployments + "?dryRun=All&fieldValidation=Ignore", body);
  EXPECT_EQ(silent.code, 201);
  EXPECT_TRUE(silent.warnings.empty());
}

TEST(WritesTest, AnEmptyListIsNoDefault) {
  TestServer server;
  const auto made =
      server.Do("POST /apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
                R"({"metadata":{"name":"h"},"spec":{"maxReplicas":3,
          "scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},
          "behavior":{"scaleUp":{"policies":[]}}}})");
  EXPECT_EQ(Message(made),
            "HorizontalPodAutoscaler.autoscaling \"h\" is invalid: spec.behavior.scaleUp.policies: "
            "Required value: must specify at least one Policy");
}

TEST(WritesTest, GenerateNameAndDryRun) {
  TestServer server;
  const auto generated =
      server.Do(std::string("POST ") + kConfigMaps, R"({"metadata":{"generateName":"gen-"}})");
  EXPECT_EQ(generated.code, 201);
  EXPECT_EQ(GetString(generated.json, {"metadata", "name"}).size(), 9U);
  const auto dry = server.Do(std::string("POST ") + kConfigMaps + "?dryRun=All", ConfigMap("dry"));
  EXPECT_EQ(dry.code, 201);
  EXPECT_EQ(GetString(dry.json, {"metadata", "resourceVersion"}), "");
  EXPECT_EQ(server.Do(std::string("GET ") + kConfigMaps + "/dry").code, 404);
}

TEST(WritesTest, Updates) {
  TestServer server;
  const std::string path = std::string(kConfigMaps) + "/a";
  const auto made = server.Do(std::string("POST ") + kConfigMaps, ConfigMap("a"));
  const std::string version = GetString(made.json, {"metadata", "resourceVersion"});
  struct Case {
    const char* what;
    std::string path;
    std::string body;
    int code;
    const char* message;
  };
  const Case cases[] = {
      {"another name", path, ConfigMap("b"), 400,
       "the name of the object (b) does not match the name on the URL (a)"},
      {"no name", path, "{}", 400,
       "the name of the object (a based on URL) was undeterminable: name must be provided"},
      {"not there", std::string(kConfigMaps) + "/new", ConfigMap("new"), 404,
       "configmaps \"new\" not found"},
      {"an old version", path, R"({"metadata":{"name":"a","resourceVersion":"1"}})", 409,
       "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please "
       "apply your changes to the latest version and try again"},
      {"no version", path, R"({"metadata":{"name":"a","resourceVersion":"abc"}})", 500,
       "strconv.ParseUint: parsing \"abc\": invalid syntax"},
      {"dry", path + "?dryRun=All", ConfigMap("a", R"(,"data":{"k":"dry"})"), 200, ""},
      {"unconditional", path, ConfigMap("a", R"(,"data":{"k":"w"})"), 200, ""},
  };
  for (const Case& c : cases) {
    const auto answer = server.Do("PUT " + c.path, c.body);
    EXPECT_EQ(answer.code, c.code) << c.what << ": " << answer.body;
    EXPECT_EQ(Message(answer), c.message) << c.what;
  }
  const auto uid = server.Do("PUT " + path, R"({"metadata":{"name":"a","uid":"other"}})");
  EXPECT_EQ(uid.code, 409);
  EXPECT_TRUE(Message(uid).contains("Precondition failed: UID in precondition: other"));
  const auto now = server.Do("GET " + path);
  EXPECT_EQ(GetString(now.json, {"data", "k"}), "w");
  EXPECT_EQ(GetString(now.json, {"metadata", "uid"}), GetString(made.json, {"metadata", "uid"}));
  const auto same = server.Do("PUT " + path, ConfigMap("a", R"(,"data":{"k":"w"})"));
  EXPECT_EQ(same.body, now.body);  // nothing changed, nothing was written
  EXPECT_NE(version, GetString(now.json, {"metadata", "resourceVersion"}));
}

TEST(WritesTest, Patches) {
  struct Case {
    const char* what;
    const net::Headers* type;
    const char* patch;
    int code;
    const char* message;
  };
  const Case cases[] = {
      {"merge", &kMerge, R"({"spec":{"replicas":3}})", 200, ""},
      {"strategic", &kStrategic,
       R"({"spec":{"template":{"spec":{"containers":[{"name":"side","image":"x"}]}}}})", 200, ""},
      {"json", &kJsonPatch, R"([{"op":"replace","path":"/spec/replicas","value":4}])", 200, ""},
      {"a failing test", &kJsonPatch, R"([{"op":"test","path":"/spec/replicas","value":9}])", 422,
       "the server rejected our request due to an error in our request"},
      {"json of the wrong form", &kJsonPatch, R"({"op":"add"})", 400,
       "error decoding patch: json: cannot unmarshal object into Go value of type "
       "[]handlers.jsonPatchOp"},
      {"no JSON", &kMerge, "x", 400,
       "error decoding patch: invalid character 'x' looking for beginning of value"},
      {"null", &kMerge, "null", 400, "Invalid JSON Patch"},
      {"no JSON, strategic", &kStrategic, "x", 400,
       "invalid character 'x' looking for beginning of value"},
      {"another name", &kMerge, R"({"metadata":{"name":"e"}})", 400,
       "the name of the object (e) does not match the name on the URL (d)"},
      {"an old version", &kMerge, R"({"metadata":{"resourceVersion":"1"}})", 409,
       "Operation cannot be fulfilled on deployments.apps \"d\": the object has been modified; "
       "please apply your changes to the latest version and try again"},
      {"invalid", &kMerge, R"({"spec":{"replicas":-1}})", 422,
       "Deployment.apps \"d\" is invalid: spec.replicas: Invalid value: -1: must be greater than "
       "or equal to 0"},
  };
  TestServer server;
  ASSERT_EQ(server.Do(std::string("POST ") + kDeployments, kDeployment).code, 201);
  const std::string path = std::string(kDeployments) + "/d";
  for (const Case& c : cases) {
    const auto answer = server.Do("PATCH " + path, c.patch, *c.type);
    EXPECT_EQ(answer.code, c.code) << c.what << ": " << answer.body;
    EXPECT_EQ(Message(answer), c.message) << c.what;
  }
  const auto strict = server.Do("PATCH " + path + "?fieldValidation=Strict",
                                R"({"spec":{"replicsa":1}})", kStrategic);
  EXPECT_EQ(strict.code, 422);
  EXPECT_EQ(
      Message(strict),
      " \"\" is invalid: patch: Invalid value: \"map[spec:map[replicsa:1]]\": strict decoding "
      "error: unknown field \"spec.replicsa\"");
  EXPECT_EQ(server.Do("PATCH " + path, "{}", {{"content-type", "nonsense"}}).code, 415);
  const auto now = server.Do("GET " + path);
  EXPECT_EQ(GetInt(now.json, {"spec", "replicas"}), 4);
  EXPECT_EQ(GetArray(now.json, {"spec", "template", "spec", "containers"}).size(), 2U);
  EXPECT_EQ(GetInt(now.json, {"metadata", "generation"}), 4);
}

TEST(WritesTest, StatusAndScaleAreWrittenApart) {
  TestServer server;
  ASSERT_EQ(server.Do(std::string("POST ") + kDeployments, kDeployment).code, 201);
  const std::string path = std::string(kDeployments) + "/d";
  const auto status =
      server.Do("PATCH " + path + "/status",
                R"({"status":{"replicas":2,"readyReplicas":1},"spec":{"replicas":9}})", kMerge);
  ASSERT_EQ(status.code, 200) << status.body;
  EXPECT_EQ(GetInt(status.json, {"spec", "replicas"}), 2);
  EXPECT_EQ(GetInt(status.json, {"status", "readyReplicas"}), 1);
  const auto main = server.Do("PATCH " + path, R"({"status":{"readyReplicas":7}})", kMerge);
  EXPECT_EQ(GetInt(main.json, {"status", "readyReplicas"}), 1);

  const auto scale = server.Do("GET " + path + "/scale");
  EXPECT_EQ(GetString(scale.json, "kind"), "Scale");
  EXPECT_EQ(GetInt(scale.json, {"spec", "replicas"}), 2);
  EXPECT_EQ(GetString(scale.json, {"status", "selector"}), "a=b");
  const auto scaled = server.Do("PATCH " + path + "/scale", R"({"spec":{"replicas":5}})", kMerge);
  EXPECT_EQ(scaled.code, 200) << scaled.body;
  EXPECT_EQ(GetInt(scaled.json, {"spec", "replicas"}), 5);
  const auto after = server.Do("GET " + path);
  EXPECT_EQ(GetInt(after.json, {"spec", "replicas"}), 5);
  EXPECT_EQ(GetInt(after.json, {"metadata", "generation"}), 2);
  const auto negative =
      server.Do("PATCH " + path + "/scale", R"({"spec":{"replicas":-5}})", kMerge);
  EXPECT_EQ(negative.code, 422);
  EXPECT_EQ(Message(negative),
            "Scale.autoscaling \"d\" is invalid: spec.replicas: Invalid value: -5: must be greater "
            "than or equal to 0");
  const auto old = server.Do(
      "PUT " + path + "/scale",
      R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d","resourceVersion":"1"},
          "spec":{"replicas":1}})");
  EXPECT_EQ(old.code, 409);
}

// "controller/status, kubectl" of an object.
std::string Managers(const Json& object) {
  std::string text;
  for (const Json& entry : GetArray(object, {"metadata", "managedFields"})) {
    if (!text.empty()) text += ", ";
    text += GetString(entry, "manager");
    const std::string sub = GetString(entry, "subresource");
    if (!sub.empty()) text += "/" + sub;
  }
  return text;
}

// As of controllers, whose caches have none.
TEST(WritesTest, AnUpdateWithoutManagedFieldsLeavesThem) {
  TestServer server;
  const std::string path = std::string(kDeployments) + "/d";
  const auto made =
      server.Do(std::string("POST ") + kDeployments + "?fieldManager=kubectl", kDeployment);
  ASSERT_EQ(made.code, 201) << made.body;
  Json object = made.json;
  Erase(object, {"metadata", "managedFields"});
  const auto same = server.Do("PUT " + path + "?fieldManager=other", DumpJson(object));
  EXPECT_EQ(same.body, made.body) << "nothing to write";
  object["status"]["observedGeneration"] = 1;
  const auto status =
      server.Do("PUT " + path + "/status?fieldManager=controller", DumpJson(object));
  ASSERT_EQ(status.code, 200) << status.body;
  EXPECT_EQ(Managers(status.json), "controller/status, kubectl");
  object = status.json;
  Erase(object, {"metadata", "managedFields"});
  object["spec"]["replicas"] = 3;
  const auto scaled = server.Do("PUT " + path + "?fieldManager=scaler", DumpJson(object));
  ASSERT_EQ(scaled.code, 200) << scaled.body;
  EXPECT_EQ(Managers(scaled.json), "controller/status, kubectl, scaler");
}

TEST(WritesTest, Deletion) {
  TestServer server;
  ASSERT_EQ(server.Do(std::string("POST ") + kConfigMaps, ConfigMap("a")).code, 201);
  const auto deleted = server.Do(std::string("DELETE ") + kConfigMaps + "/a",
                                 R"({"propagationPolicy":"Background"})");
  EXPECT_EQ(deleted.code, 200);
  EXPECT_EQ(GetString(deleted.json, "status"), "Success");
  EXPECT_EQ(GetString(deleted.json, {"details", "kind"}), "configmaps");
  EXPECT_EQ(server.Do(std::string("DELETE ") + kConfigMaps + "/a").code, 404);

  // Finalizers keep an object until the last one is gone.
  ASSERT_EQ(server
                .Do(std::string("POST ") + kConfigMaps,
                    R"({"metadata":{"name":"f","finalizers":["example.com/x"]}})")
                .code,
            201);
  const auto marked = server.Do(std::string("DELETE ") + kConfigMaps + "/f");
  EXPECT_EQ(GetString(marked.json, {"metadata", "deletionTimestamp"}), "2026-01-01T00:00:00Z");
  const auto again = server.Do(std::string("POST ") + kConfigMaps, ConfigMap("f"));
  EXPECT_EQ(Message(again), "object is being deleted: configmaps \"f\" already exists");
  const auto freed = server.Do(std::string("PATCH ") + kConfigMaps + "/f",
                               R"({"metadata":{"finalizers":null}})", kMerge);
  EXPECT_EQ(freed.code, 200);
  EXPECT_EQ(server.Do(std::string("GET ") + kConfigMaps + "/f").code, 404);

  const auto bad =
      server.Do(std::string("DELETE ") + kConfigMaps + "/f", R"({"gracePeriodSeconds":"x"})");
  EXPECT_EQ(bad.code, 400);
  const auto policy = server.Do(std::string("DELETE ") + kConfigMaps + "/f?propagationPolicy=Nope");
  EXPECT_EQ(policy.code, 422);
}

TEST(WritesTest, BoundPodsEndGracefully) {
  TestServer server;
  const std::string path = std::string(kPods) + "/p";
  ASSERT_EQ(server.Do(std::string("POST ") + kPods, kPod).code, 201);
  const auto bound = server.Do("POST " + path + "/binding",
                               R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},
                                   "target":{"kind":"Node","name":"node-x"}})");
  EXPECT_EQ(bound.code, 201) << bound.body;
  const auto twice = server.Do("POST " + path + "/binding",
                               R"({"metadata":{"name":"p"},"target":{"name":"node-y"}})");
  EXPECT_EQ(twice.code, 409);
  EXPECT_EQ(
      Message(twice),
      "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node "
      "\"node-x\"");
  const auto marked = server.Do("DELETE " + path);
  EXPECT_EQ(GetInt(marked.json, {"metadata", "deletionGracePeriodSeconds"}), 30);
  EXPECT_EQ(GetString(marked.json, {"metadata", "deletionTimestamp"}), "2026-01-01T00:00:30Z");
  EXPECT_EQ(server.Do("GET " + path).code, 200);
  const auto gone = server.Do("DELETE " + path, R"({"gracePeriodSeconds":0})");
  EXPECT_EQ(gone.code, 200);
  EXPECT_EQ(GetString(gone.json, "kind"), "Pod");
  EXPECT_EQ(server.Do("GET " + path).code, 404);
}

TEST(WritesTest, DeleteCollectionTakesSelectors) {
  TestServer server;
  for (const char* name : {"m1", "m2", "m3"}) {
    const std::string group = std::string(name) == "m2" ? "0" : "1";
    ASSERT_EQ(
        server
            .Do(std::string("POST ") + kConfigMaps, std::string(R"({"metadata":{"name":")") + name +
                                                        R"(","labels":{"g":")" + group + "\"}}}")
            .code,
        201);
  }
  const std::string path = std::string("DELETE ") + kConfigMaps + "?labelSelector=g%3D1";
  EXPECT_EQ(Names(server.Do(path + "&dryRun=All").json), "m1 m3 ");
  EXPECT_EQ(Names(server.Do(path).json), "m1 m3 ");
  EXPECT_EQ(Names(server.Do(std::string("GET ") + kConfigMaps).json), "m2 ");
}

TEST(WritesTest, NamespacesEndInTwoSteps) {
  TestServer server;
  const auto made = server.Do("POST /api/v1/namespaces", R"({"metadata":{"name":"doomed"}})");
  ASSERT_EQ(made.code, 201) << made.body;
  EXPECT_EQ(GetString(made.json, {"metadata", "labels", "kubernetes.io/metadata.name"}), "doomed");
  EXPECT_EQ(GetString(made.json, {"status", "phase"}), "Active");
  const auto marked = server.Do("DELETE /api/v1/namespaces/doomed");
  EXPECT_EQ(GetString(marked.json, {"status", "phase"}), "Terminating");
  const auto refused =
      server.Do("POST /api/v1/namespaces/doomed/configmaps", R"({"metadata":{"name":"new"}})");
  EXPECT_EQ(refused.code, 403);
  EXPECT_EQ(Message(refused),
            "configmaps \"new\" is forbidden: unable to create new content in namespace doomed "
            "because it is being terminated");
  const auto finalized = server.Do("PUT /api/v1/namespaces/doomed/finalize",
                                   R"({"metadata":{"name":"doomed"},"spec":{"finalizers":[]}})");
  EXPECT_EQ(finalized.code, 200) << finalized.body;
  EXPECT_EQ(server.Do("GET /api/v1/namespaces/doomed").code, 404);
  EXPECT_EQ(server.Do("DELETE /api/v1/namespaces/default").code, 403);
}

TEST(WritesTest, ServicesGetAddressesAndNodePorts) {
  TestServer server;
  const auto kubernetes = server.Do(std::string("GET ") + kServices + "/kubernetes");
  EXPECT_EQ(GetString(kubernetes.json, {"spec", "clusterIP"}), "127.96.0.1");
  const auto make = [&](const std::string& name, const std::string& spec) {
    return server.Do(std::string("POST ") + kServices,
                     R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}");
  };
  const auto web = make("web", R"({"ports":[{"port":80}]})");
  ASSERT_EQ(web.code, 201) << web.body;
  const std::string address = GetString(web.json, {"spec", "clusterIP"});
  EXPECT_TRUE(address.starts_with("127.96.")) << address;
  const auto taken = make("b", R"({"clusterIP":")" + address + R"(","ports":[{"port":80}]})");
  EXPECT_EQ(taken.code, 422);
  EXPECT_TRUE(Message(taken).ends_with("provided IP is already allocated")) << Message(taken);
  const auto node = make("n", R"({"type":"NodePort","ports":[{"port":80}]})");
  const std::int64_t port = GetInt(GetArray(node.json, {"spec", "ports"})[0], {"nodePort"}, 0);
  EXPECT_GE(port, 30000);
  EXPECT_LE(port, 32767);
  const auto headless = make("h", R"({"clusterIP":"None","ports":[{"port":80}]})");
  EXPECT_EQ(GetString(headless.json, {"spec", "clusterIP"}), "None");

  // An update that leaves the address out keeps it; a deletion gives it back.
  const auto kept = server.Do(std::string("PUT ") + kServices + "/web",
                              R"({"metadata":{"name":"web"},"spec":{"ports":[{"port":81}]}})");
  EXPECT_EQ(GetString(kept.json, {"spec", "clusterIP"}), address) << kept.body;
  EXPECT_EQ(server.Do(std::string("DELETE ") + kServices + "/web").code, 200);
  EXPECT_EQ(make("b", R"({"clusterIP":")" + address + R"(","ports":[{"port":80}]})").code, 201);
}

TEST(WritesTest, AutoscalersAreOneObjectInThreeVersions) {
  TestServer server;
  const std::string base = "/namespaces/default/horizontalpodautoscalers";
  const auto made = server.Do("POST /apis/autoscaling/v1" + base,
                              R"({"metadata":{"name":"h"},"spec":{"maxReplicas":5,
                                  "scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment",
                                  "name":"d"},"targetCPUUtilizationPercentage":50}})");
  ASSERT_EQ(made.code, 201) << made.body;
  EXPECT_EQ(GetString(made.json, "apiVersion"), "autoscaling/v1");
  const auto v2 = server.Do("GET /apis/autoscaling/v2" + base + "/h");
  EXPECT_EQ(GetString(v2.json, "apiVersion"), "autoscaling/v2");
  EXPECT_EQ(GetArray(v2.json, {"spec", "metrics"})[0]["type"], "Resource");
  const auto v2beta2 = server.Do("GET /apis/autoscaling/v2beta2" + base + "/h");
  EXPECT_EQ(GetString(v2beta2.json, "apiVersion"), "autoscaling/v2beta2");
  const auto patched = server.Do("PATCH /apis/autoscaling/v2" + base + "/h",
                                 R"({"spec":{"maxReplicas":7}})", kMerge);
  EXPECT_EQ(patched.code, 200) << patched.body;
  const auto v1 = server.Do("GET /apis/autoscaling/v1" + base + "/h");
  EXPECT_EQ(GetInt(v1.json, {"spec", "maxReplicas"}), 7);
  EXPECT_EQ(GetInt(v1.json, {"spec", "targetCPUUtilizationPercentage"}), 50);

  Options options;
  options.upstream_exact = true;
  TestServer exact(std::move(options));
  EXPECT_EQ(exact.Do("GET /apis/autoscaling/v2beta2" + base).code, 404);
}

constexpr const char* kWidgets = R"({"apiVersion":"apiextensions.k8s.io/v1",
  "kind":"CustomResourceDefinition","metadata":{"name":"widgets.crd.example.com"},
  "spec":{"group":"crd.example.com","scope":"Namespaced",
  "names":{"plural":"widgets","kind":"Widget","singular":"widget"},
  "versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},
  "schema":{"openAPIV3Schema":{"type":"object","properties":{
    "spec":{"type":"object","properties":{"size":{"type":"integer","default":3,"maximum":10}}},
    "status":{"type":"object","properties":{"ready":{"type":"boolean"}}}}}}}]}})";

TEST(WritesTest, DefinitionsAddKinds) {
  TestServer server;
  const std::string definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const std::string widgets = "/apis/crd.example.com/v1/namespaces/default/widgets";
  EXPECT_EQ(server.Do("GET " + widgets).code, 404);
  const auto made = server.Do("POST " + definitions, kWidgets);
  ASSERT_EQ(made.code, 201) << made.body;
  EXPECT_TRUE(GetArray(made.json, {"status", "conditions"}).empty());  // not yet
  EXPECT_EQ(GetArray(made.json, {"status", "storedVersions"}), Json::array({"v1"}));
  const auto named = server.Do("GET " + definitions + "/widgets.crd.example.com");
  EXPECT_EQ(GetArray(named.json, {"status", "conditions"})[1]["type"], "Established");
  EXPECT_EQ(GetArray(named.json, {"status", "conditions"})[1]["status"], "True");

  const auto widget = server.Do("POST " + widgets,
                                R"({"apiVersion":"crd.example.com/v1","kind":"Widget",
                                    "metadata":{"name":"w"},"spec":{"unknown":1}})");
  ASSERT_EQ(widget.code, 201) << widget.body;
  EXPECT_EQ(GetInt(widget.json, {"spec", "size"}), 3);         // defaulted
  EXPECT_EQ(Find(widget.json, {"spec", "unknown"}), nullptr);  // pruned
  EXPECT_EQ(widget.warnings.size(), 1U);
  const auto list = server.Do("GET " + widgets);
  EXPECT_EQ(GetArray(list.json, {"items"})[0]["kind"], "Widget");
  EXPECT_EQ(server.Do("PATCH " + widgets + "/w", "{}", kStrategic).code, 415);
  EXPECT_EQ(server.Do("PATCH " + widgets + "/w", R"({"spec":{"size":99}})", kMerge).code, 422);
  EXPECT_EQ(server.Do("PATCH " + widgets + "/w", R"({"spec":{"size":4}})", kMerge).code, 200);
  const auto unversioned = server.Do("PUT " + widgets + "/w",
                                     R"({"apiVersion":"crd.example.com/v1","kind":"Widget",
                                         "metadata":{"name":"w"},"spec":{"size":5}})");
  EXPECT_EQ(unversioned.code, 422);
  EXPECT_EQ(Message(unversioned),
            "widgets.crd.example.com \"w\" is invalid: metadata.resourceVersion: Invalid value: 0: "
            "must be specified for an update");

  const auto deleted = server.Do("DELETE " + definitions + "/widgets.crd.example.com");
  EXPECT_EQ(deleted.code, 200);
  EXPECT_NE(GetString(deleted.json, {"metadata", "deletionTimestamp"}), "");
  EXPECT_EQ(server.Do("GET " + widgets).code, 404);
  EXPECT_EQ(server.Do("GET " + definitions + "/widgets.crd.example.com").code, 404);
}

TEST(WritesTest, LoopbackEndpointsAreForWeirAlone) {
  TestServer server;
  const std::string path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
  const char* slice = R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",
    "metadata":{"name":"s"},"addressType":"IPv4","endpoints":[{"addresses":["127.1.2.3"]}],
    "ports":[{"name":"","port":80,"protocol":"TCP"}]})";
  const auto refused = server.Do("POST " + path, slice);
  EXPECT_EQ(refused.code, 422);
  EXPECT_TRUE(Message(refused).contains("may not be in the loopback range")) << Message(refused);
  const auto ours = server.Do("POST " + path, slice, {{"authorization", "Bearer weirtoken"}});
  EXPECT_EQ(ours.code, 201) << ours.body;
}

// A journal that answers late, or with an error.
class SlowJournal final : public kubestore::Journal {
 public:
  Result<std::vector<kubestore::Record>> Load(std::int64_t* newest) override {
    *newest = 0;
    return std::vector<kubestore::Record>();
  }
  void Append(kubestore::Record /*record*/, std::function<void(Status)> done) override {
    if (done) waiting.push_back(std::move(done));
  }
  std::vector<std::function<void(Status)>> waiting;
};

TEST(WritesTest, WritesAreAnsweredWhenTheJournalHasThem) {
  SlowJournal journal;
  TestServer server(Options(), &journal);
  const auto writer = server.Start(std::string("POST ") + kConfigMaps, {{"body", ConfigMap("a")}});
  EXPECT_EQ(writer->body, "");
  ASSERT_EQ(journal.waiting.size(), 1U);
  journal.waiting[0](Status());
  server.Settle();
  EXPECT_EQ(writer->head.status, 201);

  const auto failing = server.Start(std::string("POST ") + kConfigMaps, {{"body", ConfigMap("b")}});
  journal.waiting[1](Fail(Code::kUnavailable, "disk full"));
  server.Settle();
  EXPECT_EQ(failing->head.status, 500);
  EXPECT_TRUE(failing->body.contains("disk full"));
}

TEST(WritesTest, ARestartFindsWhatWasThere) {
  TestServer first;
  ASSERT_EQ(first.Do("POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions", kWidgets).code,
            201);
  // The second server starts on the first one's store: kinds come back, nothing is made twice.
  Server second(first.loop, first.clock, first.random, first.store, Options());
  const std::int64_t version = first.store.version();
  ASSERT_TRUE(second.Start());
  EXPECT_EQ(first.store.version(), version);
  EXPECT_NE(second.registry().Find("crd.example.com", "v1", "widgets"), nullptr);
}

TEST(WritesTest, ServiceKubernetesLeadsToTheServer) {
  TestServer first;
  const char* slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes";
  const char* endpoints = "/api/v1/namespaces/default/endpoints/kubernetes";
  const char* service = "/api/v1/namespaces/default/services/kubernetes";
  const Json made = first.Do(std::string("GET ") + slice).json;
  EXPECT_EQ(DumpJson(made["endpoints"]),
            R"([{"addresses":["127.0.0.1"],"conditions":{"ready":true}}])");
  EXPECT_EQ(DumpJson(made["ports"]), R"([{"name":"https","port":6443,"protocol":"TCP"}])");
  EXPECT_EQ(GetString(made, {"metadata", "labels", "kubernetes.io/service-name"}), "kubernetes");
  // A start on another port changes what has to be changed.
  Options options;
  options.address = "127.0.0.1:7443";
  const std::int64_t version = first.store.version();
  Server second(first.loop, first.clock, first.random, first.store, options);
  ASSERT_TRUE(second.Start());
  EXPECT_EQ(first.store.version(), version + 3);
  EXPECT_EQ(first.Do(std::string("GET ") + slice).json["ports"][0]["port"], 7443);
  EXPECT_EQ(DumpJson(first.Do(std::string("GET ") + endpoints).json["subsets"]),
            R"([{"addresses":[{"ip":"127.0.0.1"}],)"
            R"("ports":[{"name":"https","port":7443,"protocol":"TCP"}]}])");
  EXPECT_EQ(first.Do(std::string("GET ") + service).json["spec"]["ports"][0]["targetPort"], 7443);
}

}  // namespace
}  // namespace weir::apiserver
