// Roles, tokens and reviews as requests meet them.
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "base/strings.h"

namespace weir::apiserver {
namespace {

const net::Headers kPlain = {{"authorization", "Bearer plaintoken"}};
constexpr const char* kRbac = "/apis/rbac.authorization.k8s.io/v1/";
constexpr const char* kPods = "/api/v1/namespaces/default/pods";

std::string Message(const TestServer::Answer& answer) { return GetString(answer.json, "message"); }

std::string Role(const std::string& kind, const std::string& name, const std::string& rules,
                 const std::string& more = "") {
  return R"({"kind":")" + kind +
         R"(","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":")" + name + "\"" +
         more + R"(},"rules":[)" + rules + "]}";
}

std::string Binding(const std::string& name, const std::string& role, const std::string& subject) {
  return R"({"metadata":{"name":")" + name + R"("},"roleRef":)" + role + R"(,"subjects":[)" +
         subject + "]}";
}

constexpr const char* kUser = R"({"kind":"User","name":"plain"})";

TEST(AccessTest, RolesCountFromTheirWriteOn) {
  TestServer server;
  const std::string roles = std::string(kRbac) + "namespaces/default/roles";
  const std::string bindings = std::string(kRbac) + "namespaces/default/rolebindings";
  EXPECT_EQ(server.Do(std::string("GET ") + kPods, "", kPlain).code, 403);
  EXPECT_EQ(
      server
          .Do("POST " + roles,
              Role("Role", "r", R"({"apiGroups":[""],"resources":["pods"],"verbs":["list"]})"))
          .code,
      201);
  EXPECT_EQ(
      server.Do("POST " + bindings, Binding("b", R"({"kind":"Role","name":"r"})", kUser)).code,
      201);
  EXPECT_EQ(server.Do(std::string("GET ") + kPods, "", kPlain).code, 200);
  EXPECT_EQ(server.Do(std::string("GET ") + kPods + "?watch=true", "", kPlain).code, 403);
  EXPECT_EQ(server.Do("GET /api/v1/pods", "", kPlain).code, 403);
  EXPECT_EQ(server.Do("DELETE " + bindings + "/b").code, 200);
  EXPECT_EQ(server.Do(std::string("GET ") + kPods, "", kPlain).code, 403);
}

TEST(AccessTest, AggregatedRolesHoldWhatTheyGather) {
  TestServer server;
  const std::string roles = std::string(kRbac) + "clusterroles";
  const auto view = server.Do("GET " + roles + "/view");
  EXPECT_FALSE(GetArray(view.json, {"rules"}).empty());
  const std::string rule = R"({"apiGroups":["x"],"resources":["ys"],"verbs":["get"]})";
  EXPECT_EQ(server
                .Do("POST " + roles,
                    Role("ClusterRole", "part", rule,
                         R"(,"labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"})"))
                .code,
            201);
  const auto more = server.Do("GET " + roles + "/view");
  EXPECT_EQ(GetArray(more.json, {"rules"}).size(), GetArray(view.json, {"rules"}).size() + 1);
  EXPECT_EQ(server.Do("DELETE " + roles + "/part").code, 200);
  EXPECT_EQ(server.Do("GET " + roles + "/view").json["rules"], view.json["rules"]);
}

TEST(AccessTest, NobodyGivesAwayWhatTheyDoNotHave) {
  TestServer server;
  const std::string roles = std::string(kRbac) + "namespaces/default/roles";
  const std::string bindings = std::string(kRbac) + "namespaces/default/rolebindings";
  const std::string rule =
      R"({"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],)"
      R"("verbs":["create","get","update"]})";
  server.Do("POST " + roles, Role("Role", "r", rule));
  server.Do("POST " + bindings, Binding("b", R"({"kind":"Role","name":"r"})", kUser));
  const auto more = server.Do(
      "POST " + roles,
      Role("Role", "mine", R"({"apiGroups":[""],"resources":["secrets"],"verbs":["get","list"]})"),
      kPlain);
  EXPECT_EQ(more.code, 403);
  EXPECT_EQ(Message(more),
            "roles.rbac.authorization.k8s.io \"mine\" is forbidden: user \"plain\" "
            "(groups=[\"plaingroup\" \"system:authenticated\"]) is attempting to grant RBAC "
            "permissions not currently held:\n"
            "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}");
  EXPECT_EQ(server.Do("POST " + roles, Role("Role", "less", rule), kPlain).code, 201);
  EXPECT_EQ(server
                .Do("PUT " + roles + "/less",
                    Role("Role", "less", R"({"apiGroups":["*"],"resources":["*"],"verbs":["*"]})"),
                    kPlain)
                .code,
            403);
  const auto edit = Binding("c", R"({"kind":"ClusterRole","name":"edit"})", kUser);
  EXPECT_EQ(server.Do("POST " + bindings, edit, kPlain).code, 403);
  const auto own = Binding("d", R"({"kind":"Role","name":"less"})", kUser);
  EXPECT_EQ(server.Do("POST " + bindings, own, kPlain).code, 201);
}

TEST(AccessTest, AccountsHaveTokens) {
  TestServer server;
  const std::string accounts = "/api/v1/namespaces/default/serviceaccounts";
  server.Do("POST " + accounts, R"({"metadata":{"name":"bot"}})");
  const auto request =
      server.Do("POST " + accounts + "/bot/token", R"({"spec":{"expirationSeconds":600}})");
  ASSERT_EQ(request.code, 201) << request.body;
  const std::string token = GetString(request.json, {"status", "token"});
  const net::Headers as_bot = {{"authorization", "Bearer " + token}};
  EXPECT_EQ(Message(server.Do(std::string("GET ") + kPods, "", as_bot)),
            "pods is forbidden: User \"system:serviceaccount:default:bot\" cannot list resource "
            "\"pods\" in API group \"\" in the namespace \"default\"");
  const auto who =
      server.Do("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", "{}", as_bot);
  EXPECT_EQ(GetString(who.json, {"status", "userInfo", "username"}),
            "system:serviceaccount:default:bot");
  EXPECT_EQ(
      server.Do("POST " + accounts + "/bot/token", R"({"spec":{"expirationSeconds":5}})").code,
      422);
  const auto elsewhere =
      server.Do("POST " + accounts + "/bot/token", R"({"spec":{"audiences":["elsewhere"]}})");
  const net::Headers other = {
      {"authorization", "Bearer " + GetString(elsewhere.json, {"status", "token"})}};
  EXPECT_EQ(server.Do("GET /version", "", other).code, 401);
  // Another cluster's key, the end of its time, and the end of its account.
  Options options;
  options.token_key = std::string(32, 'k');
  TestServer another(options);
  another.Do("POST " + accounts, R"({"metadata":{"name":"bot"}})");
  EXPECT_EQ(another.Do("GET /version", "", as_bot).code, 401);
  EXPECT_EQ(server.Do("GET /version", "", as_bot).code, 200);
  server.clock.Advance(std::chrono::minutes(11));
  EXPECT_EQ(server.Do("GET /version", "", as_bot).code, 401);
  const auto again = server.Do("POST " + accounts + "/bot/token", "{}");
  const net::Headers later = {
      {"authorization", "Bearer " + GetString(again.json, {"status", "token"})}};
  EXPECT_EQ(server.Do("GET /version", "", later).code, 200);
  server.Do("DELETE " + accounts + "/bot");
  EXPECT_EQ(server.Do("GET /version", "", later).code, 401);
}

TEST(AccessTest, ReviewsAskTheSameRoles) {
  TestServer server;
  const std::string group = "/apis/authorization.k8s.io/v1/";
  struct Case {
    const char* path;
    const char* spec;
    const char* answer;  // of status, or the message
  };
  const Case cases[] = {
      {"selfsubjectaccessreviews",
       R"({"resourceAttributes":{"verb":"get","resource":"pods","namespace":"default"}})",
       R"({"allowed":false})"},
      {"selfsubjectaccessreviews", R"({"nonResourceAttributes":{"verb":"get","path":"/api"}})",
       R"({"allowed":true,"reason":"RBAC: allowed by ClusterRoleBinding \"system:discovery\" of )"
       R"(ClusterRole \"system:discovery\" to Group \"system:authenticated\""})"},
      {"selfsubjectaccessreviews", "{}",
       ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: "
       "exactly one of nonResourceAttributes or resourceAttributes must be specified"},
      {"selfsubjectrulesreviews", "{}", "no namespace on request"},
      {"subjectaccessreviews", "{}",
       "subjectaccessreviews.authorization.k8s.io is forbidden: User \"plain\" cannot create "
       "resource \"subjectaccessreviews\" in API group \"authorization.k8s.io\" at the cluster "
       "scope"},
  };
  for (const Case& c : cases) {
    const auto answer =
        server.Do("POST " + group + c.path, R"({"spec":)" + std::string(c.spec) + "}", kPlain);
    const std::string text =
        answer.code == 201 ? DumpJson(GetObject(answer.json, {"status"})) : Message(answer);
    EXPECT_EQ(text, c.answer) << c.path;
  }
  const auto of_other = server.Do(
      "POST " + group + "subjectaccessreviews",
      R"({"spec":{"user":"x","groups":["system:masters"],"resourceAttributes":{"verb":"get"}}})");
  EXPECT_TRUE(GetBool(of_other.json, {"status", "allowed"}, false)) << of_other.body;
  const auto token = server.Do("POST /apis/authentication.k8s.io/v1/tokenreviews",
                               R"({"spec":{"token":"plaintoken"}})");
  EXPECT_EQ(GetString(token.json, {"status", "user", "username"}), "plain");
  const auto wrong = server.Do("POST /apis/authentication.k8s.io/v1/tokenreviews",
                               R"({"spec":{"token":"wrong"}})");
  EXPECT_EQ(DumpJson(wrong.json["status"]), R"({"error":"invalid bearer token","user":{}})");
}

}  // namespace
}  // namespace weir::apiserver
