#include "kube/selector.h"

#include <gtest/gtest.h>

namespace weir::kube {
namespace {

TEST(LabelSelector, PrintsWhatItParsed) {
  struct Case {
    std::string_view text, printed;
  };
  constexpr Case kCases[] = {
      {"", ""},
      {"a=b", "a=b"},
      {"a==b", "a==b"},
      {"a!=b", "a!=b"},
      {"a", "a"},
      {"!a", "!a"},
      {"a=", "a="},
      {"b=1,a=2", "a=2,b=1"},
      {" par = 1 , n in ( 3 , 1 ) ", "n in (1,3),par=1"},
      {"n notin (1)", "n notin (1)"},
      {"n>3", "n>3"},
      {"n<3", "n<3"},
      {"a in ()", "a in ()"},
      {"a in (,b)", "a in (,b)"},
      {"a in (b,)", "a in (,b)"},
      {"in=notin", "in=notin"},
      {"a,b in (x)", "a,b in (x)"},
      {"example.com/a=b", "example.com/a=b"},
  };
  for (const Case& c : kCases) {
    Result<LabelSelector> got = LabelSelector::Parse(c.text);
    ASSERT_TRUE(got) << c.text << ": " << got.error().message;
    EXPECT_EQ(got->ToString(), c.printed) << c.text;
    EXPECT_EQ(LabelSelector::Parse(got->ToString())->ToString(), c.printed) << c.text;
  }
}

TEST(LabelSelector, RefusesInUpstreamsWords) {
  struct Case {
    std::string_view text, message;
  };
  constexpr Case kCases[] = {
      {"=1", "found '=', expected: !, identifier, or 'end of string'"},
      {"(par=1)", "found '(', expected: !, identifier, or 'end of string'"},
      {",a=b", "found ',', expected: !, identifier, or 'end of string'"},
      {"a=b=c", "found '=', expected: ',' or 'end of string'"},
      {"!a=b", "found '=', expected: ',' or 'end of string'"},
      {"a=b c", "found 'c', expected: ',' or 'end of string'"},
      {"a=b,", "found '', expected: identifier after ','"},
      {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"a!b", "unable to parse requirement: found '!', expected: in, notin, =, ==, !=, gt, lt"},
      {"in (1)", "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"},
      {"par in 1", "unable to parse requirement: found '1' expected: '('"},
      {"a notin", "unable to parse requirement: found '' expected: '('"},
      {"par in (1", "unable to parse requirement: found '', expected: ',' or ')'"},
      {"par in (!", "unable to parse requirement: found '!', expected: ',', ')' or identifier"},
      {"!", "unable to parse requirement: found '', expected: identifier"},
      {"a=!", "unable to parse requirement: found '!', expected: identifier"},
      {"n>x",
       "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, "
       "the value must be an integer"},
      {"a=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
       "unable to parse requirement: values[0][a]: Invalid value: "
       "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": must be no more "
       "than 63 bytes"},
      {"-a=b",
       "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of "
       "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
       "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
       "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"},
      {"a/b/c=d",
       "unable to parse requirement: <nil>: Invalid value: \"a/b/c\": a valid label key must "
       "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
       "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
       "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain "
       "prefix and '/' (e.g. 'example.com/MyName')"},
      {"a=-b",
       "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be an "
       "empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
       "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex "
       "used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
  };
  for (const Case& c : kCases) {
    Result<LabelSelector> got = LabelSelector::Parse(c.text);
    ASSERT_FALSE(got) << c.text;
    EXPECT_EQ(got.error().message, c.message) << c.text;
  }
}

TEST(LabelSelector, Matches) {
  const Json labels = {{"app", "web"}, {"n", "4"}, {"empty", ""}};
  struct Case {
    std::string_view text;
    bool matches;
  };
  constexpr Case kCases[] = {
      {"", true},
      {"app=web", true},
      {"app=api", false},
      {"app!=api", true},
      {"other!=x", true},
      {"other=x", false},
      {"app", true},
      {"!app", false},
      {"!other", true},
      {"app in (api,web)", true},
      {"app notin (web)", false},
      {"other notin (web)", true},
      {"n>3", true},
      {"n>4", false},
      {"n<5", true},
      {"app>1", false},
      {"empty=", true},
      {"other=", false},
      {"app=web,n=4", true},
      {"app=web,n=5", false},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(LabelSelector::Parse(c.text)->Matches(labels), c.matches) << c.text;
  }
  EXPECT_TRUE(LabelSelector::Parse("!a")->Matches(nullptr));
  EXPECT_FALSE(LabelSelector::Nothing().Matches(labels));
}

TEST(LabelSelector, ReadsTheObjectForm) {
  struct Case {
    std::string_view json, printed;
    bool nothing;
  };
  constexpr Case kCases[] = {
      {"null", "", true},
      {"{}", "", false},
      {R"({"matchLabels":{"b":"1","a":"2"}})", "a=2,b=1", false},
      {R"({"matchExpressions":[{"key":"a","operator":"In","values":["y","x"]},
          {"key":"b","operator":"DoesNotExist"},{"key":"c","operator":"Exists"},
          {"key":"d","operator":"NotIn","values":["z"]}]})",
       "a in (x,y),!b,c,d notin (z)", false},
  };
  for (const Case& c : kCases) {
    Result<LabelSelector> got = LabelSelector::FromJson(*ParseJson(c.json));
    ASSERT_TRUE(got) << c.json << ": " << got.error().message;
    EXPECT_EQ(got->ToString(), c.printed);
    EXPECT_EQ(got->nothing(), c.nothing);
  }
  for (std::string_view bad : {R"({"matchExpressions":[{"key":"a","operator":"Has"}]})",
                               R"({"matchExpressions":[{"key":"a","operator":"In"}]})",
                               R"({"matchLabels":{"a b":"c"}})"}) {
    EXPECT_FALSE(LabelSelector::FromJson(*ParseJson(bad))) << bad;
  }
  // All that is wrong with a requirement is told at once.
  EXPECT_EQ(
      LabelSelector::FromJson(
          *ParseJson(R"({"matchExpressions":[{"key":"a","operator":"Exists","values":["-"]}]})"))
          .error()
          .message,
      "[values: Invalid value: [\"-\"]: values set must be empty for exists and does not "
      "exist, values[0][a]: Invalid value: \"-\": a valid label must be an empty string or "
      "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
      "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
      "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')]");
}

TEST(FieldSelector, Parses) {
  Result<std::vector<FieldRequirement>> got =
      ParseFieldSelector(R"(metadata.name=a,status.phase!=Running,,x==a\,b\=c)");
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 3U);
  EXPECT_EQ((*got)[0].key, "metadata.name");
  EXPECT_TRUE((*got)[0].equal);
  EXPECT_EQ((*got)[1].key, "status.phase");
  EXPECT_FALSE((*got)[1].equal);
  EXPECT_EQ((*got)[1].value, "Running");
  EXPECT_EQ((*got)[2].value, "a,b=c");
  EXPECT_TRUE(ParseFieldSelector("")->empty());
  EXPECT_EQ(ParseFieldSelector("metadata.name in (c1)").error().message,
            "invalid selector: 'metadata.name in (c1)'; can't understand 'metadata.name in (c1)'");
  EXPECT_FALSE(ParseFieldSelector(R"(a=b\)"));
  EXPECT_FALSE(ParseFieldSelector("a=b=c"));
}

}  // namespace
}  // namespace weir::kube
