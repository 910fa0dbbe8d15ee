#include "kube/strategy.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "kube/resource.h"

namespace weir::kube {
namespace {

const Registry& Kinds() {
  static const Registry registry(true);
  return registry;
}

const Resource& Kind(std::string_view group, std::string_view version, std::string_view plural) {
  return *Kinds().Find(group, version, plural);
}

Json J(std::string_view text) { return *ParseJson(text); }

Json Created(const Resource& resource, std::string_view text) {
  Json object = J(text);
  object["apiVersion"] = resource.ApiVersion();
  object["kind"] = resource.kind;
  object["metadata"]["name"] = "x";
  if (resource.namespaced) object["metadata"]["namespace"] = "ns";
  ApplyDefaults(resource, object);
  PrepareForCreate(resource, object);
  return object;
}

constexpr const char* kDeployment =
    R"({"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},
        "spec":{"containers":[{"name":"c","image":"nginx"}]}}}})";

TEST(DefaultsTest, AreIdempotent) {
  struct Case {
    const char *group, *version, *plural, *object;
  };
  const Case cases[] = {
      {"apps", "v1", "deployments", kDeployment},
      {"apps", "v1", "replicasets", kDeployment},
      {"", "v1", "pods", R"({"spec":{"containers":[{"name":"c","image":"a@sha256:x",
          "livenessProbe":{"httpGet":{"port":80}},"resources":{"limits":{"cpu":"0.5"}}}],
          "volumes":[{"name":"v"},{"name":"s","secret":{"secretName":"s"}}]}})"},
      {"", "v1", "services", R"({"spec":{"ports":[{"port":80}]}})"},
      {"", "v1", "services", R"({"spec":{"type":"LoadBalancer","ports":[{"port":80}]}})"},
      {"", "v1", "secrets", R"({"stringData":{"a":"x"}})"},
      {"", "v1", "namespaces", "{}"},
      {"", "v1", "nodes", "{}"},
      {"", "v1", "events", R"({"involvedObject":{"namespace":"ns"}})"},
      {"discovery.k8s.io", "v1", "endpointslices", R"({"addressType":"IPv4"})"},
      {"autoscaling", "v2", "horizontalpodautoscalers", R"({"spec":{"behavior":{}}})"},
      {"autoscaling", "v1", "horizontalpodautoscalers", R"({"spec":{"maxReplicas":3}})"},
      {"autoscaling", "v2beta2", "horizontalpodautoscalers", R"({"spec":{"maxReplicas":3}})"},
  };
  for (const Case& c : cases) {
    const Resource& resource = Kind(c.group, c.version, c.plural);
    Json once = Created(resource, c.object);
    Json twice = once;
    ApplyDefaults(resource, twice);
    EXPECT_EQ(once, twice) << c.plural;
  }
}

TEST(DefaultsTest, ContainersAndProbes) {
  struct Case {
    const char* image;
    const char* policy;
  };
  for (const Case& c :
       {Case{"nginx", "Always"}, Case{"nginx:latest", "Always"}, Case{"nginx:1", "IfNotPresent"},
        Case{"localhost:5000/nginx", "Always"}, Case{"localhost:5000/nginx:1", "IfNotPresent"},
        Case{"nginx@sha256:aa", "IfNotPresent"}}) {
    Json pod = Created(Kind("", "v1", "pods"), R"({"spec":{"containers":[{"name":"c","image":")" +
                                                   std::string(c.image) + R"("}]}})");
    EXPECT_EQ(GetString(pod["spec"]["containers"][0], "imagePullPolicy"), c.policy) << c.image;
  }
  Json pod = Created(Kind("", "v1", "pods"),
                     R"({"spec":{"terminationGracePeriodSeconds":-1,"hostNetwork":true,
        "containers":[{"name":"c","image":"a","ports":[{"containerPort":80}],
        "readinessProbe":{"httpGet":{"port":"web"}},
        "resources":{"limits":{"cpu":"0.5","memory":"1024Mi"}}}]}})");
  const Json& container = pod["spec"]["containers"][0];
  EXPECT_EQ(container["readinessProbe"],
            J(R"({"failureThreshold":3,"httpGet":{"path":"/","port":"web","scheme":"HTTP"},
                  "periodSeconds":10,"successThreshold":1,"timeoutSeconds":1})"));
  EXPECT_EQ(container["resources"]["requests"], J(R"({"cpu":"500m","memory":"1Gi"})"));
  EXPECT_EQ(container["ports"][0]["hostPort"], 80);
  EXPECT_EQ(pod["spec"]["terminationGracePeriodSeconds"], 1);
  EXPECT_EQ(pod["status"], J(R"({"phase":"Pending","qosClass":"Guaranteed"})"));
  EXPECT_EQ(pod["metadata"]["generation"], 1);
}

TEST(DefaultsTest, FromASchema) {
  Resource widgets;
  widgets.group = "example.com";
  widgets.kind = "Widget";
  widgets.crd_name = "widgets.example.com";
  widgets.schema = std::make_shared<const Json>(J(R"({"properties":{"spec":{"properties":{
      "color":{"type":"string","default":"red"},
      "maybe":{"type":"string","nullable":true,"default":"d"},
      "list":{"items":{"properties":{"n":{"default":1}}}}}}}})"));
  Json object = J(R"({"spec":{"color":null,"maybe":null,"list":[{},{"n":2}]}})");
  ApplyDefaults(widgets, object);
  EXPECT_EQ(object, J(R"({"spec":{"color":"red","maybe":null,"list":[{"n":1},{"n":2}]}})"));
}

TEST(PrepareTest, GenerationCountsChangesOfTheSpec) {
  const Resource& deployments = Kind("apps", "v1", "deployments");
  Json old = Created(deployments, kDeployment);
  struct Case {
    const char* patch;
    const char* subresource;
    int generation;
  };
  const Case cases[] = {
      {R"({"metadata":{"labels":{"x":"y"}}})", "", 1},
      {R"({"spec":{"replicas":3}})", "", 2},
      {R"({"metadata":{"annotations":{"x":"y"}}})", "", 2},
      {R"({"metadata":{"generation":9}})", "", 1},
      {R"({"status":{"replicas":3}})", "", 1},
      {R"({"status":{"replicas":3},"spec":{"replicas":9}})", "status", 1},
  };
  for (const Case& c : cases) {
    Json changed = old;
    changed.merge_patch(J(c.patch));
    PrepareForUpdate(deployments, c.subresource, old, changed);
    EXPECT_EQ(changed["metadata"]["generation"], c.generation) << c.patch;
    bool status_written = std::string_view(c.subresource) == "status";
    EXPECT_EQ(GetInt(changed, {"status", "replicas"}, 0), status_written ? 3 : 0) << c.patch;
    if (status_written) {
      EXPECT_EQ(changed["spec"]["replicas"], 1);
    }
  }
}

TEST(PrepareTest, AServiceKeepsWhatItWasGiven) {
  const Resource& services = Kind("", "v1", "services");
  Json old = Created(services, R"({"spec":{"type":"NodePort","clusterIP":"127.96.0.9",
      "ports":[{"port":80,"nodePort":30001}]}})");
  auto updated = [&](std::string_view spec) {
    Json object = J(R"({"metadata":{"name":"x","namespace":"ns"}})");
    object["spec"] = J(spec);
    ApplyDefaults(services, object);
    PrepareForUpdate(services, "", old, object);
    return object["spec"];
  };
  Json same = updated(R"({"type":"NodePort","ports":[{"port":80}]})");
  EXPECT_EQ(same["clusterIPs"], J(R"(["127.96.0.9"])"));
  EXPECT_EQ(same["ports"][0]["nodePort"], 30001);
  Json inside = updated(R"({"type":"ClusterIP","externalTrafficPolicy":"Cluster",
                            "ports":[{"port":80,"nodePort":30001}]})");
  EXPECT_FALSE(inside["ports"][0].contains("nodePort"));
  EXPECT_FALSE(inside.contains("externalTrafficPolicy"));
  Json external =
      updated(R"({"type":"ExternalName","externalName":"a.b","clusterIP":"127.96.0.9"})");
  EXPECT_FALSE(external.contains("clusterIP"));
  EXPECT_FALSE(external.contains("ipFamilies"));
}

TEST(ScaleTest, ThereAndBack) {
  const Resource& deployments = Kind("apps", "v1", "deployments");
  Json object = Created(deployments, kDeployment);
  object["metadata"]["uid"] = "u";
  object["status"]["replicas"] = 2;
  EXPECT_EQ(*ToScale(deployments, object), J(R"({"apiVersion":"autoscaling/v1","kind":"Scale",
                  "metadata":{"name":"x","namespace":"ns","uid":"u"},
                  "spec":{"replicas":1},"status":{"replicas":2,"selector":"a=b"}})"));
  ASSERT_TRUE(SetScale(deployments, J(R"({"spec":{}})"), object));
  EXPECT_EQ(object["spec"]["replicas"], 0);
  EXPECT_EQ((*ToScale(deployments, object))["spec"], Json::object());
  EXPECT_EQ(SetScale(deployments, J(R"({"spec":{"replicas":-2}})"), object).error().message,
            "spec.replicas: Invalid value: -2: must be greater than or equal to 0");
  EXPECT_FALSE(ToScale(Kind("", "v1", "pods"), object));
}

TEST(FieldValueTest, KnownLabels) {
  struct Case {
    const char *group, *version, *plural, *key, *value;  // value null: not supported
  };
  const Json object = J(R"({"metadata":{"name":"n","namespace":"s"},"type":"Opaque",
      "spec":{"nodeName":"node","clusterIP":"127.0.0.9"},"status":{"phase":"Running"},
      "source":{"component":"tester"},"involvedObject":{"kind":"Pod"}})");
  const Case cases[] = {
      {"", "v1", "pods", "metadata.name", "n"},
      {"", "v1", "pods", "metadata.namespace", "s"},
      {"", "v1", "pods", "spec.nodeName", "node"},
      {"", "v1", "pods", "status.podIP", ""},
      {"", "v1", "pods", "spec.hostNetwork", "false"},
      {"", "v1", "pods", "spec.image", nullptr},
      {"", "v1", "secrets", "type", "Opaque"},
      {"", "v1", "events", "source", "tester"},
      {"", "v1", "events", "involvedObject.kind", "Pod"},
      {"", "v1", "events", "message", nullptr},
      {"", "v1", "services", "spec.clusterIP", "127.0.0.9"},
      {"", "v1", "namespaces", "metadata.namespace", nullptr},
      {"apps", "v1", "deployments", "spec.replicas", nullptr},
  };
  for (const Case& c : cases) {
    std::string value;
    bool known = FieldValue(Kind(c.group, c.version, c.plural), object, c.key, &value);
    EXPECT_EQ(known, c.value != nullptr) << c.plural << " " << c.key;
    if (known) {
      EXPECT_EQ(value, c.value) << c.plural << " " << c.key;
    }
  }
}

TEST(WarningsTest, Words) {
  Json deployment = Created(Kind("apps", "v1", "deployments"), kDeployment);
  EXPECT_TRUE(Warnings(Kind("apps", "v1", "deployments"), deployment).empty());
  deployment["metadata"]["name"] = "a.b";
  EXPECT_EQ(Warnings(Kind("apps", "v1", "deployments"), deployment),
            std::vector<std::string>{
                "metadata.name: this is used in Pod names and hostnames, which can result in "
                "surprising behavior; a DNS label is recommended: [must not contain dots]"});
  Json pod = Created(Kind("", "v1", "pods"),
                     R"({"spec":{"containers":[{"name":"c","image":"a",
        "env":[{"name":"A"},{"name":"A"}],"ports":[{"containerPort":80},{"containerPort":80}],
        "resources":{"requests":{"memory":"100m"}}}]}})");
  EXPECT_EQ(Warnings(Kind("", "v1", "pods"), pod),
            (std::vector<std::string>{
                "spec.containers[0].env[1]: hides previous definition of \"A\", which may be "
                "dropped when using apply",
                "spec.containers[0].ports[1]: duplicate port definition with "
                "spec.containers[0].ports[0]",
                "spec.containers[0].resources.requests[memory]: fractional byte value \"100m\" is "
                "invalid, must be an integer"}));
}

// v2 -> v1 -> v2: the CPU metric moves to the end, all else comes back.
TEST(ConversionTest, HpaThroughV1) {
  const Resource& v2 = Kind("autoscaling", "v2", "horizontalpodautoscalers");
  const Resource& v1 = Kind("autoscaling", "v1", "horizontalpodautoscalers");
  Json object = Created(v2, R"({"spec":{"minReplicas":2,"maxReplicas":9,
      "scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},
      "metrics":[
        {"type":"Resource","resource":{"name":"cpu",
           "target":{"type":"Utilization","averageUtilization":70}}},
        {"type":"Resource","resource":{"name":"memory",
           "target":{"type":"AverageValue","averageValue":"100Mi"}}},
        {"type":"Object","object":{"describedObject":{"apiVersion":"v1","kind":"Service",
           "name":"web"},"metric":{"name":"hits"},
           "target":{"type":"AverageValue","averageValue":"1"}}},
        {"type":"External","external":{"metric":{"name":"q",
           "selector":{"matchLabels":{"b":"<2>","a":"1"}}},"target":{"type":"Value","value":"30"}}}],
      "behavior":{"scaleUp":{"policies":[{"type":"Pods","value":2,"periodSeconds":30}],
                             "tolerance":"50m"}}}})");
  Json old_form = Convert(object, v2, v1);
  EXPECT_EQ(GetString(old_form, "apiVersion"), "autoscaling/v1");
  EXPECT_EQ(old_form["spec"]["targetCPUUtilizationPercentage"], 70);
  EXPECT_EQ(
      GetString(old_form, {"metadata", "annotations", "autoscaling.alpha.kubernetes.io/metrics"}),
      R"([{"type":"Resource","resource":{"name":"memory","targetAverageValue":"100Mi"}},)"
      R"({"type":"Object","object":{"target":{"kind":"Service","name":"web","apiVersion":"v1"},)"
      R"("metricName":"hits","targetValue":"0","averageValue":"1"}},)"
      R"({"type":"External","external":{"metricName":"q","metricSelector":{"matchLabels":)"
      R"({"a":"1","b":"\u003c2\u003e"}},"targetValue":"30"}}])");
  EXPECT_EQ(
      GetString(old_form, {"metadata", "annotations", "autoscaling.alpha.kubernetes.io/behavior"}),
      R"({"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":)"
      R"("Pods","Value":2,"PeriodSeconds":30}],"Tolerance":"50m"},"ScaleDown":)"
      R"({"StabilizationWindowSeconds":null,"SelectPolicy":"Max","Policies":[{"Type":"Percent",)"
      R"("Value":100,"PeriodSeconds":15}],"Tolerance":null}})");
  Json back = Convert(old_form, v1, v2);
  Json& metrics = object["spec"]["metrics"];
  metrics.push_back(metrics[0]);
  metrics.erase(metrics.begin());
  EXPECT_EQ(back, object);
}

TEST(ConversionTest, V1DefaultsAndBrokenAnnotations) {
  const Resource& v2 = Kind("autoscaling", "v2", "horizontalpodautoscalers");
  const Resource& v1 = Kind("autoscaling", "v1", "horizontalpodautoscalers");
  Json plain = Created(v1, R"({"spec":{"maxReplicas":3},"metadata":{"annotations":
      {"autoscaling.alpha.kubernetes.io/metrics":"not json"}}})");
  Json stored = Convert(plain, v1, v2);
  EXPECT_EQ(stored["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
  EXPECT_FALSE(stored["metadata"].contains("annotations"));
  EXPECT_EQ(Convert(stored, v2, v1)["spec"]["targetCPUUtilizationPercentage"], 80);
}

TEST(ConversionTest, V2Beta2HasOlderStatusFields) {
  const Resource& v2 = Kind("autoscaling", "v2", "horizontalpodautoscalers");
  const Resource& beta = Kind("autoscaling", "v2beta2", "horizontalpodautoscalers");
  Json object = Created(v2, R"({"spec":{"maxReplicas":3,"behavior":{"scaleUp":
                                {"tolerance":"50m"}}}})");
  Json old_form = Convert(object, v2, beta);
  EXPECT_EQ(old_form["status"], J(R"({"conditions":null,"currentMetrics":null,
                                      "currentReplicas":0,"desiredReplicas":0})"));
  EXPECT_FALSE(old_form["spec"]["behavior"]["scaleUp"].contains("tolerance"));
  EXPECT_EQ(Convert(old_form, beta, v2)["status"],
            J(R"({"currentMetrics":null,"desiredReplicas":0})"));
}

}  // namespace
}  // namespace weir::kube
