#include "kube/managed_fields.h"

#include <gtest/gtest.h>

#include "kube/field_set.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

Json Parse(std::string_view text) { return *ParseJson(text); }

TEST(FieldSet, UnitesSubtractsAndShares) {
  struct Case {
    const char *a, *b, *united, *without, *common;
  };
  const Case cases[] = {
      {"{}", "{}", "{}", "{}", "null"},
      {R"({"f:a":{}})", R"({"f:b":{}})", R"({"f:a":{},"f:b":{}})", R"({"f:a":{}})", "null"},
      {R"({"f:a":{}})", R"({"f:a":{}})", R"({"f:a":{}})", "{}", R"({"f:a":{}})"},
      // A field and what is below it are two things.
      {R"({"f:a":{}})", R"({"f:a":{"f:b":{}}})", R"({"f:a":{".":{},"f:b":{}}})", R"({"f:a":{}})",
       "null"},
      {R"({"f:a":{".":{},"f:b":{}}})", R"({"f:a":{}})", R"({"f:a":{".":{},"f:b":{}}})",
       R"({"f:a":{"f:b":{}}})", R"({"f:a":{}})"},
      {R"({"f:a":{".":{},"f:b":{}}})", R"({"f:a":{"f:b":{}}})", R"({"f:a":{".":{},"f:b":{}}})",
       R"({"f:a":{}})", R"({"f:a":{"f:b":{}}})"},
      {R"({"f:a":{"f:b":{},"f:c":{}}})", R"({"f:a":{"f:b":{},"f:d":{}}})",
       R"({"f:a":{"f:b":{},"f:c":{},"f:d":{}}})", R"({"f:a":{"f:c":{}}})", R"({"f:a":{"f:b":{}}})"},
  };
  for (const Case& c : cases) {
    Json united = Parse(c.a), without = Parse(c.a);
    UniteFields(united, Parse(c.b));
    SubtractFields(without, Parse(c.b));
    EXPECT_EQ(DumpJson(united), c.united) << c.a << c.b;
    EXPECT_EQ(DumpJson(without), c.without) << c.a << c.b;
    EXPECT_EQ(DumpJson(CommonFields(Parse(c.a), Parse(c.b))), c.common) << c.a << c.b;
  }
  Json cut = Parse(R"({"f:a":{"f:b":{"f:c":{}}},"f:d":{}})");
  CutFields(cut, {"f:a", "f:b"});
  EXPECT_EQ(DumpJson(cut), R"({"f:d":{}})");
  EXPECT_TRUE(IsFieldSet(Parse(R"({"f:a":{".":{},"k:{}":{}},"v:1":{},"i:0":{}})")));
  EXPECT_FALSE(IsFieldSet(Parse(R"({"f:a":1})")));
  EXPECT_FALSE(IsFieldSet(Parse(R"({"a":{}})")));
}

const Registry& Kinds() {
  static const Registry registry(true);
  return registry;
}

const Resource& Deployments() { return *Kinds().Find("apps", "v1", "deployments"); }

Json Deployment() {
  Json object = Parse(R"({"apiVersion":"apps/v1","kind":"Deployment",
      "metadata":{"name":"d","uid":"u","labels":{"a":"b"}},
      "spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
        "spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}]}]}}}})");
  ApplyDefaults(Deployments(), object);
  return object;
}

Json None(const Json&, const std::string&) { return {}; }

Time At(int seconds) { return Time(std::chrono::seconds(seconds)); }

TEST(ManagedFields, ACreateOwnsWhatItSetsAndIsDefaulted) {
  const Json entries =
      TrackUpdate(Deployments(), nullptr, Deployment(), {"kubectl-create", "", At(0)}, None);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(GetString(entries[0], "manager"), "kubectl-create");
  EXPECT_EQ(GetString(entries[0], "operation"), "Update");
  EXPECT_EQ(GetString(entries[0], "apiVersion"), "apps/v1");
  EXPECT_EQ(GetString(entries[0], "time"), "1970-01-01T00:00:00Z");
  EXPECT_EQ(entries[0]["fieldsV1"], Parse(R"({
      "f:metadata":{"f:labels":{".":{},"f:a":{}}},
      "f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},"f:revisionHistoryLimit":{},
        "f:selector":{},
        "f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},
                      "f:type":{}},
        "f:template":{"f:metadata":{"f:labels":{".":{},"f:a":{}}},
          "f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{},
              "f:imagePullPolicy":{},"f:name":{},
              "f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},
                 "f:containerPort":{},"f:protocol":{}}},
              "f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},
            "f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},
            "f:terminationGracePeriodSeconds":{}}}}})"))
      << DumpJson(entries[0]["fieldsV1"], 1);
}

TEST(ManagedFields, AnUpdateTakesWhatItChanges) {
  Json before = Deployment();
  before["metadata"]["managedFields"] =
      TrackUpdate(Deployments(), nullptr, before, {"kubectl-create", "", At(0)}, None);
  Json after = before;
  after["spec"]["replicas"] = 5;
  after["metadata"]["labels"].erase("a");
  after["metadata"]["labels"]["c"] = "d";
  after["status"]["replicas"] = 1;  // not this write's to say
  const FieldWrite scale{"", "scale", At(9)};
  const Json entries = TrackUpdate(Deployments(), &before, after, scale, None);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(Find(entries[0], {"fieldsV1", "f:spec", "f:replicas"}), nullptr);
  EXPECT_EQ(DumpJson(entries[0]["fieldsV1"]["f:metadata"]), R"({"f:labels":{}})");
  EXPECT_EQ(DumpJson(entries[1]),
            R"({"apiVersion":"apps/v1","fieldsType":"FieldsV1","fieldsV1":{)"
            R"("f:metadata":{"f:labels":{"f:c":{}}},"f:spec":{"f:replicas":{}}},)"
            R"("manager":"unknown","operation":"Update","subresource":"scale",)"
            R"("time":"1970-01-01T00:00:09Z"})");
  // What changes nothing changes no entry, not even its time.
  Json same = after;
  same["metadata"]["managedFields"] = entries;
  EXPECT_EQ(TrackUpdate(Deployments(), &same, same, {"other", "", At(99)}, None), entries);
}

TEST(ManagedFields, StatusIsTheStatusSubresources) {
  Json before = Deployment();
  before["metadata"]["managedFields"] =
      TrackUpdate(Deployments(), nullptr, before, {"a", "", At(0)}, None);
  Json after = before;
  after["spec"]["replicas"] = 5;
  after["status"] = Parse(R"({"replicas":1,"conditions":[
      {"type":"Available","status":"True","reason":"r"}]})");
  const Json entries = TrackUpdate(Deployments(), &before, after, {"b", "status", At(1)}, None);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(DumpJson(entries[1]["fieldsV1"]),
            R"({"f:status":{"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},)"
            R"("f:reason":{},"f:status":{},"f:type":{}}},"f:replicas":{}}})");
  EXPECT_EQ(entries[0], before["metadata"]["managedFields"][0]);
}

TEST(ManagedFields, ClientsMayForgetButNotInvent) {
  Json before = Deployment();
  before["metadata"]["managedFields"] =
      TrackUpdate(Deployments(), nullptr, before, {"a", "", At(0)}, None);
  for (const char* reset : {"[]", "[{}]"}) {
    Json after = before;
    after["metadata"]["managedFields"] = Parse(reset);
    after["spec"]["replicas"] = 5;
    EXPECT_EQ(TrackUpdate(Deployments(), &before, after, {"b", "", At(1)}, None), Json::array());
  }
  for (const char* bad : {R"([{"manager":"x"}])", R"("x")", "null",
                          R"([{"manager":"x","operation":"Update","apiVersion":"v1",
                               "fieldsType":"FieldsV1","fieldsV1":{"a":1}}])"}) {
    Json after = before;
    after["metadata"]["managedFields"] = Parse(bad);
    EXPECT_EQ(TrackUpdate(Deployments(), &before, after, {"b", "", At(1)}, None),
              before["metadata"]["managedFields"])
        << bad;
  }
}

TEST(ManagedFields, OldUpdatesArePutTogether) {
  const Resource& maps = *Kinds().Find("", "v1", "configmaps");
  Json object = Parse(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}})");
  object["data"]["k0"] = "v";
  Json entries = TrackUpdate(maps, nullptr, object, {"m0", "", At(0)}, None);
  for (int i = 1; i < 13; ++i) {
    Json before = object;
    before["metadata"]["managedFields"] = entries;
    object["data"]["k" + std::to_string(i)] = "v";
    entries = TrackUpdate(maps, &before, object, {"m" + std::to_string(i), "", At(i)}, None);
  }
  ASSERT_EQ(entries.size(), 10U);
  EXPECT_EQ(GetString(entries[0], "manager"), "ancient-changes");
  EXPECT_EQ(DumpJson(entries[0]["fieldsV1"]),
            R"({"f:data":{".":{},"f:k0":{},"f:k1":{},"f:k2":{},"f:k3":{}}})");
  EXPECT_EQ(GetString(entries[9], "manager"), "m12");
}

TEST(ManagedFields, OtherVersionsAreComparedInTheirOwn) {
  const Resource& v2 = *Kinds().Find("autoscaling", "v2", "horizontalpodautoscalers");
  const Resource& v1 = *Kinds().Find("autoscaling", "v1", "horizontalpodautoscalers");
  const auto to = [&](const Json& object, const std::string& version) {
    return version == "autoscaling/v2" ? Convert(object, v1, v2) : Json();
  };
  Json hpa = Parse(R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",
      "metadata":{"name":"h"},"spec":{"maxReplicas":3,"minReplicas":2,
      "scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"}}})");
  const Json entries = TrackUpdate(v2, nullptr, hpa, {"a", "", At(0)}, None);
  hpa["metadata"]["managedFields"] = entries;
  const Json before = Convert(hpa, v2, v1);
  Json after = before;
  after["spec"]["maxReplicas"] = 4;
  const Json changed = TrackUpdate(v1, &before, after, {"b", "", At(1)}, to);
  ASSERT_EQ(changed.size(), 2U);
  EXPECT_EQ(DumpJson(changed[0]["fieldsV1"]),
            R"({"f:spec":{"f:minReplicas":{},"f:scaleTargetRef":{"f:apiVersion":{},"f:kind":{},)"
            R"("f:name":{}}}})");
  EXPECT_EQ(DumpJson(changed[1]["fieldsV1"]), R"({"f:spec":{"f:maxReplicas":{}}})");
}

TEST(ManagedFields, ManagersAreNamedByParameterOrAgent) {
  EXPECT_EQ(ManagerName("me", "kubectl/v1.33 (x)"), "me");
  EXPECT_EQ(ManagerName("", "kubectl/v1.33 (x)"), "kubectl");
  EXPECT_EQ(ManagerName("", "curl"), "curl");
  EXPECT_EQ(ManagerName("", ""), "");
}

}  // namespace
}  // namespace weir::kube
