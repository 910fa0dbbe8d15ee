#include "metricsapi/answer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "metricsapi/testing.h"

namespace weir::metricsapi {
namespace {

using model::Labels;

constexpr std::string_view kConfig = R"(rules:
- seriesQuery: '{__name__=~"^redis_.*"}'
  resources: {template: <<.Resource>>}
  metricsQuery: <<.Series>>{<<.LabelMatchers>>}
- seriesQuery: 'hits_total{namespace!=""}'
  resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}, app: {group: apps, resource: deployment}}}
  name: {matches: '^(.*)_total$', as: '${1}_per_second'}
  metricsQuery: 'sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>) # <<.GroupBySlice>> <<.LabelValuesByName>> <<index .LabelValuesByName "pod">><<index .LabelValuesByName "none">>'
- seriesQuery: machine_fans
  resources: {template: <<.Resource>>}
- seriesQuery: bare
  metricsQuery: bare
externalRules:
- seriesQuery: lag
  resources: {overrides: {namespace: {resource: namespace}}}
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)'
- seriesQuery: shared
  resources: {namespaced: false}
  name: {as: everywhere}
  metricsQuery: 'shared + other{<<.LabelMatchers>>}'
- seriesQuery: homeless
  metricsQuery: 'sum(<<.Series>>{<<.LabelMatchers>>})'
)";

Labels Series(std::string name, std::vector<std::string> label_names) {
  std::vector<model::Label> labels{{"__name__", std::move(name)}};
  for (std::string& label : label_names) labels.push_back({std::move(label), "v"});
  return Labels(std::move(labels));
}

class Metrics : public testing::Test {
 protected:
  Metrics() : catalog_(ParseConfig(kConfig, ResolveForTest).value(), ResolveForTest) {
    listing_["{__name__=~\"^redis_.*\"}"] = {Series("redis_items", {"namespace", "service", "key"}),
                                             Series("redis_up", {"job"})};
    listing_["hits_total{namespace!=\"\"}"] = {Series("hits_total", {"namespace", "pod", "app"})};
    listing_["machine_fans"] = {Series("machine_fans", {"node"})};
    listing_["bare"] = {Series("bare", {"namespace"})};
    for (const char* name : {"lag", "shared", "homeless"}) {
      listing_[name] = {Series(name, {"namespace"})};
    }
    catalog_.Rebuild(listing_);
  }

  static Parsed Ask(std::string path,
                    std::vector<std::pair<std::string, std::string>> parameters = {}) {
    return ParseRequest("GET", path, parameters);
  }

  // The query for a path, or the error.
  std::string Query(const std::string& path,
                    std::vector<std::pair<std::string, std::string>> parameters = {},
                    std::vector<std::string> names = {}) {
    Parsed parsed = Ask(path, std::move(parameters));
    const auto* request = std::get_if<MetricRequest>(&parsed);
    if (request == nullptr) return "no request";
    if (names.empty()) names = {request->name};
    const auto plan = MakePlan(*request, names, catalog_, ResolveForTest);
    if (plan) return plan->query;
    return std::string(CodeName(plan.error().code)) + ": " + plan.error().message;
  }

  std::map<std::string, std::vector<Labels>> listing_;
  Catalog catalog_;
};

constexpr const char* kCustom = "/apis/custom.metrics.k8s.io/v1beta1/";
constexpr const char* kExternal = "/apis/external.metrics.k8s.io/v1beta1/";

TEST_F(Metrics, AreListed) {
  const auto list = ParseJson(catalog_.ResourceList(false, "v1beta2"));
  ASSERT_TRUE(list.has_value());
  EXPECT_EQ(GetString(*list, "groupVersion"), "custom.metrics.k8s.io/v1beta2");
  std::string names;
  for (const Json& item : GetArray(*list, {"resources"})) {
    names += GetString(item, "name") + (item["namespaced"].get<bool>() ? " " : "! ");
  }
  EXPECT_EQ(names,
            "deployments.apps/hits_per_second namespaces/hits_per_second! namespaces/redis_items! "
            "nodes/machine_fans! pods/hits_per_second services/redis_items ");
  EXPECT_TRUE(catalog_.ResourceList(true, "v1beta1")
                  .starts_with(R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":)"
                               R"("external.metrics.k8s.io/v1beta1","resources":[{"name":)"
                               R"("everywhere","singularName":"","namespaced":true,"kind":)"
                               R"("ExternalMetricValueList","verbs":["get"]},)"));
  EXPECT_FALSE(catalog_.Rebuild(listing_));
  listing_.erase("lag");
  EXPECT_TRUE(catalog_.Rebuild(listing_));
  EXPECT_FALSE(catalog_.FindExternal("lag").has_value());
}

TEST_F(Metrics, AreFedBySeries) {
  const auto text = [this](std::string_view series) {
    std::string result;
    for (const MetricRef& ref : catalog_.MetricsOfSeries(series)) {
      result += (ref.external ? "external" : ref.resource) + "/" + ref.metric + " ";
    }
    return result;
  };
  EXPECT_EQ(text("redis_items"), "namespaces/redis_items services/redis_items ");
  EXPECT_EQ(text("shared"), "external/everywhere ");
  EXPECT_EQ(text("other"), "external/everywhere ");
  EXPECT_EQ(text("nothing"), "");
}

TEST_F(Metrics, BecomeQueries) {
  const std::string ns = std::string(kCustom) + "namespaces/ns1/";
  EXPECT_EQ(Query(ns + "services/web/redis_items"),
            "redis_items{namespace=\"ns1\",service=\"web\"}");
  EXPECT_EQ(Query(ns + "Service/web/redis_items", {{"metricLabelSelector", "key=jobs"}}),
            "redis_items{key=\"jobs\",namespace=\"ns1\",service=\"web\"}");
  EXPECT_EQ(Query(ns + "metrics/redis_items"), "redis_items{namespace=\"ns1\"}");
  EXPECT_EQ(Query(ns + "pods/*/hits_per_second", {{"metricLabelSelector", "b in (y,x),a!=1"}},
                  {"p-0", "p-1"}),
            "sum(rate(hits_total{a!=\"1\",b=~\"x|y\",namespace=\"ns1\",pod=~\"p-0|p-1\"}[2m])) by "
            "(pod) # [pod] map[a:1 b:x|y namespace:ns1 pod:p-0|p-1] p-0|p-1");
  EXPECT_EQ(Query(ns + "deployments.apps/api/hits_per_second").substr(0, 62),
            "sum(rate(hits_total{namespace=\"ns1\",app=\"api\"}[2m])) by (app) ");
  EXPECT_EQ(Query(ns + "pods/a/hits_per_second", {{"metricLabelSelector", "a notin (b),c,!d"}})
                .substr(0, 68),
            "sum(rate(hits_total{a!~\"b\",c!=\"\",d=\"\",namespace=\"ns1\",pod=\"a\"}[2m]))");
  const std::string external = std::string(kExternal) + "namespaces/ns1/";
  EXPECT_EQ(Query(external + "lag", {{"labelSelector", "queue==a"}}),
            "sum(lag{queue=\"a\",namespace=\"ns1\"}) by ()");
  EXPECT_EQ(Query(external + "everywhere"), "shared + other{}");
}

TEST_F(Metrics, ThatAreNotThereOrHaveNoQuery) {
  const std::string ns = std::string(kCustom) + "namespaces/ns1/";
  EXPECT_TRUE(Query(ns + "widgets/a/redis_items").starts_with("not_found"));
  EXPECT_TRUE(Query(ns + "pods/a/redis_items").starts_with("not_found"));
  EXPECT_TRUE(Query(ns + "metrics/bare").starts_with("not_found"));
  EXPECT_TRUE(Query(ns + "nodes/n/machine_fans").starts_with("not_found"));
  EXPECT_TRUE(Query(std::string(kCustom) + "services/web/redis_items").starts_with("not_found"));
  EXPECT_EQ(Query(std::string(kCustom) + "nodes/n/machine_fans"),
            "invalid: rules[2] (seriesQuery \"machine_fans\"): empty query produced by metrics "
            "query template");
  EXPECT_EQ(Query(ns + "services/web/redis_items", {{"metricLabelSelector", "a>1"}}),
            "invalid: operator not supported by prometheus");
  EXPECT_EQ(Query(std::string(kExternal) + "namespaces/ns1/homeless"),
            "invalid: no generic resource label form specified for this metric");
}

TEST_F(Metrics, RequestsAreRefusedAsUpstreamDoes) {
  struct Case {
    std::string path;
    std::vector<std::pair<std::string, std::string>> parameters;
    int code;
    std::string message;
  };
  const std::string custom = kCustom;
  const std::string external = kExternal;
  const std::string no_route = "the server could not find the requested resource";
  const Case cases[] = {
      {custom + "namespaces/ns1/pods", {}, 400, "invalid request path"},
      {custom + "namespaces/ns1/pods/a", {}, 404, no_route},
      {custom + "namespaces/ns1", {}, 404, no_route},
      {custom + "namespaces/ns1/pods/a/m/more", {}, 404, no_route},
      {external + "namespaces/ns1", {}, 404, no_route},
      {external + "m", {}, 404, no_route},
      {custom + "namespaces/ns1/pods/*/m",
       {{"labelSelector", "a b"}},
       400,
       "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {custom + "namespaces/ns1/pods/*/m",
       {{"metricLabelSelector", "a b"}},
       500,
       "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {custom + "namespaces/ns1/pods/a/m",
       {{"fieldSelector", "metadata.name=b"}},
       400,
       "fieldSelector metadata.name doesn't match requested name"},
      {external + "namespaces/ns1/m",
       {{"watch", "true"}},
       405,
       "watch is not supported on resources of kind \"*.external.metrics.k8s.io\""},
  };
  for (const Case& c : cases) {
    const Parsed parsed = Ask(c.path, c.parameters);
    const auto* reply = std::get_if<Reply>(&parsed);
    ASSERT_NE(reply, nullptr) << c.path;
    EXPECT_EQ(reply->status, c.code) << c.path;
    const auto body = ParseJson(reply->body);
    ASSERT_TRUE(body.has_value()) << reply->body;
    EXPECT_EQ(GetString(*body, "message"), c.message);
    EXPECT_EQ(GetInt(*body, {"code"}), c.code);
  }
  const Parsed version = Ask("/apis/external.metrics.k8s.io/v1beta2");
  EXPECT_EQ(std::get<Reply>(version).body, "404 page not found\n");
  const Parsed put = ParseRequest("PUT", custom + "namespaces/ns1/pods/a/m", {});
  EXPECT_EQ(std::get<Reply>(put).status, 405);
  EXPECT_EQ(std::get<Reply>(put).body,
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":)"
            R"("the server does not allow this method on the requested resource","reason":)"
            R"("MethodNotAllowed","details":{},"code":405})"
            "\n");
  const Reply json{200, "application/json", R"({"b":"1","a":{}})"};
  EXPECT_EQ(Negotiated(json, "").body, json.body);
  EXPECT_EQ(Negotiated(json, "application/json, application/yaml").body, json.body);
  EXPECT_EQ(Negotiated(json, "text/html, application/yaml;q=1").body, "a: {}\nb: \"1\"\n");
  EXPECT_EQ(Negotiated(json, "application/yaml").content_type, "application/yaml");
  EXPECT_EQ(Negotiated(PageNotFound(), "application/yaml").body, "404 page not found\n");
  EXPECT_TRUE(std::holds_alternative<GroupDocument>(Ask("/apis/custom.metrics.k8s.io")));
  EXPECT_TRUE(std::holds_alternative<ListDocument>(Ask("/apis/custom.metrics.k8s.io/v1beta2/")));
}

TEST_F(Metrics, CustomAnswersAreListsInUpstreamsOrderOfFields) {
  const Time now = FromUnixMillis(1'714'557'600'500);
  const auto answer = [&](const std::string& path, std::vector<std::string> names,
                          const Result<model::QueryValue>& result,
                          std::vector<std::pair<std::string, std::string>> parameters = {}) {
    const Parsed parsed = Ask(path, std::move(parameters));
    const auto& request = std::get<MetricRequest>(parsed);
    const kube::Resource* kind = ResolveForTest(request.group, request.resource);
    const Plan plan{"", "service"};
    return AnswerCustom(request, plan, names, *kind, result, now, {}).body;
  };
  const model::QueryValue vector = model::Vector{{Labels({{"service", "web"}}), 1, 7.5},
                                                 {Labels({{"service", "gone"}}), 1, 9},
                                                 {Labels(), 1, 3}};
  const std::string path = "/namespaces/ns1/services/";
  EXPECT_EQ(
      answer("/apis/custom.metrics.k8s.io/v1beta1" + path + "web/m", {"web"}, vector),
      R"({"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta1","metadata":{},)"
      R"("items":[{"describedObject":{"kind":"Service","namespace":"ns1","name":"web",)"
      R"("apiVersion":"/v1"},"metricName":"m","timestamp":"2024-05-01T10:00:00Z","value":)"
      R"("7500m","selector":null}]})"
      "\n");
  EXPECT_EQ(
      answer("/apis/custom.metrics.k8s.io/v1beta2" + path + "*/m", {"a", "web"}, vector,
             {{"metricLabelSelector", "k=v,l in (x,w)"}}),
      R"({"kind":"MetricValueList","apiVersion":"custom.metrics.k8s.io/v1beta2","metadata":{},)"
      R"("items":[{"describedObject":{"kind":"Service","namespace":"ns1","name":"web",)"
      R"("apiVersion":"/v1"},"metric":{"name":"m","selector":{"matchLabels":{"k":"v"},)"
      R"("matchExpressions":[{"key":"l","operator":"In","values":["w","x"]}]}},)"
      R"("timestamp":"2024-05-01T10:00:00Z","value":"7500m"}]})"
      "\n");
  EXPECT_NE(answer("/apis/custom.metrics.k8s.io/v1beta1" + path + "other/m", {"other"}, vector)
                .find("the server could not find the metric m for services other"),
            std::string::npos);
  EXPECT_NE(answer("/apis/custom.metrics.k8s.io/v1beta1" + path + "*/m", {"other"}, vector)
                .find("\"items\":[]"),
            std::string::npos);
  EXPECT_NE(answer("/apis/custom.metrics.k8s.io/v1beta1" + path + "web/m", {"web"},
                   model::QueryValue(model::Scalar{1, 2}))
                .find("Internal error occurred: unable to fetch metrics"),
            std::string::npos);
  EXPECT_NE(answer("/apis/custom.metrics.k8s.io/v1beta1/namespaces/ns1/metrics/m", {"ns1"},
                   model::QueryValue(model::Vector{{Labels({{"service", "ns1"}}), 1, 1}}))
                .find(R"({"kind":"Namespace","name":"ns1","apiVersion":"/v1"})"),
            std::string::npos);
}

TEST_F(Metrics, ExternalAnswersCarryLabels) {
  const Parsed parsed = Ask(std::string(kExternal) + "namespaces/ns1/lag");
  const auto& request = std::get<MetricRequest>(parsed);
  const auto answer = [&request](model::QueryValue value) {
    return AnswerExternal(request, Result<model::QueryValue>(std::move(value)), {}).body;
  };
  EXPECT_EQ(
      answer(model::Vector{{Labels({{"queue", "a"}}), 1'714'557'600'000, 20}}),
      R"({"kind":"ExternalMetricValueList","apiVersion":"external.metrics.k8s.io/v1beta1",)"
      R"("metadata":{},"items":[{"metricName":"lag","metricLabels":{"queue":"a"},"timestamp":)"
      R"("2024-05-01T10:00:00Z","value":"20"}]})"
      "\n");
  EXPECT_NE(answer(model::Scalar{0, 8}).find("\"metricLabels\":null"), std::string::npos);
  EXPECT_NE(answer(model::Vector{}).find("\"items\":[]"), std::string::npos);
  EXPECT_NE(answer(model::Matrix{}).find("encountered an unexpected query result type"),
            std::string::npos);
  EXPECT_NE(MetricNotFound(request, false).body.find("the metric lag for \""), std::string::npos);
}

TEST(MetricValue, IsCutToThousandthsAndNeverNonsense) {
  struct Case {
    double value;
    std::string want;
    std::string exact;
  };
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::string lowest = "-9223372036854775808m";
  const std::string highest = "9223372036854775807m";
  const Case cases[] = {
      {0, "0", "0"},
      {-0.0, "0", "0"},
      {0.0009, "0", "0"},
      {1.005, "1004m", "1004m"},
      {2.3505, "2350m", "2350m"},
      {-3.1, "-3100m", "-3100m"},
      {1000, "1k", "1k"},
      {1.5e9, "1500M", "1500M"},
      {9.2e15, "9200T", "9200T"},
      {9.3e15, highest, lowest},
      {1e20, highest, lowest},
      {-1e20, lowest, lowest},
      {kInf, highest, lowest},
      {-kInf, lowest, lowest},
      {std::nan(""), "none", lowest},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(QuantityText(c.value, true, {}).value_or("none"), c.want) << c.value;
    EXPECT_EQ(QuantityText(c.value, true, {.upstream_exact = true}).value_or("none"), c.exact);
  }
  EXPECT_EQ(QuantityText(std::nan(""), false, {.upstream_exact = true}).value_or("none"), "0");
  EXPECT_EQ(QuantityText(std::nan(""), false, {}).value_or("none"), "none");
}

}  // namespace
}  // namespace weir::metricsapi
