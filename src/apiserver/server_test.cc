// Requests to a server in process, and what it answers. Words are those recorded from a real
// cluster.
#include "apiserver/server.h"

#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "base/strings.h"

namespace weir::apiserver {
namespace {

constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kConfigMaps = "/api/v1/namespaces/default/configmaps";

constexpr const char* kPod =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"app":"x"}},
        "spec":{"containers":[{"name":"c","image":"nginx"}]}})";

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

TEST(ServerTest, PathsAndMethods) {
  struct Case {
    const char* request;
    int code;
    const char* type;      // content type
    const char* contains;  // of the body
  };
  const Case cases[] = {
      {"GET /version", 200, "application/json", R"("minor":"36")"},
      {"GET /version/", 200, "application/json", R"("gitVersion":"v1.36.3)"},
      {"POST /version", 405, "application/json", "MethodNotAllowed"},
      {"GET /healthz", 200, "text/plain; charset=utf-8", "ok"},
      {"GET /livez/ping", 200, "text/plain; charset=utf-8", "ok"},
      {"GET /livez/nope", 404, "text/plain; charset=utf-8", "404 page not found\n"},
      {"GET /healthz/", 404, "text/plain; charset=utf-8", "404 page not found\n"},
      {"GET /readyz?verbose", 200, "text/plain; charset=utf-8",
       "[+]ping ok\n[+]shutdown ok\nreadyz check passed\n"},
      {"POST /healthz", 200, "text/plain; charset=utf-8", "ok"},
      {"GET /nope", 404, "text/plain; charset=utf-8", "404 page not found\n"},
      {"GET /metrics", 404, "text/plain; charset=utf-8", "404 page not found\n"},
      {"GET /", 200, "application/json", "\"/apis/apps/v1\""},
      {"GET /api", 200, "application/json", "APIVersions"},
      {"GET /api/", 200, "application/json", "APIVersions"},
      {"GET /api/v1/", 200, "application/json", "APIResourceList"},
      {"GET /apis", 200, "application/json", "APIGroupList"},
      {"GET /apis/apps/", 200, "application/json", "APIGroup"},
      {"DELETE /apis/apps", 200, "application/json", "APIGroup"},
      {"GET /apis/apps/v1", 200, "application/json", "deployments/scale"},
      {"GET /api/v2", 404, "application/json", "could not find the requested resource"},
      {"GET /apis/apps/v2", 404, "application/json", "could not find the requested resource"},
      {"GET /apis/nope", 404, "text/plain; charset=utf-8", "404 page not found\n"},
      {"GET /apis/nope.example.com/v1/nopes", 404, "text/plain; charset=utf-8", "404 page"},
      {"GET //api/v1", 404, "text/plain; charset=utf-8", "404 page not found\n"},
      {"GET /api//v1", 404, "application/json", "could not find the requested resource"},
      {"GET /api/v1/nopes", 404, "application/json", "could not find the requested resource"},
      {"GET /api/v1/namespaces/default/nodes", 404, "application/json", "could not find"},
      {"GET /api/v1/namespaces/default/pods/a/nope", 404, "application/json", "could not find"},
      {"GET /apis/apps/v1/namespaces/default/deployments/a/scale/b", 404, "application/json",
       "could not find"},
      {"GET /api/v1/pods/a", 404, "application/json", "could not find"},
      {"GET /api/v1/namespaces/default/configmaps/a%2Fb", 404, "application/json",
       "could not find"},
      {"GET /api/v1/namespaces/default/configmaps/%2e%2e", 400, "application/json",
       R"(Name parameter invalid: \"..\": may not be '..')"},
      {"GET /api/v1/namespaces/default/configmaps/%zz", 400, "text/plain; charset=utf-8",
       "400 Bad Request"},
      {"DELETE /api/v1/pods", 405, "application/json", "does not allow this method"},
      {"PUT /api/v1/namespaces/default/pods", 405, "application/json", "does not allow"},
      {"PATCH /api/v1/namespaces/default/configmaps", 405, "application/json", "does not allow"},
      {"POST /api/v1/namespaces/default/configmaps/a", 405, "application/json", "does not allow"},
      {"POST /api/v1/configmaps", 405, "application/json", "does not allow"},
      {"OPTIONS /api/v1/namespaces/default/pods", 405, "application/json", "does not allow"},
      {"FOO /api/v1/namespaces/default/pods", 405, "application/json", "does not allow"},
      {"HEAD /api/v1/namespaces/default", 405, "application/json", ""},
      {"HEAD /api/v1", 405, "application/json", ""},
      {"DELETE /api/v1/namespaces", 405, "application/json", "does not allow"},
      {"DELETE /apis/apps/v1/namespaces/default/deployments/a/scale", 405, "application/json",
       "does not allow"},
      {"GET /openapi/v3", 200, "text/plain; charset=utf-8", "apis/apps/v1"},
      {"GET /openapi/v3/apis/apps/v1", 200, "application/json", "fieldValidation"},
      {"GET /openapi/v3/apis/nope/v1", 404, "", ""},
      {"GET /openapi/v3/", 404, "", ""},
      {"GET /openapi/v3/version", 200, "application/json", "/version/"},
      {"GET /openapi/v2", 200, "application/json", "swagger"},
      {"GET /openapi/v2/", 404, "text/plain; charset=utf-8", "404 page not found"},
  };
  TestServer server;
  for (const Case& c : cases) {
    const auto answer = server.Do(c.request);
    EXPECT_EQ(answer.code, c.code) << c.request;
    const auto type = answer.headers.find("content-type");
    EXPECT_EQ(type == answer.headers.end() ? "" : type->second, c.type) << c.request;
    EXPECT_TRUE(answer.body.contains(c.contains)) << c.request << ": " << answer.body;
  }
}

TEST(ServerTest, AggregatedDiscoveryHasAnETag) {
  TestServer server;
  const net::Headers accept = {
      {"accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}};
  const auto first = server.Do("GET /apis", "", accept);
  EXPECT_EQ(first.code, 200);
  EXPECT_EQ(first.headers.find("content-type")->second, accept.at("accept"));
  net::Headers again = accept;
  again["if-none-match"] = first.headers.find("etag")->second;
  const auto second = server.Do("GET /apis", "", again);
  EXPECT_EQ(second.code, 304);
  EXPECT_EQ(second.body, "");
}

TEST(ServerTest, OpenApiV2IsTheSmallestProtobufDocument) {
  TestServer server;
  const auto answer =
      server.Do("GET /openapi/v2", "",
                {{"accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}});
  EXPECT_EQ(answer.headers.find("content-type")->second,
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  EXPECT_EQ(answer.body.size(), 17U);
}

TEST(ServerTest, WhoMayDoWhat) {
  struct Case {
    const char* authorization;
    const char* request;
    int code;
  };
  const Case cases[] = {
      {"", "GET /version", 200},
      {"", "GET /api/v1/pods", 403},
      {"Bearer wrong", "GET /version", 401},
      {"Bearer plaintoken", "GET /apis", 200},
      {"Bearer plaintoken", "GET /api/v1/namespaces/default/pods", 403},
      {"Bearer admintoken", "GET /api/v1/namespaces/default/pods", 200},
  };
  TestServer server;
  for (const Case& c : cases) {
    EXPECT_EQ(server.Do(c.request, "", {{"authorization", c.authorization}}).code, c.code)
        << c.authorization << " " << c.request;
  }
  EXPECT_EQ(server.Do("GET /api/v1/pods", "", {{"impersonate-user", "jane"}}).code, 403);
}

TEST(ServerTest, ListsSelectAndPage) {
  TestServer server;
  for (const char* name : {"c1", "c2", "c3", "c4", "c5"}) {
    const std::string odd = (name[1] - '0') % 2 == 1 ? "1" : "0";
    ASSERT_EQ(
        server
            .Do(std::string("POST ") + kConfigMaps, std::string(R"({"metadata":{"name":")") + name +
                                                        R"(","labels":{"par":")" + odd + "\"}}}")
            .code,
        201);
  }
  struct Case {
    const char* query;
    int code;
    const char* expected;  // names, or the message
  };
  const Case cases[] = {
      {"", 200, "c1 c2 c3 c4 c5 "},
      {"?labelSelector=par%3D1", 200, "c1 c3 c5 "},
      {"?fieldSelector=metadata.name%3Dc2", 200, "c2 "},
      {"?fieldSelector=metadata.name%21%3Dc2,metadata.name!%3Dc1", 200, "c3 c4 c5 "},
      {"?fieldSelector=metadata.name%3Dc1,metadata.name%3Dc2", 200, ""},
      {"?limit=-1", 200, "c1 c2 c3 c4 c5 "},
      {"?limit=2&resourceVersion=0", 200, "c1 c2 c3 c4 c5 "},
      {"?limit=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      {"?labelSelector=a%3Db%3Dc", 400, "found '=', expected: ',' or 'end of string'"},
      {"?fieldSelector=data.i%3D1", 400,
       "\"data.i\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""},
      {"?resourceVersion=x", 400,
       "invalid resource version: resourceVersion: Invalid value: \"x\": strconv.ParseUint: "
       "parsing \"x\": invalid syntax"},
      {"?resourceVersionMatch=Exact", 422,
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
       "resourceVersionMatch is forbidden unless resourceVersion is provided"},
      {"?continue=e30", 400,
       "invalid continue token: continue key is not valid: server does not recognize this encoded "
       "version "},
  };
  for (const Case& c : cases) {
    const auto answer = server.Do(std::string("GET ") + kConfigMaps + c.query);
    EXPECT_EQ(answer.code, c.code) << c.query;
    EXPECT_EQ(c.code == 200 ? Names(answer.json) : Message(answer), c.expected) << c.query;
  }
  const auto pods = server.Do(std::string("GET ") + kPods + "?fieldSelector=spec.containers%3Dz");
  EXPECT_EQ(Message(pods), "field label not supported: spec.containers");
  const auto future = server.Do(std::string("GET ") + kConfigMaps + "?resourceVersion=99999");
  EXPECT_EQ(future.code, 504);
  EXPECT_TRUE(Message(future).starts_with("Timeout: Too large resource version: 99999, current:"));
}

TEST(ServerTest, PagesBelongToOneState) {
  TestServer server;
  for (const char* name : {"c1", "c2", "c3", "c4"}) {
    ASSERT_EQ(server.Do(std::string("POST ") + kConfigMaps, ConfigMap(name)).code, 201);
  }
  const auto first = server.Do(std::string("GET ") + kConfigMaps + "?limit=2");
  EXPECT_EQ(Names(first.json), "c1 c2 ");
  EXPECT_EQ(GetInt(first.json, {"metadata", "remainingItemCount"}), 2);
  ASSERT_EQ(server.Do(std::string("POST ") + kConfigMaps, ConfigMap("c2a")).code, 201);
  ASSERT_EQ(server.Do(std::string("DELETE ") + kConfigMaps + "/c4").code, 200);
  const auto second = server.Do(std::string("GET ") + kConfigMaps + "?limit=2&continue=" +
                                GetString(first.json, {"metadata", "continue"}));
  EXPECT_EQ(Names(second.json), "c3 c4 ");
  EXPECT_EQ(GetString(second.json, {"metadata", "continue"}), "");
  EXPECT_EQ(GetString(second.json, {"metadata", "resourceVersion"}),
            GetString(first.json, {"metadata", "resourceVersion"}));
  const auto items = server.Do(std::string("GET ") + kConfigMaps + "?limit=1");
  EXPECT_FALSE(GetArray(items.json, {"items"})[0].contains("kind"));
  EXPECT_EQ(GetString(items.json, "kind"), "ConfigMapList");
}

TEST(ServerTest, FormsByAccept) {
  TestServer server;
  ASSERT_EQ(server.Do(std::string("POST ") + kConfigMaps, ConfigMap("a")).code, 201);
  const std::string item = std::string("GET ") + kConfigMaps + "/a";
  const std::string list = std::string("GET ") + kConfigMaps;
  const auto accept = [](const char* type) { return net::Headers{{"accept", type}}; };

  const auto table = server.Do(list, "", accept("application/json;as=Table;v=v1;g=meta.k8s.io"));
  EXPECT_EQ(GetString(table.json, "kind"), "Table");
  EXPECT_EQ(GetArray(table.json, {"rows"})[0]["cells"][0], "a");
  EXPECT_EQ(GetArray(table.json, {"rows"})[0]["object"]["kind"], "PartialObjectMetadata");
  const auto old = server.Do(item, "", accept("application/json;as=Table;v=v1beta1;g=meta.k8s.io"));
  EXPECT_EQ(GetString(old.json, "apiVersion"), "meta.k8s.io/v1beta1");
  const auto bad = server.Do(item + "?includeObject=Nope", "",
                             accept("application/json;as=Table;v=v1;g=meta.k8s.io"));
  EXPECT_EQ(bad.code, 400);
  const auto partial =
      server.Do(item, "", accept("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"));
  EXPECT_EQ(GetString(partial.json, "kind"), "PartialObjectMetadata");
  EXPECT_FALSE(partial.json.contains("data"));
  const auto partials = server.Do(
      list, "", accept("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"));
  EXPECT_EQ(Names(partials.json), "a ");
  const auto wrong =
      server.Do(list, "", accept("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"));
  EXPECT_EQ(wrong.code, 406);
  EXPECT_EQ(Message(wrong),
            "you requested PartialObjectMetadata, but the requested object is a list "
            "(*core.ConfigMapList)");
  const auto yaml = server.Do(item, "", accept("application/yaml"));
  EXPECT_EQ(yaml.headers.find("content-type")->second, "application/yaml");
  EXPECT_TRUE(yaml.body.starts_with("apiVersion: v1\nkind: ConfigMap\nmetadata:\n")) << yaml.body;
  EXPECT_EQ(server.Do(item, "", accept("text/html")).code, 406);
  const auto pretty = server.Do(item + "?pretty=1");
  EXPECT_TRUE(pretty.body.starts_with("{\n  \"kind\": \"ConfigMap\",\n")) << pretty.body;
}

net::Task<void> SayLog(std::string ns, std::string name, std::string query,
                       net::ResponseWriter& writer) {
  net::HttpResponse response = net::HttpResponse::Text(200, ns + "/" + name + "?" + query);
  const Status sent = co_await writer.Send(std::move(response));
  EXPECT_TRUE(sent);
}

TEST(ServerTest, LogsAreTheKubeletsBusiness) {
  TestServer server;
  const std::string path = std::string("GET ") + kPods + "/p/log";
  EXPECT_EQ(server.Do(path).code, 404);
  ASSERT_EQ(server.Do(std::string("POST ") + kPods, kPod).code, 201);
  EXPECT_EQ(server.Do(path).code, 204);  // on no node
  const auto other = server.Do(path + "?container=nope");
  EXPECT_EQ(Message(other), "container nope is not valid for pod p");
  EXPECT_EQ(server.Do(path + "?tailLines=-1").code, 422);
  ASSERT_EQ(server
                .Do(std::string("POST ") + kPods + "/p/binding",
                    R"({"metadata":{"name":"p"},"target":{"name":"n"}})")
                .code,
            201);
  EXPECT_EQ(server.Do(path).code, 501);
  server.server.SetLogHandler(SayLog);
  EXPECT_EQ(server.Do(path + "?tailLines=3").body, "default/p?tailLines=3&container=c");
}

TEST(ServerTest, StreamsThatAreNotServedAreRefusedForWhatIsWrongWithThem) {
  TestServer server;
  const std::string path = std::string("POST ") + kPods + "/p/";
  EXPECT_EQ(server.Do(path + "exec?command=ls").code, 404);
  ASSERT_EQ(server.Do(std::string("POST ") + kPods, kPod).code, 201);
  for (const std::string what : {"exec", "attach"}) {
    EXPECT_EQ(Message(server.Do(path + what + "?container=nope")),
              "container nope is not valid for pod p");
    EXPECT_EQ(Message(server.Do(path + what)), "pod p does not have a host assigned");
  }
  EXPECT_EQ(Message(server.Do(path + "portforward")), "pod p does not have a host assigned");
  ASSERT_EQ(server.Do(path + "binding", R"({"metadata":{"name":"p"},"target":{"name":"n"}})").code,
            201);
  EXPECT_EQ(server.Do(path + "exec").code, 501);
}

TEST(ServerTest, EventsAreSelectedByTheFieldsOfTheirGroup) {
  TestServer server;
  const std::string event = R"({"metadata":{"name":"e"},"involvedObject":{"namespace":"default",
      "name":"p"},"reason":"R","type":"Normal"})";
  ASSERT_EQ(server.Do("POST /api/v1/namespaces/default/events", event).code, 201);
  const struct {
    const char* path;
    const char* expected;  // names, or the message
  } kCases[] = {
      {"/api/v1/events?fieldSelector=involvedObject.name%3Dp", "e "},
      {"/api/v1/events?fieldSelector=involvedObject.name%3Dq", ""},
      {"/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp", "e "},
      {"/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dq", ""},
      {"/api/v1/events?fieldSelector=regarding.name%3Dp",
       "field label not supported: regarding.name"},
      {"/apis/events.k8s.io/v1/events?fieldSelector=involvedObject.name%3Dp",
       "field label not supported: involvedObject.name"},
  };
  for (const auto& c : kCases) {
    const auto answer = server.Do(std::string("GET ") + c.path);
    EXPECT_EQ(answer.code == 200 ? Names(answer.json) : Message(answer), c.expected) << c.path;
  }
}

TEST(ServerTest, ListsAreInTheOrderOfTheirTypes) {
  TestServer server;
  ASSERT_EQ(server.Do(std::string("POST ") + kConfigMaps, R"({"metadata":{"name":"c"}})").code,
            201);
  const auto list = server.Do(std::string("GET ") + kConfigMaps);
  EXPECT_TRUE(list.body.starts_with(R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{)"))
      << list.body;
  const auto status = server.Do(std::string("GET ") + kConfigMaps + "/d");
  EXPECT_TRUE(status.body.starts_with(R"({"kind":"Status","apiVersion":"v1","metadata":{},)"))
      << status.body;
}

net::Task<void> SayWho(net::HttpRequest request, const User& user, net::ResponseWriter& writer) {
  net::HttpResponse response = net::HttpResponse::Text(200, user.name + " " + request.target);
  const Status sent = co_await writer.Send(std::move(response));
  EXPECT_TRUE(sent);
}

TEST(ServerTest, MountedHandlersAreAuthorisedFirst) {
  TestServer server;
  server.server.Mount("/apis/custom.metrics.k8s.io/", SayWho);
  server.server.MountGroup("custom.metrics.k8s.io", [] {
    return *ParseJson(R"({"metadata":{"name":"custom.metrics.k8s.io"},
                          "versions":[{"version":"v1beta1","resources":[]}]})");
  });
  EXPECT_EQ(server.Do("GET /apis/custom.metrics.k8s.io/v1beta1/").body,
            "kubernetes-admin /apis/custom.metrics.k8s.io/v1beta1/");
  EXPECT_EQ(server
                .Do("GET /apis/custom.metrics.k8s.io/v1beta1/namespaces/a/pods/b/c", "",
                    {{"authorization", "Bearer plaintoken"}})
                .code,
            403);
  const auto group = server.Do("GET /apis/custom.metrics.k8s.io");
  EXPECT_EQ(GetString(group.json, {"preferredVersion", "groupVersion"}),
            "custom.metrics.k8s.io/v1beta1");
  EXPECT_TRUE(server.Do("GET /apis").body.contains("custom.metrics.k8s.io/v1beta1"));
  server.server.SetMetricsHandler([] { return std::string("up 1\n"); });
  EXPECT_EQ(server.Do("GET /metrics").body, "up 1\n");
}

TEST(ServerTest, RequestsAreCounted) {
  TestServer server;
  EXPECT_EQ(server.Do(std::string("GET ") + kPods).code, 200);
  EXPECT_EQ(server.Do(std::string("GET ") + kPods).code, 200);
  EXPECT_EQ(server.Do(std::string("GET ") + kPods + "/p").code, 404);
  EXPECT_EQ(server.Do("FOO /nope").code, 404);
  const Metrics& metrics = server.server.metrics();
  EXPECT_EQ(metrics.requests.at({"list", "pods", 200}), 2U);
  EXPECT_EQ(metrics.requests.at({"get", "pods", 404}), 1U);
  EXPECT_EQ(metrics.requests.at({"other", "", 404}), 1U);
  EXPECT_EQ(metrics.latency.at("list").count, 2U);
}

}  // namespace
}  // namespace weir::apiserver
