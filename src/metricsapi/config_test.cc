#include "metricsapi/config.h"

#include <gtest/gtest.h>

#include <string>

#include "metricsapi/testing.h"

namespace weir::metricsapi {
namespace {

std::string Rules(const std::string& rule) { return "rules:\n- " + rule + "\n"; }

TEST(AdapterConfig, RefusesWhatItDoesNotKnowAndNamesTheRule) {
  struct Case {
    std::string text;
    std::string want;
  };
  const std::string at = "unable to parse metrics discovery config: rules[0] (seriesQuery \"x\"): ";
  const Case cases[] = {
      {"rule: []",
       "unable to parse metrics discovery config: field rule not found in type "
       "config.MetricsDiscoveryConfig"},
      {"rules: 3",
       "unable to parse metrics discovery config: field rules: cannot unmarshal 3 into "
       "[]config.DiscoveryRule"},
      {"resourceRules: {cpu: {}}",
       "resourceRules: metrics.k8s.io is not served yet; leave them out"},
      {Rules("{seriesQuery: x, metricQuery: z}"),
       at + "field metricQuery not found in type config.DiscoveryRule"},
      {Rules("{seriesQuery: x, resources: {overides: {}}}"),
       at + "field overides not found in type config.ResourceMapping"},
      {Rules("{seriesQuery: x, name: {match: z}}"),
       at + "field match not found in type config.NameMapping"},
      {Rules("{seriesQuery: x, name: {matches: '('}}"),
       at + "unable to compile series filter \"(\": error parsing regexp: "},
      {Rules("{seriesQuery: x, name: {matches: '^(a)_(b)$'}}"),
       at + "must specify an 'as' value for name matcher \"^(a)_(b)$\""},
      {Rules("{seriesQuery: x, seriesFilters: [{is: a, isNot: b}]}"),
       at + "unable to generate series name filter: cannot have both an `is` (\"a\") and `isNot` "
            "(\"b\") expression in a single filter"},
      {Rules("{seriesQuery: x, seriesFilters: [{}]}"),
       at + "unable to generate series name filter: must have either an `is` or `isNot` expression "
            "in a filter"},
      {Rules("{seriesQuery: x, metricsQuery: '<<.Series'}"),
       at + "unable to parse metrics query template \"<<.Series\": unclosed action"},
      {Rules("{seriesQuery: x, metricsQuery: '<<.Sereis>>'}"),
       at + "unable to parse metrics query template \"<<.Sereis>>\": action <<.Sereis>> is not "
            "supported"},
      {Rules("{seriesQuery: x, resources: {template: kube}}"),
       at + "unable to generate label format from template \"kube\": must include at least "
            "`{{.Resource}}` in the label template"},
      {Rules("{seriesQuery: x, resources: {template: '<<.Name>>'}}"),
       at + "unable to parse label template \"<<.Name>>\": action <<.Name>> is not supported"},
      {Rules("{seriesQuery: x, resources: {overrides: {brand: {group: cheese.io, resource: "
             "brand}}}}"),
       at + "unable to normalize group-resource {cheese.io brand}: no matches for cheese.io/, "
            "Resource=brand"},
      {"externalRules:\n- {seriesQuery: a, metricsQuery: b}\n- {seriesQuery: x, metricsQuery: 3}",
       "unable to parse metrics discovery config: externalRules[1] (seriesQuery \"x\"): field "
       "metricsQuery: cannot unmarshal 3 into string"},
  };
  for (const Case& c : cases) {
    const auto config = ParseConfig(c.text, ResolveForTest);
    ASSERT_FALSE(config.has_value()) << c.text;
    EXPECT_TRUE(config.error().message.starts_with(c.want)) << config.error().message;
    EXPECT_EQ(config.error().code, Code::kInvalid);
  }
}

TEST(AdapterConfig, ReadsPlainScalarsWithTemplates) {
  const auto config = ParseConfig(R"(rules:
- seriesQuery: '{__name__=~"^redis_.*"}'
  resources: {template: <<.Resource>>}
  metricsQuery: <<.Series>>{<<.LabelMatchers>>}
)",
                                  ResolveForTest);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  ASSERT_EQ(config->rules.size(), 1U);
  EXPECT_TRUE(config->rules[0].query.has_value());
  EXPECT_EQ(config->rules[0].LabelOfResource({"", "services"}, ResolveForTest).value(), "service");
}

TEST(AdapterConfig, AnEmptyFileServesNothing) {
  for (const char* text : {"", "rules: []", "rules:\n"}) {
    const auto config = ParseConfig(text, ResolveForTest);
    ASSERT_TRUE(config.has_value()) << text;
    EXPECT_TRUE(config->rules.empty());
    EXPECT_TRUE(config->external_rules.empty());
  }
}

TEST(AdapterConfig, NamesMetricsOfSeries) {
  struct Case {
    std::string name;
    std::string series;
    std::string want;  // `-`: none
  };
  const Case cases[] = {
      {"{}", "queue_depth", "queue_depth"},
      {"{matches: '^(.*)_total$', as: '${1}_per_second'}", "hits_total", "hits_per_second"},
      {"{matches: '^(.*)_total$'}", "hits_total", "hits"},
      {"{matches: '^(.*)_total$'}", "depth", "-"},
      {"{matches: '_total'}", "hits_total", "_total"},
      {"{matches: '^(.*)_total$', as: '$1_per_second'}", "hits_total", ""},
      {"{matches: '^(?P<who>.*)_app_(.*)$', as: '${2}_of_${who}'}", "my_app_c", "c_of_my"},
      {"{as: 'p50_$0'}", "latency", "p50_latency"},
      {"{as: 'a$$b$'}", "latency", "a$b$"},
      {"{as: '${0'}", "latency", "${0"},
      {"{as: fixed}", "latency", "fixed"},
  };
  for (const Case& c : cases) {
    const auto config =
        ParseConfig(Rules("{seriesQuery: x, name: " + c.name + "}"), ResolveForTest);
    ASSERT_TRUE(config.has_value()) << config.error().message;
    EXPECT_EQ(config->rules[0].MetricName(c.series).value_or("-"), c.want) << c.name;
  }
}

TEST(AdapterConfig, FiltersAreUnanchoredAndAllMustPass) {
  const auto config = ParseConfig(
      Rules("{seriesQuery: x, seriesFilters: [{is: app_}, {isNot: _b$}]}"), ResolveForTest);
  ASSERT_TRUE(config.has_value());
  EXPECT_TRUE(config->rules[0].MetricName("my_app_c").has_value());
  EXPECT_FALSE(config->rules[0].MetricName("app_b").has_value());
  EXPECT_FALSE(config->rules[0].MetricName("other").has_value());
}

TEST(AdapterConfig, LabelsNameResourcesAndBack) {
  const auto config = ParseConfig(
      Rules("{seriesQuery: x, resources: {template: 'kube_<<.Group>>_<<.Resource>>', overrides: "
            "{micro: {resource: service}}}}"),
      ResolveForTest);
  ASSERT_TRUE(config.has_value());
  const Rule& rule = config->rules[0];
  const auto resource = [&rule](std::string_view label) {
    const auto found = rule.ResourceOfLabel(label, ResolveForTest);
    return found ? found->ToString() : "-";
  };
  EXPECT_EQ(resource("kube_apps_deployment"), "deployments.apps");
  EXPECT_EQ(resource("micro"), "services");
  EXPECT_EQ(resource("kube__namespace"), "-");
  EXPECT_EQ(resource("kube_networking_k8s_io_ingress"), "-");
  EXPECT_EQ(rule.LabelOfResource({"apps", "deployments"}, ResolveForTest).value(),
            "kube_apps_deployment");
  EXPECT_EQ(rule.LabelOfResource({"networking.k8s.io", "ingresses"}, ResolveForTest).value(),
            "kube_networking_k8s_io_ingress");
  EXPECT_EQ(rule.LabelOfResource({"", "services"}, ResolveForTest).value(), "micro");
}

}  // namespace
}  // namespace weir::metricsapi
