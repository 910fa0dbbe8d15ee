#include "scrape/scrape_plan.h"

#include <gtest/gtest.h>

#include "base/yaml.h"

namespace weir::scrape {
namespace {

// A Service `web` of two pods, the second one not ready; its slice names the port `http`. The pods
// also declare the port `admin`, which the Service does not name.
constexpr std::string_view kCluster = R"(
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web, team/owner: blue}, annotations: {a.b/c: d}}
---
kind: Service
metadata: {name: other, namespace: shop, labels: {app: other}}
---
kind: Service
metadata: {name: web, namespace: else, labels: {app: web}}
---
kind: EndpointSlice
metadata: {name: web-x, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
- {addresses: [127.1.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: web-1}}
- {addresses: [127.1.0.2], conditions: {ready: false}, targetRef: {kind: Pod, name: web-2}}
---
kind: EndpointSlice
metadata: {name: web-y, namespace: else, labels: {kubernetes.io/service-name: web}}
addressType: IPv6
ports: [{name: http, port: 80}]
endpoints: [{addresses: ['fd00::1']}]
---
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {tier: front}, uid: u1}
spec:
  nodeName: node1
  containers:
  - {name: app, image: i, ports: [{name: web, containerPort: 8080}, {name: admin, containerPort: 9090}]}
status: {phase: Running, podIP: 127.1.0.1, conditions: [{type: Ready, status: 'True'}]}
---
kind: Pod
metadata: {name: web-2, namespace: shop}
spec: {containers: [{name: app, ports: [{containerPort: 8080}]}]}
status: {phase: Running, podIP: 127.1.0.2}
)";

ClusterObjects Cluster(std::string_view monitor, std::string_view cluster = kCluster) {
  ClusterObjects objects;
  std::map<std::string, ObjectPtr, std::less<>> pods;
  for (std::string_view text : {cluster, monitor}) {
    const auto documents = ParseYaml(text);
    EXPECT_TRUE(documents) << documents.error().message;
    for (const YamlDocument& document : *documents) {
      auto object = std::make_shared<const Json>(document.value);
      const std::string kind = GetString(*object, "kind");
      if (kind == "Service") objects.services.push_back(object);
      if (kind == "EndpointSlice") objects.slices.push_back(object);
      if (kind == "Pod") {
        pods[GetString(*object, {"metadata", "namespace"}) + "/" +
             GetString(*object, {"metadata", "name"})] = object;
      }
      if (kind == "ServiceMonitor") objects.monitors.push_back(object);
    }
  }
  objects.pod = [pods](std::string_view key) {
    const auto found = pods.find(key);
    return found != pods.end() ? found->second : nullptr;
  };
  return objects;
}

std::string Monitor(std::string_view spec, std::string_view ns = "shop") {
  return "kind: ServiceMonitor\nmetadata: {name: m, namespace: " + std::string(ns) +
         "}\nspec: " + std::string(spec) + "\n";
}

std::vector<std::string> Print(const TargetPlan& plan) {
  std::vector<std::string> lines;
  for (const Target& target : plan.targets) {
    lines.push_back(target.url + " " + target.labels.ToString());
  }
  for (const Refusal& refusal : plan.refusals) lines.push_back("refused: " + refusal.message);
  return lines;
}

constexpr std::string_view kWeb1 =
    R"(http://127.1.0.1:8080/metrics {container="app",endpoint="http",instance="127.1.0.1:8080",)"
    R"(job="web",namespace="shop",pod="web-1",service="web"})";
constexpr std::string_view kWeb2 =
    R"(http://127.1.0.2:8080/metrics {container="app",endpoint="http",instance="127.1.0.2:8080",)"
    R"(job="web",namespace="shop",pod="web-2",service="web"})";

using Lines = std::vector<std::string>;

struct Case {
  std::string spec;
  Lines want;
};

TEST(PlanTargets, GivesTheOperatorsLabels) {
  const auto with = [](std::string labels) {
    return "http://127.1.0.1:8080/metrics {" + labels + "}";
  };
  const std::string common = R"(namespace="shop",pod="web-1",service="web")";
  const Case cases[] = {
      {"{selector: {matchLabels: {app: web}}, endpoints: [{port: http}]}",
       {std::string(kWeb1), std::string(kWeb2)}},
      // A selector's every form is kube's business; an empty one takes all Services.
      {"{selector: {}, endpoints: [{port: http}]}", {std::string(kWeb1), std::string(kWeb2)}},
      {"{selector: {matchLabels: {app: none}}, endpoints: [{port: http}]}", {}},
      {"{selector: {}, endpoints: [{port: none}]}", {}},
      {"{selector: {}, endpoints: []}", {}},
      {"{selector: {}, namespaceSelector: {matchNames: [else]}, endpoints: [{port: http}]}",
       {R"(http://[fd00::1]:80/metrics {endpoint="http",instance="[fd00::1]:80",job="web",)"
        R"(namespace="else",service="web"})"}},
      {"{selector: {}, namespaceSelector: {any: true}, endpoints: [{port: http}]}",
       {std::string(kWeb1), std::string(kWeb2),
        R"(http://[fd00::1]:80/metrics {endpoint="http",instance="[fd00::1]:80",job="web",)"
        R"(namespace="else",service="web"})"}},
      // A container's port by name or number, also one that the Service does not name.
      {"{selector: {}, endpoints: [{targetPort: web}]}",
       {with(R"(container="app",endpoint="web",instance="127.1.0.1:8080",job="web",)" + common)}},
      {"{selector: {}, endpoints: [{targetPort: 9090, path: /m}]}",
       {R"(http://127.1.0.1:9090/m {container="app",endpoint="9090",instance="127.1.0.1:9090",)"
        R"(job="web",namespace="shop",pod="web-1",service="web"})"}},
      {"{selector: {}, jobLabel: app, targetLabels: [team/owner, none], podTargetLabels: [tier], "
       "endpoints: [{targetPort: web}]}",
       {with(R"(container="app",endpoint="web",instance="127.1.0.1:8080",job="web",)" + common +
             R"(,team_owner="blue",tier="front")")}},
      {"{selector: {}, jobLabel: team/owner, endpoints: [{targetPort: web}]}",
       {with(R"(container="app",endpoint="web",instance="127.1.0.1:8080",job="blue",)" + common)}},
      {"{selector: {}, endpoints: [{targetPort: web, params: {q: ['a b', c], m: [x]}}]}",
       {R"(http://127.1.0.1:8080/metrics?m=x&q=a%20b&q=c {container="app",endpoint="web",)"
        R"(instance="127.1.0.1:8080",job="web",namespace="shop",pod="web-1",service="web"})"}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Print(PlanTargets(Cluster(Monitor(c.spec)))), c.want) << c.spec;
  }
}

TEST(PlanTargets, RelabelingsReadTheDiscoveredLabels) {
  const Case cases[] = {
      {"[{action: keep, sourceLabels: [__meta_kubernetes_pod_ready], regex: 'true'}, {action: "
       "labelkeep, regex: '__.*|pod'}]",
       {R"(http://127.1.0.1:8080/metrics {instance="127.1.0.1:8080",pod="web-1"})"}},
      {"[{action: keep, sourceLabels: [__meta_kubernetes_endpoint_ready, "
       "__meta_kubernetes_endpointslice_endpoint_conditions_ready], regex: 'false;false'}, "
       "{action: "
       "labelkeep, regex: '__.*'}]",
       {R"(http://127.1.0.2:8080/metrics {instance="127.1.0.2:8080"})"}},
      {"[{action: labelkeep, regex: '__.*'}, {action: drop, sourceLabels: "
       "[__meta_kubernetes_pod_name], regex: web-2}, {sourceLabels: "
       "[__meta_kubernetes_service_annotation_a_b_c, "
       "__meta_kubernetes_service_labelpresent_team_owner, __meta_kubernetes_pod_node_name, "
       "__meta_kubernetes_pod_container_port_number], targetLabel: x}, {targetLabel: __address__, "
       "replacement: 'h:1'}, {targetLabel: __metrics_path__, replacement: p}, {targetLabel: "
       "__param_z, replacement: '1'}, {targetLabel: instance, replacement: i}]",
       {R"(http://h:1/p?z=1 {instance="i",x="d;true;node1;8080"})"}},
      {"[{targetLabel: __address__, replacement: ''}]", {}},
  };
  for (const Case& c : cases) {
    const std::string spec =
        "{selector: {}, endpoints: [{port: http, relabelings: " + c.spec + "}]}";
    EXPECT_EQ(Print(PlanTargets(Cluster(Monitor(spec)))), c.want) << c.spec;
  }
}

TEST(PlanTargets, LeavesOutPodsThatHaveEnded) {
  const std::string cluster = [] {
    std::string text(kCluster);
    text.replace(text.rfind("phase: Running"), 14, "phase: Failed");
    return text;
  }();
  const std::string spec = "{selector: {}, endpoints: [{port: http}]}";
  EXPECT_EQ(Print(PlanTargets(Cluster(Monitor(spec), cluster))), Lines{std::string(kWeb1)});
  const std::string all = "{selector: {}, endpoints: [{port: http, filterRunning: false}]}";
  EXPECT_EQ(PlanTargets(Cluster(Monitor(all), cluster)).targets.size(), 2U);
}

TEST(PlanTargets, RefusalsNameTheField) {
  const Case cases[] = {
      {"{selector: {}, endpoints: [{port: http}, {port: http, basicAuth: {}}]}",
       {"refused: spec.endpoints[1].basicAuth is not supported"}},
      {"{selector: {}, scrapeClass: x, endpoints: []}",
       {"refused: spec.scrapeClass is not supported"}},
      {"{selector: {}, endpoints: [{port: http, interval: 1x}]}",
       {"refused: spec.endpoints[0].interval: not a valid duration string: \"1x\""}},
      {"{selector: {}, endpoints: [{port: http, interval: '0'}]}",
       {"refused: spec.endpoints[0].interval must be more than 0"}},
      {"{selector: {}, endpoints: [{port: http, interval: 1s, scrapeTimeout: 2s}]}",
       {"refused: spec.endpoints[0].scrapeTimeout is longer than the interval"}},
      {"{selector: {}, endpoints: [{port: http, scheme: https}]}",
       {"refused: spec.endpoints[0].scheme: \"https\" is not supported"}},
      {"{selector: {}, bodySizeLimit: big, endpoints: []}",
       {"refused: spec.bodySizeLimit: \"big\" is not a size such as 10MB"}},
      {"{selector: {}, endpoints: [{port: http, relabelings: [{action: x}]}]}",
       {"refused: spec.endpoints[0].relabelings[0].action: \"x\" is not an action"}},
      {"{selector: {}, targetLimit: 1, endpoints: [{port: http}]}",
       {"refused: spec.targetLimit: 2 targets are more than 1"}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Print(PlanTargets(Cluster(Monitor(c.spec)))), c.want) << c.spec;
  }
}

TEST(PlanTargets, SettingsComeFromTheMonitor) {
  const auto plan = PlanTargets(Cluster(Monitor(
      "{selector: {}, sampleLimit: 5, bodySizeLimit: 1KB, labelLimit: 9, "
      "fallbackScrapeProtocol: PrometheusText0.0.4, endpoints: [{targetPort: web, interval: "
      "1s, honorLabels: true, honorTimestamps: false}, {targetPort: web}]}")));
  ASSERT_EQ(plan.targets.size(), 2U);
  const ScrapeSettings& first = *plan.targets[0].settings;
  EXPECT_EQ(plan.targets[0].pool, "serviceMonitor/shop/m/0");
  EXPECT_EQ(first.interval, std::chrono::seconds(1));
  EXPECT_EQ(first.timeout, std::chrono::seconds(1));  // at most the interval
  EXPECT_TRUE(first.honor_labels);
  EXPECT_FALSE(first.honor_timestamps);
  EXPECT_EQ(first.sample_limit, 5U);
  EXPECT_EQ(first.body_limit, 1024U);
  EXPECT_EQ(first.limits.max_labels, 9U);
  EXPECT_EQ(first.fallback, exposition::Format::kPrometheusText);
  const ScrapeSettings& second = *plan.targets[1].settings;
  EXPECT_EQ(second.interval, std::chrono::seconds(30));
  EXPECT_EQ(second.timeout, std::chrono::seconds(10));
  EXPECT_NE(first.source, second.source);
}

TEST(PlanStatic, OneTargetAnAddress) {
  const StaticTargets list{.job = "j",
                           .addresses = {"b:2", "a:1", "a:1"},
                           .labels = model::Labels({{"env", "x"}}),
                           .settings = {}};
  const std::vector<Target> targets = PlanStatic(list);
  ASSERT_EQ(targets.size(), 2U);
  EXPECT_EQ(targets[0].url, "http://a:1/metrics");
  EXPECT_EQ(targets[0].labels.ToString(), R"({env="x",instance="a:1",job="j"})");
  EXPECT_EQ(targets[1].url, "http://b:2/metrics");
}

TEST(ParseByteSize, Units) {
  EXPECT_EQ(ParseByteSize("512"), 512U);
  EXPECT_EQ(ParseByteSize("10KB"), 10240U);
  EXPECT_EQ(ParseByteSize("2MiB"), 2097152U);
  for (std::string_view bad : {"", "KB", "1XB", "-1", "1.5MB", "99999999999GB"}) {
    EXPECT_EQ(ParseByteSize(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace weir::scrape
