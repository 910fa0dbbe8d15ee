#include "metricsapi/config.h"

#include <gtest/gtest.h>

#include <string>

#include "metricsapi/testing.h"

namespace weir::metricsapi {
namespace {

std::string Rules(const std::string& rule) { return "rules:\n- " + rule + "\n"; }

TEST(AdapterConfig, RefusesWhatUpstreamsReaderRefusesInItsWords) {
  struct Case {
    std::string text;
    std::string want;
  };
  const std::string at =
      "unable to load metrics discovery config: unable to load metrics discovery configuration: "
      "unable to parse metrics discovery config: ";
  const std::string fields = at + "yaml: unmarshal errors:\n  ";
  const Case cases[] = {
      {"rule: []", fields + "line 1: field rule not found in type config.MetricsDiscoveryConfig"},
      {"rules: 3", fields + "line 1: cannot unmarshal !!int `3` into []config.DiscoveryRule"},
      {"rules: {a: b}", fields + "line 1: cannot unmarshal !!map into []config.DiscoveryRule"},
      {"rules: [a-long-text]",
       fields + "line 1: cannot unmarshal !!str `a-long-...` into config.DiscoveryRule"},
      {"rules:\n- seriesQuery: x\n  seriesQuery: y",
       fields + "line 3: field seriesQuery already set in type config.DiscoveryRule"},
      {"rules:\n- seriesQuery: x\n  metricQuery: z\n  resources: {namespaced: 1}\n  name: []",
       fields + "line 3: field metricQuery not found in type config.DiscoveryRule\n"
                "  line 4: cannot unmarshal !!int `1` into bool\n"
                "  line 5: cannot unmarshal !!seq into config.NameMapping"},
      {Rules("{seriesQuery: x, resources: {overides: {}}}"),
       fields + "line 2: field overides not found in type config.ResourceMapping"},
      {Rules("{resources: {overrides: {a: {resource: pod}, a: {}}}}"),
       fields + "line 2: key \"a\" already set in map"},
      {Rules("{seriesFilters: [{in: a}]}"),
       fields + "line 2: field in not found in type config.RegexFilter"},
      {"resourceRules: {cpu: {containerLabels: x}}",
       fields + "line 1: field containerLabels not found in type config.ResourceRule"},
      {"resourceRules: {window: 5}", at + "not a valid duration string: \"5\""},
      {"a: b: c", at + "yaml: line 1: mapping values are not allowed in this context"},
  };
  for (const Case& c : cases) {
    const auto config = ParseConfig(c.text, ResolveForTest);
    ASSERT_FALSE(config.has_value()) << c.text;
    EXPECT_EQ(config.error().message, c.want) << c.text;
    EXPECT_EQ(config.error().code, Code::kInvalid);
  }
}

TEST(AdapterConfig, RefusesWhatMakesNoSenseInUpstreamsWords) {
  struct Case {
    std::string rule;
    std::string want;
  };
  const Case cases[] = {
      {"name: {matches: '('}",
       "unable to generate series name filter from name rules associated with series query \"x\": "
       "unable to compile series filter \"(\": error parsing regexp: missing closing ): `(`"},
      {"name: {matches: 'a**'}",
       "unable to generate series name filter from name rules associated with series query \"x\": "
       "unable to compile series filter \"a**\": error parsing regexp: invalid nested repetition "
       "operator: `**`"},
      {"name: {matches: '^(a)_(b)$'}",
       "must specify an 'as' value for name matcher \"^(a)_(b)$\" associated with series query "
       "\"x\""},
      {"seriesFilters: [{is: a, isNot: b}]",
       "unable to generate series name filter associated with series query \"x\": cannot have both "
       "an `is` (\"a\") and `isNot` (\"b\") expression in a single filter"},
      {"seriesFilters: [{}]",
       "unable to generate series name filter associated with series query \"x\": must have either "
       "an `is` or `isNot` expression in a filter"},
      {"metricsQuery: '<<.Series'",
       "unable to construct metrics query associated with series query \"x\": unable to parse "
       "metrics query template \"<<.Series\": template: metrics-query:1: unclosed action"},
      {"metricsQuery: '<<.Sereis>>'",
       "unable to construct metrics query associated with series query \"x\": unable to parse "
       "metrics query template \"<<.Sereis>>\": action <<.Sereis>> is not supported: expected "
       ".Series, .LabelMatchers, .LabelValuesByName, .GroupBy, .GroupBySlice or index "
       ".LabelValuesByName \"label\""},
      {"resources: {template: kube}",
       "unable to generate label format from template \"kube\": must include at least "
       "`{{.Resource}}` in the label template"},
      {"resources: {template: '<<.Resource'}",
       "unable to parse label template \"<<.Resource\": template: resource-label:1: unclosed "
       "action"},
      {"resources: {overrides: {brand: {group: cheese.io, resource: brand}}}",
       "unable to normalize group-resource {cheese.io brand}: no matches for cheese.io/, "
       "Resource=brand"},
  };
  for (const std::string key : {"rules", "externalRules"}) {
    const std::string at = "unable to construct " +
                           std::string(key == "rules" ? "custom" : "external") +
                           " metrics provider: unable to construct naming scheme from metrics "
                           "rules: ";
    for (const Case& c : cases) {
      const auto config = ParseConfig(key + ": [{seriesQuery: x, " + c.rule + "}]", ResolveForTest);
      ASSERT_FALSE(config.has_value()) << c.rule;
      EXPECT_EQ(config.error().message, at + c.want);
    }
  }
  const auto config =
      ParseConfig("resourceRules: {memory: {nodeQuery: '<<.Series'}}", ResolveForTest);
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().message,
            "unable to install resource metrics API: unable to construct resource metrics API "
            "provider: unable to construct querier for memory metrics: unable to construct node "
            "metrics query: unable to parse metrics query template \"<<.Series\": template: "
            "metrics-query:1: unclosed action");
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
  EXPECT_EQ(config->rules[0].resources.LabelOfResource({"", "services"}, ResolveForTest).value(),
            "service");
}

TEST(AdapterConfig, AnEmptyFileServesNothing) {
  for (const char* text : {"", "rules: []", "rules:\n"}) {
    const auto config = ParseConfig(text, ResolveForTest);
    ASSERT_TRUE(config.has_value()) << text;
    EXPECT_TRUE(config->rules.empty());
    EXPECT_TRUE(config->external_rules.empty());
    EXPECT_FALSE(config->resource_rules.has_value());
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
    const auto found = rule.resources.ResourceOfLabel(label, ResolveForTest);
    return found ? found->ToString() : "-";
  };
  EXPECT_EQ(resource("kube_apps_deployment"), "deployments.apps");
  EXPECT_EQ(resource("micro"), "services");
  EXPECT_EQ(resource("kube__namespace"), "-");
  EXPECT_EQ(resource("kube_networking_k8s_io_ingress"), "-");
  EXPECT_EQ(rule.resources.LabelOfResource({"apps", "deployments"}, ResolveForTest).value(),
            "kube_apps_deployment");
  EXPECT_EQ(
      rule.resources.LabelOfResource({"networking.k8s.io", "ingresses"}, ResolveForTest).value(),
      "kube_networking_k8s_io_ingress");
  EXPECT_EQ(rule.resources.LabelOfResource({"", "services"}, ResolveForTest).value(), "micro");
}

}  // namespace
}  // namespace weir::metricsapi
