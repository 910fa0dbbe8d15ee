#include "kube/table.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace weir::kube {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T00:05:00Z");

const Registry& Kinds() {
  static const Registry registry(true);
  return registry;
}

// The cells as kubectl joins them, ages as they are.
std::string Row(const Resource& resource, const Json& object) {
  Json table = ToTable(resource, {&object}, "5", IncludeObject::kNone, true, kNow);
  EXPECT_EQ(table["rows"][0]["cells"].size(), table["columnDefinitions"].size()) << resource.kind;
  std::vector<std::string> cells;
  for (const Json& cell : table["rows"][0]["cells"]) {
    cells.push_back(cell.is_string() ? cell.get<std::string>() : DumpJson(cell));
  }
  return Join(cells, " | ");
}

std::string Row(std::string_view group, std::string_view version, std::string_view plural,
                std::string_view text) {
  Json object = *ParseJson(text);
  object["metadata"]["name"] = "x";
  object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  return Row(*Kinds().Find(group, version, plural), object);
}

TEST(TableTest, Kinds) {
  struct Case {
    const char *group, *version, *plural, *object, *cells;
  };
  const Case cases[] = {
      {"apps", "v1", "statefulsets",
       R"({"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"a","image":"i"}]}}},
           "status":{"readyReplicas":1}})",
       "x | 1/2 | 5m | a | i"},
      {"apps", "v1", "daemonsets", R"({"status":{"desiredNumberScheduled":1,"numberReady":1}})",
       "x | 1 | 0 | 1 | 0 | 0 | <none> | 5m |  |  | <none>"},
      {"apps", "v1", "controllerrevisions",
       R"({"revision":3,"metadata":{"ownerReferences":[{"controller":true,"kind":"StatefulSet",
           "apiVersion":"apps/v1","name":"db"}]}})",
       "x | statefulset.apps/db | 3 | 5m"},
      {"", "v1", "replicationcontrollers", R"({"spec":{"replicas":1,"selector":{"a":"b"}}})",
       "x | 1 | 0 | 0 | 5m |  |  | a=b"},
      {"batch", "v1", "jobs",
       R"({"spec":{"completions":3},"status":{"succeeded":1,"startTime":"2026-01-01T00:04:00Z"}})",
       "x | Running | 1/3 | 60s | 5m |  |  | <none>"},
      {"batch", "v1", "jobs",
       R"({"spec":{"parallelism":2},"status":{"startTime":"2026-01-01T00:04:00Z",
           "completionTime":"2026-01-01T00:04:07Z",
           "conditions":[{"type":"Complete","status":"True"}]}})",
       "x | Complete | 0/1 of 2 | 7s | 5m |  |  | <none>"},
      {"batch", "v1", "cronjobs", R"({"spec":{"schedule":"@daily","suspend":true},
           "status":{"lastScheduleTime":"2026-01-01T00:04:00Z","active":[{}]}})",
       "x | @daily | <none> | True | 1 | 60s | 5m |  |  | <none>"},
      {"rbac.authorization.k8s.io", "v1", "rolebindings",
       R"({"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},
           {"kind":"ServiceAccount","name":"s","namespace":"n"}]})",
       "x | Role/r | 5m | u |  | n/s"},
      {"coordination.k8s.io", "v1", "leases", R"({"spec":{"holderIdentity":"h"}})", "x | h | 5m"},
      {"", "v1", "persistentvolumeclaims",
       R"({"spec":{"volumeMode":"Filesystem"},"status":{"phase":"Pending"}})",
       "x | Pending |  |  |  |  | <unset> | 5m | Filesystem"},
      {"policy", "v1", "poddisruptionbudgets", R"({"spec":{"minAvailable":"50%"}})",
       "x | 50% | N/A | 0 | 5m"},
      {"networking.k8s.io", "v1", "ingresses", R"({"spec":{"rules":[{"host":"a"}],"tls":[{}]}})",
       "x | <none> | a |  | 80, 443 | 5m"},
      {"events.k8s.io", "v1", "events",
       R"({"regarding":{"kind":"Pod","name":"p"},"note":"n","type":"Normal","reason":"r",
           "deprecatedLastTimestamp":"2026-01-01T00:04:00Z",
           "deprecatedFirstTimestamp":"2026-01-01T00:03:00Z","deprecatedCount":2})",
       "60s | Normal | r | pod/p |  |  | n | 2m | 2 | x"},
      {"", "v1", "configmaps", R"({"data":{"a":"b"},"binaryData":{"c":"eA=="}})", "x | 2 | 5m"},
      {"", "v1", "secrets", R"({"type":"Opaque","data":{"a":"eA=="}})", "x | Opaque | 1 | 5m"},
      {"", "v1", "namespaces", R"({"status":{"phase":"Active"}})", "x | Active | 5m"},
      {"", "v1", "serviceaccounts", "{}", "x | 5m"},
      {"apps", "v1", "deployments",
       R"({"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"spec":
           {"containers":[{"name":"a","image":"i:1"},{"name":"b","image":"j"}]}}},
           "status":{"readyReplicas":1,"updatedReplicas":2}})",
       "x | 1/2 | 2 | 0 | 5m | a,b | i:1,j | app=web"},
      {"apps", "v1", "replicasets",
       R"({"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}}},
           "status":{"replicas":2,"readyReplicas":1}})",
       "x | 2 | 2 | 1 | 5m |  |  | app=web"},
      {"", "v1", "services",
       R"({"spec":{"type":"NodePort","clusterIP":"127.96.0.2","selector":{"a":"b"},
           "ports":[{"port":80,"nodePort":30001,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}})",
       "x | NodePort | 127.96.0.2 | <none> | 80:30001/TCP,53/UDP | 5m | a=b"},
      {"", "v1", "services", R"({"spec":{"type":"ExternalName","externalName":"a.b"}})",
       "x | ExternalName | <none> | a.b | <none> | 5m | <none>"},
      {"", "v1", "services", R"({"spec":{"type":"LoadBalancer","clusterIP":"127.96.0.2"}})",
       "x | LoadBalancer | 127.96.0.2 | <pending> | <none> | 5m | <none>"},
      {"", "v1", "nodes",
       R"({"metadata":{"labels":{"node-role.kubernetes.io/worker":""}},
           "spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"True"}],
           "addresses":[{"type":"InternalIP","address":"127.0.0.1"}],
           "nodeInfo":{"kubeletVersion":"v1.36.3","osImage":"Linux"}}})",
       "x | Ready,SchedulingDisabled | worker | 5m | v1.36.3 | 127.0.0.1 | <none> | Linux | "
       "<unknown> | <unknown>"},
      {"discovery.k8s.io", "v1", "endpointslices",
       R"({"addressType":"IPv4","ports":[{"port":1},{"port":2},{"port":3},{"port":4}],
           "endpoints":[{"addresses":["127.1.0.1"]},{"addresses":["127.1.0.2"]}]})",
       "x | IPv4 | 1,2,3 + 1 more... | 127.1.0.1,127.1.0.2 | 5m"},
      {"discovery.k8s.io", "v1", "endpointslices", R"({"addressType":"IPv4"})",
       "x | IPv4 | <unset> | <unset> | 5m"},
      {"", "v1", "events",
       R"({"involvedObject":{"kind":"Pod","name":"p"},"type":"Normal","reason":"R","message":" m ",
           "lastTimestamp":"2026-01-01T00:04:50Z","firstTimestamp":"2026-01-01T00:04:00Z",
           "count":3,"source":{"component":"tester","host":"h"}})",
       "10s | Normal | R | pod/p |  | tester, h | m | 60s | 3 | x"},
      {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "{}", "x | 2026-01-01T00:00:00Z"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Row(c.group, c.version, c.plural, c.object), c.cells) << c.plural;
  }
}

// Ready, status and restarts of pods, as recorded for two containers `a` and `b`.
TEST(TableTest, Pods) {
  struct Case {
    const char* status;
    const char* cells;
  };
  const Case cases[] = {
      {R"({"phase":"Pending"})", "0/2 | Pending | 0"},
      {R"({"phase":"Pending","containerStatuses":[
           {"name":"a","ready":true,"state":{"running":{}}},
           {"name":"b","state":{"waiting":{"reason":"ImagePullBackOff"}}}]})",
       "1/2 | ImagePullBackOff | 0"},
      {R"({"phase":"Running","containerStatuses":[
           {"name":"a","ready":true,"restartCount":1,"state":{"running":{}}},
           {"name":"b","restartCount":5,"state":{"waiting":{"reason":"CrashLoopBackOff"}},
            "lastState":{"terminated":{"finishedAt":"2026-01-01T00:04:30Z"}}}]})",
       "1/2 | CrashLoopBackOff | 6 (30s ago)"},
      {R"({"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":
           {"exitCode":3}}}]})",
       "0/2 | ExitCode:3 | 0"},
      {R"({"phase":"Failed","containerStatuses":[{"name":"a","state":{"terminated":
           {"exitCode":137,"signal":9}}}]})",
       "0/2 | Signal:9 | 0"},
      {R"({"phase":"Failed","reason":"Evicted"})", "0/2 | Evicted | 0"},
      {R"({"phase":"Running","conditions":[{"type":"Ready","status":"False"}],
           "containerStatuses":[{"name":"a","state":{"terminated":{"reason":"Completed"}}},
           {"name":"b","ready":true,"state":{"running":{}}}]})",
       "1/2 | NotReady | 0"},
      {R"({"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":
           {"exitCode":1,"reason":"Error"}},"restartCount":4}]})",
       "0/2 | Init:Error | 4"},
  };
  for (const Case& c : cases) {
    std::string pod = R"({"spec":{"containers":[{"name":"a"},{"name":"b"}],
                          "initContainers":[{"name":"i"}]},"status":)" +
                      std::string(c.status) + "}";
    EXPECT_EQ(Row("", "v1", "pods", pod),
              "x | " + std::string(c.cells) + " | 5m | <none> | <none> | <none> | <none>");
  }
  EXPECT_EQ(Row("", "v1", "pods", R"({"metadata":{"deletionTimestamp":"2026-01-01T00:04:00Z"},
                                      "spec":{"nodeName":"n"},
                                      "status":{"phase":"Running","podIP":"127.1.0.1"}})"),
            "x | 0/0 | Terminating | 0 | 5m | 127.1.0.1 | n | <none> | <none>");
}

TEST(TableTest, TargetsOfAutoscalers) {
  struct Case {
    const char* metrics;
    const char* current;
    const char* cell;
  };
  const Case cases[] = {
      {"[]", "null", "<none>"},
      {R"([{"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":80}}}])",
       "null", "cpu: <unknown>/80%"},
      {R"([{"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":50}}}])",
       R"([{"type":"Resource","resource":{"current":{"averageUtilization":10}}}])", "cpu: 10%/50%"},
      {R"([{"type":"Object","object":{"target":{"averageValue":"20"}}}])",
       R"([{"type":"Object","object":{"current":{"averageValue":"17500m"}}}])", "17500m/20 (avg)"},
      {R"([{"type":"External","external":{"target":{"value":"1000m"}}}])",
       R"([{"type":"External","external":{"current":{"value":"0"}}}])", "0/1"},
      {R"([{"type":"Pods","pods":{"target":{"averageValue":"10"}}},
           {"type":"External","external":{"target":{"value":"20"}}},
           {"type":"External","external":{"target":{"value":"30"}}}])",
       "[]", "<unknown>/10, <unknown>/20 + 1 more..."},
  };
  for (const Case& c : cases) {
    std::string hpa = R"({"spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},
                          "minReplicas":0,"maxReplicas":5,"metrics":)" +
                      std::string(c.metrics) + R"(},"status":{"currentReplicas":2,
                          "currentMetrics":)" +
                      c.current + "}}";
    EXPECT_EQ(Row("autoscaling", "v2", "horizontalpodautoscalers", hpa),
              "x | Deployment/web | " + std::string(c.cell) + " | 0 | 5 | 2 | 5m");
  }
}

TEST(TableTest, CustomColumns) {
  Resource widgets;
  widgets.kind = "Widget";
  widgets.crd_name = "widgets.e.com";
  auto column = [](std::string name, std::string type, std::string path) {
    Column out;
    out.name = std::move(name);
    out.type = std::move(type);
    out.json_path = std::move(path);
    return out;
  };
  Json object = *ParseJson(R"({"metadata":{"name":"w","creationTimestamp":"2026-01-01T00:00:00Z"},
      "spec":{"size":3,"ratio":2.5,"on":true,"tags":["a","b"],"a.b":"dot"},
      "status":{"conditions":[{"type":"X","status":"no"},{"type":"Ready","status":"True"}]}})");
  EXPECT_EQ(Row(widgets, object), "w | 5m");
  widgets.columns = {column("Size", "integer", ".spec.size"),
                     column("Ratio", "integer", ".spec.ratio"),
                     column("On", "boolean", ".spec.on"),
                     column("First", "string", ".spec.tags[0]"),
                     column("Dot", "string", ".spec['a.b']"),
                     column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"),
                     column("None", "string", ".spec.nothing"),
                     column("Born", "date", ".metadata.creationTimestamp")};
  EXPECT_EQ(Row(widgets, object), "w | 3 | 2 | true | a | dot | True | null | 5m");
}

TEST(TableTest, RowsCarryWhatIsAsked) {
  const Resource& maps = *Kinds().Find("", "v1", "configmaps");
  Json object = *ParseJson(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},
                               "data":{"k":"v"}})");
  Json table = ToTable(maps, {&object}, "9", IncludeObject::kMetadata, false, kNow);
  EXPECT_TRUE(table["columnDefinitions"].is_null());
  EXPECT_EQ(table["metadata"]["resourceVersion"], "9");
  EXPECT_EQ(table["rows"][0]["object"],
            *ParseJson(R"({"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata",
                           "metadata":{"name":"a"}})"));
  Json whole = ToTable(maps, {&object}, "9", IncludeObject::kObject, true, kNow);
  EXPECT_EQ(whole["rows"][0]["object"], object);
  EXPECT_EQ(ToTable(maps, {}, "9", IncludeObject::kNone, true, kNow)["rows"], Json::array());
}

}  // namespace
}  // namespace weir::kube
