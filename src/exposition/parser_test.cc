#include "exposition/parser.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/strings.h"

namespace weir::exposition {
namespace {

std::string Print(const Page& page) {
  std::string out;
  for (const FamilyMetadata& family : page.families) {
    out += family.name + " " + std::string(TypeName(family.type)) + " " + Quote(family.help) +
           (family.unit.empty() ? "" : " in " + family.unit) + "\n";
  }
  for (const ParsedSample& sample : page.samples) {
    out += sample.labels.ToString() + " " + FormatDouble(sample.value);
    if (sample.time_ms) out += " @" + std::to_string(*sample.time_ms);
    out += "\n";
  }
  return out;
}

struct Case {
  std::string_view page;
  std::string_view want;
};

TEST(PrometheusText, AcceptsWhatPrometheusAccepts) {
  const Case cases[] = {
      {"", ""},
      {"up 1\n", "up 1\n"},
      {"up 1", "up 1\n"},
      {"\n \n  up\t 1 \n", "up 1\n"},
      {"up 1 1767225600000\n", "up 1 @1767225600000\n"},
      {"up -Inf -5\n", "up -Inf @-5\n"},
      {"up nan", "up NaN\n"},
      {"a{} 1\n", "a 1\n"},
      {"a{b=\"c\"} 1\n", "a{b=\"c\"} 1\n"},
      {"a{b=\"c\"}1\n", "a{b=\"c\"} 1\n"},
      {"a { b = \"c\" , d=\"e\", } 2\n", "a{b=\"c\",d=\"e\"} 2\n"},
      {"a{b=\"}\\\"\\\\\\n\\t\"} 1\n", "a{b=\"}\\\"\\\\\\n\\\\t\"} 1\n"},
      {"a{b=\"x\ny\"} 1\nc 2\n", "a{b=\"x\\ny\"} 1\nc 2\n"},
      {"a{b=\"\"} 1\n", "a 1\n"},
      {"a:b_1 .5\n", "a:b_1 0.5\n"},
      {"{\"my metric\",a=\"b\"} 1\n", "my metric{a=\"b\"} 1\n"},
      {"m{\"my label\"=\"b\"} 1\n", "m{my label=\"b\"} 1\n"},
      {"# comment\n#HELP x y\n# HELP\n# TYPE\nup 1\n", "up 1\n"},
      {"# HELP up  Is it\\n \\\\up\\\"?\n# TYPE up gauge\nup 1\n",
       "up gauge \" Is it\\n \\\\up\\\\\\\"?\"\nup 1\n"},
      {"# HELP up\n# TYPE up untyped\n", "up unknown \"\"\n"},
      {"#\t TYPE \"a b\" counter\n", "a b counter \"\"\n"},
      {"a_bucket{le=\"+Inf\"} 3\na_bucket{le=\"1\"} 2\n",
       "a_bucket{le=\"+Inf\"} 3\na_bucket{le=\"1\"} 2\n"},
  };
  for (const Case& c : cases) {
    const auto page = Parse(c.page, "text/plain; version=0.0.4");
    ASSERT_TRUE(page) << c.page << ": " << page.error().message;
    EXPECT_EQ(Print(*page), c.want) << c.page;
  }
}

TEST(PrometheusText, ErrorsNameTheLine) {
  const Case cases[] = {
      {"up 1\n9a 1\n", "line 2: expected a metric name, got \"9a\""},
      {"up\n", "line 1: unexpected \"\" after the metric name"},
      {"up \n", "line 1: expected a value, got \"\""},
      {"a-b 1\n", "line 1: unexpected \"-b\" after the metric name"},
      {"up x\n", "line 1: expected a value, got \"x\""},
      {"up 0x1p1\n", "line 1: expected a value, got \"0x1p1\""},
      {"up 1_0\n", "line 1: expected a value, got \"1_0\""},
      {"up 1\r\n", "line 1: expected a value, got \"1\\r\""},
      {"up 1 x\n", "line 1: expected a timestamp, got \"x\""},
      {"up 1 1.5\n", "line 1: expected a timestamp, got \"1.5\""},
      {"up 1 2 3\n", "line 1: expected the end of the line, got \"3\""},
      {"a{b=\"c\" 1\n", "line 1: expected '}' after the labels"},
      {"a{b=\"c} 1\n", "line 1: a quoted text has no closing quote"},
      {"a{b=c} 1\n", "line 1: the value of label \"b\" is not quoted"},
      {"a{b} 1\n", "line 1: expected '=' after label name \"b\""},
      {"a{b:c=\"d\"} 1\n", "line 1: expected '=' after label name \"b\""},
      {"a{,} 1\n", "line 1: expected a label name, got \",\""},
      {"a{b=\"c\" d=\"e\"} 1\n", "line 1: expected ',' or '}' after a label, got \"d\""},
      {"a{b=\"c\",b=\"d\"} 1\n", "line 1: label name \"b\" is not unique"},
      {"a{\"m\"} 1\n", "line 1: label name \"__name__\" is not unique"},
      {"{b=\"c\"} 1\n", "line 1: the sample has no metric name"},
      {"a{b=\"\xff\"} 1\n", "line 1: label \"b\" is not valid UTF-8"},
      {"\n\n# TYPE a gaug\n", "line 3: invalid metric type \"gaug\""},
      {"# TYPE a info\n", "line 1: invalid metric type \"info\""},
      {"# HELP 9 x\n", "line 1: expected a metric name, got \"9\""},
      {"a{b=\"x\ny\"} 1\nc x\n", "line 3: expected a value, got \"x\""},
  };
  for (const Case& c : cases) {
    const auto page = Parse(c.page, "text/plain");
    ASSERT_FALSE(page) << c.page;
    EXPECT_EQ(page.error().code, Code::kInvalid);
    EXPECT_EQ(page.error().message, c.want) << c.page;
  }
}

TEST(OpenMetrics, AcceptsWhatPrometheusAccepts) {
  const Case cases[] = {
      {"# EOF\n", ""},
      {"# EOF", ""},
      {"a_total 1 1.5\n# EOF\n", "a_total 1 @1500\n"},
      {"a_total{b=\"c\"} 1 # {id=\"x\"} 0.5 1.25\n# EOF\n", "a_total{b=\"c\"} 1\n"},
      {"a_total 1 2 # {} 0.5\n# EOF\n", "a_total 1 @2000\n"},
      {"# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds \\\"x\\\"\n# EOF\n",
       "a_seconds counter \"\\\"x\\\"\" in seconds\n"},
      {"# TYPE a info\na_info{v=\"1\"} 1\n# EOF\n", "a info \"\"\na_info{v=\"1\"} 1\n"},
  };
  for (const Case& c : cases) {
    const auto page = Parse(c.page, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    ASSERT_TRUE(page) << c.page << ": " << page.error().message;
    EXPECT_EQ(Print(*page), c.want) << c.page;
  }
}

TEST(OpenMetrics, ErrorsNameTheLine) {
  const Case cases[] = {
      {"", "line 1: the page does not end with # EOF"},
      {"a 1\n", "line 2: the page does not end with # EOF"},
      {"\n# EOF\n", "line 1: blank lines are not allowed in OpenMetrics"},
      {"# EOF\na 1\n", "line 1: there is text after # EOF"},
      {"# comment\n# EOF\n", "line 1: expected # HELP, # TYPE, # UNIT or # EOF"},
      {"a  1\n# EOF\n", "line 1: expected a value, got \"\""},
      {"a {b=\"c\"} 1\n# EOF\n", "line 1: expected a value, got \"{b=\\\"c\\\"}\""},
      {"a 1 nan\n# EOF\n", "line 1: expected a timestamp, got \"nan\""},
      {"a 1 # x\n# EOF\n", "line 1: expected '{' after # of an exemplar"},
      {"# UNIT a seconds\n# EOF\n", "line 1: unit \"seconds\" is not a suffix of metric \"a\""},
      {"# TYPE a untyped\n# EOF\n", "line 1: invalid metric type \"untyped\""},
  };
  for (const Case& c : cases) {
    const auto page = Parse(c.page, "application/openmetrics-text");
    ASSERT_FALSE(page) << c.page;
    EXPECT_EQ(page.error().message, c.want) << c.page;
  }
}

TEST(Format, ComesFromTheContentType) {
  EXPECT_EQ(FormatOf("text/plain; version=1.0.0; escaping=allow-utf-8", {}),
            Format::kPrometheusText);
  EXPECT_EQ(FormatOf("Application/OpenMetrics-Text;version=1.0.0", {}), Format::kOpenMetrics);
  EXPECT_EQ(FormatOf("", Format::kPrometheusText), Format::kPrometheusText);
  EXPECT_EQ(FormatOf("text/html", {}).error().code, Code::kInvalid);
  EXPECT_FALSE(FormatOf("", {}));
}

TEST(Limits, AreNamedWhenReached) {
  const Limits limits{.max_samples = 2, .max_labels = 3, .max_label_bytes = 8};
  const auto parse = [&](std::string_view page) {
    return Parse(page, "text/plain", std::nullopt, limits);
  };
  EXPECT_TRUE(parse("a 1\nb 2\n"));
  EXPECT_EQ(parse("a 1\nb 2\nc 3\n").error().message,
            "line 3: the page has more than 2 samples, the limit");
  EXPECT_EQ(parse("a{b=\"1\",c=\"2\",d=\"3\"} 1\n").error().message,
            "line 1: a series has more than 3 labels, the limit");
  EXPECT_EQ(parse("a{b=\"123456789\"} 1\n").error().message,
            "line 1: label \"b\" is longer than the limit of 8 bytes");
}

TEST(Parser, GivesTheSeriesAsWritten) {
  const std::string_view page = "a { b=\"c\" }  1 5\nd 2\n";
  Parser parser(page, Format::kPrometheusText);
  ASSERT_EQ(parser.Next(), Parser::Kind::kSample);
  EXPECT_EQ(parser.series(), "a { b=\"c\" }");
  EXPECT_EQ(parser.time_ms(), 5);
  ASSERT_EQ(parser.Next(), Parser::Kind::kSample);
  EXPECT_EQ(parser.series(), "d");
  EXPECT_EQ(parser.time_ms(), std::nullopt);
  EXPECT_EQ(parser.Next(), Parser::Kind::kEnd);
  EXPECT_EQ(parser.Next(), Parser::Kind::kEnd);
}

}  // namespace
}  // namespace weir::exposition
