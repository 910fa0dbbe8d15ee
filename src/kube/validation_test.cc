// What the API server refuses, kind by kind, in the words recorded from kube-apiserver 1.36.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "kube/resource.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

constexpr const char* kLabel =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
constexpr const char* kSubdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr const char* kQualified =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const Registry& Kinds() {
  static const Registry registry(true);
  return registry;
}

std::string Lines(const std::vector<FieldError>& errors) {
  std::string out;
  for (const FieldError& error : errors) out += error.field + ": " + error.detail + "\n";
  out = ReplaceAll(out, kLabel, "<label>");
  out = ReplaceAll(out, kSubdomain, "<subdomain>");
  return ReplaceAll(out, kQualified, "<qualified>");
}

Json Prepared(const Resource& resource, std::string_view text) {
  Json object = *ParseJson(text);
  object["apiVersion"] = resource.ApiVersion();
  object["kind"] = resource.kind;
  Json& meta = object["metadata"];
  if (!meta.contains("name")) meta["name"] = "x";
  if (resource.namespaced) meta["namespace"] = "ns";
  ApplyDefaults(resource, object);
  PrepareForCreate(resource, object);
  return object;
}

std::string Refusal(const Resource& resource, std::string_view text) {
  return Lines(Validate(resource, "", nullptr, Prepared(resource, text), {}));
}

struct Case {
  const char* object;
  const char* errors;  // a line each
};

void Check(std::string_view group, std::string_view plural, const std::vector<Case>& cases) {
  std::string version = group == "autoscaling" ? "v2" : "v1";
  const Resource& resource = *Kinds().Find(group, version, plural);
  for (const Case& c : cases) EXPECT_EQ(Refusal(resource, c.object), c.errors) << c.object;
}

TEST(ValidationTest, Metadata) {
  Check("", "configmaps",
        {{R"({"metadata":{"name":"a.b-c"}})", ""},
         {R"({"metadata":{"name":""}})",
          "metadata.name: Required value: name or generateName is required\n"},
         {R"({"metadata":{"name":"Bad_Name"}})",
          "metadata.name: Invalid value: \"Bad_Name\": <subdomain>\n"},
         {R"({"metadata":{"labels":{"a b":"x"}}})",
          "metadata.labels: Invalid value: \"a b\": <qualified>\n"},
         {R"({"metadata":{"labels":{"/a":"x"}}})",
          "metadata.labels: Invalid value: \"/a\": prefix part must be non-empty\n"},
         {R"({"metadata":{"annotations":{"":"x"}}})",
          "metadata.annotations: Invalid value: \"\": name part must be non-empty\n"
          "metadata.annotations: Invalid value: \"\": <qualified>\n"},
         {R"({"metadata":{"generation":-1}})",
          "metadata.generation: Invalid value: -1: must be greater than or equal to 0\n"},
         {R"({"metadata":{"ownerReferences":[{}]}})",
          "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty\n"
          "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty\n"
          "metadata.ownerReferences.name: Invalid value: \"\": must not be empty\n"
          "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty\n"},
         {R"({"metadata":{"ownerReferences":[
              {"apiVersion":"v1","kind":"Pod","name":"p","uid":"1","controller":true},
              {"apiVersion":"v1","kind":"Pod","name":"q","uid":"2","controller":true}]}})",
          "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
          "\"name\":\"p\",\"uid\":\"1\",\"controller\":true},{\"apiVersion\":\"v1\","
          "\"kind\":\"Pod\",\"name\":\"q\",\"uid\":\"2\",\"controller\":true}]: Only one reference "
          "can have Controller set to true. Found \"true\" in references for Pod/p and Pod/q\n"},
         {R"({"metadata":{"finalizers":["nope"]}})",
          "metadata.finalizers[0]: Invalid value: \"nope\": name is neither a standard finalizer "
          "name nor is it fully qualified\n"}});
  Check("", "namespaces",
        {{R"({"metadata":{"name":"a.b"}})",
          "metadata.name: Invalid value: \"a.b\": must not contain dots\n"}});
}

TEST(ValidationTest, ContainersOfPods) {
  Check(
      "", "pods",
      {{"{}", "spec.containers: Required value\n"},
       {R"({"spec":{"containers":[{}]}})",
        "spec.containers[0].name: Required value\nspec.containers[0].image: Required value\n"},
       {R"({"spec":{"containers":[{"name":"A_","image":" i "}]}})",
        "spec.containers[0].name: Invalid value: \"A_\": <label>\n"
        "spec.containers[0].image: Invalid value: \" i \": must not have leading or trailing "
        "whitespace\n"},
       {R"({"spec":{"containers":[{"name":"c","image":"i"}],
                    "initContainers":[{"name":"c","image":"i","lifecycle":{}}]}})",
        "spec.initContainers[0].name: Duplicate value: \"c\"\n"
        "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without "
        "restartPolicy=Always\n"},
       {R"({"spec":{"containers":[{"name":"c","image":"i","ports":[{"name":"Web"},
            {"containerPort":80,"protocol":"tcp"}]}]}})",
        "spec.containers[0].ports[0].name: Invalid value: \"Web\": must contain only "
        "alpha-numeric characters (a-z, 0-9), and hyphens (-)\n"
        "spec.containers[0].ports[0].containerPort: Required value\n"
        "spec.containers[0].ports[1].protocol: Unsupported value: \"tcp\": supported values: "
        "\"SCTP\", \"TCP\", \"UDP\"\n"},
       {R"({"spec":{"containers":[{"name":"c","image":"i","env":[{"name":"A=B"},
            {"name":"C","value":"x","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
            {"name":"D","valueFrom":{}},
            {"name":"E","valueFrom":{"fieldRef":{"fieldPath":"status.nope"}}},
            {"name":"F","valueFrom":{"secretKeyRef":{"key":"k"}}}]}]}})",
        "spec.containers[0].env[0].name: Invalid value: \"A=B\": a valid environment variable name "
        "must consist only of printable ASCII characters other than '='\n"
        "spec.containers[0].env[1].valueFrom: Invalid value: \"\": may not be specified when "
        "`value` is not empty\n"
        "spec.containers[0].env[2].valueFrom: Invalid value: \"\": must specify one of: "
        "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`\n"
        "spec.containers[0].env[3].valueFrom.fieldRef.fieldPath: Invalid value: \"status.nope\": "
        "error converting fieldPath: field label not supported: status.nope\n"
        "spec.containers[0].env[4].valueFrom.secretKeyRef.name: Invalid value: \"\": "
        "<subdomain>\n"},
       {R"({"spec":{"containers":[{"name":"c","image":"i","livenessProbe":{"successThreshold":2},
            "readinessProbe":{"tcpSocket":{"port":80},"exec":{"command":["a"]}},
            "startupProbe":{"httpGet":{}}}]}})",
        "spec.containers[0].livenessProbe: Required value: must specify a handler type\n"
        "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1\n"
        "spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 "
        "handler type\n"
        "spec.containers[0].startupProbe.httpGet.port: Invalid value: 0: must be between 1 and "
        "65535, inclusive\n"},
       {R"({"spec":{"containers":[{"name":"c","image":"i","resources":
            {"requests":{"cpu":"2","nope":"1"},"limits":{"cpu":"1"}}}]}})",
        "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal "
        "to cpu limit of 1\n"
        "spec.containers[0].resources.requests[nope]: Invalid value: \"nope\": must be a standard "
        "resource type or fully qualified\n"
        "spec.containers[0].resources.requests[nope]: Invalid value: \"nope\": must be a standard "
        "resource for containers\n"}});
}

TEST(ValidationTest, PodsAndVolumes) {
  Check("", "pods",
        {{R"({"spec":{"restartPolicy":"Maybe","dnsPolicy":"x","containers":[
              {"name":"c","image":"i","volumeMounts":[{"name":"w","mountPath":"/x"}]}],
              "volumes":[{"name":"v","secret":{}},{"name":"v","emptyDir":{},"configMap":{}}]}})",
          "spec.volumes[0].secret.secretName: Required value\n"
          "spec.volumes[1].configMap: Forbidden: may not specify more than 1 volume type\n"
          "spec.volumes[1].name: Duplicate value: \"v\"\n"
          "spec.containers[0].volumeMounts[0].name: Not found: \"w\"\n"
          "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", "
          "\"OnFailure\", \"Never\"\n"
          "spec.dnsPolicy: Unsupported value: \"x\": supported values: "
          "\"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"\n"},
         {R"({"spec":{"containers":[{"name":"c","image":"i"}],"activeDeadlineSeconds":0,
              "tolerations":[{"operator":"Equal"}]}})",
          "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, "
          "inclusive\n"
          "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when "
          "`key` is empty, which means \"match all values and all keys\"\n"}});
}

TEST(ValidationTest, PodUpdates) {
  const Resource& pods = *Kinds().Find("", "v1", "pods");
  Json old = Prepared(pods, R"({"spec":{"containers":[{"name":"c","image":"i"}]}})");
  struct Update {
    const char* patch;
    const char* first;  // how the first error begins; empty: accepted
  };
  const Update cases[] = {
      {R"({"metadata":{"labels":{"a":"b"}}})", ""},
      {R"({"spec":{"activeDeadlineSeconds":30}})", ""},
      {R"({"spec":{"tolerations":[{"key":"a","operator":"Exists"}]}})", ""},
      {R"({"spec":{"containers":[{"name":"c","image":"i"},{"name":"d","image":"i"}]}})",
       "spec.containers: Forbidden: pod updates may not add or remove containers"},
      {R"({"spec":{"restartPolicy":"Never"}})",
       "spec: Forbidden: pod updates may not change fields other than"},
      {R"({"metadata":{"name":"y"}})", "metadata.name: Invalid value: \"y\": field is immutable"},
  };
  for (const Update& c : cases) {
    Json changed = old;
    changed.merge_patch(*ParseJson(c.patch));
    ApplyDefaults(pods, changed);
    std::string errors = Lines(Validate(pods, "", &old, changed, {}));
    if (std::string_view(c.first).empty()) {
      EXPECT_EQ(errors, "") << c.patch;
    } else {
      EXPECT_TRUE(errors.starts_with(c.first)) << c.patch << ": " << errors;
    }
  }
  Json other_image = old;
  other_image["spec"]["containers"][0]["image"] = "j";
  EXPECT_TRUE(Validate(pods, "", &old, other_image, {}).empty());
}

constexpr const char* kTemplate =
    R"("template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[
       {"name":"c","image":"i"}]}})";

TEST(ValidationTest, Deployments) {
  const Resource& deployments = *Kinds().Find("apps", "v1", "deployments");
  const Case cases[] = {
      {R"("selector":{"matchLabels":{"a":"b"}})", ""},
      {R"("replicas":-1,"selector":{"matchLabels":{"a":"c"}})",
       "spec.replicas: Invalid value: -1: must be greater than or equal to 0\n"
       "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match "
       "template `labels`\n"},
      {R"("selector":{})",
       "spec.selector: Invalid value: {}: empty selector is invalid for deployment\n"},
      {R"("selector":{"matchLabels":{"a":"b"},"matchExpressions":[{"operator":"Exists"}]})",
       "spec.selector.matchExpressions[0].key: Invalid value: \"\": name part must be non-empty\n"
       "spec.selector.matchExpressions[0].key: Invalid value: \"\": <qualified>\n"
       "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"},\"matchExpressions\":"
       "[{\"key\":\"\",\"operator\":\"Exists\"}]}: invalid label selector\n"},
      {R"("selector":{"matchLabels":{"a":"b"}},"strategy":{"type":"Rolling"})",
       "spec.strategy: Unsupported value: {\"Type\":\"Rolling\",\"RollingUpdate\":null}: supported "
       "values: \"Recreate\", \"RollingUpdate\"\n"},
      {R"("selector":{"matchLabels":{"a":"b"}},
          "strategy":{"rollingUpdate":{"maxSurge":"0%","maxUnavailable":"0%"}})",
       "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when "
       "`maxSurge` is 0\n"},
      {R"("selector":{"matchLabels":{"a":"b"}},"strategy":{"rollingUpdate":{"maxSurge":"25"}})",
       "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"25\": a valid percent string must "
       "be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
       "validation is '[0-9]+%')\n"},
      {R"("selector":{"matchLabels":{"a":"b"}},"minReadySeconds":600)",
       "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds\n"},
  };
  for (const Case& c : cases) {
    std::string spec = std::string(R"({"spec":{)") + c.object + "," + kTemplate + "}}";
    EXPECT_EQ(Refusal(deployments, spec), c.errors) << c.object;
  }
  EXPECT_EQ(Refusal(deployments, "{}"),
            "spec.selector: Required value\n"
            "spec.template.metadata.labels: Invalid value: null: `selector` does not match "
            "template `labels`\n"
            "spec.template.spec.containers: Required value\n");
  Json old =
      Prepared(deployments,
               std::string(R"({"spec":{"selector":{"matchLabels":{"a":"b"}},)") + kTemplate + "}}");
  Json changed = old;
  changed["spec"]["selector"]["matchLabels"] = {{"z", "y"}};
  changed["spec"]["template"]["metadata"]["labels"] = {{"z", "y"}};
  EXPECT_EQ(Lines(Validate(deployments, "", &old, changed, {})),
            "spec.selector: Invalid value: {\"matchLabels\":{\"z\":\"y\"}}: field is immutable\n");
}

TEST(ValidationTest, ServicesAndSlices) {
  Check("", "services",
        {{"{}", "spec.ports: Required value\n"},
         {R"({"spec":{"ports":[{"port":80}]}})", ""},
         {R"({"spec":{"ports":[{"port":80},{"port":81}]}})",
          "spec.ports[0].name: Required value\nspec.ports[1].name: Required value\n"},
         {R"({"spec":{"ports":[{"port":80,"targetPort":"8080","nodePort":30000}]}})",
          "spec.ports[0].targetPort: Invalid value: \"8080\": must contain at least one letter "
          "(a-z)\nspec.ports[0].nodePort: Forbidden: may not be used when `type` is "
          "'ClusterIP'\n"},
         {R"({"spec":{"ports":[{"port":80,"name":"a"},{"port":80,"name":"b"}]}})",
          "spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":"
          "null,\"Port\":80,\"TargetPort\":0,\"NodePort\":0}\n"},
         {R"({"spec":{"type":"ExternalName","clusterIP":"127.96.0.9"}})",
          "spec.clusterIPs: Forbidden: may not be set for ExternalName services\n"
          "spec.externalName: Required value\n"},
         {R"({"spec":{"ports":[{"port":80}],"ipFamilyPolicy":"RequireDualStack"}})",
          "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not "
          "configured for dual-stack services\n"}});
  constexpr const char* kLoopback =
      R"({"addressType":"IPv4","endpoints":[{"addresses":["127.1.0.1"]}]})";
  Check("discovery.k8s.io", "endpointslices",
        {{R"({"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"]}]})", ""},
         {"{}", "addressType: Required value\n"},
         {R"({"addressType":"IPv6","endpoints":[{"addresses":["1.2.3.4"]}]})",
          "endpoints[0].addresses: Invalid value: \"1.2.3.4\": must be an IPv6 address\n"},
         {kLoopback,
          "endpoints[0].addresses[0]: Invalid value: \"127.1.0.1\": may not be in the loopback "
          "range (127.0.0.0/8, ::1/128)\n"}});
  const Resource& slices = *Kinds().Find("discovery.k8s.io", "v1", "endpointslices");
  StrategyOptions ours;
  ours.allow_loopback_endpoints = true;
  EXPECT_TRUE(Validate(slices, "", nullptr, Prepared(slices, kLoopback), ours).empty());
}

TEST(ValidationTest, ConfigMapsSecretsNodesEvents) {
  Check("", "configmaps",
        {{R"({"data":{".a_b-C.1":"x"}})", ""},
         {R"({"data":{"..":"x"}})", "data[..]: Invalid value: \"..\": must not be '..'\n"},
         {R"({"data":{"a":"x"},"binaryData":{"a":"eA=="}})",
          "data[a]: Invalid value: \"a\": duplicate of key present in binaryData\n"}});
  Check("", "secrets",
        {{R"({"type":"kubernetes.io/tls"})",
          "data[tls.crt]: Required value\ndata[tls.key]: Required value\n"},
         {R"({"type":"kubernetes.io/dockerconfigjson","stringData":{".dockerconfigjson":"x"}})",
          "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid "
          "character 'x' looking for beginning of value\n"}});
  // The limit counts the bytes that the base64 stands for.
  for (const std::size_t size : {1048576UL, 1048577UL}) {
    const Resource& secrets = *Kinds().Find("", "v1", "secrets");
    const Json secret = {{"stringData", {{"a", std::string(size, 'x')}}}};
    EXPECT_EQ(Validate(secrets, "", nullptr, Prepared(secrets, DumpJson(secret)), {}).size(),
              size - 1048576U);
  }
  Check("", "nodes",
        {{R"({"spec":{"taints":[{"key":"a"}]}})", "metadata.taints[0].effect: Required value\n"}});
  Check("", "events",
        {{"{}",
          "involvedObject.namespace: Invalid value: \"\": does not match "
          "event.namespace\n"},
         {R"({"involvedObject":{"namespace":"ns"}})", ""}});
  Check("coordination.k8s.io", "leases",
        {{R"({"spec":{"leaseDurationSeconds":1,"leaseTransitions":0}})", ""},
         {R"({"spec":{"leaseDurationSeconds":0,"leaseTransitions":-1}})",
          "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0\n"
          "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0\n"}});
  Check("rbac.authorization.k8s.io", "clusterroles",
        {{R"({"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]}})", ""},
         {R"({"aggregationRule":{}})",
          "aggregationRule.clusterRoleSelectors: Required value: at least one "
          "clusterRoleSelector required if aggregationRule is non-nil\n"},
         {R"({"aggregationRule":{"clusterRoleSelectors":[{"matchExpressions":[
              {"key":"a","operator":"Is"}]}]}})",
          "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "
          "\"Is\": not a valid selector operator\n"
          "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label "
          "selector.\n"}});
  const Resource& maps = *Kinds().Find("", "v1", "configmaps");
  Json old = Prepared(maps, R"({"immutable":true,"data":{"k":"v"}})");
  Json changed = old;
  changed["data"]["k"] = "w";
  EXPECT_EQ(Lines(Validate(maps, "", &old, changed, {})),
            "data: Forbidden: field is immutable when `immutable` is set\n");
}

TEST(ValidationTest, Autoscalers) {
  const Resource& hpas = *Kinds().Find("autoscaling", "v2", "horizontalpodautoscalers");
  const Case cases[] = {
      {R"("maxReplicas":3)", ""},
      {R"("maxReplicas":0)",
       "spec.maxReplicas: Required value: must be set and greater than 0\n"
       "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`\n"},
      {R"("minReplicas":0,"maxReplicas":3)",
       "spec.metrics: Forbidden: must specify at least one Object or External metric to support "
       "scaling to zero replicas\n"},
      {R"("maxReplicas":3,"metrics":[{}])",
       "spec.metrics[0].type: Required value: must specify a metric source type\n"
       "spec.metrics[0].type: Unsupported value: \"\": supported values: \"ContainerResource\", "
       "\"External\", \"Object\", \"Pods\", \"Resource\"\n"},
      {R"("maxReplicas":3,"metrics":[{"type":"Object","object":{}}])",
       "spec.metrics[0].object.describedObject.kind: Required value\n"
       "spec.metrics[0].object.describedObject.name: Required value\n"
       "spec.metrics[0].object.metric.name: Required value: must specify a metric name\n"
       "spec.metrics[0].object.target.type: Required value: must specify a metric target type\n"
       "spec.metrics[0].object.target.type: Invalid value: \"\": must be either Utilization, "
       "Value, or AverageValue\n"
       "spec.metrics[0].object.target.averageValue: Required value: must set either a target value "
       "or averageValue\n"},
      {R"("maxReplicas":3,"metrics":[{"type":"External","external":{"metric":{"name":"q"},
          "target":{"type":"Value","value":"0","averageValue":"1"}}}])",
       "spec.metrics[0].external.target.value: Invalid value: \"0\": must be positive\n"
       "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for "
       "metric and a per-pod target\n"},
      {R"("maxReplicas":3,"behavior":{"scaleDown":{"stabilizationWindowSeconds":3601,
          "policies":[{"type":"Percent","value":-1,"periodSeconds":1801}]},
          "scaleUp":{"policies":[],"selectPolicy":"Most","tolerance":"-0.1"}})",
       "spec.behavior.scaleUp.selectPolicy: Unsupported value: \"Most\": supported values: "
       "\"Disabled\", \"Max\", \"Min\"\n"
       "spec.behavior.scaleUp.policies: Required value: must specify at least one Policy\n"
       "spec.behavior.scaleUp.tolerance: Invalid value: \"-100m\": must be greater than or equal "
       "to 0\n"
       "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than "
       "or equal to 3600\n"
       "spec.behavior.scaleDown.policies[0].value: Invalid value: -1: must be greater than zero\n"
       "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than "
       "or equal to 1800\n"},
  };
  constexpr const char* kRef =
      R"("scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"})";
  for (const Case& c : cases) {
    std::string object = std::string(R"({"spec":{)") + kRef + "," + c.object + "}}";
    EXPECT_EQ(Refusal(hpas, object), c.errors) << c.object;
  }
  EXPECT_EQ(Refusal(hpas, R"({"spec":{"maxReplicas":1,"scaleTargetRef":{"apiVersion":"v1"}}})"),
            "spec.scaleTargetRef.kind: Required value\n"
            "spec.scaleTargetRef.name: Required value\n"
            "spec.scaleTargetRef.apiVersion: Invalid value: \"v1\": apiVersion must specify API "
            "group\n");
}

TEST(ValidationTest, DefinitionsOfKinds) {
  auto definition = [](std::string_view name, std::string_view version) {
    return R"({"metadata":{"name":")" + std::string(name) +
           R"("},"spec":{"group":"e.com","scope":"Namespaced","names":{"plural":"gizmos",
           "kind":"Gizmo"},"versions":[)" +
           std::string(version) + "]}}";
  };
  constexpr const char* kGood =
      R"({"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}})";
  const Resource& crds = *Kinds().Find("apiextensions.k8s.io", "v1", "customresourcedefinitions");
  EXPECT_EQ(Refusal(crds, definition("gizmos.e.com", kGood)), "");
  EXPECT_EQ(Refusal(crds, definition("other", kGood)),
            "metadata.name: Invalid value: \"other\": must be "
            "spec.names.plural+\".\"+spec.group\n");
  EXPECT_EQ(Refusal(crds, definition("gizmos.e.com",
                                     R"({"name":"v1","served":true,"storage":true,
                                         "schema":{"openAPIV3Schema":{"type":"object",
                                         "properties":{"a":{"type":"array"},"b":{}}}}})")),
            "spec.validation.openAPIV3Schema.properties[a].items: Required value: must be "
            "specified\n"
            "spec.validation.openAPIV3Schema.properties[b].type: Required value: must not be empty "
            "for specified object fields\n");
}

TEST(ValidationTest, CustomResourcesFollowTheirSchema) {
  Resource widgets;
  widgets.group = "e.com";
  widgets.version = "v1";
  widgets.plural = "widgets";
  widgets.kind = "Widget";
  widgets.crd_name = "widgets.e.com";
  widgets.scale_paths = {{"specReplicasPath", ".spec.replicas"}};
  widgets.schema = std::make_shared<const Json>(*ParseJson(R"({"type":"object",
      "required":["spec"],"properties":{"spec":{"type":"object","required":["size"],"properties":{
        "size":{"type":"integer","minimum":1,"maximum":10},
        "color":{"type":"string","enum":["red","blue"]},
        "name":{"type":"string","pattern":"^[a-z]+$","minLength":2,"maxLength":5},
        "tags":{"type":"array","maxItems":2,"x-kubernetes-list-type":"set",
                "items":{"type":"string"}},
        "opts":{"type":"object","additionalProperties":{"type":"string"}},
        "port":{"x-kubernetes-int-or-string":true},
        "when":{"type":"string","format":"date-time"},
        "replicas":{"type":"integer","format":"int32"}}}}})"));
  const Case cases[] = {
      {R"({"size":3,"port":"http","when":"2026-01-01T00:00:00Z"})", ""},
      {"{}", "spec.size: Required value\n"},
      {R"({"size":11})",
       "spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10\n"},
      {R"({"size":"x"})",
       "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: "
       "\"string\"\n"},
      {R"({"size":1,"color":"green"})",
       "spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\"\n"},
      {R"({"size":1,"name":"abcdef"})", "spec.name: Too long: may not be more than 5 bytes\n"},
      {R"({"size":1,"name":"A"})",
       "spec.name: Invalid value: \"A\": spec.name in body should be at least 2 chars long\n"
       "spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'\n"},
      {R"({"size":1,"tags":["a","a"]})", "spec.tags[1]: Duplicate value: \"a\"\n"},
      {R"({"size":1,"tags":["a","b","c"]})", "spec.tags: Too many: 3: must have at most 2 items\n"},
      {R"({"size":1,"opts":{"a":1}})",
       "spec.opts.a: Invalid value: \"integer\": spec.opts.a in body must be of type string: "
       "\"integer\"\n"},
      {R"({"size":1,"port":true})",
       "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: "
       "\"boolean\"\n"},
      {R"({"size":1,"replicas":-1})",
       ".spec.replicas: Invalid value: -1: should be a non-negative integer\n"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Refusal(widgets, std::string(R"({"spec":)") + c.object + "}"), c.errors) << c.object;
  }
}

}  // namespace
}  // namespace weir::kube
