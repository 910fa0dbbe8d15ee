#include "controllers/garbage_plan.h"

#include <gtest/gtest.h>

namespace weir::controllers {
namespace {

OwnedObject Object(std::string uid, std::vector<OwnerLink> owners = {},
                   std::vector<std::string> finalizers = {}, bool deleting = false) {
  OwnedObject object;
  object.kind = {"", "v1", "configmaps", "ConfigMap"};
  object.ns = "ns";
  object.name = uid;
  object.uid = std::move(uid);
  object.resource_version = "7";
  object.owners = std::move(owners);
  object.finalizers = std::move(finalizers);
  object.deleting = deleting;
  return object;
}

OwnerLink Link(std::string uid, bool blocks = false) {
  return {"v1", "ConfigMap", uid, uid, blocks};
}

using Action = GarbagePlan::Action;

TEST(GarbagePlanTest, WhatBecomesOfADependent) {
  constexpr auto kPresent = OwnerState::kPresent;
  constexpr auto kAbsent = OwnerState::kAbsent;
  constexpr auto kWaiting = OwnerState::kWaiting;
  struct Case {
    const char* why;
    std::vector<OwnerState> states;
    std::vector<std::string> finalizers;
    bool has_dependents;
    Action action;
    const char* policy;
    std::size_t released;
  };
  const Case cases[] = {
      {"its owner is there", {kPresent}, {}, false, Action::kNothing, "", 0},
      {"its owner has gone", {kAbsent}, {}, false, Action::kDelete, "Background", 1},
      {"one of two has gone", {kAbsent, kPresent}, {}, false, Action::kRelease, "", 1},
      {"both have gone", {kAbsent, kAbsent}, {}, true, Action::kDelete, "Background", 2},
      {"its owner waits", {kWaiting}, {}, false, Action::kDelete, "Background", 1},
      {"its owner waits for the tree", {kWaiting}, {}, true, Action::kDelete, "Foreground", 1},
      {"one waits, one stays", {kWaiting, kPresent}, {}, false, Action::kRelease, "", 1},
      {"it keeps its own policy", {kAbsent}, {"orphan"}, true, Action::kDelete, "Orphan", 1},
  };
  for (const Case& c : cases) {
    OwnerGraph graph;
    std::vector<OwnerLink> owners;
    for (std::size_t i = 0; i < c.states.size(); ++i)
      owners.push_back(Link("o" + std::to_string(i)));
    OwnedObject object = Object("x", owners, c.finalizers);
    graph.Put(object);
    if (c.has_dependents) graph.Put(Object("child", {Link("x")}));
    GarbagePlan plan = PlanGarbage(graph, object, c.states);
    EXPECT_EQ(plan.action, c.action) << c.why;
    EXPECT_EQ(plan.policy, c.policy) << c.why;
    EXPECT_EQ(plan.owners.size(), c.released) << c.why;
  }
}

TEST(GarbagePlanTest, ForegroundWaitsForWhatBlocks) {
  OwnerGraph graph;
  OwnedObject owner = Object("o", {}, {"foregroundDeletion", "example.com/x"}, true);
  graph.Put(owner);
  graph.Put(Object("blocks", {Link("o", true)}));
  graph.Put(Object("other", {Link("o", false)}));
  GarbagePlan plan = PlanGarbage(graph, owner, {});
  EXPECT_EQ(plan.action, Action::kVisit);
  EXPECT_EQ(plan.dependents, std::vector<std::string>{"blocks"});
  graph.Remove("blocks");
  plan = PlanGarbage(graph, owner, {});
  EXPECT_EQ(plan.action, Action::kRemoveFinalizer);
  EXPECT_EQ(RemoveFinalizerPatch(owner, plan.finalizer),
            *ParseJson(R"({"metadata":{"uid":"o","resourceVersion":"7",
                                       "finalizers":["example.com/x"]}})"));
}

TEST(GarbagePlanTest, OrphaningLetsTheDependentsGo) {
  OwnerGraph graph;
  OwnedObject owner = Object("o", {}, {"orphan"}, true);
  graph.Put(owner);
  graph.Put(Object("a", {Link("o", true)}));
  graph.Put(Object("b", {Link("o")}));
  GarbagePlan plan = PlanGarbage(graph, owner, {});
  EXPECT_EQ(plan.action, Action::kReleaseAll);
  EXPECT_EQ(plan.dependents, (std::vector<std::string>{"a", "b"}));
}

TEST(GarbagePlanTest, TheGraphFollowsChanges) {
  OwnerGraph graph;
  graph.Put(Object("a", {Link("o")}));
  EXPECT_EQ(graph.Dependents("o").size(), 1U);
  graph.Put(Object("a", {Link("p")}));
  EXPECT_TRUE(graph.Dependents("o").empty());
  EXPECT_EQ(graph.Dependents("p").size(), 1U);
  graph.Remove("a");
  EXPECT_TRUE(graph.Dependents("p").empty());
  EXPECT_EQ(graph.Find("a"), nullptr);
}

TEST(KindsPlanTest, CustomKindsServeOnceEstablished) {
  Json definition = *ParseJson(R"({"spec":{"group":"example.com","scope":"Namespaced",
      "names":{"plural":"widgets","kind":"Widget"},
      "versions":[{"name":"v1beta1","served":true},{"name":"v1","served":true,"storage":true},
                  {"name":"v0","served":false}]}})");
  EXPECT_FALSE(CustomKind(definition));
  definition["status"]["conditions"] = Json::array({{{"type", "Established"}, {"status", "True"}}});
  EXPECT_EQ(CustomKind(definition), (ServedKind{"example.com", "v1", "widgets", "Widget", true}));
  EXPECT_EQ(FindKind(BuiltInKinds(), "apps/v1beta1", "Deployment")->plural, "deployments");
  EXPECT_EQ(FindKind(BuiltInKinds(), "v1", "Thing"), nullptr);
}

}  // namespace
}  // namespace weir::controllers
