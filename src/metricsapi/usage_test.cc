#include "metricsapi/usage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "metricsapi/testing.h"

namespace weir::metricsapi {
namespace {

using model::Labels;
using model::Vector;

constexpr std::string_view kConfig = R"(resourceRules:
  cpu:
    containerQuery: sum(cpu{<<.LabelMatchers>>,container!=""}) by (<<.GroupBy>>)
    nodeQuery: sum(node_cpu{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    resources: {overrides: {namespace: {resource: namespace}, instance: {resource: node}, pod: {resource: pod}}}
    containerLabel: container
  memory:
    containerQuery: mem{<<.LabelMatchers>>} <<index .LabelValuesByName "pod_name">>
    nodeQuery: node_mem{<<.LabelMatchers>>}
    resources: {template: <<.Resource>>_name}
    containerLabel: box
  window: 90s
)";

class UsageTest : public testing::Test {
 protected:
  static UsageRequest Ask(std::string path,
                          std::vector<std::pair<std::string, std::string>> parameters = {},
                          std::string_view accept = {}) {
    const Parsed parsed =
        ParseRequest("GET", "/apis/metrics.k8s.io/v1beta1/" + path, parameters, accept);
    const auto* request = std::get_if<UsageRequest>(&parsed);
    EXPECT_NE(request, nullptr) << path;
    return request == nullptr ? UsageRequest() : *request;
  }
  static std::string Refusal(const std::string& method, const std::string& path,
                             std::vector<std::pair<std::string, std::string>> parameters = {}) {
    const Parsed parsed = ParseRequest(method, "/apis/metrics.k8s.io/v1beta1" + path, parameters);
    const auto* reply = std::get_if<Reply>(&parsed);
    return reply == nullptr ? "no refusal" : std::to_string(reply->status) + " " + reply->body;
  }

  const ResourceRules rules_ = ParseConfig(kConfig, ResolveForTest).value().resource_rules.value();
};

TEST_F(UsageTest, WordsOfThePodsQueriesMayBeSeries) {
  const auto words = UsageWords(rules_);
  EXPECT_TRUE(words.contains("cpu"));
  EXPECT_TRUE(words.contains("mem"));
  EXPECT_FALSE(words.contains("node_mem"));
}

TEST_F(UsageTest, PathsAreTakenApart) {
  EXPECT_TRUE(Ask("nodes").nodes);
  EXPECT_EQ(Ask("nodes/a").name, "a");
  EXPECT_EQ(Ask("pods").ns, "");
  EXPECT_EQ(Ask("namespaces/n/pods").ns, "n");
  EXPECT_EQ(Ask("namespaces/n/pods/p").name, "p");
  EXPECT_FALSE(Ask("pods", {}, "application/json").table);
  EXPECT_TRUE(Ask("pods", {},
                  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;"
                  "v=v1beta1;g=meta.k8s.io,application/json")
                  .table);
  const std::string nothing = "404 ";
  for (const char* path : {"/pods/p", "/namespaces/n", "/namespaces/n/nodes", "/services",
                           "/namespaces/n/pods/p/log", "/nodes/a/proxy"}) {
    EXPECT_TRUE(Refusal("GET", path).starts_with(nothing)) << path;
    EXPECT_TRUE(Refusal("GET", path).contains("the server could not find the requested resource"));
  }
  EXPECT_TRUE(Refusal("DELETE", "/namespaces/n/pods/p").starts_with("405 "));
  EXPECT_TRUE(
      Refusal("GET", "/pods", {{"watch", "true"}})
          .contains(R"(watch is not supported on resources of kind \"pods.metrics.k8s.io\")"));
  EXPECT_TRUE(Refusal("GET", "/pods", {{"labelSelector", "a b"}}).starts_with("400 "));
  EXPECT_TRUE(Refusal("GET", "/nodes", {{"fieldSelector", "spec.x=1"}})
                  .contains(R"(\"spec.x\" is not a known field selector)"));
}

TEST_F(UsageTest, BecomesTwoQueries) {
  const auto pods = PlanUsage(rules_, false, "ns", {"a", "b"}, ResolveForTest);
  ASSERT_TRUE(pods) << pods.error().message;
  EXPECT_EQ(pods->cpu_query,
            R"(sum(cpu{namespace="ns",pod=~"a|b",container!=""}) by (pod,container))");
  EXPECT_EQ(pods->memory_query, R"(mem{namespace_name="ns",pod_name=~"a|b"} a|b)");
  EXPECT_EQ(pods->cpu_label, "pod");
  EXPECT_EQ(pods->memory_label, "pod_name");
  const auto nodes = PlanUsage(rules_, true, "", {"n"}, ResolveForTest);
  ASSERT_TRUE(nodes) << nodes.error().message;
  EXPECT_EQ(nodes->cpu_query, R"(sum(node_cpu{instance="n"}) by (instance))");
  EXPECT_EQ(nodes->memory_query, R"(node_mem{node_name="n"})");
  ResourceRules empty;
  EXPECT_FALSE(PlanUsage(empty, true, "", {"n"}, ResolveForTest));
}

TEST_F(UsageTest, ObjectsAreSelectedAndSorted) {
  const Json list = ParseJson(R"({"items":[
      {"metadata":{"namespace":"b","name":"x","labels":{"app":"x"}}},
      {"metadata":{"namespace":"a","name":"z"}},
      {"metadata":{"namespace":"a","name":"y"}}]})")
                        .value();
  const auto names = [&list](std::string fields) {
    std::string text;
    for (const UsageObject& object :
         UsageObjects(Ask("pods", {{"fieldSelector", std::move(fields)}}), list)) {
      text += object.ns + "/" + object.name + " ";
    }
    return text;
  };
  EXPECT_EQ(names(""), "a/y a/z b/x ");
  EXPECT_EQ(names("metadata.name=z"), "a/z ");
  EXPECT_EQ(names("metadata.namespace!=a"), "b/x ");
}

Labels Of(std::string pod, std::string_view label, std::string container) {
  std::vector<model::Label> labels{{std::string(label), std::move(container)}};
  labels.push_back({label == "box" ? "pod_name" : "pod", std::move(pod)});
  return Labels(std::move(labels));
}

TEST_F(UsageTest, OfPods) {
  const auto plan = PlanUsage(rules_, false, "ns", {"a", "b"}, ResolveForTest);
  const double inf = std::numeric_limits<double>::infinity();
  const Vector cpu{{Of("a", "container", "side"), 5000, 0.0039},
                   {Of("a", "container", "app"), 4000, 0.25},
                   {Of("b", "container", "app"), 4000, std::nan("")},
                   {Of("c", "container", "app"), 4000, 1}};
  const Vector memory{{Of("a", "box", "app"), 6000, 134217728},
                      {Of("b", "box", "app"), 4000, inf},
                      {Of("b", "box", "more"), 4000, -3}};
  const auto read = ReadUsage(plan.value(), cpu, memory);
  ASSERT_TRUE(read);
  const std::map<std::string, Usage> usage{{"ns", *read}};
  const std::vector<UsageObject> objects{
      {"ns", "a", {{"app", "web"}}}, {"ns", "b"}, {"ns", "c"}, {"other", "a"}};
  const Time now = FromUnixMillis(9000);
  const std::string list = AnswerUsage(Ask("pods"), rules_, objects, usage, now, {}).body;
  EXPECT_EQ(
      list,
      R"({"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[)"
      R"({"metadata":{"name":"a","namespace":"ns","creationTimestamp":"1970-01-01T00:00:09Z",)"
      R"("labels":{"app":"web"}},"timestamp":"1970-01-01T00:00:04Z","window":"1m30s","containers":[)"
      R"({"name":"app","usage":{"cpu":"250m","memory":"128Mi"}},)"
      R"({"name":"side","usage":{"cpu":"3m","memory":"0"}}]},)"
      R"({"metadata":{"name":"b","namespace":"ns","creationTimestamp":"1970-01-01T00:00:09Z"},)"
      R"("timestamp":"1970-01-01T00:00:04Z","window":"1m30s","containers":[)"
      R"({"name":"app","usage":{"cpu":"0","memory":"9223372036854775807m"}},)"
      R"({"name":"more","usage":{"cpu":"0","memory":"0"}}]}]})"
      "\n");
  const std::string one =
      AnswerUsage(Ask("namespaces/ns/pods/a"), rules_, {objects[0]}, usage, now, {}).body;
  EXPECT_TRUE(one.starts_with(R"({"kind":"PodMetrics","apiVersion":"metrics.k8s.io/v1beta1",)"
                              R"("metadata":{"name":"a")"))
      << one;
  const Reply none = AnswerUsage(Ask("namespaces/ns/pods/c"), rules_, {objects[2]}, usage, now, {});
  EXPECT_EQ(none.status, 404);
  EXPECT_TRUE(none.body.contains(R"("message":"podmetrics.metrics.k8s.io \"ns/c\" not found")"));
  EXPECT_TRUE(
      none.body.contains(R"({"name":"ns/c","group":"metrics.k8s.io","kind":"podmetrics"})"));
  EXPECT_FALSE(ReadUsage(plan.value(), model::Scalar(), memory));
}

TEST_F(UsageTest, OfNodesAsDocumentAndTable) {
  const auto plan = PlanUsage(rules_, true, "", {"n"}, ResolveForTest);
  const Vector cpu{{Labels({{"instance", "n"}}), 4000, 2}};
  const Vector memory{{Labels({{"node_name", "n"}}), 5000, 4294967296}};
  const std::map<std::string, Usage> usage{{"", ReadUsage(plan.value(), cpu, memory).value()}};
  const std::vector<UsageObject> objects{{"", "n", {{"zone", "z"}}}};
  const Time now = FromUnixMillis(9000);
  EXPECT_EQ(AnswerUsage(Ask("nodes/n"), rules_, objects, usage, now, {}).body,
            R"({"kind":"NodeMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"n",)"
            R"("creationTimestamp":"1970-01-01T00:00:09Z","labels":{"zone":"z"}},)"
            R"("timestamp":"1970-01-01T00:00:04Z","window":"1m30s",)"
            R"("usage":{"cpu":"2","memory":"4Gi"}})"
            "\n");
  UsageRequest table = Ask("nodes");
  table.table = true;
  const auto document = ParseJson(AnswerUsage(table, rules_, objects, usage, now, {}).body);
  ASSERT_TRUE(document);
  EXPECT_EQ(GetString(*document, "kind"), "Table");
  EXPECT_EQ(DumpJson((*document)["rows"][0]["cells"]), R"(["n","2","4Gi","1m30s"])");
  EXPECT_EQ(GetString((*document)["rows"][0], {"object", "metadata", "name"}), "n");
  std::string names;
  for (const Json& column : (*document)["columnDefinitions"]) {
    names += GetString(column, "name") + " ";
  }
  EXPECT_EQ(names, "Name cpu memory Window ");
  const auto empty = ParseJson(AnswerUsage(table, rules_, {}, usage, now, {}).body);
  ASSERT_TRUE(empty);
  EXPECT_TRUE((*empty)["rows"].empty());
}

TEST_F(UsageTest, OfWhatIsNotThere) {
  EXPECT_TRUE(
      UsageObjectMissing(Ask("nodes/x")).body.contains(R"("message":"node \"x\" not found")"));
  EXPECT_TRUE(UsageObjectMissing(Ask("namespaces/n/pods/x"))
                  .body.contains(R"("message":"pods \"x\" not found")"));
}

TEST(UsageDiscovery, NamesTheKinds) {
  EXPECT_TRUE(GroupReply(Api::kResource).body.contains(R"("name":"metrics.k8s.io")"));
  const auto list = ParseJson(UsageListReply().body);
  ASSERT_TRUE(list);
  EXPECT_EQ(GetArray(*list, {"resources"}).size(), 2U);
}

}  // namespace
}  // namespace weir::metricsapi
