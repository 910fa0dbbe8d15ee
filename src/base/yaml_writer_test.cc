#include "base/yaml_writer.h"

#include <gtest/gtest.h>

#include "base/yaml.h"

namespace weir {
namespace {

TEST(YamlTest, LooksAsKubectlShowsIt) {
  struct Case {
    const char* json;
    const char* yaml;
  };
  const Case cases[] = {
      {R"({"apiVersion":"v1","data":{"a":"1","b":"yes","c":"plain text"},"kind":"ConfigMap"})",
       "apiVersion: v1\ndata:\n  a: \"1\"\n  b: \"yes\"\n  c: plain text\nkind: ConfigMap\n"},
      {R"({"list":["a",{"b":1,"c":[true,null]},[]],"empty":{}})",
       "empty: {}\nlist:\n- a\n- b: 1\n  c:\n  - true\n  - null\n- []\n"},
      {R"({"a":"","b":"x: y","c":"- x","d":"#x","e":"it's","f":"a#b"})",
       "a: \"\"\nb: 'x: y'\nc: '- x'\nd: '#x'\ne: it's\nf: a#b\n"},
      {R"({"t":"2026-01-01T00:00:00Z","n":"1e3","m":"null","o":"0x10"})",
       "m: \"null\"\n\"n\": \"1e3\"\no: \"0x10\"\nt: \"2026-01-01T00:00:00Z\"\n"},
      {R"({"text":"one\ntwo\n","open":"one\ntwo"})",
       "open: |-\n  one\n  two\ntext: |\n  one\n  two\n"},
      {R"([])", "[]\n"},
      {R"("x")", "x\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(ToYaml(*ParseJson(c.json)), c.yaml);
}

// Long texts go on in further lines, as go-yaml breaks them: at the first blank after column 80.
TEST(YamlTest, BreaksLongTexts) {
  const std::string long_words(78, 'x');
  const struct {
    Json value;
    std::string yaml;
  } kCases[] = {
      {{{"message", long_words + " is plain"}}, "message: " + long_words + "\n  is plain\n"},
      {{{"message", long_words + ": is quoted"}}, "message: '" + long_words + ":\n  is quoted'\n"},
      {{{"list", Json::array({{{"message", long_words + " is plain"}}})}},
       "list:\n- message: " + long_words + "\n    is plain\n"},
      {Json::array({long_words + "xx is plain"}), "- " + long_words + "xx\n  is plain\n"},
      {{{"m", long_words + "  two blanks"}}, "m: " + long_words + "  two\n  blanks\n"},
      {{{"m", long_words + "y"}}, "m: " + long_words + "y\n"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ToYaml(c.value), c.yaml);
    const auto back = ParseYamlDocument(c.yaml);
    ASSERT_TRUE(back) << c.yaml;
    EXPECT_EQ(*back, c.value) << c.yaml;
  }
}

TEST(YamlTest, ReadsBackAsWhatItWas) {
  const char* documents[] = {
      R"({"a":{"b":[{"c":"d"},{"e":["f","g"]}]},"h":[[1,2],[3]]})",
      R"({"strings":["","~","true","-","- a","? b",": c","a: b","x #y","@a","`b","%c","*d","&e","!f"]})",
      R"({"strings":["|","> a","'quoted'","\"double\"","\ttab","line\nline","\n","a\n\nb\n"," lead"]})",
      R"({"strings":["0","0x1F","1_000","1.5",".inf","2001-01-01","yes","No","ä","{}","[]","a,b"]})",
      R"({"numbers":[0,-1,1.5,1e300],"bools":[true,false],"null":null,"yes":1})",
  };
  for (const char* text : documents) {
    const Json value = *ParseJson(text);
    const auto back = ParseYamlDocument(ToYaml(value));
    ASSERT_TRUE(back) << text << "\n" << ToYaml(value) << back.error().message;
    EXPECT_EQ(*back, value) << ToYaml(value);
  }
}

}  // namespace
}  // namespace weir
