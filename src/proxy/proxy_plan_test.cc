#include "proxy/proxy_plan.h"

#include <gtest/gtest.h>

#include "base/yaml.h"

namespace weir::proxy {
namespace {

using Objects = std::vector<std::shared_ptr<const Json>>;

Objects Read(std::string_view yaml) {
  Objects objects;
  auto documents = ParseYaml(yaml);
  EXPECT_TRUE(documents) << (documents ? "" : documents.error().message);
  if (!documents) return objects;
  for (YamlDocument& document : *documents) {
    objects.push_back(std::make_shared<const Json>(std::move(document.value)));
  }
  return objects;
}

// `127.96.0.5:80 default/web:http -> 127.64.0.1:8080 ...`, one a line.
std::string Print(const std::vector<ServicePort>& ports) {
  std::string text;
  for (const ServicePort& port : ports) {
    text += port.listen.ip + ":" + std::to_string(port.listen.port) + " " + port.ns + "/" +
            port.service + ":" + port.port_name + " ->";
    for (const Address& backend : port.backends) {
      text += " " + backend.ip + ":" + std::to_string(backend.port);
    }
    text += "\n";
  }
  return text;
}

constexpr std::string_view kWeb = R"(
metadata: {name: web, namespace: default}
spec:
  type: NodePort
  clusterIP: 127.96.0.5
  ports:
  - {name: http, port: 80, targetPort: web, nodePort: 30080}
  - {name: metrics, port: 9090, protocol: TCP}
  - {name: dns, port: 53, protocol: UDP}
)";

TEST(PlanServicePorts, Cases) {
  const struct {
    const char* name;
    std::string_view services;
    std::string_view slices;
    std::string_view want;
  } cases[] = {
      {"ports by name, ready endpoints, node port, no UDP", kWeb, R"(
metadata: {name: web-a, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports:
- {name: http, port: 8080}
- {name: metrics, port: 8081}
- {name: dns, port: 5353, protocol: UDP}
endpoints:
- {addresses: [127.64.0.2], conditions: {ready: true}}
- {addresses: [127.64.0.1]}
- {addresses: [127.64.0.3], conditions: {ready: false}}
---
metadata: {name: web-b, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [127.64.0.2]}, {addresses: [127.64.0.4]}]
---
metadata: {name: other, namespace: other, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [127.64.0.9]}]
)",
       "127.0.0.1:30080 default/web:http -> 127.64.0.1:8080 127.64.0.2:8080 127.64.0.4:8080\n"
       "127.96.0.5:80 default/web:http -> 127.64.0.1:8080 127.64.0.2:8080 127.64.0.4:8080\n"
       "127.96.0.5:9090 default/web:metrics -> 127.64.0.1:8081 127.64.0.2:8081\n"},
      {"terminating endpoints serve where none is ready", R"(
metadata: {name: a, namespace: ns}
spec: {clusterIP: 127.96.0.6, ports: [{port: 80}]}
)",
       R"(
metadata: {name: a-1, namespace: ns, labels: {kubernetes.io/service-name: a}}
ports: [{port: 8080}]
endpoints:
- {addresses: [127.64.0.1], conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [127.64.0.2], conditions: {ready: false, serving: false, terminating: true}}
)",
       "127.96.0.6:80 ns/a: -> 127.64.0.1:8080\n"},
      {"what nobody can listen on is left out", R"(
metadata: {name: headless, namespace: ns}
spec: {clusterIP: None, ports: [{port: 80}]}
---
metadata: {name: name, namespace: ns}
spec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}
---
metadata: {name: far, namespace: ns}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80}]}
---
metadata: {name: bad, namespace: ns}
spec: {clusterIP: 127.96.0.7, ports: [{port: 70000}, {}]}
)",
       "", ""},
      {"the first Service has an address; no endpoints is no backend", R"(
metadata: {name: first, namespace: ns}
spec: {clusterIP: 127.96.0.8, ports: [{port: 80}]}
---
metadata: {name: second, namespace: ns}
spec: {clusterIP: 127.96.0.8, ports: [{port: 80}]}
)",
       "", "127.96.0.8:80 ns/first: ->\n"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Print(PlanServicePorts(Read(c.services), Read(c.slices))), c.want) << c.name;
  }
}

}  // namespace
}  // namespace weir::proxy
