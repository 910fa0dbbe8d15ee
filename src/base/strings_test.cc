#include "base/strings.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace weir {
namespace {

TEST(Strings, SplitKeepsEmptyPieces) {
  EXPECT_EQ(Split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(Split("", ','), std::vector<std::string>{""});
  EXPECT_EQ(Split(",", ','), (std::vector<std::string>{"", ""}));
  EXPECT_EQ(Join({"a", "b", ""}, "--"), "a--b--");
  EXPECT_EQ(Join({}, ","), "");
}

TEST(Strings, TrimLowerReplace) {
  EXPECT_EQ(Trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(Trim("  "), "");
  EXPECT_EQ(ToLower("AbZ-\xC3\x84"), "abz-\xC3\x84");
  EXPECT_EQ(ReplaceAll("aXbXX", "X", "--"), "a--b----");
  EXPECT_EQ(ReplaceAll("abc", "", "-"), "abc");
}

TEST(Strings, ParseInt) {
  struct Case {
    std::string_view text;
    std::optional<std::int64_t> want;
  };
  const Case cases[] = {{"0", 0},
                        {"-17", -17},
                        {"9223372036854775807", INT64_MAX},
                        {"9223372036854775808", std::nullopt},
                        {"+1", std::nullopt},
                        {" 1", std::nullopt},
                        {"1 ", std::nullopt},
                        {"", std::nullopt},
                        {"1.0", std::nullopt}};
  for (const Case& c : cases) EXPECT_EQ(ParseInt(c.text), c.want) << c.text;
}

TEST(Strings, ParseDoubleReadsWhatStrconvReads) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  struct Case {
    std::string_view text;
    std::optional<double> want;
  };
  const Case cases[] = {{"0", 0.0},
                        {"1.5", 1.5},
                        {"+1.5", 1.5},
                        {"-2e3", -2000.0},
                        {".5", 0.5},
                        {"5.", 5.0},
                        {"1E+2", 100.0},
                        {"0x1p-2", 0.25},
                        {"-0X1.8P1", -3.0},
                        {"Inf", kInf},
                        {"+inf", kInf},
                        {"-INFINITY", -kInf},
                        {"1e-400", 0.0},
                        {"0.0001e-330", 0.0},
                        {"1e400", std::nullopt},
                        {"0x1", std::nullopt},
                        {"0x", std::nullopt},
                        {"", std::nullopt},
                        {".", std::nullopt},
                        {"-", std::nullopt},
                        {"1e", std::nullopt},
                        {"1_000", std::nullopt},
                        {" 1", std::nullopt},
                        {"1x", std::nullopt},
                        {"+nan", std::nullopt},
                        {"nan(1)", std::nullopt},
                        {"--1", std::nullopt},
                        {"0x-1p1", std::nullopt},
                        {"infin", std::nullopt}};
  for (const Case& c : cases) EXPECT_EQ(ParseDouble(c.text), c.want) << c.text;
  EXPECT_TRUE(std::isnan(ParseDouble("NaN").value_or(0)));
  EXPECT_TRUE(std::signbit(ParseDouble("-0").value_or(1)));
}

TEST(Strings, FormatDoublePrintsAsPrometheus) {
  struct Case {
    double value;
    std::string_view want;
  };
  const Case cases[] = {{0, "0"},
                        {-0.0, "-0"},
                        {1, "1"},
                        {1000000, "1000000"},
                        {0.1, "0.1"},
                        {1e20, "100000000000000000000"},
                        {1e21, "1e+21"},
                        {0.000001, "0.000001"},
                        {0.0000001, "1e-07"},
                        {1.0 / 3, "0.3333333333333333"},
                        {std::numeric_limits<double>::infinity(), "+Inf"},
                        {-std::numeric_limits<double>::infinity(), "-Inf"},
                        {std::nan(""), "NaN"}};
  for (const Case& c : cases) EXPECT_EQ(FormatDouble(c.value), c.want);
}

TEST(Strings, FormattedDoublesReadBack) {
  std::uint64_t state = 1;
  for (int i = 0; i < 2000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    const double value = std::bit_cast<double>(state);
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(ParseDouble(FormatDouble(value)), value);
  }
}

TEST(Strings, Base64) {
  for (std::string_view plain : {"", "f", "fo", "foo", "foob", "fooba", "\xff\x00\x10"}) {
    EXPECT_EQ(Base64Decode(Base64Encode(plain)), std::string(plain));
  }
  EXPECT_EQ(Base64Encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(Base64Decode("Zm9v\r\nYmE=\n"), "fooba");
  for (std::string_view bad : {"Zg", "Zg=", "Z===", "=", "Zg==Zg==", "Zm9*",
                               "Zg=="
                               "a"}) {
    EXPECT_EQ(Base64Decode(bad), std::nullopt) << bad;
  }
}

TEST(Strings, PercentCoding) {
  EXPECT_EQ(PercentDecode("a%41+%7e", true), "aA ~");
  EXPECT_EQ(PercentDecode("a+b", false), "a+b");
  for (std::string_view bad : {"%", "%4", "%zz", "a%4g"}) {
    EXPECT_EQ(PercentDecode(bad, false), std::nullopt) << bad;
  }
  EXPECT_EQ(PercentEncode("a/b c~\xC3\xA9"), "a%2Fb%20c~%C3%A9");
}

TEST(Strings, QuoteAsGo) {
  EXPECT_EQ(Quote("plain"), "\"plain\"");
  EXPECT_EQ(Quote("a\"b\\c\n\t\x01\x7f"), "\"a\\\"b\\\\c\\n\\t\\x01\\x7f\"");
  EXPECT_EQ(Quote("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
  EXPECT_EQ(Quote("\xC2\xA0\xEF\xBB\xBF"), "\"\\u00a0\\ufeff\"");
  EXPECT_EQ(Quote("\xff\xC3"), "\"\\xff\\xc3\"");
}

TEST(Strings, Utf8) {
  EXPECT_TRUE(IsUtf8("plain \xC3\xA9 \xF0\x9F\x98\x80"));
  for (std::string_view bad : {"\x80", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(Strings, GlobMatch) {
  struct Case {
    std::string_view pattern, text;
    bool want;
  };
  const Case cases[] = {{"redis*", "redis:6", true},
                        {"redis*", "aredis", false},
                        {"*", "", true},
                        {"", "", true},
                        {"", "a", false},
                        {"a?c", "abc", true},
                        {"a?c", "ac", false},
                        {"*a*b", "xaxxbxb", true},
                        {"*a*b", "xaxxbxc", false},
                        {"a**b", "ab", true},
                        {"*aaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}};
  for (const Case& c : cases) EXPECT_EQ(GlobMatch(c.pattern, c.text), c.want) << c.pattern;
}

TEST(Strings, Fnv1aHasItsPublishedValues) {
  EXPECT_EQ(Fnv1a(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(Fnv1a("foobar"), 0x85944171f73967e8ULL);
  EXPECT_EQ(Fnv1a32("foobar"), 0xbf9cf968U);
}

TEST(Strings, ExpandTemplateAsGoDoes) {
  const auto value = [](std::string_view name) { return "<" + std::string(name) + ">"; };
  struct Case {
    const char* text;
    const char* want;
  };
  const Case cases[] = {
      {"", ""},
      {"a", "a"},
      {"$1", "<1>"},
      {"${1}_x", "<1>_x"},
      {"$1_x", "<1_x>"},
      {"$$1", "$1"},
      {"$", "$"},
      {"a$-b", "a$-b"},
      {"${1", "${1"},
      {"${}", "${}"},
      {"$name.$n2", "<name>.<n2>"},
      {"${a b}", "${a b}"},
  };
  for (const Case& c : cases) EXPECT_EQ(ExpandTemplate(c.text, value), c.want) << c.text;
}

}  // namespace
}  // namespace weir
