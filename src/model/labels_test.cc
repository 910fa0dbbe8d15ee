#include "model/labels.h"

#include <gtest/gtest.h>

namespace weir::model {
namespace {

TEST(Labels, SortedUniqueAndNeverEmpty) {
  const Labels labels(
      {{"b", "1"}, {"a", "x"}, {"b", "2"}, {"c", ""}, {"__name__", "up"}, {"d", "1"}, {"d", ""}});
  EXPECT_EQ(labels.ToString(), "up{a=\"x\",b=\"2\"}");
  EXPECT_EQ(labels.size(), 3U);
  EXPECT_EQ(labels.MetricName(), "up");
  EXPECT_EQ(labels.Get("zz"), "");
  EXPECT_FALSE(labels.Has("d"));
}

TEST(Labels, SetAndRemove) {
  Labels labels;
  EXPECT_EQ(labels.ToString(), "{}");
  labels.Set("b", "1");
  labels.Set("a", "\"q\"\n");
  labels.Set("b", "2");
  EXPECT_EQ(labels.ToString(), R"({a="\"q\"\n",b="2"})");
  labels.Set("a", "");
  labels.Remove("nothing");
  EXPECT_EQ(labels, Labels({{"b", "2"}}));
  labels.Remove("b");
  EXPECT_TRUE(labels.empty());
  labels.Set("__name__", "up");
  EXPECT_EQ(labels.ToString(), "up");
}

TEST(Labels, HashTellsApartAndIsStable) {
  EXPECT_EQ(Labels({{"a", "1"}, {"b", "2"}}).Hash(), Labels({{"b", "2"}, {"a", "1"}}).Hash());
  EXPECT_NE(Labels({{"a", "bc"}}).Hash(), Labels({{"ab", "c"}}).Hash());
  EXPECT_EQ(Labels().Hash(), 0xcbf29ce484222325ULL);
}

TEST(Labels, OrderIsByNameThenValueThenLength) {
  EXPECT_LT(Labels({{"a", "1"}}), Labels({{"a", "1"}, {"b", "1"}}));
  EXPECT_LT(Labels({{"a", "1"}, {"b", "1"}}), Labels({{"a", "2"}}));
}

TEST(Matcher, Matches) {
  struct Case {
    MatchType type;
    std::string pattern;
    std::string value;
    bool want;
  };
  const Case cases[] = {
      {MatchType::kEqual, "x", "x", true},
      {MatchType::kEqual, "", "", true},
      {MatchType::kNotEqual, "x", "", true},
      {MatchType::kRegex, "a.c", "abc", true},
      {MatchType::kRegex, "a.c", "xabc", false},
      {MatchType::kRegex, "a.c", "abcx", false},
      {MatchType::kRegex, "a.c", "a\nc", true},
      {MatchType::kRegex, ".*", "", true},
      {MatchType::kRegex, ".+", "", false},
      {MatchType::kRegex, ".+", "\n", true},
      {MatchType::kRegex, "a|b|", "", true},
      {MatchType::kRegex, "a|b", "b", true},
      {MatchType::kRegex, "a|b", "ab", false},
      {MatchType::kRegex, "", "", true},
      {MatchType::kRegex, "", "x", false},
      {MatchType::kRegex, "^redis_.*", "redis_up", true},
      {MatchType::kRegex, "(?i)A|b", "B", true},
      {MatchType::kNotRegex, "a|b", "c", true},
      {MatchType::kNotRegex, "a.*", "ab", false},
      {MatchType::kNotRegex, ".+", "", true},
  };
  for (const Case& c : cases) {
    const auto matcher = Matcher::Make(c.type, "l", c.pattern);
    ASSERT_TRUE(matcher) << c.pattern;
    EXPECT_EQ(matcher->Matches(c.value), c.want) << matcher->ToString() << " " << c.value;
    EXPECT_EQ(matcher->Matches(Labels({{"l", c.value}})), c.want);
  }
}

TEST(Matcher, Alternatives) {
  EXPECT_EQ(Matcher::Make(MatchType::kRegex, "l", "b|a|b")->alternatives(),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(Matcher::Make(MatchType::kRegex, "l", "b|a.*")->alternatives().empty());
  EXPECT_TRUE(Matcher::Make(MatchType::kEqual, "l", "a")->alternatives().empty());
}

TEST(Matcher, RefusesBadExpressions) {
  const auto bad = Matcher::Make(MatchType::kRegex, "l", "a(");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::kInvalid);
  EXPECT_EQ(bad.error().message, "the regular expression \"a(\" is not valid: missing ): a(");
  EXPECT_FALSE(Matcher::Make(MatchType::kRegex, "l", std::string(10'001, 'a')));
  EXPECT_TRUE(Matcher::Make(MatchType::kEqual, "l", "a("));
}

TEST(Matcher, AllMustHold) {
  const std::vector<Matcher> matchers{*Matcher::Make(MatchType::kEqual, "a", "1"),
                                      *Matcher::Make(MatchType::kNotEqual, "b", "")};
  EXPECT_TRUE(MatchesAll(matchers, Labels({{"a", "1"}, {"b", "2"}})));
  EXPECT_FALSE(MatchesAll(matchers, Labels({{"a", "1"}})));
  EXPECT_TRUE(MatchesAll({}, Labels()));
}

}  // namespace
}  // namespace weir::model
