#include "kube/apply.h"

#include <gtest/gtest.h>

#include "kube/codec.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

Json Parse(std::string_view text) { return *ParseJson(text); }

const Resource& Deployments() {
  static const Registry registry(true);
  return *registry.Find("apps", "v1", "deployments");
}

Json None(const Json&, const std::string&) { return {}; }

// Applies one configuration after the other; each is a manager and a spec.
class Applier {
 public:
  Applied Apply(const std::string& manager, const std::string& spec, bool force = false) {
    const Json config = Parse(R"({"apiVersion":"apps/v1","kind":"Deployment",
                                  "metadata":{"name":"d"},"spec":)" +
                              spec + "}");
    auto applied =
        ApplyConfiguration(Deployments(), live_.is_null() ? nullptr : &live_, config,
                           {manager, "", Time(std::chrono::seconds(++now_))}, force, None);
    EXPECT_TRUE(applied) << applied.error().message;
    if (applied->conflicts.empty()) {
      live_ = applied->object;
      ApplyDefaults(Deployments(), live_);
      Complete(Deployments(), live_);
      live_["metadata"]["managedFields"] = applied->managed;
    }
    return *applied;
  }
  const Json& live() const { return live_; }
  std::string Containers() const {
    std::string out;
    for (const Json& container : GetArray(live_, {"spec", "template", "spec", "containers"})) {
      out += GetString(container, "name") + "=" + GetString(container, "image") + " ";
    }
    return out;
  }

 private:
  Json live_;
  int now_ = 0;
};

std::string Template(const std::string& containers) {
  return R"("template":{"spec":{"containers":[)" + containers + "]}}";
}

TEST(Apply, MergesListsByTheirKeys) {
  Applier d;
  d.Apply("one", R"({"replicas":2,"selector":{"matchLabels":{"a":"b"}},)" +
                     Template(R"({"name":"main","image":"nginx","ports":[{"containerPort":80}]})") +
                     "}");
  d.Apply("two", "{" + Template(R"({"name":"init","image":"x"},{"name":"main"},
                                   {"name":"side","image":"y"})") +
                     "}");
  EXPECT_EQ(d.Containers(), "init=x main=nginx side=y ");
  const Json& entries = d.live()["metadata"]["managedFields"];
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(
      DumpJson(entries[0]["fieldsV1"]),
      R"({"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:spec":{"f:containers":)"
      R"({"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:name":{},"f:ports":)"
      R"({"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}}})");
  // Giving up elements takes away those that nobody else has.
  d.Apply("two", "{" + Template(R"({"name":"side","image":"y"})") + "}");
  EXPECT_EQ(d.Containers(), "main=nginx side=y ");
  d.Apply("two", "{}");
  EXPECT_EQ(d.Containers(), "main=nginx ");
}

TEST(Apply, ConflictsAreOfEachFieldAndManager) {
  Applier d;
  d.Apply("one", R"({"replicas":2,)" + Template(R"({"name":"m","image":"a"})") + "}");
  const std::string other = R"({"replicas":3,)" + Template(R"({"name":"m","image":"b"})") + "}";
  const Applied refused = d.Apply("two", other);
  EXPECT_EQ(ConflictMessage(refused.conflicts),
            "Apply failed with 2 conflicts: conflicts with \"one\":\n- .spec.replicas\n"
            "- .spec.template.spec.containers[name=\"m\"].image");
  EXPECT_EQ(d.Containers(), "m=a ");
  EXPECT_TRUE(d.Apply("two", other, true).conflicts.empty());
  EXPECT_EQ(d.Containers(), "m=b ");
  // The same value is no conflict, and is owned by both.
  EXPECT_TRUE(d.Apply("one", R"({"replicas":3})").conflicts.empty());
  EXPECT_EQ(d.live()["metadata"]["managedFields"].size(), 2U);
}

TEST(Apply, WhatChangesNothingKeepsItsTime) {
  Applier d;
  d.Apply("one", R"({"replicas":2})");
  const Json before = d.live();
  const Applied again = d.Apply("one", R"({"replicas":2})");
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(d.live(), before);
  const Applied other = d.Apply("two", R"({"replicas":2})");
  EXPECT_FALSE(other.changed);
  EXPECT_FALSE(other.managed[0].contains("time"));
}

TEST(Apply, TakesOverFromClientSideApply) {
  const Resource& deployments = Deployments();
  Json live = Parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},
                        "spec":{"replicas":2,"paused":true}})");
  ApplyDefaults(deployments, live);
  Complete(deployments, live);
  live["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":2}})";
  live["metadata"]["managedFields"] =
      TrackUpdate(deployments, nullptr, live, {"kubectl-client-side-apply", "", Time()}, None);
  const auto apply = [&](const char* manager, const char* spec) {
    const Json config =
        Parse(std::string(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},
                              "spec":)") +
              spec + "}");
    return *ApplyConfiguration(deployments, &live, config, {manager, "", Time()}, false, None);
  };
  EXPECT_EQ(apply("other", R"({"replicas":3})").conflicts.size(), 1U);
  const Applied taken = apply("kubectl", R"({"replicas":3})");
  EXPECT_TRUE(taken.conflicts.empty());
  EXPECT_TRUE(GetString(taken.object, {"metadata", "annotations",
                                       "kubectl.kubernetes.io/last-applied-configuration"})
                  .contains("\"replicas\":3"));
  EXPECT_EQ(apply("kubectl", R"({"paused":false})").conflicts.size(), 1U);
}

TEST(Apply, OfWhatNobodyTracked) {
  Json live = Parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},
                        "spec":{"replicas":2}})");
  ApplyDefaults(Deployments(), live);
  Complete(Deployments(), live);
  const Json config = Parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},
                                "spec":{"replicas":3}})");
  const auto applied =
      ApplyConfiguration(Deployments(), &live, config, {"one", "", Time()}, false, None);
  ASSERT_TRUE(applied);
  ASSERT_EQ(applied->conflicts.size(), 1U);
  EXPECT_EQ(applied->conflicts[0].manager, "\"before-first-apply\" using apps/v1");
}

TEST(Apply, ChecksTheConfigurationsTypes) {
  struct Case {
    const char* spec;
    const char* error;
  };
  const Case cases[] = {
      {R"({"replicas":"x"})", ".spec.replicas: expected numeric (int or float), got string"},
      {R"({"replicsa":1})", ".spec.replicsa: field not declared in schema"},
      {R"({"paused":1})", ".spec.paused: expected boolean, got &{1}"},
      {R"({"template":{"spec":{"containers":[{"name":"x"},{"name":"x"}]}}})",
       ".spec.template.spec.containers: duplicate entries for key [name=\"x\"]"},
      {R"({"replicas":"x","paused":1})",
       "errors:\n  .spec.paused: expected boolean, got &{1}\n"
       "  .spec.replicas: expected numeric (int or float), got string"},
  };
  for (const Case& c : cases) {
    const Json config =
        Parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":)" +
              std::string(c.spec) + "}");
    const auto applied =
        ApplyConfiguration(Deployments(), nullptr, config, {"m", "", Time()}, false, None);
    ASSERT_FALSE(applied) << c.spec;
    EXPECT_EQ(applied.error().message,
              "failed to create typed patch object (/d; apps/v1, Kind=Deployment): " +
                  std::string(c.error));
  }
}

}  // namespace
}  // namespace weir::kube
