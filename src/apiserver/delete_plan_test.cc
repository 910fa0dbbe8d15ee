#include "apiserver/delete_plan.h"

#include <gtest/gtest.h>

namespace weir::apiserver {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T00:00:00Z");

kube::Resource Kind(std::string plural, std::string kind, std::string group = "") {
  kube::Resource resource;
  resource.plural = std::move(plural);
  resource.kind = std::move(kind);
  resource.group = std::move(group);
  return resource;
}

// "remove", "update", "nothing", then grace, deletion time and finalizers of the object.
std::string Describe(const Answer<DeletePlan>& plan) {
  if (!plan) return GetString(plan.error(), "message");
  std::string text;
  switch (plan->action) {
    case DeletePlan::Action::kNothing:
      text = "nothing";
      break;
    case DeletePlan::Action::kUpdate:
      text = "update";
      break;
    case DeletePlan::Action::kRemove:
      text = "remove";
      break;
  }
  if (const auto grace = GetInt(plan->object, {"metadata", "deletionGracePeriodSeconds"})) {
    text += " grace=" + std::to_string(*grace);
  }
  const std::string time = GetString(plan->object, {"metadata", "deletionTimestamp"});
  if (!time.empty()) text += " at=" + time.substr(14, 5);
  for (const Json& name : GetArray(plan->object, {"metadata", "finalizers"})) {
    text += " " + name.get<std::string>();
  }
  return text + (plan->answers_object ? " object" : "");
}

TEST(DeletePlanTest, Pods) {
  struct Case {
    const char* what;
    const char* pod;
    std::optional<std::int64_t> grace;
    const char* expected;
  };
  const char* running =
      R"({"metadata":{"generation":1},"spec":{"nodeName":"n","terminationGracePeriodSeconds":30}})";
  const char* marked =
      R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:20Z","deletionGracePeriodSeconds":30},
          "spec":{"nodeName":"n","terminationGracePeriodSeconds":30}})";
  const Case cases[] = {
      {"on a node", running, {}, "update grace=30 at=00:30 object"},
      {"a period of the request", running, 5, "update grace=5 at=00:05 object"},
      {"a negative period is one second", running, -3, "update grace=1 at=00:01 object"},
      {"the kubelet's delete", running, 0, "remove grace=0 at=00:00 object"},
      {"on no node",
       R"({"metadata":{},"spec":{"terminationGracePeriodSeconds":30}})",
       {},
       "remove grace=0 at=00:00 object"},
      {"ended already",
       R"({"metadata":{},"spec":{"nodeName":"n"},"status":{"phase":"Failed"}})",
       {},
       "remove grace=0 at=00:00 object"},
      {"again", marked, {}, "nothing grace=30 at=00:20 object"},
      {"a longer period changes nothing", marked, 100, "nothing grace=30 at=00:20 object"},
      {"a shorter period counts from the first delete", marked, 10,
       "update grace=10 at=00:00 object"},
      {"the kubelet's delete of a marked pod", marked, 0, "remove grace=0 at=59:50 object"},
      {"a period after none",
       R"({"metadata":{"finalizers":["e.com/x"],"deletionTimestamp":"2026-01-01T00:00:00Z",
           "deletionGracePeriodSeconds":0},"spec":{"nodeName":"n"}})",
       100, "nothing grace=0 at=00:00 e.com/x object"},
      {"finalizers keep it", R"({"metadata":{"finalizers":["e.com/x"]},"spec":{"nodeName":"n"}})",
       0, "update grace=0 at=00:00 e.com/x object"},
  };
  for (const Case& c : cases) {
    DeleteOptions options;
    options.grace_period_seconds = c.grace;
    EXPECT_EQ(Describe(PlanDelete(Kind("pods", "Pod"), *ParseJson(c.pod), options, kNow)),
              c.expected)
        << c.what;
  }
}

TEST(DeletePlanTest, OtherKinds) {
  struct Case {
    const char* what;
    const char* plural;
    const char* object;
    DeleteOptions options;
    const char* expected;
  };
  DeleteOptions foreground, orphan, background, orphan_flag;
  foreground.propagation_policy = "Foreground";
  orphan.propagation_policy = "Orphan";
  background.propagation_policy = "Background";
  orphan_flag.orphan_dependents = true;
  const Case cases[] = {
      {"at once", "configmaps", R"({"metadata":{}})", {}, "remove"},
      {"some answer with the object", "services", R"({"metadata":{}})", {}, "remove object"},
      {"foreground", "deployments", R"({"metadata":{"generation":1}})", foreground,
       "update grace=0 at=00:00 foregroundDeletion object"},
      {"orphan", "deployments", R"({"metadata":{}})", orphan,
       "update grace=0 at=00:00 orphan object"},
      {"orphanDependents", "deployments", R"({"metadata":{}})", orphan_flag,
       "update grace=0 at=00:00 orphan object"},
      {"background", "deployments", R"({"metadata":{}})", background, "remove"},
      {"finalizers keep it",
       "configmaps",
       R"({"metadata":{"finalizers":["e.com/x"]}})",
       {},
       "update grace=0 at=00:00 e.com/x object"},
      {"again",
       "configmaps",
       R"({"metadata":{"finalizers":["e.com/x"],"deletionTimestamp":"2026-01-01T00:00:00Z",
          "deletionGracePeriodSeconds":0}})",
       {},
       "nothing grace=0 at=00:00 e.com/x object"},
      {"background after foreground", "deployments",
       R"({"metadata":{"finalizers":["foregroundDeletion"],
          "deletionTimestamp":"2026-01-01T00:00:00Z","deletionGracePeriodSeconds":0}})",
       background, "remove grace=0 at=00:00"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Describe(PlanDelete(Kind(c.plural, "K"), *ParseJson(c.object), c.options, kNow)),
              c.expected)
        << c.what;
  }
}

TEST(DeletePlanTest, DefinitionsWaitForTheirObjects) {
  const auto plan = [](const char* object) {
    const kube::Resource crd =
        Kind("customresourcedefinitions", "CustomResourceDefinition", "apiextensions.k8s.io");
    return Describe(PlanDelete(crd, *ParseJson(object), {}, kNow));
  };
  EXPECT_EQ(plan(R"({"metadata":{"name":"a"}})"),
            "update at=00:00 customresourcecleanup.apiextensions.k8s.io object");
  EXPECT_EQ(plan(R"({"metadata":{"finalizers":["cleanup"]}})"),
            "update at=00:00 cleanup customresourcecleanup.apiextensions.k8s.io object");
  EXPECT_EQ(plan(R"({"metadata":{"finalizers":["cleanup"],
                     "deletionTimestamp":"2026-01-01T00:00:00Z"}})"),
            "nothing at=00:00 cleanup object");
  EXPECT_EQ(plan(R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})"),
            "remove at=00:00 object");
}

TEST(DeletePlanTest, Namespaces) {
  const auto plan = [](const char* object) {
    return Describe(PlanDelete(Kind("namespaces", "Namespace"), *ParseJson(object), {}, kNow));
  };
  EXPECT_EQ(plan(R"({"metadata":{"name":"a"},"spec":{"finalizers":["kubernetes"]}})"),
            "update at=00:00 object");
  EXPECT_EQ(plan(R"({"metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"},
                     "spec":{"finalizers":["kubernetes"]}})"),
            "nothing at=00:00 object");
  EXPECT_EQ(plan(R"({"metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}})"),
            "remove at=00:00 object");
  EXPECT_EQ(plan(R"({"metadata":{"name":"default"}})"),
            "namespaces \"default\" is forbidden: this namespace may not be deleted");
}

TEST(DeletePlanTest, Preconditions) {
  const Json object = *ParseJson(R"({"metadata":{"name":"b","uid":"u1","resourceVersion":"7"}})");
  DeleteOptions uid, version, both;
  uid.uid = "other";
  version.resource_version = "1";
  both.uid = "u1";
  both.resource_version = "7";
  EXPECT_EQ(Describe(PlanDelete(Kind("configmaps", "ConfigMap"), object, uid, kNow)),
            "Operation cannot be fulfilled on ConfigMap \"b\": the UID in the precondition (other) "
            "does not match the UID in record (u1). The object might have been deleted and then "
            "recreated");
  EXPECT_EQ(Describe(PlanDelete(Kind("configmaps", "ConfigMap"), object, version, kNow)),
            "Operation cannot be fulfilled on ConfigMap \"b\": the ResourceVersion in the "
            "precondition (1) does not match the ResourceVersion in record (7). The object might "
            "have been modified");
  EXPECT_EQ(Describe(PlanDelete(Kind("configmaps", "ConfigMap"), object, both, kNow)), "remove");
}

TEST(DeletePlanTest, UpdatesThatCompleteADeletion) {
  const auto removes = [](const char* plural, const char* object) {
    return UpdateRemoves(Kind(plural, "K"), *ParseJson(object));
  };
  const char* marked = R"({"metadata":{"deletionTimestamp":"x","deletionGracePeriodSeconds":0}})";
  EXPECT_TRUE(removes("configmaps", marked));
  EXPECT_TRUE(removes("namespaces", marked));
  EXPECT_FALSE(removes("configmaps", R"({"metadata":{}})"));
  EXPECT_FALSE(
      removes("configmaps", R"({"metadata":{"deletionTimestamp":"x","finalizers":["a"]}})"));
  EXPECT_FALSE(
      removes("pods", R"({"metadata":{"deletionTimestamp":"x","deletionGracePeriodSeconds":30}})"));
  EXPECT_FALSE(removes("namespaces", R"({"metadata":{"deletionTimestamp":"x"},
                                          "spec":{"finalizers":["kubernetes"]}})"));
}

}  // namespace
}  // namespace weir::apiserver
