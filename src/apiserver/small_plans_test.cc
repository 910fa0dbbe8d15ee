#include <gtest/gtest.h>

#include "apiserver/crd_plan.h"
#include "apiserver/patch_plan.h"
#include "apiserver/pod_plan.h"

namespace weir::apiserver {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T00:00:00Z");

TEST(PodPlanTest, AdmissionFillsInAndKeeps) {
  const Json bob = *ParseJson(R"({"imagePullSecrets":[{"name":"pull"}]})");
  Json pod = *ParseJson(R"({"spec":{"priority":7,"serviceAccountName":"bob","tolerations":[
      {"key":"node.kubernetes.io/not-ready","effect":"NoExecute","operator":"Exists"}]}})");
  ASSERT_TRUE(AdmitPod(pod, &bob, "abcde"));
  EXPECT_EQ(GetString(pod, {"spec", "serviceAccount"}), "bob");
  EXPECT_EQ(GetInt(pod, {"spec", "priority"}), 7);
  EXPECT_EQ(GetArray(pod, {"spec", "tolerations"}).size(), 2U);
  EXPECT_EQ(GetArray(pod, {"spec", "imagePullSecrets"}), GetArray(bob, {"imagePullSecrets"}));
  Json all = *ParseJson(R"({"spec":{"tolerations":[{"operator":"Exists"}]}})");
  ASSERT_TRUE(AdmitPod(all, nullptr, "abcde"));
  EXPECT_EQ(GetArray(all, {"spec", "tolerations"}).size(), 1U);
  EXPECT_EQ(GetString(all, {"spec", "serviceAccountName"}), "default");
}

TEST(PodPlanTest, AdmissionMountsTheAccountsToken) {
  const Json silent = Json::object(), shy = {{"automountServiceAccountToken", false}};
  const auto admitted = [](const Json& account, const char* spec) {
    Json pod = {{"metadata", {{"name", "p"}, {"namespace", "ns"}}}, {"spec", *ParseJson(spec)}};
    EXPECT_TRUE(AdmitPod(pod, &account, "abcde"));
    return pod["spec"];
  };
  const Json two = admitted(silent, R"({"initContainers":[{}],"containers":[{},{"volumeMounts":[
      {"name":"own","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}]})");
  EXPECT_EQ(GetString(two["volumes"][0], "name"), "kube-api-access-abcde");
  EXPECT_EQ(GetArray(two["volumes"][0], {"projected", "sources"}).size(), 3U);
  for (const char* list : {"initContainers", "containers"}) {
    EXPECT_EQ(GetString(two[list][0]["volumeMounts"][0], "name"), "kube-api-access-abcde");
  }
  EXPECT_EQ(GetString(two["containers"][1]["volumeMounts"][0], "name"), "own");
  EXPECT_FALSE(admitted(shy, R"({"containers":[{}]})").contains("volumes"));
  EXPECT_TRUE(admitted(shy, R"({"automountServiceAccountToken":true,"containers":[{}]})")
                  .contains("volumes"));
  EXPECT_FALSE(admitted(silent, R"({"automountServiceAccountToken":false,"containers":[{}]})")
                   .contains("volumes"));
}

TEST(PodPlanTest, AdmissionRefusesAnAccountThatIsNotThere) {
  Json pod = *ParseJson(
      R"({"metadata":{"name":"p","namespace":"ns"},"spec":{"serviceAccountName":"nobody"}})");
  const auto admitted = AdmitPod(pod, nullptr, "abcde");
  ASSERT_FALSE(admitted);
  EXPECT_EQ(GetInt(admitted.error(), {"code"}), 403);
  EXPECT_EQ(GetString(admitted.error(), "message"),
            "pods \"p\" is forbidden: error looking up service account ns/nobody: serviceaccount "
            "\"nobody\" not found");
}

TEST(PodPlanTest, Binding) {
  const Json pod = *ParseJson(R"({"metadata":{"name":"p"},"spec":{},"status":{"conditions":[
      {"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}})");
  const auto bound = BindPod(pod, *ParseJson(R"({"metadata":{"name":"p","annotations":{"by":"me"}},
                                            "target":{"kind":"Node","name":"n"}})"),
                             kNow);
  ASSERT_TRUE(bound);
  EXPECT_EQ(GetString(*bound, {"spec", "nodeName"}), "n");
  EXPECT_EQ(GetString(*bound, {"metadata", "annotations", "by"}), "me");
  EXPECT_EQ(GetArray(*bound, {"status", "conditions"}),
            *ParseJson(R"([{"type":"PodScheduled","status":"True",
                            "lastTransitionTime":"2026-01-01T00:00:00Z"}])"));
  struct Case {
    const char* binding;
    int code;
    const char* message;
  };
  const Case cases[] = {
      {R"({"metadata":{"name":"q"},"target":{"name":"n"}})", 400,
       "name in URL does not match name in Binding object"},
      {R"({"metadata":{"name":"p"},"target":{"kind":"Pod","name":"n"}})", 500,
       "target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\""},
      {R"({"metadata":{"name":"p"},"target":{"kind":"Node"}})", 500, "target.name: Required value"},
  };
  for (const Case& c : cases) {
    const auto refused = BindPod(pod, *ParseJson(c.binding), kNow);
    ASSERT_FALSE(refused);
    EXPECT_EQ(GetInt(refused.error(), {"code"}), c.code);
    EXPECT_EQ(GetString(refused.error(), "message"), c.message);
  }
}

TEST(PodPlanTest, LogsNeedOneContainer) {
  const Json two = *ParseJson(R"({"metadata":{"name":"p"},
      "spec":{"containers":[{"name":"c"},{"name":"d"}],"initContainers":[{"name":"i"}]}})");
  EXPECT_EQ(GetString(LogContainer(two, "").error(), "message"),
            "a container name must be specified for pod p, choose one of: [c d]");
  EXPECT_EQ(GetString(LogContainer(two, "x").error(), "message"),
            "container x is not valid for pod p");
  EXPECT_EQ(*LogContainer(two, "i"), "i");
  Json chosen = two;
  chosen["metadata"]["annotations"] = {{"kubectl.kubernetes.io/default-container", "d"}};
  EXPECT_EQ(*LogContainer(chosen, ""), "d");
  const Json one = *ParseJson(R"({"spec":{"containers":[{"name":"c"}]}})");
  EXPECT_EQ(*LogContainer(one, ""), "c");
}

TEST(PodPlanTest, LogOptions) {
  struct Case {
    QueryParameters query;
    const char* message;
  };
  const Case cases[] = {
      {{{"tailLines", "0"}, {"sinceSeconds", "1"}}, ""},
      {{{"tailLines", "-1"}},
       "PodLogOptions \"p\" is invalid: tailLines: Invalid value: -1: must be greater than or "
       "equal "
       "to 0"},
      {{{"limitBytes", "0"}},
       "PodLogOptions \"p\" is invalid: limitBytes: Invalid value: 0: must be greater than 0"},
      {{{"tailLines", "x"}}, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      {{{"sinceSeconds", "1"}, {"sinceTime", "2026-01-01T00:00:00Z"}},
       "PodLogOptions \"p\" is invalid: []: Forbidden: at most one of `sinceTime` or "
       "`sinceSeconds` may be specified"},
  };
  for (const Case& c : cases) {
    const Json error = CheckLogOptions("p", c.query);
    EXPECT_EQ(error.is_null() ? "" : GetString(error, "message"), c.message);
  }
}

TEST(CrdPlanTest, ConditionsChangeTheirTimeWithTheirStatus) {
  Json definition = *ParseJson(R"({"metadata":{},"spec":{"names":{"kind":"Widget",
      "listKind":"WidgetList","plural":"gadgets","singular":"gadget","categories":["toys"]}}})");
  AddFinalizer(definition);
  AddFinalizer(definition);
  EXPECT_EQ(GetArray(definition, {"metadata", "finalizers"}), Json::array({kCrdFinalizer}));
  const NamesInUse taken{{"widgets"}, {"Widget", "WidgetList"}};
  EXPECT_FALSE(SetDefinitionStatus(taken, kNow, definition));
  EXPECT_FALSE(IsEstablished(definition));
  const Json condition = definition["status"]["conditions"][0];
  EXPECT_EQ(GetString(condition, "reason"), "ListKindConflict");
  EXPECT_EQ(GetString(condition, "message"), "\"WidgetList\" is already in use");
  EXPECT_EQ(definition["status"]["acceptedNames"],
            *ParseJson(R"({"categories":["toys"],"plural":"gadgets","singular":"gadget"})"));

  EXPECT_TRUE(SetDefinitionStatus({}, kNow + std::chrono::seconds(5), definition));
  EXPECT_TRUE(IsEstablished(definition));
  const Json before = definition;
  EXPECT_TRUE(SetDefinitionStatus({}, kNow + std::chrono::seconds(9), definition));
  EXPECT_EQ(definition, before);
  EXPECT_EQ(GetString(definition, {"status", "acceptedNames", "kind"}), "Widget");
  EXPECT_EQ(definition["status"]["conditions"][0]["lastTransitionTime"], "2026-01-01T00:00:05Z");
  // A definition that was established once stays so.
  definition["spec"]["names"]["kind"] = "Other";
  EXPECT_FALSE(SetDefinitionStatus({{}, {"Other"}}, kNow, definition));
  EXPECT_TRUE(IsEstablished(definition));
  SetTerminating(kNow, definition);
  EXPECT_EQ(definition["status"]["conditions"][2]["type"], "Terminating");
}

TEST(PatchPlanTest, GoPrintsValues) {
  EXPECT_EQ(PrintedGoValue(*ParseJson(R"({"b":[1,"x",null],"a":{"c":true,"d":1.5}})")),
            "map[a:map[c:true d:1.5] b:[1 x <nil>]]");
  EXPECT_EQ(PrintedGoValue(Json::object()), "map[]");
}

TEST(PatchPlanTest, TooManyOperations) {
  std::string body = "[";
  for (int i = 0; i <= 10000; ++i) {
    body += std::string(i == 0 ? "" : ",") + R"({"op":"test","path":"/kind","value":"x"})";
  }
  const auto patch = ParsePatch(PatchKind::kJson, body + "]");
  ASSERT_FALSE(patch);
  EXPECT_EQ(GetInt(patch.error(), {"code"}), 413);
  EXPECT_TRUE(GetString(patch.error(), "message").ends_with("is 10000, got 10001"));
}

}  // namespace
}  // namespace weir::apiserver
