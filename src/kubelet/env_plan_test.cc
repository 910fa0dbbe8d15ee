#include "kubelet/env_plan.h"

#include <gtest/gtest.h>

#include "base/yaml.h"
#include "kubelet/volume_plan.h"

namespace weir::kubelet {
namespace {

Json Yaml(std::string_view text) {
  auto document = ParseYamlDocument(text);
  EXPECT_TRUE(document) << (document ? "" : document.error().message);
  return document ? *document : Json();
}

const NeededObjects kObjects = {
    {{"ConfigMap", "conf"}, Yaml("{data: {a: '1', b: two}, binaryData: {raw: /w==}}")},
    {{"Secret", "pass"}, Yaml("{data: {word: c2VjcmV0}}")},
    {{kTokenKind, ""}, Yaml("{status: {token: abc}}")},
};

PodFacts Facts() {
  PodFacts facts;
  facts.pod_ip = "127.64.0.7";
  facts.host_ip = "127.0.0.1";
  facts.node_name = "weir";
  facts.allocatable = Yaml("{cpu: '4', memory: 8Gi}");
  return facts;
}

const Json kPod = Yaml(R"(
metadata: {name: web, namespace: shop, uid: u-1, labels: {app: web}, annotations: {note: "a b"}}
spec: {serviceAccountName: bob, containers: [{name: main}, {name: side, resources: {limits: {cpu: 250m}}}]}
)");

std::string Print(const Result<EnvMap>& env) {
  if (!env) return "error: " + env.error().message;
  std::string text;
  for (const auto& [name, value] : *env) text += name + "=" + value + ";";
  return text;
}

TEST(BuildEnv, Cases) {
  const struct {
    const char* container;
    std::string want;
  } cases[] = {
      {"env: [{name: A, value: x}, {name: B, value: '$(A)-$(C)-$$(A)'}, {name: C}]",
       "A=x;B=x-$(C)-$(A);BASE=0;C=;"},
      {"env: [{name: BASE, value: '$(BASE)1'}]", "BASE=01;"},
      {"env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}},"
       "{name: L, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}},"
       "{name: O, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['note']\"}}},"
       "{name: I, valueFrom: {fieldRef: {fieldPath: status.podIP}}},"
       "{name: H, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]",
       "BASE=0;H=weir;I=127.64.0.7;L=web;NAME=web;O=a b;"},
      {"env: [{name: X, valueFrom: {fieldRef: {fieldPath: spec.nope}}}]",
       "error: unsupported fieldPath: spec.nope"},
      {"env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: b}}},"
       "{name: S, valueFrom: {secretKeyRef: {name: pass, key: word}}}]",
       "A=two;BASE=0;S=secret;"},
      {"env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: z}}}]",
       "error: couldn't find key z in ConfigMap shop/conf"},
      {"env: [{name: A, valueFrom: {configMapKeyRef: {name: conf, key: z, optional: true}}}]",
       "BASE=0;"},
      {"env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: z}}}]",
       "error: secret \"none\" not found"},
      {"env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: z, optional: true}}}]",
       "BASE=0;"},
      {"{envFrom: [{configMapRef: {name: conf}, prefix: P_}, {secretRef: {name: pass}}],"
       "env: [{name: P_a, value: mine}]}",
       "BASE=0;P_a=mine;P_b=two;P_raw=\xff;word=secret;"},
      {"envFrom: [{configMapRef: {name: none}}]", "error: configmap \"none\" not found"},
      {"envFrom: [{configMapRef: {name: none, optional: true}}]", "BASE=0;"},
      {"env: [{name: C, valueFrom: {resourceFieldRef: {containerName: side, resource: "
       "limits.cpu}}},"
       "{name: M, valueFrom: {resourceFieldRef: {containerName: side, resource: limits.cpu, "
       "divisor: 1m}}},"
       "{name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Gi}}}]",
       "BASE=0;C=1;M=250;MEM=8;"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Print(BuildEnv(kPod, Yaml(c.container), Facts(), kObjects, {{"BASE", "0"}})), c.want)
        << c.container;
  }
}

// The cases of upstream's expansion rules.
std::vector<ObjectPtr> Services() {
  std::vector<ObjectPtr> services;
  for (const char* text :
       {"{metadata: {name: kubernetes, namespace: default},"
        " spec: {clusterIP: 127.96.0.1, ports: [{name: https, port: 443}]}}",
        "{metadata: {name: red-is, namespace: shop}, spec: {clusterIP: 127.96.0.2,"
        " ports: [{port: 80}, {name: my-dns, port: 53, protocol: UDP}]}}",
        "{metadata: {name: headless, namespace: shop}, spec: {clusterIP: None}}",
        "{metadata: {name: far, namespace: shop}, spec: {type: ExternalName}}",
        "{metadata: {name: other, namespace: default},"
        " spec: {clusterIP: 127.96.0.3, ports: [{port: 1}]}}"}) {
    services.push_back(std::make_shared<const Json>(Yaml(text)));
  }
  return services;
}

TEST(ServiceVariables, OfTheNamespaceAndOfTheApi) {
  const std::string api =
      "KUBERNETES_PORT=tcp://127.96.0.1:443;KUBERNETES_PORT_443_TCP=tcp://127.96.0.1:443;"
      "KUBERNETES_PORT_443_TCP_ADDR=127.96.0.1;KUBERNETES_PORT_443_TCP_PORT=443;"
      "KUBERNETES_PORT_443_TCP_PROTO=tcp;KUBERNETES_SERVICE_HOST=127.96.0.1;"
      "KUBERNETES_SERVICE_PORT=443;KUBERNETES_SERVICE_PORT_HTTPS=443;";
  const std::string own =
      "RED_IS_PORT=tcp://127.96.0.2:80;RED_IS_PORT_53_UDP=udp://127.96.0.2:53;"
      "RED_IS_PORT_53_UDP_ADDR=127.96.0.2;RED_IS_PORT_53_UDP_PORT=53;RED_IS_PORT_53_UDP_PROTO=udp;"
      "RED_IS_PORT_80_TCP=tcp://127.96.0.2:80;RED_IS_PORT_80_TCP_ADDR=127.96.0.2;"
      "RED_IS_PORT_80_TCP_PORT=80;RED_IS_PORT_80_TCP_PROTO=tcp;RED_IS_SERVICE_HOST=127.96.0.2;"
      "RED_IS_SERVICE_PORT=80;RED_IS_SERVICE_PORT_MY_DNS=53;";
  EXPECT_EQ(Print(ServiceVariables(kPod, Services())), api + own);
  Json without = kPod;
  without["spec"]["enableServiceLinks"] = false;
  EXPECT_EQ(Print(ServiceVariables(without, Services())), api);
  EXPECT_EQ(Print(ServiceVariables(kPod, {})), "");
}

TEST(ExpandVariables, Cases) {
  const EnvMap variables = {{"A", "1"}, {"B", "$(A)"}, {"E", ""}};
  const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"", ""},          {"$(A)", "1"},    {"x$(A)y$(A)", "x1y1"},
      {"$(B)", "$(A)"},  {"$(E)", ""},     {"$(Z)", "$(Z)"},
      {"$$(A)", "$(A)"}, {"$$$(A)", "$1"}, {"$A", "$A"},
      {"$", "$"},        {"$$", "$"},      {"$(A", "$(A"},
      {"$()", "$()"},    {"a$", "a$"},     {"$(A)$", "1$"},
  };
  for (const auto& c : cases) EXPECT_EQ(ExpandVariables(c.text, variables), c.want) << c.text;
}

TEST(Needs, AreListedOnce) {
  const Json container = Yaml(
      "{envFrom: [{secretRef: {name: s}}], env: [{name: A, valueFrom: {secretKeyRef: {name: s, "
      "key: "
      "k}}}, {name: B, valueFrom: {configMapKeyRef: {name: c, key: k}}}]}");
  EXPECT_EQ(NeedsOfContainer(container),
            (std::vector<ObjectNeed>{{"Secret", "s"}, {"ConfigMap", "c"}}));
  const Json pod = Yaml(
      "spec: {volumes: [{name: a, configMap: {name: c}}, {name: b, secret: {secretName: s}}, "
      "{name: p, projected: {sources: [{secret: {name: t}}, {configMap: {name: c}}, "
      "{serviceAccountToken: {path: t}}]}}]}");
  EXPECT_EQ(NeedsOfVolumes(pod),
            (std::vector<ObjectNeed>{
                {"ConfigMap", "c"}, {"Secret", "s"}, {"Secret", "t"}, {kTokenKind, ""}}));
}

std::string PrintVolumes(const Result<std::vector<VolumePlan>>& volumes) {
  if (!volumes) return "error: " + volumes.error().message;
  std::string text;
  for (const VolumePlan& volume : *volumes) {
    text += volume.name + " " + volume.folder + volume.host_path + "\n";
    for (const VolumeFile& file : volume.files)
      text += "  " + file.path + "=" + file.content + "\n";
  }
  return text;
}

TEST(PlanVolumes, Cases) {
  const struct {
    const char* volumes;
    const char* want;
  } cases[] = {
      {"[{name: e, emptyDir: {}}, {name: h, hostPath: {path: /srv}}]", "e /p/volumes/e\nh /srv\n"},
      {"[{name: c, configMap: {name: conf, items: [{key: a, path: x/y}]}}]",
       "c /p/volumes/c\n  x/y=1\n"},
      {"[{name: s, secret: {secretName: pass}}]", "s /p/volumes/s\n  word=secret\n"},
      {"[{name: d, downwardAPI: {items: [{path: l, fieldRef: {fieldPath: metadata.labels}}]}}]",
       "d /p/volumes/d\n  l=app=\"web\"\n"},
      {"[{name: p, projected: {sources: [{secret: {name: pass}}, "
       "{serviceAccountToken: {path: token}}]}}]",
       "p /p/volumes/p\n  word=secret\n  token=abc\n"},
      {"[{name: p, projected: {sources: [{serviceAccountToken: {path: t, audience: vault}}]}}]",
       "error: MountVolume.SetUp failed for volume \"p\" : failed to fetch token: serviceaccounts "
       "\"bob\" not found"},
      {"[{name: c, configMap: {name: none}}]",
       "error: MountVolume.SetUp failed for volume \"c\" : configmap \"none\" not found"},
      {"[{name: c, configMap: {name: none, optional: true}}]", "c /p/volumes/c\n"},
      {"[{name: c, configMap: {name: conf, items: [{key: a, path: ../x}]}}]",
       "error: MountVolume.SetUp failed for volume \"c\" : volume path \"../x\": expected a "
       "relative path"},
      {"[{name: nfs, nfs: {}}]",
       "error: MountVolume.SetUp failed for volume \"nfs\" : volume nfs: expected emptyDir, "
       "configMap, "
       "secret, downwardAPI, projected or hostPath; other kinds are not served by weir"},
  };
  for (const auto& c : cases) {
    Json pod = kPod;
    pod["spec"]["volumes"] = Yaml(c.volumes);
    EXPECT_EQ(PrintVolumes(PlanVolumes(pod, "/p", Facts(), kObjects)), c.want) << c.volumes;
  }
}

TEST(PlanMounts, Cases) {
  std::vector<VolumePlan> volumes(2);
  volumes[0] = {"e", "/p/volumes/e", "", {}};
  volumes[1] = {"h", "", "/srv", {}};
  const auto mounts = PlanMounts(Yaml("volumeMounts: [{name: e, mountPath: /data, subPath: a/b}, "
                                      "{name: h, mountPath: /host, readOnly: true}]"),
                                 volumes);
  ASSERT_TRUE(mounts);
  EXPECT_EQ(*mounts, (std::vector<MountPlan>{{"/p/volumes/e/a/b", "/data", false},
                                             {"/srv", "/host", true}}));
  const auto missing = PlanMounts(Yaml("{name: main, volumeMounts: [{name: z}]}"), volumes);
  EXPECT_EQ(missing.error().message,
            "container main mounts volume \"z\", which the pod does not have");
}

}  // namespace
}  // namespace weir::kubelet
