#include "apiserver/rbac_plan.h"

#include <gtest/gtest.h>

#include "apiserver/bootstrap_roles.h"
#include "apiserver/impersonation_plan.h"
#include "apiserver/token_plan.h"

namespace weir::apiserver {
namespace {

PolicyRule Rule(std::vector<std::string> groups, std::vector<std::string> resources,
                std::vector<std::string> verbs, std::vector<std::string> names = {}) {
  return {std::move(verbs), std::move(groups), std::move(resources), std::move(names), {}};
}

Attributes About(std::string verb, std::string resource, std::string subresource = "",
                 std::string name = "", std::string group = "") {
  Attributes out;
  out.verb = std::move(verb);
  out.resource = std::move(resource);
  out.subresource = std::move(subresource);
  out.name = std::move(name);
  out.group = std::move(group);
  out.ns = "ns";
  return out;
}

TEST(RbacTest, RulesAllowWhatTheyName) {
  struct Case {
    PolicyRule rule;
    Attributes attributes;
    bool allowed;
  };
  Attributes path;
  path.is_resource = false;
  path.verb = "get";
  path.path = "/logs/x";
  const Case cases[] = {
      {Rule({""}, {"pods"}, {"get"}), About("get", "pods"), true},
      {Rule({""}, {"pods"}, {"get"}), About("list", "pods"), false},
      {Rule({"apps"}, {"pods"}, {"get"}), About("get", "pods"), false},
      {Rule({""}, {"pods"}, {"get"}), About("get", "pods", "log"), false},
      {Rule({""}, {"pods/log"}, {"*"}), About("get", "pods", "log"), true},
      {Rule({"*"}, {"*/log"}, {"*"}), About("get", "pods", "log"), true},
      {Rule({"*"}, {"*/log"}, {"*"}), About("get", "pods"), false},
      {Rule({"*"}, {"*"}, {"*"}), About("get", "pods", "log"), true},
      {Rule({""}, {"pods"}, {"get"}, {"a"}), About("get", "pods", "", "a"), true},
      {Rule({""}, {"pods"}, {"get"}, {"a"}), About("get", "pods", "", "b"), false},
      {Rule({""}, {"pods"}, {"list"}, {"a"}), About("list", "pods"), false},
      {{{"get"}, {}, {}, {}, {"/logs/*"}}, path, true},
      {{{"get"}, {}, {}, {}, {"/logs"}}, path, false},
      {{{"get"}, {}, {}, {}, {"*"}}, path, true},
      {Rule({"*"}, {"*"}, {"*"}), path, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(RuleAllows(c.rule, c.attributes), c.allowed)
        << PrintedRules({c.rule}) << " " << c.attributes.ResourceAndSubresource();
  }
}

TEST(RbacTest, NobodyGivesWhatTheyDoNotHave) {
  const std::vector<PolicyRule> owned = {Rule({""}, {"pods", "*/scale"}, {"get", "list"}),
                                         Rule({"apps"}, {"*"}, {"*"}, {"d"}),
                                         {{"get"}, {}, {}, {}, {"/logs/*"}}};
  EXPECT_TRUE(Uncovered(owned, {Rule({""}, {"pods"}, {"list"}, {"x"}),
                                Rule({""}, {"deployments/scale"}, {"get"}),
                                Rule({"apps"}, {"deployments"}, {"delete"}, {"d"}),
                                {{"get"}, {}, {}, {}, {"/logs/a"}}})
                  .empty());
  EXPECT_EQ(
      PrintedRules(Uncovered(owned, {Rule({""}, {"pods", "secrets"}, {"get", "list", "watch"}),
                                     Rule({"apps"}, {"deployments"}, {"get"}),
                                     {{"get"}, {}, {}, {}, {"/x"}}})),
      "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"watch\"]}\n"
      "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\" \"watch\"]}\n"
      "{APIGroups:[\"apps\"], Resources:[\"deployments\"], Verbs:[\"get\"]}\n"
      "{NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}");
}

TEST(RbacTest, BindingsAreOfUsersGroupsAndAccounts) {
  RbacPolicy policy;
  const Json role = {
      {"rules", {{{"verbs", {"get"}}, {"apiGroups", {""}}, {"resources", {"pods"}}}}}};
  policy.Put("roles.rbac.authorization.k8s.io", "ns", "r", &role);
  const auto bind = [&policy](const char* name, const char* kind, const Json& subject) {
    const Json binding = {{"roleRef", {{"kind", kind}, {"name", "r"}}},
                          {"subjects", Json::array({subject})}};
    policy.Put("rolebindings.rbac.authorization.k8s.io", "ns", name, &binding);
  };
  bind("b", "Role", {{"kind", "ServiceAccount"}, {"name", "bot"}});
  const User bot{ServiceAccountName("ns", "bot"), "", {}, {}};
  const User jane{"jane", "", {"dev"}, {}};
  Decision decision = policy.Authorize(bot, About("get", "pods"));
  EXPECT_TRUE(decision.allowed);
  EXPECT_EQ(decision.reason,
            "RBAC: allowed by RoleBinding \"b/ns\" of Role \"r\" to ServiceAccount \"bot/ns\"");
  EXPECT_FALSE(policy.Authorize(jane, About("get", "pods")).allowed);
  Attributes elsewhere = About("get", "pods");
  elsewhere.ns = "other";
  EXPECT_FALSE(policy.Authorize(bot, elsewhere).allowed);

  bind("g", "Role", {{"kind", "Group"}, {"name", "dev"}});
  EXPECT_TRUE(policy.Authorize(jane, About("get", "pods")).allowed);
  bind("g", "ClusterRole", {{"kind", "User"}, {"name", "jane"}});
  decision = policy.Authorize(jane, About("get", "pods"));
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.reason, "RBAC: clusterrole.rbac.authorization.k8s.io \"r\" not found");
  policy.Put("rolebindings.rbac.authorization.k8s.io", "ns", "b", nullptr);
  EXPECT_FALSE(policy.Authorize(bot, About("get", "pods")).allowed);
  EXPECT_TRUE(policy.Authorize({"x", "", {std::string(kMasters)}, {}}, elsewhere).allowed);
}

TEST(RbacTest, BootstrapRolesGetBackWhatTheyLack) {
  const std::vector<Json> objects = BootstrapRoles(
      "# words\ncluster-role a\n  label x=y\n  allow \"\",apps  pods  get,list named n\n"
      "  urls /a/*  get\nrole-binding ns b ClusterRole a\n  ServiceAccount ks c\n  Group g\n");
  ASSERT_EQ(objects.size(), 2U);
  EXPECT_EQ(DumpJson(objects[0]["rules"]),
            R"([{"apiGroups":["","apps"],"resourceNames":["n"],"resources":["pods"],)"
            R"("verbs":["get","list"]},{"nonResourceURLs":["/a/*"],"verbs":["get"]}])");
  EXPECT_EQ(DumpJson(objects[1]["subjects"]),
            R"([{"kind":"ServiceAccount","name":"c","namespace":"ks"},)"
            R"({"apiGroup":"rbac.authorization.k8s.io","kind":"Group","name":"g"}])");
  EXPECT_TRUE(Reconciled(objects[0], objects[0]).is_null());
  Json less = objects[0];
  less["rules"] = Json::array({objects[0]["rules"][1]});
  less["rules"].push_back({{"verbs", {"x"}}});
  Json more = Reconciled(less, objects[0]);
  EXPECT_EQ(more["rules"].size(), 3U);
  less["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"] = "false";
  EXPECT_TRUE(Reconciled(less, objects[0]).is_null());
}

TEST(ImpersonationTest, AsksForEachThatIsWanted) {
  RbacPolicy policy;
  const Json role = {{"rules",
                      {{{"verbs", {"impersonate"}},
                        {"apiGroups", {"", "authentication.k8s.io"}},
                        {"resources", {"users", "groups", "userextras/reason"}},
                        {"resourceNames", {"jane", "dev", "test"}}}}}};
  const Json binding = {{"roleRef", {{"kind", "ClusterRole"}, {"name", "r"}}},
                        {"subjects", {{{"kind", "User"}, {"name", "plain"}}}}};
  policy.Put("clusterroles.rbac.authorization.k8s.io", "", "r", &role);
  policy.Put("clusterrolebindings.rbac.authorization.k8s.io", "", "b", &binding);
  const User plain{"plain", "", {}, {}};
  const Attributes request = About("get", "pods");
  struct Case {
    net::Headers headers;
    const char* groups;  // of the user; empty: refused
    const char* message;
  };
  const Case cases[] = {
      {{{"impersonate-user", "jane"}}, "system:authenticated", ""},
      {{{"impersonate-user", "jane"},
        {"impersonate-group", "dev"},
        {"impersonate-extra-reason", "test"}},
       "dev system:authenticated",
       ""},
      {{{"impersonate-user", "jane"}, {"impersonate-group", "dev, ops"}},
       "",
       "pods is forbidden: User \"plain\" cannot impersonate-on:user-info:get resource \"pods\" in "
       "API group \"\" in the namespace \"ns\""},
      {{{"impersonate-user", "system:serviceaccount:a:b"}, {"impersonate-group", "dev"}},
       "",
       "serviceaccounts \"b\" is forbidden: User \"plain\" cannot impersonate resource "
       "\"serviceaccounts\" in API group \"\" in the namespace \"a\""},
      {{{"impersonate-group", "dev"}},
       "",
       "requested &user.DefaultInfo{Name:\"\", UID:\"\", Groups:[]string{\"dev\"}, "
       "Extra:map[string][]string(nil)} without impersonating a user name"},
  };
  for (const Case& c : cases) {
    const auto wanted = WantedUser(c.headers);
    if (!wanted) {
      EXPECT_EQ(GetString(wanted.error(), "message"), c.message);
      continue;
    }
    ASSERT_TRUE(wanted->has_value());
    const auto user = Impersonate(policy, plain, **wanted, request);
    std::string groups;
    if (user) {
      for (const std::string& group : user->groups) groups += (groups.empty() ? "" : " ") + group;
    } else {
      EXPECT_EQ(GetString(user.error(), "message"), c.message);
    }
    EXPECT_EQ(groups, c.groups);
  }
  const User admin{"admin", "", {std::string(kMasters)}, {}};
  const auto account =
      Impersonate(policy, admin, {"system:serviceaccount:a:b", "", {}, {}}, request);
  ASSERT_TRUE(account);
  EXPECT_EQ(account->groups,
            (std::vector<std::string>{"system:serviceaccounts", "system:serviceaccounts:a",
                                      "system:authenticated"}));
  EXPECT_FALSE(WantedUser({{"accept", "x"}})->has_value());
}

TEST(TokenTest, ATokenIsReadByItsKeyInItsTime) {
  TokenClaims claims;
  claims.ns = "ns";
  claims.account = "bot";
  claims.account_uid = "u";
  claims.bound = {"Pod", "p", "pu"};
  claims.audiences = {std::string(kApiAudience)};
  claims.issued = Time(std::chrono::seconds(1000));
  claims.expires = Time(std::chrono::seconds(2000));
  claims.id = "j";
  const std::string token = MakeServiceAccountToken(claims, "key");
  const auto read = ReadServiceAccountToken(token, "key", claims.issued);
  ASSERT_TRUE(read);
  const User user = UserOf(*read);
  EXPECT_EQ(user.name, "system:serviceaccount:ns:bot");
  EXPECT_EQ(user.uid, "u");
  EXPECT_EQ(user.extra.at("authentication.kubernetes.io/pod-name"), std::vector<std::string>{"p"});
  EXPECT_TRUE(read->HasAudience(kApiAudience));
  EXPECT_FALSE(ReadServiceAccountToken(token, "other", claims.issued));
  EXPECT_FALSE(ReadServiceAccountToken(token, "key", claims.expires));
  EXPECT_FALSE(ReadServiceAccountToken(token, "key", claims.issued - std::chrono::minutes(1)));
  std::string bent = token;
  bent[bent.find('.') + 2] ^= 1;
  for (const std::string& bad : {bent, token.substr(0, token.rfind('.')), std::string("x"),
                                 std::string(".."), token.substr(1)}) {
    EXPECT_FALSE(ReadServiceAccountToken(bad, "key", claims.issued)) << bad;
  }
}

}  // namespace
}  // namespace weir::apiserver
