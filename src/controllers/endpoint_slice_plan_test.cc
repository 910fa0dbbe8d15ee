#include "controllers/endpoint_slice_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

Json Service(std::string_view more = "{}") {
  Json service = *ParseJson(R"({"apiVersion":"v1","kind":"Service",
      "metadata":{"name":"web","namespace":"ns","uid":"s","labels":{"app":"web"}},
      "spec":{"clusterIP":"127.96.0.5","type":"ClusterIP","selector":{"app":"web"},
              "ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":8080}]}})");
  service.merge_patch(*ParseJson(more));
  return service;
}

Json Pod(std::string_view name, std::string_view more = "{}") {
  Json pod = *ParseJson(R"({"metadata":{"namespace":"ns","labels":{"app":"web"}},
      "spec":{"nodeName":"n"},
      "status":{"phase":"Running","podIP":"127.1.0.1",
                "conditions":[{"type":"Ready","status":"True"}]}})");
  pod["metadata"]["name"] = name;
  pod["metadata"]["uid"] = name;
  pod.merge_patch(*ParseJson(more));
  return pod;
}

SlicePlan Plan(const Json& service, const std::vector<Json>& pods,
               const std::vector<Json>& slices = {}) {
  std::vector<const Json*> pod_list, slice_list;
  for (const Json& pod : pods) pod_list.push_back(&pod);
  for (const Json& slice : slices) slice_list.push_back(&slice);
  return PlanSlices(service, pod_list, slice_list);
}

TEST(EndpointSlicePlanTest, ANewSlice) {
  SlicePlan plan = Plan(Service(), {Pod("a")});
  ASSERT_EQ(plan.create.size(), 1U);
  const Json& slice = plan.create[0];
  EXPECT_EQ(GetString(slice, {"metadata", "generateName"}), "web-");
  EXPECT_EQ(slice["metadata"]["labels"],
            *ParseJson(R"({"app":"web","kubernetes.io/service-name":"web",
               "endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"})"));
  EXPECT_TRUE(IsControlledBy(slice, "s"));
  EXPECT_EQ(slice["ports"], *ParseJson(R"([{"name":"http","port":8080,"protocol":"TCP"}])"));
  EXPECT_EQ(slice["endpoints"], *ParseJson(R"([{"addresses":["127.1.0.1"],
      "conditions":{"ready":true,"serving":true,"terminating":false},"nodeName":"n",
      "targetRef":{"kind":"Pod","namespace":"ns","name":"a","uid":"a"}}])"));
}

TEST(EndpointSlicePlanTest, ConditionsOfAPod) {
  struct Case {
    const char* service;
    const char* pod;
    const char* conditions;  // empty: no endpoint
  };
  const Case cases[] = {
      {"{}", "{}", R"({"ready":true,"serving":true,"terminating":false})"},
      {"{}", R"({"status":{"conditions":[]}})",
       R"({"ready":false,"serving":false,"terminating":false})"},
      {"{}", R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})",
       R"({"ready":false,"serving":true,"terminating":true})"},
      {R"({"spec":{"publishNotReadyAddresses":true}})", R"({"status":{"conditions":[]}})",
       R"({"ready":true,"serving":false,"terminating":false})"},
      {"{}", R"({"status":{"podIP":null}})", ""},
      {"{}", R"({"status":{"phase":"Failed"}})", ""},
      {"{}", R"({"status":{"phase":"Succeeded"}})", ""},
  };
  for (const Case& c : cases) {
    SlicePlan plan = Plan(Service(c.service), {Pod("a", c.pod)});
    ASSERT_EQ(plan.create.size(), 1U) << c.pod;
    const Json& endpoints = plan.create[0]["endpoints"];
    if (std::string_view(c.conditions).empty()) {
      EXPECT_TRUE(endpoints.empty()) << c.pod;
      EXPECT_TRUE(plan.create[0]["ports"].empty()) << c.pod;
    } else {
      ASSERT_EQ(endpoints.size(), 1U) << c.pod;
      EXPECT_EQ(endpoints[0]["conditions"], *ParseJson(c.conditions)) << c.pod;
    }
  }
}

// Each pod says what a port's name means; pods without the name do without the port.
TEST(EndpointSlicePlanTest, NamedPortsMakeGroups) {
  Json service = Service(R"({"spec":{"ports":[{"name":"a","port":80,"targetPort":"http"},
                                              {"name":"c","port":82,"targetPort":7070}]}})");
  auto with_port = [](int number) {
    return R"({"spec":{"containers":[{"ports":[{"name":"http","containerPort":)" +
           std::to_string(number) + "}]}]}}";
  };
  SlicePlan plan = Plan(service, {Pod("x", with_port(8080)), Pod("y", with_port(9090)), Pod("z"),
                                  Pod("w", with_port(8080))});
  ASSERT_EQ(plan.create.size(), 3U);
  std::size_t endpoints = 0;
  for (const Json& slice : plan.create) endpoints += slice["endpoints"].size();
  EXPECT_EQ(endpoints, 4U);
}

TEST(EndpointSlicePlanTest, FullSlicesAreFollowedByAnother) {
  std::vector<Json> pods;
  for (int i = 0; i < 250; ++i) pods.push_back(Pod("p" + std::to_string(i)));
  SlicePlan plan = Plan(Service(), pods);
  ASSERT_EQ(plan.create.size(), 3U);
  EXPECT_EQ(plan.create[2]["endpoints"].size(), 50U);
}

TEST(EndpointSlicePlanTest, WhatIsThereIsKeptOrChanged) {
  Json slice = Plan(Service(), {Pod("a")}).create[0];
  slice["metadata"]["name"] = "web-1";
  Json second = slice;
  second["metadata"]["name"] = "web-2";
  SlicePlan same = Plan(Service(), {Pod("a")}, {slice});
  EXPECT_TRUE(same.create.empty() && same.update.empty() && same.remove.empty());
  const std::vector<Json> both = {slice, second};  // the plan points into them
  SlicePlan surplus = Plan(Service(), {Pod("a")}, both);
  ASSERT_EQ(surplus.remove.size(), 1U);
  EXPECT_EQ(Name(*surplus.remove[0]), "web-2");
  SlicePlan emptied = Plan(Service(), {}, {slice});
  ASSERT_EQ(emptied.update.size(), 1U);
  EXPECT_TRUE(emptied.update[0]["endpoints"].empty());
  SlicePlan moved =
      Plan(Service(R"({"spec":{"ports":[{"port":80,"targetPort":9090}]}})"), {Pod("a")}, {slice});
  ASSERT_EQ(moved.update.size(), 1U);
  EXPECT_EQ(moved.update[0]["ports"][0]["port"], 9090);
}

TEST(EndpointSlicePlanTest, WhichServicesHaveSlices) {
  EXPECT_TRUE(WantsSlices(Service()));
  EXPECT_FALSE(WantsSlices(Service(R"({"spec":{"selector":null}})")));
  EXPECT_FALSE(WantsSlices(Service(R"({"spec":{"type":"ExternalName"}})")));
  Json headless = Service(R"({"spec":{"clusterIP":"None","ports":null}})");
  Json pod = Pod("a", R"({"spec":{"hostname":"h","subdomain":"web"}})");
  Json slice = Plan(headless, {pod}).create[0];
  EXPECT_EQ(slice["endpoints"][0]["hostname"], "h");
  EXPECT_TRUE(slice["metadata"]["labels"].contains("service.kubernetes.io/headless"));
}

TEST(EndpointSlicePlanTest, EndpointsMadeByHandAreMirrored) {
  const Json service = Service(R"({"spec":{"selector":null}})");
  const Json endpoints = *ParseJson(R"({"apiVersion":"v1","kind":"Endpoints",
      "metadata":{"name":"web","namespace":"ns","uid":"e"},
      "subsets":[{"addresses":[{"ip":"192.0.2.1"}],"notReadyAddresses":[{"ip":"192.0.2.2"}],
                  "ports":[{"port":8080,"protocol":"TCP"}]}]})");
  const SlicePlan plan = PlanMirror(service, &endpoints, {});
  ASSERT_EQ(plan.create.size(), 1U);
  const Json& slice = plan.create[0];
  EXPECT_TRUE(IsControlledBy(slice, "e"));
  EXPECT_EQ(
      slice["metadata"]["labels"],
      *ParseJson(R"({"kubernetes.io/service-name":"web","endpointslice.kubernetes.io/managed-by":
                "endpointslicemirroring-controller.k8s.io"})"));
  EXPECT_EQ(slice["ports"], *ParseJson(R"([{"name":"","port":8080,"protocol":"TCP"}])"));
  EXPECT_EQ(slice["endpoints"],
            *ParseJson(R"([{"addresses":["192.0.2.1"],"conditions":{"ready":true}},
                           {"addresses":["192.0.2.2"],"conditions":{"ready":false}}])"));
  // A Service that selects pods has no mirrors, nor has one whose Endpoints are gone.
  EXPECT_TRUE(PlanMirror(Service(), &endpoints, {}).create.empty());
  EXPECT_EQ(PlanMirror(Service(), &endpoints, {&slice}).remove.size(), 1U);
  EXPECT_EQ(PlanMirror(service, nullptr, {&slice}).remove.size(), 1U);
}

Json EndpointsOf(const Json& service, const std::vector<Json>& pods,
                 const Json* present = nullptr) {
  std::vector<const Json*> list;
  for (const Json& pod : pods) list.push_back(&pod);
  return PlanEndpoints(service, list, present).value_or(Json());
}

TEST(EndpointSlicePlanTest, EndpointsFollowPods) {
  const Json none = EndpointsOf(Service(), {});
  EXPECT_EQ(Name(none), "web");
  EXPECT_EQ(
      none["metadata"]["labels"],
      *ParseJson(R"({"app":"web","endpoints.kubernetes.io/managed-by":"endpoint-controller"})"));
  EXPECT_FALSE(none.contains("subsets"));
  EXPECT_TRUE(EndpointsOf(Service(), {}, &none).is_null());

  const Json unready = Pod("b", R"({"status":{"podIP":"127.1.0.2","conditions":[]}})");
  const Json leaving = Pod("c", R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"}})");
  const Json some = EndpointsOf(Service(), {Pod("a"), unready, leaving});
  EXPECT_EQ(some["subsets"], *ParseJson(R"([{
      "addresses":[{"ip":"127.1.0.1","nodeName":"n",
        "targetRef":{"kind":"Pod","namespace":"ns","name":"a","uid":"a"}}],
      "notReadyAddresses":[{"ip":"127.1.0.2","nodeName":"n",
        "targetRef":{"kind":"Pod","namespace":"ns","name":"b","uid":"b"}}],
      "ports":[{"name":"http","port":8080,"protocol":"TCP"}]}])"));

  const Json headless =
      EndpointsOf(Service(R"({"spec":{"clusterIP":"None","ports":null}})"), {Pod("a")});
  EXPECT_TRUE(headless["metadata"]["labels"].contains("service.kubernetes.io/headless"));
  EXPECT_FALSE(headless["subsets"][0].contains("ports"));
  EXPECT_EQ(headless["subsets"][0]["addresses"].size(), 1U);
}

// Ports that reach the same pods stand together.
TEST(EndpointSlicePlanTest, EndpointsGroupPortsByPods) {
  const Json service = Service(R"({"spec":{"ports":[
      {"name":"a","port":1,"protocol":"TCP","targetPort":"http"},
      {"name":"b","port":2,"protocol":"TCP","targetPort":7000},
      {"name":"c","port":3,"protocol":"TCP","targetPort":7001}]}})");
  const Json named = Pod("n", R"({"spec":{"containers":[
      {"ports":[{"name":"http","containerPort":80,"protocol":"TCP"}]}]}})");
  const Json subsets = EndpointsOf(service, {named, Pod("p")})["subsets"];
  ASSERT_EQ(subsets.size(), 2U);
  std::vector<std::size_t> shape;
  for (const Json& subset : subsets) {
    shape.push_back(10 * subset["addresses"].size() + subset["ports"].size());
  }
  std::ranges::sort(shape);
  EXPECT_EQ(shape, (std::vector<std::size_t>{11, 22}));
}

}  // namespace
}  // namespace weir::controllers
