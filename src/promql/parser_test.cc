#include "promql/parser.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::promql {
namespace {

struct Case {
  std::string query;
  std::string want;  // the printed tree, or the error
};

TEST(PromqlParser, PrintsWhatItParsed) {
  const Case cases[] = {
      {"1", "1"},
      {" ( 1 + 2 ) # a comment", "(1 + 2)"},
      {"-1^2", "-1 ^ 2"},
      {"+foo", "+foo"},
      {"1 - -1", "1 - -1"},
      {"foo:bar{a='b',c!=\"d\",e=~`f.*`,g!~\"h\",}",
       "foo:bar{a=\"b\",c!=\"d\",e=~\"f.*\",g!~\"h\"}"},
      {"{\"my metric\",\"a b\"=\"c\"}", "{\"my metric\",\"a b\"=\"c\"}"},
      {"{__name__=\"x\"}", "{__name__=\"x\"}"},
      {"foo[90m] offset 1d @ 1.5", "foo[1h30m] @ 1.500 offset 1d"},
      {"foo[1w] offset -5", "foo[1w] offset -5s"},
      {"foo @ start() - foo @ end()", "foo @ start() - foo @ end()"},
      {"foo[5m:]", "foo[5m:]"},
      {"rate(foo[5m])[1h:30s] offset 5m", "rate(foo[5m])[1h:30s] offset 5m"},
      {"SUM(a) BY (b, \"c d\")", "sum by (b, \"c d\") (a)"},
      {"sum without () (a)", "sum without () (a)"},
      {"topk(3, a)", "topk(3, a)"},
      {"count_values(\"v\", a)", "count_values(\"v\", a)"},
      {"a + on(b) group_left(c) d", "a + on (b) group_left (c) d"},
      {"a == bool ignoring(b) d", "a == bool ignoring (b) d"},
      {"a and on() b or c unless d", "a and on () b or c unless d"},
      {"sum", "sum"},
      {"by + offset", "by + offset"},
      {"sum by (by, on) (start)", "sum by (by, on) (start)"},
      {"clamp_max(absent(a{b=\"c\"}), 0)", "clamp_max(absent(a{b=\"c\"}), 0)"},
      {"\"a\\n\\x41\\u00e9\\101\"", "\"a\\nAéA\""},
      {"0x1F", "31"},
      {"1_000.5", "1000.5"},
      {"Inf", "+Inf"},
      {"5m", "300"},
      {"a atan2 b", "a atan2 b"},
  };
  for (const Case& c : cases) {
    const auto expr = Parse(c.query);
    ASSERT_TRUE(expr.has_value()) << c.query << ": " << expr.error().message;
    EXPECT_EQ(ToString(*expr), c.want);
    const auto again = Parse(c.want);
    ASSERT_TRUE(again.has_value()) << c.want << ": " << again.error().message;
    EXPECT_EQ(ToString(*again), c.want);
  }
}

TEST(PromqlParser, SaysWhatIsWrongAndWhere) {
  const Case cases[] = {
      {"", "1:1: parse error: no expression found in input"},
      {"# nothing", "1:1: parse error: no expression found in input"},
      {"1 +", "1:4: parse error: unexpected end of input"},
      {"1\n+\n*", "3:1: parse error: unexpected <op:*>"},
      {"(1", "1:3: parse error: unclosed left parenthesis"},
      {"1)", "1:2: parse error: unexpected right parenthesis ')'"},
      {"a b", "1:3: parse error: unexpected identifier \"b\""},
      {"1 $ 2", "1:3: parse error: unexpected character: '$'"},
      {"a =~ b", "1:3: parse error: unexpected character after '=': '~'"},
      {"a{", "1:3: parse error: unexpected end of input inside braces"},
      {"a{b}",
       "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator"},
      {"a{b=}", "1:5: parse error: unexpected \"}\" in label matching, expected string"},
      {"a{b=\"c\" d=\"e\"}",
       "1:9: parse error: unexpected identifier \"d\" in label matching, expected \",\" or \"}\""},
      {"a{b=\"c}", "1:5: parse error: unterminated quoted string"},
      {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"{a=~\".*\"}",
       "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"a{__name__=\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""},
      {"sum(a, b)",
       "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, "
       "got 2"},
      {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
      {"sum by (a b) (c)",
       "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
      {"sum(1)",
       "1:5: parse error: expected type instant vector in aggregation expression, got scalar"},
      {"rate(a)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
       "vector"},
      {"nope(a)", "1:1: parse error: unknown function with name \"nope\""},
      {"abs(a,)", "1:6: parse error: trailing commas not allowed in function call args"},
      {"abs(a, b)", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2"},
      {"round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"},
      {"sort_by_label(a, \"b\")", "1:1: parse error: function \"sort_by_label\" is not supported"},
      {"limitk(1, a)", "1:1: parse error: aggregation operator \"limitk\" is not supported"},
      {"1 == 1", "1:1: parse error: comparisons between scalars must use BOOL modifier"},
      {"a + bool b", "1:1: parse error: bool modifier can only be used on comparison operators"},
      {"a + on(b) 1", "1:1: parse error: vector matching only allowed between instant vectors"},
      {"1 and a", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"a and on(b) group_left c", "1:1: parse error: no grouping allowed for \"and\" operation"},
      {"a + on(b) group_left(b) c",
       "1:1: parse error: label \"b\" must not occur in ON and GROUP clause at once"},
      {"\"a\" + 1",
       "1:1: parse error: binary expression must contain only scalar and instant vector types"},
      {"-\"a\"",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
       "vector, got \"string\""},
      {"(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors"},
      {"a offset 5m [5m]", "1:13: parse error: no offset modifiers allowed before range"},
      {"a[0s]", "1:3: parse error: duration must be greater than 0"},
      {"a[5m", "1:5: parse error: unclosed left bracket"},
      {"1 offset 5m",
       "1:1: parse error: offset modifier must be preceded by an instant vector selector or range "
       "vector selector or a subquery"},
      {"a offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"},
      {"a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"a @ Inf", "1:5: parse error: timestamp out of bounds for @ modifier: inf"},
      {"1x", "1:1: parse error: bad number or duration syntax: \"1x\""},
      {".5p", "1:1: parse error: bad number or duration syntax: \".\""},
      {"a[5]b", "1:5: parse error: unexpected identifier \"b\""},
      {"foo or bar{a=~\"(\"}", ""},
  };
  for (const Case& c : cases) {
    const auto expr = Parse(c.query);
    ASSERT_FALSE(expr.has_value()) << c.query;
    if (!c.want.empty()) EXPECT_EQ(expr.error().message, c.want) << c.query;
    EXPECT_EQ(expr.error().code, Code::kInvalid);
  }
}

TEST(PromqlParser, RefusesDepthInsteadOfOverflowing) {
  EXPECT_FALSE(Parse(std::string(100'000, '(')).has_value());
  EXPECT_FALSE(Parse(std::string(100'000, '-') + "1").has_value());
  std::string sum = "1";
  for (int i = 0; i < 100'000; ++i) sum += "+1";
  const auto expr = Parse(sum);
  ASSERT_FALSE(expr.has_value());
  EXPECT_NE(expr.error().message.find("nested deeper than 250 levels"), std::string::npos);
  EXPECT_TRUE(Parse(std::string(100, '(') + "1" + std::string(100, ')')).has_value());
}

TEST(PromqlParser, TellsTheSelectorsOfAnExpression) {
  const auto expr = Parse("sum(a{b=\"c\"}) or clamp_max(absent(rate(d[5m])[1h:]), 0) or vector(1)");
  ASSERT_FALSE(expr.has_value());  // absent takes no range
  const auto good = Parse("sum(a{b=\"c\"}) or absent_over_time(rate(d[5m])[1h:]) or vector(1)");
  ASSERT_TRUE(good.has_value());
  std::string text;
  for (const auto& matchers : SelectorsOf(*good)) {
    for (const auto& matcher : matchers) text += matcher.ToString() + " ";
    text += "; ";
  }
  EXPECT_EQ(text, "b=\"c\" __name__=\"a\" ; __name__=\"d\" ; ");
}

TEST(PromqlParser, ReadsSelectorsAlone) {
  EXPECT_TRUE(ParseSelector("{__name__=~\"^redis_.*\"}").has_value());
  EXPECT_FALSE(ParseSelector("sum(a)").has_value());
  EXPECT_FALSE(ParseSelector("a[5m]").has_value());
  EXPECT_FALSE(ParseSelector("a offset 5m").has_value());
}

}  // namespace
}  // namespace weir::promql
