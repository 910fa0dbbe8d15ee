#include "kube/codec.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "kube/types.h"

namespace weir::kube {
namespace {

const Registry& Served() {
  static const Registry registry(true);
  return registry;
}

// The resource of "apps/v1/deployments".
Resource Named(std::string_view path) {
  std::vector<std::string> parts = Split(path, '/');
  const Resource* found = parts.size() == 2 ? Served().Find("", parts[0], parts[1])
                                            : Served().Find(parts[0], parts[1], parts[2]);
  EXPECT_NE(found, nullptr) << path;
  return found != nullptr ? *found : Resource();
}

// A Deployment with these fields in its spec and these in its only container.
std::string Deployment(std::string_view spec, std::string_view container) {
  return R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{)" +
         std::string(spec) +
         R"("selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},)"
         R"("spec":{"containers":[{"name":"c")" +
         std::string(container) + "}]}}}}";
}

std::string ConfigMap(std::string_view fields) {
  return R"({"apiVersion":"v1","kind":"ConfigMap")" + std::string(fields) + "}";
}

struct Refusal {
  std::string_view resource;
  std::string body;
  std::string message;
};

void ExpectRefused(const std::vector<Refusal>& cases) {
  for (const Refusal& c : cases) {
    Result<Decoded> got = DecodeBody("application/json", c.body, Named(c.resource));
    ASSERT_FALSE(got) << c.body;
    EXPECT_EQ(got.error().code, Code::kInvalid) << c.body;
    EXPECT_EQ(got.error().message, c.message) << c.body;
  }
}

TEST(DecodeBody, RefusesWrongTypesInGosWords) {
  const std::string deployment =
      "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal ";
  const std::string config =
      "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal ";
  const std::string container = "into Go struct field Container.spec.template.spec.containers.";
  ExpectRefused({
      {"apps/v1/deployments", Deployment(R"("replicas":"1",)", ""),
       deployment + "string into Go struct field DeploymentSpec.spec.replicas of type int32"},
      {"apps/v1/deployments", Deployment(R"("replicas":1.5,)", ""),
       deployment + "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"},
      {"apps/v1/deployments", Deployment(R"("replicas":3000000000,)", ""),
       deployment +
           "number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"},
      {"apps/v1/deployments", Deployment(R"("replicas":1e2,)", ""),
       deployment + "number 1e2 into Go struct field DeploymentSpec.spec.replicas of type int32"},
      {"apps/v1/deployments", Deployment(R"("paused":"true",)", ""),
       deployment + "string into Go struct field DeploymentSpec.spec.paused of type bool"},
      {"apps/v1/deployments", Deployment("", R"(,"env":{"A":"b"})"),
       deployment + "object " + container + "env of type []v1.EnvVar"},
      {"apps/v1/deployments", Deployment("", R"(,"image":["nginx"])"),
       deployment + "array " + container + "image of type string"},
      {"apps/v1/deployments", Deployment("", R"(,"command":"sleep 1")"),
       deployment + "string " + container + "command of type []string"},
      {"apps/v1/deployments", Deployment("", R"(,"env":[{"name":"A","value":1}])"),
       deployment +
           "number into Go struct field EnvVar.spec.template.spec.containers.env.value of type "
           "string"},
      {"apps/v1/deployments", R"({"spec":{"template":{"spec":{"containers":["c"]}}}})",
       deployment + "string into Go struct field PodSpec.spec.template.spec.containers of type "
                    "v1.Container"},
      {"apps/v1/deployments", R"({"spec":"x"})",
       deployment + "string into Go struct field Deployment.spec of type v1.DeploymentSpec"},
      {"apps/v1/deployments", R"({"spec":{"strategy":{"rollingUpdate":{"maxSurge":100.0}}}})",
       deployment + "number 100.0 into Go struct field "
                    "RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32"},
      {"apps/v1/deployments", R"({"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}})",
       deployment + "bool into Go struct field "
                    "RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32"},
      {"v1/configmaps", ConfigMap(R"(,"data":{"k":1})"),
       config + "number into Go struct field ConfigMap.data of type string"},
      {"v1/configmaps", ConfigMap(R"(,"data":["x"])"),
       config + "array into Go struct field ConfigMap.data of type map[string]string"},
      {"v1/configmaps", ConfigMap(R"(,"binaryData":{"k":1})"),
       config + "number into Go struct field ConfigMap.binaryData of type []uint8"},
      {"v1/configmaps", ConfigMap(R"(,"metadata":[])"),
       config + "array into Go struct field ConfigMap.metadata of type v1.ObjectMeta"},
      {"v1/configmaps", ConfigMap(R"(,"metadata":{"labels":{"a":1}})"),
       config + "number into Go struct field ObjectMeta.metadata.labels of type string"},
      {"v1/configmaps", ConfigMap(R"(,"metadata":{"creationTimestamp":5})"),
       config + "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string"},
      // The first mistake of the body is the answer.
      {"v1/configmaps", ConfigMap(R"(,"immutable":"yes","data":"x")"),
       config + "string into Go struct field ConfigMap.immutable of type bool"},
  });
}

TEST(DecodeBody, RefusesTextsInTheirLibrariesWords) {
  const std::string secret = "Secret in version \"v1\" cannot be handled as a Secret: ";
  const std::string config = "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: ";
  const std::string layout = "\" as \"2006-01-02T15:04:05Z07:00\": cannot parse ";
  auto with_secret = [](std::string_view value) {
    return R"({"kind":"Secret","apiVersion":"v1","data":{"a":")" + std::string(value) + "\"}}";
  };
  auto with_time = [](std::string_view value) {
    return ConfigMap(R"(,"metadata":{"creationTimestamp":")" + std::string(value) + "\"}");
  };
  const std::string quantity =
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  auto with_cpu = [](std::string_view value) {
    return Deployment("", R"(,"resources":{"limits":{"cpu":)" + std::string(value) + "}}");
  };
  const std::string deployment = "Deployment in version \"v1\" cannot be handled as a Deployment: ";
  ExpectRefused({
      {"v1/secrets", with_secret("plain text"), secret + "illegal base64 data at input byte 5"},
      {"v1/secrets", with_secret("b"), secret + "illegal base64 data at input byte 0"},
      {"v1/secrets", with_secret("YQ="), secret + "illegal base64 data at input byte 3"},
      {"v1/secrets", with_secret("YQ==YQ=="), secret + "illegal base64 data at input byte 4"},
      {"v1/secrets", with_secret("Y==="), secret + "illegal base64 data at input byte 1"},
      {"v1/configmaps", with_time("yesterday"),
       config + "parsing time \"yesterday" + layout + "\"yesterday\" as \"2006\""},
      {"v1/configmaps", with_time(""), config + "parsing time \"" + layout + "\"\" as \"2006\""},
      {"v1/configmaps", with_time("2026-01-01"),
       config + "parsing time \"2026-01-01" + layout + "\"\" as \"T\""},
      {"v1/configmaps", with_time("1767225600"),
       config + "parsing time \"1767225600" + layout + "\"225600\" as \"-\""},
      {"v1/configmaps", with_time("2026-13-01T00:00:00Z"),
       config + "parsing time \"2026-13-01T00:00:00Z\": month out of range"},
      {"v1/configmaps", with_time("2026-02-30T00:00:00Z"),
       config + "parsing time \"2026-02-30T00:00:00Z\": day out of range"},
      {"v1/configmaps", with_time("2026-01-01T00:00:00"),
       config + "parsing time \"2026-01-01T00:00:00" + layout + "\"\" as \"Z07:00\""},
      {"v1/configmaps", with_time("2026-01-01T00:00:00Zx"),
       config + "parsing time \"2026-01-01T00:00:00Zx\": extra text: \"x\""},
      {"v1/events", R"({"eventTime":"2026-01-01T00:00:00Z"})",
       "Event in version \"v1\" cannot be handled as a Event: parsing time "
       "\"2026-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as "
       "\".000000\""},
      {"apps/v1/deployments", with_cpu("\"lots\""), deployment + quantity},
      {"apps/v1/deployments", with_cpu("true"), deployment + quantity},
      {"apps/v1/deployments", with_cpu("{}"), deployment + quantity},
      {"apps/v1/deployments", with_cpu("\"\\u0031\""), deployment + quantity},
      {"apps/v1/deployments", with_cpu("\"1K\""), deployment + "unable to parse quantity's suffix"},
  });
}

TEST(DecodeBody, RefusesOtherKindsAndVersions) {
  const std::string scheme = " in scheme \"pkg/api/legacyscheme/scheme.go:30\"";
  ExpectRefused({
      {"v1/configmaps", R"({"apiVersion":"v1","kind":"Secret"})",
       "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to "
       "(core.ConfigMap): unknown conversion"},
      {"v1/configmaps", R"({"apiVersion":"v1","kind":"ConfigMapList"})",
       "ConfigMapList in version \"v1\" cannot be handled as a ConfigMap: converting "
       "(v1.ConfigMapList) to (core.ConfigMap): unknown conversion"},
      {"v1/configmaps", R"({"apiVersion":"v2","kind":"ConfigMap"})",
       "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is "
       "registered for version \"v2\"" +
           scheme},
      {"v1/configmaps", R"({"apiVersion":"v1","kind":"Nope"})",
       "Nope in version \"v1\" cannot be handled as a ConfigMap: no kind \"Nope\" is registered "
       "for version \"v1\"" +
           scheme},
      {"apps/v1/deployments", R"({"apiVersion":"apps/v1","kind":"deployment"})",
       "deployment in version \"v1\" cannot be handled as a Deployment: no kind \"deployment\" is "
       "registered for version \"apps/v1\"" +
           scheme},
      {"apps/v1/deployments", R"({"apiVersion":"apps/v1beta1","kind":"Deployment"})",
       "the API version in the data (apps/v1beta1) does not match the expected API version "
       "(apps/v1)"},
      {"autoscaling/v1/horizontalpodautoscalers",
       R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler"})",
       "the API version in the data (autoscaling/v2) does not match the expected API version "
       "(autoscaling/v1)"},
      // What it says it is comes first.
      {"v1/configmaps", R"({"apiVersion":"v1","kind":"Secret","data":{"a":"?"}})",
       "Secret in version \"v1\" cannot be handled as a ConfigMap: illegal base64 data at input "
       "byte 0"},
  });
}

TEST(DecodeBody, RefusesWhatIsNoObject) {
  const std::string prefix = "the object provided is unrecognized (must be of type ConfigMap): ";
  const std::string parse = prefix + "couldn't get version/kind; json parse error: ";
  const std::string of_struct =
      " into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; "
      "Kind string \"json:\\\"kind,omitempty\\\"\" } ";
  ExpectRefused({
      {"v1/configmaps", "", parse + "unexpected end of JSON input (<empty>)"},
      {"v1/configmaps", " ", parse + "unexpected end of JSON input (20)"},
      {"v1/configmaps", "{", parse + "unexpected end of JSON input ({)"},
      {"v1/configmaps", "[]", parse + "json: cannot unmarshal array" + of_struct + "(5b5d)"},
      {"v1/configmaps", "1", parse + "json: cannot unmarshal number" + of_struct + "(31)"},
      {"v1/configmaps", "{\"a\":}",
       parse + "invalid character '}' looking for beginning of value ({\"a\":})"},
      {"v1/configmaps", "{'a'}",
       parse + "invalid character '\\'' looking for beginning of object key string ({'a'})"},
      {"v1/configmaps", R"({"apiVersion":"v1","kind":"ConfigMap"}})",
       parse + "invalid character '}' after top-level value ({\"apiVersion\":\"v1\",\"kind\":\"Con "
               "...)"},
      {"v1/configmaps", R"({"kind":1})",
       parse + "json: cannot unmarshal number into Go struct field .kind of type string "
               "({\"kind\":1})"},
      {"v1/configmaps", R"({"apiVersion":"a/b/c"})",
       prefix + "unexpected GroupVersion string: a/b/c ({\"apiVersion\":\"a/b/c\"})"},
  });
}

TEST(DecodeBody, TellsUnknownAndDuplicateFieldsInTheirOrder) {
  struct Case {
    std::string_view resource;
    std::string body;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"apps/v1/deployments", Deployment(R"("replicsa":3,)", R"(,"imag":"x")"),
       R"(unknown field "spec.replicsa", unknown field "spec.template.spec.containers[0].imag")"},
      {"apps/v1/deployments", R"({"spec":{"Replicas":1},"foo":1,"sepc":{}})",
       R"(unknown field "spec.Replicas", unknown field "foo", unknown field "sepc")"},
      {"v1/configmaps",
       ConfigMap(R"(,"metadata":{"name":"a","name":"b"},"data":{"k":"1","k":"2"},"foo":1,"foo":2)"),
       R"(duplicate field "metadata.name", duplicate field "data.k", unknown field "foo")"},
      {"v1/configmaps", ConfigMap(R"(,"foo":1,"data":{"k":"1","k":"2"})"),
       R"(unknown field "foo", duplicate field "data.k")"},
      {"v1/configmaps", ConfigMap(R"(,"Data":{},"metadata":{"name":"a"})"),
       R"(unknown field "Data")"},
  };
  for (const Case& c : cases) {
    Result<Decoded> got = DecodeBody("", c.body, Named(c.resource));
    ASSERT_TRUE(got) << c.body << ": " << got.error().message;
    EXPECT_EQ(StrictError(got->strict_errors), "strict decoding error: " + c.error);
    EXPECT_FALSE(got->object.contains("foo"));
  }
  EXPECT_EQ(StrictError({}), "");
  EXPECT_EQ(CannotHandle(Named("apps/v1/deployments"), "why"),
            "Deployment in version \"v1\" cannot be handled as a Deployment: why");
}

TEST(DecodeBody, TellsKeysThatYamlRepeatsBeforeTheRest) {
  const Result<Decoded> got = DecodeBody(
      "application/yaml", "data:\n  k: '1'\n  k: '2'\nfoo: 1\ndata: {}\n", Named("v1/configmaps"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(StrictErrorOf(*got),
            "strict decoding error: yaml: unmarshal errors:\n  line 3: key \"k\" already set in "
            "map\n  line 5: key \"data\" already set in map, unknown field \"foo\"");
}

TEST(DecodeBody, BringsObjectsIntoGosForm) {
  struct Case {
    std::string_view resource, body, want;
  };
  constexpr Case kCases[] = {
      // Nothing said: what Go always prints.
      {"v1/configmaps", "null", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{}})"},
      {"v1/configmaps", R"({"metadata":{"name":"a","labels":{},"annotations":null,
          "finalizers":[],"generation":0,"creationTimestamp":null},"data":{"a":null,"b":"\ud800"}})",
       R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},
          "data":{"a":"","b":"�"}})"},
      {"v1/services",
       R"({"metadata":{"name":"s"},"spec":{"ports":[{"port":80,"targetPort":"web"}]}})",
       R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},
          "spec":{"ports":[{"port":80,"targetPort":"web"}]},"status":{"loadBalancer":{}}})"},
      {"v1/pods",
       R"({"metadata":{"creationTimestamp":"2026-01-01T02:00:00.9+02:00"},"spec":{"containers":[
          {"name":"c","resources":{"limits":{"cpu":"1000m","memory":1.5}}}],
          "volumes":[{"name":"v","emptyDir":{}}],"terminationGracePeriodSeconds":0}})",
       R"({"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp":"2026-01-01T00:00:00Z"},
          "spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1","memory":"1500m"}}}],
          "volumes":[{"name":"v","emptyDir":{}}],"terminationGracePeriodSeconds":0},"status":{}})"},
      {"autoscaling/v2/horizontalpodautoscalers",
       R"({"spec":{"minReplicas":0,"scaleTargetRef":{"kind":"Deployment","name":"d"},
          "metrics":[{"type":"External","external":{"metric":{"name":"m"},
          "target":{"type":"Value","value":"0.5"}}}]}})",
       R"({"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{},
          "spec":{"minReplicas":0,"maxReplicas":0,"scaleTargetRef":{"kind":"Deployment","name":"d"},
          "metrics":[{"type":"External","external":{"metric":{"name":"m"},
          "target":{"type":"Value","value":"500m"}}}]},
          "status":{"currentMetrics":null,"desiredReplicas":0}})"},
      {"discovery.k8s.io/v1/endpointslices", R"({"endpoints":[]})",
       R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{},
          "addressType":"","endpoints":null,"ports":null})"},
  };
  for (const Case& c : kCases) {
    Result<Decoded> got = DecodeBody("application/json; charset=utf-8", c.body, Named(c.resource));
    ASSERT_TRUE(got) << c.body << ": " << got.error().message;
    EXPECT_TRUE(got->strict_errors.empty());
    Complete(Named(c.resource), got->object);
    EXPECT_EQ(got->object, *ParseJson(c.want)) << DumpJson(got->object);
    // It is a fixed point, for the decoder and for Complete.
    Json again = got->object;
    EXPECT_TRUE(CheckFields(Named(c.resource), again)->empty());
    EXPECT_EQ(again, got->object);
    Complete(Named(c.resource), again);
    EXPECT_EQ(again, got->object);
  }
}

TEST(Complete, AddsWhatGoPrintsAndKeepsTheRest) {
  Json object = {{"kind", "Deployment"}, {"spec", {{"template", Json::object()}, {"odd", 1}}}};
  Complete(Named("apps/v1/deployments"), object);
  EXPECT_EQ(object, *ParseJson(R"({"kind":"Deployment","metadata":{},"status":{},"spec":{"odd":1,
      "selector":null,"strategy":{},"template":{"metadata":{},"spec":{"containers":null}}}})"));
}

TEST(DecodeBody, ReadsYaml) {
  Result<Decoded> got = DecodeBody("application/yaml",
                                   "kind: ConfigMap\nmetadata: {name: a}\ndata: {a: \"1\"}\nx: 1\n",
                                   Named("v1/configmaps"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->object["data"], (Json{{"a", "1"}}));
  EXPECT_EQ(got->strict_errors, std::vector<std::string>{"unknown field \"x\""});
  EXPECT_EQ(DecodeBody("application/yaml", "metadata: {name: y}\n", Named("v1/configmaps"))
                .error()
                .message,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal "
            "bool into Go struct field ObjectMeta.metadata.name of type string");
  EXPECT_TRUE(DecodeBody("application/yaml", "--- \n", Named("v1/configmaps")));
  std::string broken =
      DecodeBody("application/yaml", "a: [", Named("v1/configmaps")).error().message;
  EXPECT_TRUE(broken.starts_with(
      "the object provided is unrecognized (must be of type ConfigMap): yaml: line 1: "))
      << broken;
  EXPECT_TRUE(broken.ends_with(" (613a205b)")) << broken;
}

TEST(DecodeBody, RefusesOtherMediaTypes) {
  for (std::string_view type : {"text/plain", "text/yaml", "application/merge-patch+json"}) {
    Result<Decoded> got = DecodeBody(type, "{}", Named("v1/configmaps"));
    ASSERT_FALSE(got) << type;
    EXPECT_EQ(got.error().code, Code::kNotFound);
  }
}

TEST(DecodeOptions, ReadsDeleteOptions) {
  constexpr std::string_view kType = "meta/v1.DeleteOptions";
  EXPECT_EQ(*DecodeOptions("", "", kType), Json::object());
  EXPECT_EQ((*DecodeOptions("", R"({"propagationPolicy":"Background"})", kType)),
            (Json{{"propagationPolicy", "Background"}}));
  struct Case {
    std::string_view body, message;
  };
  constexpr Case kCases[] = {
      {R"({"gracePeriodSeconds":"x"})",
       "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of "
       "type int64"},
      {R"({"kind":"ConfigMap","apiVersion":"v1"})",
       "no kind \"ConfigMap\" is registered for version \"v1\" in scheme "
       "\"pkg/api/legacyscheme/scheme.go:30\""},
      {"{", "couldn't get version/kind; json parse error: unexpected end of JSON input"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(DecodeOptions("application/json", c.body, kType).error().message, c.message);
  }
}

TEST(CheckFields, SpeaksAsTheConverterForStrategicPatches) {
  struct Case {
    std::string_view body, message;
  };
  constexpr Case kCases[] = {
      {R"({"spec":[]})", "cannot restore struct from: slice"},
      {R"({"spec":{"replicas":"x"}})", "unrecognized type: int32"},
      {R"({"spec":{"template":{"spec":{"containers":"x"}}}})", "cannot restore slice from string"},
      {R"({"metadata":{"labels":[]}})", "cannot restore map from slice"},
      {R"({"metadata":{"name":1}})", "cannot convert int64 to string"},
  };
  for (const Case& c : kCases) {
    Json object = *ParseJson(c.body);
    EXPECT_EQ(
        CheckFields(Named("apps/v1/deployments"), object, Wording::kConverter).error().message,
        c.message);
  }
  Json object = *ParseJson(R"({"spec":{"nope":true,"template":{"spec":{"containers":[
      {"name":"main","odd":1}]}}}})");
  Result<std::vector<std::string>> strict =
      CheckFields(Named("apps/v1/deployments"), object, Wording::kConverter);
  ASSERT_TRUE(strict);
  EXPECT_EQ(Join(*strict, ", "),
            R"(unknown field "spec.nope", unknown field "spec.template.spec.containers[0].odd")");
  EXPECT_FALSE(object["spec"].contains("nope"));
  EXPECT_EQ(object["kind"], "Deployment");
  Json other = {{"apiVersion", "v2"}, {"kind", "ConfigMap"}};
  EXPECT_EQ(CheckFields(Named("v1/configmaps"), other).error().message,
            "no kind \"ConfigMap\" is registered for version \"v2\" in scheme "
            "\"pkg/api/legacyscheme/scheme.go:30\"");
}

Resource Widgets(std::string_view schema) {
  Resource out;
  out.group = "crd.example.com";
  out.version = "v1";
  out.plural = "widgets";
  out.kind = "Widget";
  out.schema = std::make_shared<const Json>(*ParseJson(schema));
  return out;
}

TEST(DecodeBody, PrunesCustomResourcesByTheirSchema) {
  const Resource widgets = Widgets(R"({"type":"object","properties":{
      "spec":{"type":"object","properties":{"size":{"type":"integer"},
        "any":{"type":"object","x-kubernetes-preserve-unknown-fields":true},
        "opts":{"type":"object","additionalProperties":{"type":"object","properties":{"a":{}}}},
        "list":{"type":"array","items":{"type":"object","properties":{"b":{}}}}}}}})");
  Result<Decoded> got = DecodeBody("", R"({"apiVersion":"crd.example.com/v1","kind":"Widget",
      "metadata":{"name":"w","labels":{},"odd":1},"top":1,
      "spec":{"size":"any type","unknown":1,"any":{"x":{"y":1}},"opts":{"k":{"a":1,"z":2}},
              "list":[{"b":1,"c":2}],"size":3}})",
                                   widgets);
  ASSERT_TRUE(got) << got.error().message;
  Complete(widgets, got->object);
  EXPECT_EQ(got->object, *ParseJson(R"({"apiVersion":"crd.example.com/v1","kind":"Widget",
      "metadata":{"name":"w"},"spec":{"size":3,"any":{"x":{"y":1}},"opts":{"k":{"a":1}},
      "list":[{"b":1}]}})"));
  EXPECT_EQ(Join(got->strict_errors, ", "),
            R"(unknown field "metadata.odd", duplicate field "spec.size", )"
            R"(unknown field "spec.list[0].c", unknown field "spec.opts.k.z", )"
            R"(unknown field "spec.unknown", unknown field "top")");
  struct Case {
    std::string_view body, message;
  };
  constexpr Case kCases[] = {
      {R"({"spec":{"size":1}})",
       "the object provided is unrecognized (must be of type Widget): Object 'Kind' is missing in "
       "'{\"spec\":{\"size\":1}}' ({\"spec\":{\"size\":1}})"},
      {R"({"apiVersion":"crd.example.com/v2","kind":"Widget"})",
       "the API version in the data (crd.example.com/v2) does not match the expected API version "
       "(crd.example.com/v1)"},
      {R"({"apiVersion":"crd.example.com/v1","kind":"Widget","metadata":{"name":1}})",
       "Widget in version \"v1\" cannot be handled as a Widget: json: cannot unmarshal number into "
       "Go struct field ObjectMeta.metadata.name of type string"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(DecodeBody("", c.body, widgets).error().message, c.message);
  }
  const Resource open = Widgets(R"({"type":"object","x-kubernetes-preserve-unknown-fields":true})");
  EXPECT_TRUE(DecodeBody("", R"({"apiVersion":"crd.example.com/v1","kind":"Widget","any":1})", open)
                  ->strict_errors.empty());
  EXPECT_EQ(DecodeBody("application/vnd.kubernetes.protobuf", "k8s", widgets).error().code,
            Code::kNotFound);
}

// Writes protobuf: fields are tag bytes and contents, nested by nesting calls.
std::string Bytes(int number, std::string_view content) {
  return std::string(1, static_cast<char>(number * 8 + 2)) + static_cast<char>(content.size()) +
         std::string(content);
}
std::string Varint(int number, int value) {
  return std::string(1, static_cast<char>(number * 8)) + static_cast<char>(value);
}
std::string Frame(std::string_view version, std::string_view kind, std::string_view object) {
  std::string raw(object);
  std::string size(1, static_cast<char>((raw.size() & 0x7FU) | 0x80U));
  size += static_cast<char>(raw.size() >> 7U);
  return std::string("k8s\0", 4) + Bytes(1, Bytes(1, version) + Bytes(2, kind)) + "\x12" + size +
         raw + Bytes(3, "") + Bytes(4, "");
}

TEST(DecodeProtobuf, ReadsObjects) {
  const std::string meta =
      Bytes(1, "web") + Bytes(2, "") + Bytes(3, "") + Bytes(5, "") + Varint(7, 0) + Bytes(8, "");
  struct Case {
    std::string version, kind, object;
    std::string_view resource, want;
  };
  const Case cases[] = {
      {"v1", "Namespace", Bytes(1, meta) + Bytes(2, "") + Bytes(3, Bytes(1, "")), "v1/namespaces",
       R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"web"},"spec":{},"status":{}})"},
      {"v1", "ConfigMap",
       Bytes(1, meta) + Bytes(2, Bytes(1, "k") + Bytes(2, "v")) + Bytes(2, Bytes(1, "empty")) +
           Bytes(3, Bytes(1, "b") + Bytes(2, "\xff")),
       "v1/configmaps",
       R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web"},
          "data":{"k":"v","empty":""},"binaryData":{"b":"/w=="}})"},
      // Inlined structs, quantities, times, int-or-string, fields that nobody knows.
      {"v1", "Pod",
       Bytes(1, Bytes(8, std::string("\x08\x80\x8c\x8d\xc3\x06", 6))) +
           Bytes(
               2,
               Bytes(1, Bytes(1, "v") + Bytes(9, "\x7f") + Bytes(2, Bytes(2, ""))) +
                   Bytes(2, Bytes(1, "c") +
                                Bytes(8, Bytes(1, Bytes(1, "cpu") + Bytes(2, Bytes(1, "1000m")))) +
                                Bytes(11, Bytes(1, Bytes(2, Bytes(1, "/") +
                                                                Bytes(2, Varint(1, 1) +
                                                                             Bytes(3, "web"))))))),
       "v1/pods", R"({"apiVersion":"v1","kind":"Pod","status":{},
          "metadata":{"creationTimestamp":"2025-07-05T16:53:20Z"},
          "spec":{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c",
            "resources":{"limits":{"cpu":"1"}},
            "readinessProbe":{"httpGet":{"path":"/","port":"web"}}}]}})"},
      {"autoscaling/v1", "HorizontalPodAutoscaler",
       Bytes(2, Bytes(1, Bytes(1, "Deployment") + Bytes(2, "d") + Bytes(3, "apps/v1")) +
                    Varint(2, 0) + Varint(3, 5)),
       "autoscaling/v1/horizontalpodautoscalers",
       R"({"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{},
          "spec":{"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"},
                  "minReplicas":0,"maxReplicas":5},
          "status":{"currentReplicas":0,"desiredReplicas":0}})"},
  };
  for (const Case& c : cases) {
    Result<Decoded> got = DecodeBody("application/vnd.kubernetes.protobuf",
                                     Frame(c.version, c.kind, c.object), Named(c.resource));
    ASSERT_TRUE(got) << c.kind << ": " << got.error().message;
    Json want = *ParseJson(c.want);
    want["metadata"].erase("creationTimestamp");
    Json have = got->object;
    if (c.kind == "Pod") {
      EXPECT_TRUE(have["metadata"]["creationTimestamp"].is_string());
      have["metadata"].erase("creationTimestamp");
    }
    EXPECT_EQ(have, want) << DumpJson(have);
  }
}

TEST(DecodeProtobuf, RefusesBrokenBytes) {
  const std::string good = Frame("v1", "ConfigMap", Bytes(2, Bytes(1, "k") + Bytes(2, "v")));
  ASSERT_TRUE(DecodeProtobuf(good));
  EXPECT_EQ(DecodeProtobuf("{}").error().message,
            "provided data does not appear to be a protobuf message, expected prefix "
            "[107 56 115 0]");
  EXPECT_FALSE(DecodeProtobuf(Frame("v1", "Nope", "")));
  EXPECT_FALSE(DecodeProtobuf(Frame("v1", "ConfigMap", "\x12\x7f")));
  EXPECT_FALSE(DecodeProtobuf(Frame("v1", "ConfigMap", Bytes(1, Bytes(1, "\xff")))));
  // Any beginning of a body is an answer, not a crash.
  for (std::size_t size = 0; size < good.size(); ++size) {
    static_cast<void>(DecodeProtobuf(std::string_view(good).substr(0, size)));
  }
  EXPECT_EQ(
      DecodeBody("application/vnd.kubernetes.protobuf", good, Named("v1/secrets")).error().message,
      "ConfigMap in version \"v1\" cannot be handled as a Secret: converting (v1.ConfigMap) "
      "to (core.Secret): unknown conversion");
}

}  // namespace
}  // namespace weir::kube
