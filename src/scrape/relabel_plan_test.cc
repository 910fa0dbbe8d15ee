#include "scrape/relabel_plan.h"

#include <gtest/gtest.h>

#include "base/yaml.h"
#include "scrape/md5_plan.h"

namespace weir::scrape {
namespace {

using model::Labels;

std::string Hex(const std::array<std::uint8_t, 16>& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

TEST(Md5, HasItsPublishedValues) {
  EXPECT_EQ(Hex(Md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Hex(Md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(Hex(Md5("12345678901234567890123456789012345678901234567890123456789012345678901234"
                    "567890")),
            "57edf4a22be3c955ac49da2e2107b67a");
}

TEST(Relabel, Actions) {
  const Labels before({{"a", "foo"}, {"b", "bar"}, {"c", "baz"}, {"__meta_x", "1"}});
  struct Case {
    std::string_view rules;
    std::string want;  // "dropped" where the target goes
  };
  const Case cases[] = {
      {"[]", R"({__meta_x="1",a="foo",b="bar",c="baz"})"},
      {"[{sourceLabels: [a], regex: 'f(.*)', targetLabel: d, replacement: 'ch${1}-$1$$'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz",d="choo-oo$"})"},
      {"[{sourceLabels: [a, b], targetLabel: d}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz",d="foo;bar"})"},
      {"[{sourceLabels: [a, b], separator: '', targetLabel: d, regex: 'f.*r'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz"})"},
      {"[{sourceLabels: [a], regex: 'o', targetLabel: d, replacement: x}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz"})"},
      {"[{targetLabel: d, replacement: x}]", R"({__meta_x="1",a="foo",b="bar",c="baz",d="x"})"},
      {"[{targetLabel: a, replacement: ''}]", R"({__meta_x="1",b="bar",c="baz"})"},
      {"[{sourceLabels: [a], regex: '(?P<first>f)(.*)', targetLabel: '${first}x', replacement: "
       "'$first$2$9'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz",fx="foo"})"},
      {"[{sourceLabels: [a], targetLabel: d, replacement: '$a{$}'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz",d="{$}"})"},
      {"[{action: keep, sourceLabels: [a], regex: 'f.o'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz"})"},
      {"[{action: keep, sourceLabels: [a], regex: 'f.'}]", "dropped"},
      {"[{action: Drop, sourceLabels: [a], regex: 'foo|bar'}]", "dropped"},
      {"[{action: drop, sourceLabels: [a], regex: 'oo'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz"})"},
      {"[{action: keepequal, sourceLabels: [a], targetLabel: b}]", "dropped"},
      {"[{action: dropequal, sourceLabels: [a], targetLabel: a}]", "dropped"},
      {"[{action: hashmod, sourceLabels: [c], targetLabel: d, modulus: 1000}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz",d="976"})"},
      {"[{action: labelmap, regex: '__meta_(.+)'}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz",x="1"})"},
      {"[{action: labeldrop, regex: '[ab]'}]", R"({__meta_x="1",c="baz"})"},
      {"[{action: labelkeep, regex: '[ab]'}]", R"({a="foo",b="bar"})"},
      {"[{action: uppercase, sourceLabels: [a], targetLabel: a}]",
       R"({__meta_x="1",a="FOO",b="bar",c="baz"})"},
      {"[{action: lowercase, sourceLabels: [a], targetLabel: a}]",
       R"({__meta_x="1",a="foo",b="bar",c="baz"})"},
      {"[{sourceLabels: [a], targetLabel: d}, {action: drop, sourceLabels: [d], regex: foo}]",
       "dropped"},
  };
  for (const Case& c : cases) {
    const auto rules = ParseRelabelRules(*ParseYamlDocument(c.rules), "r");
    ASSERT_TRUE(rules) << c.rules << ": " << rules.error().message;
    Labels labels = before;
    const bool kept = Relabel(*rules, labels);
    EXPECT_EQ(kept ? labels.ToString() : "dropped", c.want) << c.rules;
  }
}

TEST(Relabel, RefusalsNameTheField) {
  struct Case {
    std::string_view rules;
    std::string_view want;
  };
  const Case cases[] = {
      {"[{action: multiply}]", "r[0].action: \"multiply\" is not an action"},
      {"[{action: keep}, {regexp: x}]", "r[1].regexp is not supported"},
      {"[{sourceLabels: [a]}]", "r[0].targetLabel is required for this action"},
      {"[{action: hashmod, targetLabel: a}]", "r[0].modulus is required for hashmod"},
      {"[{action: keep, regex: 'a('}]", "r[0].regex \"a(\" is not valid: missing ): a("},
      {"[x]", "r[0] is not an object"},
  };
  for (const Case& c : cases) {
    const auto rules = ParseRelabelRules(*ParseYamlDocument(c.rules), "r");
    ASSERT_FALSE(rules) << c.rules;
    EXPECT_EQ(rules.error().message, c.want);
  }
}

}  // namespace
}  // namespace weir::scrape
