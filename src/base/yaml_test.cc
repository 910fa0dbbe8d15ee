#include "base/yaml.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

struct Case {
  std::string_view yaml;
  std::string_view json;
};

TEST(Yaml, ScalarsAsKubernetesReadsThem) {
  const Case cases[] = {
      {"a: yes", R"({"a":true})"},
      {"a: 'yes'", R"({"a":"yes"})"},
      {"a: off", R"({"a":false})"},
      {"a: True", R"({"a":true})"},
      {"a: y", R"({"a":true})"},
      {"a: ~", R"({"a":null})"},
      {"a:", R"({"a":null})"},
      {"a: \"\"", R"({"a":""})"},
      {"a: 1", R"({"a":1})"},
      {"a: +1", R"({"a":1})"},
      {"a: -1_000", R"({"a":-1000})"},
      {"a: 0x1F", R"({"a":31})"},
      {"a: 0o17", R"({"a":15})"},
      {"a: 0644", R"({"a":420})"},
      {"a: 0b101", R"({"a":5})"},
      {"a: 1.5", R"({"a":1.5})"},
      {"a: 1e3", R"({"a":1000})"},
      {"a: 1.0", R"({"a":1})"},
      {"a: 1.2.3", R"({"a":"1.2.3"})"},
      {"a: 08", R"({"a":8})"},
      {"a: 127.0.0.1", R"({"a":"127.0.0.1"})"},
      {"a: 18446744073709551615", R"({"a":18446744073709551615})"},
      {"a: 2026-01-01T00:00:00Z", R"({"a":"2026-01-01T00:00:00Z"})"},
      {"a: 5m", R"({"a":"5m"})"},
      {"a: !!str 1", R"({"a":"1"})"},
      {"a: !!binary aGk=", R"({"a":"hi"})"},
      {"1: a\ntrue: b", R"({"1":"a","true":"b"})"},
      {"a: |\n  x\n  y\n", R"({"a":"x\ny\n"})"},
      {"a: >-\n  x\n  y\n", R"({"a":"x y"})"},
      {"a: 'it''s'", R"({"a":"it's"})"},
      {"{a: [1, {b: c}]}", R"({"a":[1,{"b":"c"}]})"},
      {"{\"a\": \"\\ud83d\\ude00\"}", "{\"a\":\"\xF0\x9F\x98\x80\"}"},
      {"a: 1\na: 2", R"({"a":2})"},
  };
  for (const Case& c : cases) {
    const auto parsed = ParseYamlDocument(c.yaml);
    ASSERT_TRUE(parsed) << c.yaml << ": " << parsed.error().message;
    EXPECT_EQ(DumpJson(*parsed), c.json) << c.yaml;
  }
}

TEST(Yaml, TellsRepeatedKeysWithTheirLines) {
  const auto parsed = ParseYaml("a: 1\nb: {c: 1, c: 2}\na: 3\n---\nd: 1\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->size(), 2U);
  const std::vector<std::string> expected{"line 2: key \"c\" already set in map",
                                          "line 3: key \"a\" already set in map"};
  EXPECT_EQ((*parsed)[0].repeated_keys, expected);
  EXPECT_TRUE((*parsed)[1].repeated_keys.empty());
  const auto flow = ParseYaml("{\"a\": 1,\n \"a\": 2}");
  ASSERT_TRUE(flow) << flow.error().message;
  EXPECT_EQ(flow->front().repeated_keys,
            std::vector<std::string>{"line 2: key \"a\" already set in map"});
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "a: 1\n";
  EXPECT_EQ(ParseYaml(many)->front().repeated_keys.size(), 100U);
}

TEST(Yaml, AnchorsAndMergeKeys) {
  const Case cases[] = {
      {"a: &x {k: 1}\nb: *x", R"({"a":{"k":1},"b":{"k":1}})"},
      {"a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  l: 3", R"({"a":{"k":1,"l":2},"b":{"k":1,"l":3}})"},
      {"a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc:\n  l: 3\n  <<: [*x, *y]",
       R"({"a":{"k":1},"b":{"k":2,"m":3},"c":{"k":1,"l":3,"m":3}})"},
      {"a: '<<'\n\"<<\": 1", R"({"<<":1,"a":"<<"})"},
  };
  for (const Case& c : cases) {
    const auto parsed = ParseYamlDocument(c.yaml);
    ASSERT_TRUE(parsed) << c.yaml << ": " << parsed.error().message;
    EXPECT_EQ(DumpJson(*parsed), c.json) << c.yaml;
  }
}

TEST(Yaml, ManyDocuments) {
  const auto parsed = ParseYaml("# nothing\n---\na: 1\n---\n---\n# c\nb: 2\n...\n---\n- 3\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->size(), 3U);
  EXPECT_EQ(DumpJson((*parsed)[0].value), R"({"a":1})");
  EXPECT_EQ((*parsed)[0].line, 3);
  EXPECT_EQ(DumpJson((*parsed)[1].value), R"({"b":2})");
  EXPECT_EQ((*parsed)[1].line, 7);
  EXPECT_EQ(DumpJson((*parsed)[2].value), "[3]");
  EXPECT_TRUE(ParseYamlDocument("")->is_null());
  EXPECT_TRUE(ParseYaml("")->empty());
  EXPECT_TRUE(ParseYaml("# only a comment\n")->empty());
  EXPECT_EQ(ParseYamlDocument("a: 1\n---\nb: 2").error().message,
            "line 3: a second document begins where one is expected");
}

TEST(Yaml, ErrorsNameTheLineInGoYamlsWords) {
  const Case cases[] = {
      {"a: b: c", "line 1: mapping values are not allowed in this context"},
      {"a: 1\nb:\n  c: d: e", "line 3: mapping values are not allowed in this context"},
      {"a: [1, 2", "line 1: did not find expected ',' or ']'"},
      {"a: {b: 1", "line 1: did not find expected ',' or '}'"},
      {"a: @x", "line 1: found character that cannot start any token"},
      {"a: 'x", "line 1: found unexpected end of stream"},
      {"{a: 1}, b", "line 1: did not find expected <document start>"},
      {"[1]]", "line 1: did not find expected node content"},
      {"a: 1\n---\n{b: 1}\n}\n", "line 4: did not find expected node content"},
      {"a: \xff", "the text is not valid UTF-8"},
      {"a: .inf", "line 1: .inf has no JSON form"},
      {"? [a]\n: 1", "line 1: a key must be a string, a number or a boolean"},
      {"<<: 1\na: 2", "line 1: map merge requires map or sequence of maps as the value"},
      {"a: &x\n  b: *x", "line 2: anchor's value contains itself"},
  };
  for (const Case& c : cases) {
    const auto parsed = ParseYaml(c.yaml);
    ASSERT_FALSE(parsed) << c.yaml;
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_EQ(parsed.error().message, c.json) << c.yaml;
  }
  EXPECT_FALSE(ParseYaml("a: *nowhere"));
  EXPECT_FALSE(ParseYaml("a: 1\n  b: 2"));
}

TEST(Yaml, AliasesThatGrowWithoutBoundAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string name = "a" + std::to_string(i);
    const std::string alias = "*a" + std::to_string(i - 1);
    bomb += name + ": &" + name + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + alias;
    bomb += "]\n";
  }
  const auto parsed = ParseYaml(bomb);
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().message.find("excessive aliasing"), std::string::npos);
}

TEST(Yaml, AnchorsInAnchorsAreBoundedToo) {
  std::string nested;
  for (int i = 0; i < 400; ++i) nested += "&a" + std::to_string(i) + " [";
  for (int i = 0; i < 10'000; ++i) nested += "x, ";
  EXPECT_FALSE(ParseYaml(nested + std::string(400, ']')));
}

TEST(Yaml, NodesKeepTheirPlacesAndRepeatedKeys) {
  const auto root = ParseYamlNodes("a: 1\nb:\n- x: 'yes'\n  x: &n no\n- *n\na:\n");
  ASSERT_TRUE(root) << root.error().message;
  ASSERT_EQ(root->kind, YamlNode::Kind::kMapping);
  ASSERT_EQ(root->list.size(), 6U);
  EXPECT_EQ(root->list[1].text, "1");
  EXPECT_EQ(root->list[1].scalar, 1);
  EXPECT_TRUE(root->list[5].IsNull());
  EXPECT_EQ(root->list[4].line, 6);
  const YamlNode& items = root->list[3];
  ASSERT_EQ(items.kind, YamlNode::Kind::kSequence);
  const YamlNode& first = items.list[0];
  EXPECT_EQ(first.list[1].scalar, "yes");
  EXPECT_EQ(first.list[2].line, 4);
  EXPECT_EQ(first.list[3].scalar, false);
  EXPECT_EQ(items.list[1].text, "no");
  EXPECT_TRUE(ParseYamlNodes("")->IsNull());
  EXPECT_FALSE(ParseYamlNodes("a: 1\n---\nb: 2\n"));
  EXPECT_EQ(ParseYamlNodes("a: b: c").error().message,
            "line 1: mapping values are not allowed in this context");
  std::string grows = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    const std::string before(1, static_cast<char>(c - 1));
    grows += std::string(1, c) + ": &" + c + " [*" + before;
    for (int i = 1; i < 10; ++i) grows += ", *" + before;
    grows += "]\n";
  }
  EXPECT_FALSE(ParseYamlNodes(grows));
}

TEST(Yaml, DeepNestingIsRefused) { EXPECT_FALSE(ParseYaml("a: " + std::string(100'000, '['))); }

}  // namespace
}  // namespace weir
