// The plans about the node and its surroundings: hosts files, addresses, placing, the node object.
#include <gtest/gtest.h>

#include "base/yaml.h"
#include "kubelet/address_plan.h"
#include "kubelet/hosts_plan.h"
#include "kubelet/node_plan.h"
#include "kubelet/scheduler_plan.h"

namespace weir::kubelet {
namespace {

std::vector<ObjectPtr> Read(std::string_view yaml) {
  std::vector<ObjectPtr> objects;
  auto documents = ParseYaml(yaml);
  EXPECT_TRUE(documents) << (documents ? "" : documents.error().message);
  if (!documents) return objects;
  for (YamlDocument& document : *documents) {
    objects.push_back(std::make_shared<const Json>(std::move(document.value)));
  }
  return objects;
}

TEST(HostsFile, NamesServicesAndPods) {
  const auto services = Read(R"(
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 127.96.0.1}
---
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: db}}
---
metadata: {name: web, namespace: shop}
spec: {clusterIP: 127.96.0.2}
---
metadata: {name: far, namespace: shop}
spec: {type: ExternalName, externalName: example.com}
)");
  const auto pods = Read(R"(
metadata: {name: db-0, namespace: shop, labels: {app: db}}
spec: {}
status: {podIP: 127.64.0.1, conditions: [{type: Ready, status: 'True'}]}
---
metadata: {name: db-1, namespace: shop, labels: {app: db}}
spec: {hostname: second}
status: {podIP: 127.64.0.2, conditions: [{type: Ready, status: 'False'}]}
---
metadata: {name: other, namespace: default, labels: {app: db}}
status: {podIP: 127.64.0.3, conditions: [{type: Ready, status: 'True'}]}
)");
  EXPECT_EQ(
      HostsFile("shop", services, pods),
      "# Written by weir for the pods of this namespace; it is rewritten when Services change.\n"
      "127.0.0.1\tlocalhost\n"
      "::1\tlocalhost ip6-localhost ip6-loopback\n"
      "127.96.0.1\tkubernetes.default kubernetes.default.svc "
      "kubernetes.default.svc.cluster.local\n"
      "127.64.0.1\tdb db.shop db.shop.svc db.shop.svc.cluster.local\n"
      "127.96.0.2\tweb web.shop web.shop.svc web.shop.svc.cluster.local\n"
      "127.64.0.1\tdb-0\n"
      "127.64.0.2\tsecond\n");
}

TEST(AddressPool, HandsOutInTurn) {
  auto pool = AddressPool::Make("127.64.0.0/29");  // six addresses
  ASSERT_TRUE(pool);
  EXPECT_TRUE(pool->Keep("127.64.0.2"));
  EXPECT_FALSE(pool->Keep("127.64.0.2"));
  EXPECT_FALSE(pool->Keep("127.64.0.7"));
  EXPECT_FALSE(pool->Keep("10.0.0.1"));
  EXPECT_EQ(*pool->Take(), "127.64.0.3");
  pool->Release("127.64.0.3");
  EXPECT_EQ(*pool->Take(), "127.64.0.4");
  EXPECT_EQ(*pool->Take(), "127.64.0.5");
  EXPECT_EQ(*pool->Take(), "127.64.0.6");
  EXPECT_EQ(*pool->Take(), "127.64.0.1");
  EXPECT_EQ(*pool->Take(), "127.64.0.3");
  EXPECT_EQ(pool->Take().error().message, "all 6 pod addresses are taken; delete pods that ended");
  pool->Release("127.64.0.2");
  EXPECT_EQ(*pool->Take(), "127.64.0.2");
}

TEST(AddressPool, RefusesWhatIsNoLoopbackNetwork) {
  for (const char* network : {"", "127.0.0.1", "10.0.0.0/16", "127.0.0.0/8", "127.0.0.0/31",
                              "127.0.0.256/16", "127.0.0/16", "127.64.0.0/x"}) {
    EXPECT_FALSE(AddressPool::Make(network)) << network;
  }
}

TEST(PlanPlacement, Cases) {
  const Json node = *Read(
      "metadata: {labels: {disk: ssd}}\n"
      "status: {allocatable: {cpu: '2', memory: 1Gi, pods: '3'}}")[0];
  const auto bound = Read(
      "spec: {containers: [{resources: {requests: {cpu: 1500m}}}]}\n---\n"
      "spec: {containers: [{resources: {requests: {cpu: 1500m}}}]}\n"
      "status: {phase: Succeeded}");
  const std::string after =
      ". no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not "
      "helpful for scheduling.";
  const struct {
    const char* pod;
    bool wanted, fits;
    std::string message;
  } cases[] = {
      {"spec: {containers: [{}]}", true, true, ""},
      {"spec: {nodeName: weir}", false, false, ""},
      {"spec: {schedulerName: mine}", false, false, ""},
      {"spec: {schedulingGates: [{name: a}]}", false, false, ""},
      {"metadata: {deletionTimestamp: x}\nspec: {}", false, false, ""},
      {"spec: {nodeSelector: {disk: ssd}}", true, true, ""},
      {"spec: {nodeSelector: {disk: hdd}}", true, false,
       "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector" + after},
      {"spec: {containers: [{resources: {requests: {cpu: 500m}}}]}", true, true, ""},
      {"spec: {containers: [{resources: {requests: {cpu: 501m}}}]}", true, false,
       "0/1 nodes are available: 1 Insufficient cpu" + after},
      {"spec: {containers: [{resources: {requests: {memory: 2Gi}}}]}", true, false,
       "0/1 nodes are available: 1 Insufficient memory" + after},
      {"spec: {initContainers: [{resources: {requests: {cpu: '1'}}}], containers: [{}]}", true,
       false, "0/1 nodes are available: 1 Insufficient cpu" + after},
  };
  for (const auto& c : cases) {
    const Placement placement = PlanPlacement(*Read(c.pod)[0], node, bound);
    EXPECT_EQ(placement.wanted, c.wanted) << c.pod;
    EXPECT_EQ(placement.fits, c.fits) << c.pod;
    EXPECT_EQ(placement.message, c.message) << c.pod;
  }
  Json cordoned = node;
  cordoned["spec"]["unschedulable"] = true;
  EXPECT_EQ(PlanPlacement(*Read("spec: {}")[0], cordoned, bound).message,
            "0/1 nodes are available: 1 node(s) were unschedulable" + after);
}

TEST(NodeStatus, KeepsTransitionTimes) {
  MachineFacts facts;
  facts.node_name = "weir";
  facts.cpus = 4;
  facts.memory_bytes = 8LL << 30;
  const Time first = Time(std::chrono::seconds(1'000));
  Json node = NodeObject(facts);
  EXPECT_EQ(GetString(node, {"metadata", "name"}), "weir");
  node["status"] = NodeStatus(facts, nullptr, first);
  EXPECT_EQ(GetString(node, {"status", "capacity", "memory"}), "8388608Ki");
  const Json later = NodeStatus(facts, node, first + std::chrono::seconds(60));
  const Json& ready = GetArray(later, {"conditions"}).back();
  EXPECT_EQ(GetString(ready, "type"), "Ready");
  EXPECT_EQ(GetString(ready, "status"), "True");
  EXPECT_EQ(GetString(ready, "lastTransitionTime"), FormatRfc3339(first));
  EXPECT_EQ(GetString(ready, "lastHeartbeatTime"), FormatRfc3339(first + std::chrono::seconds(60)));
}

}  // namespace
}  // namespace weir::kubelet
