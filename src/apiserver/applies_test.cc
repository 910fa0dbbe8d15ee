// Server-side apply as requests meet it.
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace weir::apiserver {
namespace {

const net::Headers kApply = {{"content-type", "application/apply-patch+yaml"}};
const net::Headers kMerge = {{"content-type", "application/merge-patch+json"}};
constexpr const char* kMap = "/api/v1/namespaces/default/configmaps/a";

std::string Apply(const std::string& manager, const std::string& more = "") {
  return std::string("PATCH ") + kMap + "?fieldManager=" + manager + more;
}

std::string Config(const std::string& data) {
  return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {" + data + "}\n";
}

std::string Message(const TestServer::Answer& answer) { return GetString(answer.json, "message"); }
std::string Data(const TestServer::Answer& answer) {
  return DumpJson(GetObject(answer.json, {"data"}));
}

TEST(AppliesTest, FieldsBelongToThoseWhoApplyThem) {
  TestServer server;
  EXPECT_EQ(server.Do(Apply("one"), Config("x: '1', z: '2'"), kApply).code, 201);
  const auto again = server.Do(Apply("one"), Config("x: '1', z: '2'"), kApply);
  EXPECT_EQ(again.code, 200);
  const auto conflict = server.Do(Apply("two"), Config("x: '9'"), kApply);
  EXPECT_EQ(conflict.code, 409);
  EXPECT_EQ(Message(conflict), "Apply failed with 1 conflict: conflict with \"one\": .data.x");
  EXPECT_EQ(DumpJson(conflict.json["details"]),
            R"({"causes":[{"field":".data.x","message":"conflict with \"one\"",)"
            R"("reason":"FieldManagerConflict"}]})");
  EXPECT_EQ(server.Do(Apply("two", "&force=true"), Config("x: '9'"), kApply).code, 200);
  // What one does not apply any more goes, what another owns too stays.
  EXPECT_EQ(Data(server.Do(Apply("one"), Config(""), kApply)), R"({"x":"9"})");
  EXPECT_EQ(server
                .Do(std::string("PATCH ") + kMap, R"({"data":{"x":"p","w":"q"}})",
                    {{"content-type", "application/merge-patch+json"}, {"user-agent", "cli/1"}})
                .code,
            200);
  const auto both = server.Do(Apply("two"), Config("x: '1', w: '1'"), kApply);
  EXPECT_EQ(
      Message(both),
      "Apply failed with 2 conflicts: conflicts with \"cli\" using v1:\n- .data.w\n- .data.x");
  EXPECT_EQ(Data(server.Do(std::string("GET ") + kMap)), R"({"w":"q","x":"p"})");
}

TEST(AppliesTest, MistakesAreToldInUpstreamsWords) {
  TestServer server;
  server.Do(Apply("one"), Config("x: '1'"), kApply);
  struct Case {
    const char* query;
    const char* body;
    int code;
    const char* message;
  };
  const Case cases[] = {
      {"", "{}", 422,
       "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for "
       "apply patch"},
      {"?fieldManager=one", "{}", 400, "invalid object type: /, Kind="},
      {"?fieldManager=one", "{apiVersion: v1, kind: Secret}", 400,
       "invalid object type: /v1, Kind=Secret"},
      {"?fieldManager=one", "[]", 400,
       "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
       "array into Go value of type map[string]interface {}"},
      {"?fieldManager=one", "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}", 400,
       "the name of the object (b) does not match the name on the URL (a)"},
      {"?fieldManager=one",
       "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, managedFields: []}}", 400,
       "metadata.managedFields must be nil"},
      {"?fieldManager=one", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: 5}}",
       500,
       "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.k: expected string, "
       "got &value.valueUnstructured{Value:5}"},
      {"?fieldManager=one", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, unknown: 1}",
       500,
       "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .unknown: field not "
       "declared in schema"},
  };
  for (const Case& c : cases) {
    const auto answer = server.Do(std::string("PATCH ") + kMap + c.query, c.body, kApply);
    EXPECT_EQ(answer.code, c.code) << c.body;
    EXPECT_EQ(Message(answer), c.message) << c.body;
  }
  const auto forced =
      server.Do(std::string("PATCH ") + kMap + "?force=true", R"({"data":{}})", kMerge);
  EXPECT_EQ(forced.code, 422);
}

}  // namespace
}  // namespace weir::apiserver
