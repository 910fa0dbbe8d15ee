#include "rules/rule.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::rules {
namespace {

TEST(RuleFile, ReadsGroupsAndRules) {
  const auto groups = ParseGroups(std::string_view(R"(groups:
- name: consumer
  interval: 1s
  limit: 5
  labels: {team: a, tier: p}
  rules:
  - record: redis_items_in_queue
    expr: |
      redis_key_size{key="jobs"}
      or
      clamp_max(absent(redis_key_size{key="jobs"}), 0)
    labels: {tier: 2}
  - alert: Backlog
    expr: redis_items_in_queue > 10
    for: 1m
    keep_firing_for: 30s
    annotations: {summary: "{{ $value }} items"}
- name: constant
  rules:
  - record: one
    expr: 1
)"));
  ASSERT_TRUE(groups.has_value()) << groups.error().message;
  ASSERT_EQ(groups->size(), 2U);
  const Group& group = groups->front();
  EXPECT_EQ(group.name, "consumer");
  EXPECT_EQ(group.interval, std::chrono::seconds(1));
  EXPECT_EQ(group.limit, 5U);
  ASSERT_EQ(group.rules.size(), 2U);
  EXPECT_EQ(group.rules[0].name, "redis_items_in_queue");
  EXPECT_FALSE(group.rules[0].alerting);
  EXPECT_EQ(group.rules[0].labels, (std::vector<model::Label>{{"team", "a"}, {"tier", "2"}}));
  EXPECT_TRUE(group.rules[1].alerting);
  EXPECT_EQ(group.rules[1].hold, std::chrono::minutes(1));
  EXPECT_EQ(group.rules[1].keep_firing, std::chrono::seconds(30));
  EXPECT_EQ(group.rules[1].annotations[0].value, "{{ $value }} items");
  EXPECT_EQ((*groups)[1].interval, Duration(0));
}

TEST(RuleFile, NothingIsNoGroups) {
  for (const char* text : {"", "groups:\n", "groups: []\n"}) {
    const auto groups = ParseGroups(std::string_view(text));
    ASSERT_TRUE(groups.has_value()) << text;
    EXPECT_TRUE(groups->empty());
  }
}

TEST(RuleFile, SaysWhichRuleIsWrong) {
  struct Case {
    std::string text;
    std::string want;
  };
  const Case cases[] = {
      {"group: []", "field group not found"},
      {"groups: 3", "invalid field 'groups': expected a list"},
      {"groups: [{rules: []}]", "Groupname must not be empty"},
      {"groups: [{name: a}, {name: a}]", "groupname: \"a\" is repeated in the same file"},
      {"groups: [{name: a, rule: []}]", "group \"a\", field rule not found"},
      {"groups: [{name: a, interval: 1x}]", "group \"a\", invalid field 'interval': "},
      {"groups: [{name: a, rules: [{expr: '1'}]}]",
       "group \"a\", rule 1, \"\": one of 'record' or 'alert' must be set"},
      {"groups: [{name: a, rules: [{expr: '1', record: b, alert: c}]}]",
       "group \"a\", rule 1, \"b\": only one of 'record' and 'alert' must be set"},
      {"groups: [{name: a, rules: [{record: b}]}]",
       "group \"a\", rule 1, \"b\": field 'expr' must be set in rule"},
      {"groups: [{name: a, rules: [{record: x, expr: '1'}, {record: b, expr: 'sum('}]}]",
       "group \"a\", rule 2, \"b\": could not parse expression: 1:5: parse error: unclosed left "
       "parenthesis"},
      {"groups: [{name: a, rules: [{record: b, expr: 'c[5m]'}]}]",
       "group \"a\", rule 1, \"b\": rule result is not a vector or scalar"},
      {"groups: [{name: a, rules: [{record: b, expr: c, for: 1m}]}]",
       "group \"a\", rule 1, \"b\": invalid field 'for' in recording rule"},
      {"groups: [{name: a, rules: [{record: b, expr: c, annotations: {d: e}}]}]",
       "group \"a\", rule 1, \"b\": invalid field 'annotations' in recording rule"},
      {"groups: [{name: a, rules: [{record: b, expr: c, labels: {__name__: e}}]}]",
       "group \"a\", rule 1, \"b\": invalid label name: __name__"},
      {"groups: [{name: a, rules: [{record: b, expr: c, fro: 1m}]}]",
       "group \"a\", rule 1, \"b\": field fro not found"},
      {"groups: [{name: a, rules: [{alert: b, expr: c, labels: {d: '{{ $value }}'}}]}]",
       "group \"a\", rule 1, \"b\": label \"d\": templates in the labels of alerting rules are not "
       "supported"},
  };
  for (const Case& c : cases) {
    const auto groups = ParseGroups(std::string_view(c.text));
    ASSERT_FALSE(groups.has_value()) << c.text;
    EXPECT_TRUE(groups.error().message.starts_with(c.want)) << groups.error().message;
    EXPECT_EQ(groups.error().code, Code::kInvalid);
  }
}

}  // namespace
}  // namespace weir::rules
