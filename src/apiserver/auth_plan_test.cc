#include "apiserver/auth_plan.h"

#include <gtest/gtest.h>

#include "apiserver/bootstrap_roles.h"
#include "apiserver/rbac_plan.h"
#include "base/strings.h"

namespace weir::apiserver {
namespace {

TokenMap Tokens() {
  return *ParseTokenFile(
      "admintoken,kubernetes-admin,1,system:masters\n"
      "\n"
      "# people without rights\n"
      "plaintoken, plain ,2,\"plaingroup,other\"\n"
      "nogroups,someone,3\n");
}

RbacPolicy BootstrapPolicy() {
  RbacPolicy policy;
  for (const Json& object : BootstrapRoles(k_embedded_roles_txt)) {
    const std::string resource =
        ToLower(GetString(object, "kind")) + "s." + std::string(kRbacGroup);
    policy.Put(resource, GetString(object, {"metadata", "namespace"}),
               GetString(object, {"metadata", "name"}), &object);
  }
  return policy;
}

TEST(AuthTest, TokenFiles) {
  const TokenMap tokens = Tokens();
  ASSERT_EQ(tokens.size(), 3U);
  const User& plain = tokens.at("plaintoken");
  EXPECT_EQ(plain.name, "plain");
  EXPECT_EQ(plain.uid, "2");
  EXPECT_EQ(plain.groups,
            (std::vector<std::string>{"plaingroup", "other", "system:authenticated"}));
  EXPECT_EQ(tokens.at("nogroups").groups, std::vector<std::string>{"system:authenticated"});

  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"a,b\n", "line 1: token,user,uid[,\"group1,group2\"] expected"},
      {"a,b,1\n,b,1\n", "line 2: token or user is empty"},
      {"a,b,1,\"c\n", "line 1: a quote does not end"},
      {"a,b,1\na,c,2\n", "line 2: the token stands there already"},
  };
  for (const Case& c : cases) {
    const auto parsed = ParseTokenFile(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().message, c.message);
  }
}

TEST(AuthTest, Credentials) {
  struct Case {
    const char* common_name;
    std::vector<std::string> organizations;
    const char* authorization;
    const char* user;  // name and groups; empty: 401
  };
  const Case cases[] = {
      {"", {}, "", "system:anonymous system:unauthenticated"},
      {"", {}, "Bearer", "system:anonymous system:unauthenticated"},
      {"", {}, "Bearer  ", "system:anonymous system:unauthenticated"},
      {"", {}, "Basic dXNlcjpwYXNz", "system:anonymous system:unauthenticated"},
      {"", {}, "plaintoken", "system:anonymous system:unauthenticated"},
      {"", {}, "Bearer wrong", ""},
      {"", {}, "bearer admintoken", "kubernetes-admin system:masters system:authenticated"},
      {"jane", {"dev"}, "", "jane dev system:authenticated"},
      {"jane", {"dev"}, "Bearer wrong", "jane dev system:authenticated"},
  };
  for (const Case& c : cases) {
    const auto user = Authenticate(c.common_name, c.organizations, c.authorization, Tokens());
    const std::string text = user ? user->name + " " + Join(user->groups, " ") : "";
    EXPECT_EQ(text, c.user) << c.authorization;
  }
}

TEST(AuthTest, RightsAndTheWordsOfARefusal) {
  struct Case {
    const char* authorization;
    const char* method;
    const char* path;
    const char* message;  // empty: allowed
  };
  const Case cases[] = {
      {"", "GET", "/version", ""},
      {"", "GET", "/readyz", ""},
      {"", "GET", "/livez/ping",
       "forbidden: User \"system:anonymous\" cannot get path "
       "\"/livez/ping\""},
      {"", "GET", "/apis", "forbidden: User \"system:anonymous\" cannot get path \"/apis\""},
      {"", "GET", "/api/v1/pods",
       "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group "
       "\"\" at the cluster scope"},
      {"Bearer plaintoken", "GET", "/apis/apps/v1", ""},
      {"Bearer plaintoken", "GET", "/openapi/v3", ""},
      {"Bearer plaintoken", "POST", "/apis",
       "forbidden: User \"plain\" cannot post path \"/apis\""},
      {"Bearer plaintoken", "GET", "/metrics",
       "forbidden: User \"plain\" cannot get path \"/metrics\""},
      {"Bearer plaintoken", "GET", "/apis/apps/v1/namespaces/n/deployments/d/scale",
       "deployments.apps \"d\" is forbidden: User \"plain\" cannot get resource "
       "\"deployments/scale\" in API group \"apps\" in the namespace \"n\""},
      {"Bearer plaintoken", "DELETE", "/api/v1/namespaces/n/configmaps",
       "configmaps is forbidden: User \"plain\" cannot deletecollection resource \"configmaps\" in "
       "API group \"\" in the namespace \"n\""},
      {"Bearer plaintoken", "GET", "/api/v1/namespaces/n",
       "namespaces \"n\" is forbidden: User \"plain\" cannot get resource \"namespaces\" in API "
       "group \"\" in the namespace \"n\""},
      {"Bearer admintoken", "DELETE", "/api/v1/namespaces/n/configmaps", ""},
      {"Bearer admintoken", "GET", "/metrics", ""},
  };
  const RbacPolicy policy = BootstrapPolicy();
  for (const Case& c : cases) {
    const auto user = Authenticate("", {}, c.authorization, Tokens());
    const auto request = ParseRequest(c.method, c.path, {});
    ASSERT_TRUE(user && request);
    const Attributes attributes = AttributesOf(*request);
    const bool allowed = policy.Authorize(*user, attributes).allowed;
    EXPECT_EQ(allowed, std::string(c.message).empty()) << c.path;
    if (!allowed) {
      const Json status = ForbiddenStatus(*user, attributes);
      EXPECT_EQ(GetString(status, "message"), c.message);
      EXPECT_EQ(GetInt(status, {"code"}), 403);
    }
  }
}

}  // namespace
}  // namespace weir::apiserver
