#include "kube/quantity.h"

#include <gtest/gtest.h>

#include <limits>

namespace weir::kube {
namespace {

constexpr std::string_view kFormat =
    "quantities must match the regular expression "
    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
constexpr std::string_view kSuffix = "unable to parse quantity's suffix";

TEST(Quantity, ParsesAndPrintsAsApimachinery) {
  struct Case {
    std::string_view text, printed;
  };
  constexpr Case kCases[] = {
      {"0", "0"},
      {"0Ki", "0"},
      {"-0", "0"},
      {"00", "0"},
      {".", "0"},
      {"m", "0"},
      {"-", "0"},
      {"e3", "0"},
      {"1", "1"},
      {"1n", "1n"},
      {"1.5n", "2n"},
      {"0.5n", "1n"},
      {"-0.5n", "-1n"},
      {"100m", "100m"},
      {"1000m", "1"},
      {"1500m", "1500m"},
      {"10000m", "10"},
      {"0.5", "500m"},
      {".5", "500m"},
      {"+.5", "500m"},
      {"-.5", "-500m"},
      {"1.5", "1500m"},
      {"1.50", "1500m"},
      {"5.", "5."},
      {"+1", "+1"},
      {"007", "007"},
      {"0.001T", "1G"},
      {"1000000", "1M"},
      {"1234567M", "1234567M"},
      {"1010", "1010"},
      {"1000E", "1"},
      {"1024E", "1024E"},
      {"100000000000000000000", "100E"},
      {"92233720368547758070", "92233720368547758070"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"0.123456789", "123456789n"},
      {"0.1234567891", "123456790n"},
      {"123456789.123456789", "123456789.123456789"},
      {"123456789.1234567891", "123456789123456790n"},
      {"3.14159", "3141590u"},
      {"9.3E", "9300P"},
      {"1.23456789012345678901", "1234567891n"},
      // Binary.
      {"1Ki", "1Ki"},
      {"1024Ki", "1Mi"},
      {"1000Ki", "1000Ki"},
      {"1025Ki", "1025Ki"},
      {"1536Mi", "1536Mi"},
      {"1.5Gi", "1536Mi"},
      {"307200Ki", "300Mi"},
      {"1.5Ki", "1536"},
      {"+1.5Gi", "1536Mi"},
      {"0.5Ki", "512"},
      {".001Ki", "1024m"},
      {"0.3Mi", "314572800m"},
      {"0.1Ei", "115292150460684697600m"},
      {"0.00000001Ki", "10240n"},
      {"1.1Gi", "1181116006400m"},
      {"7Ei", "7Ei"},
      {"8Ei", "9223372036854775807"},
      {"8192Pi", "9223372036854775807"},
      {"12345678Ti", "9223372036854775807"},
      {"-1.5Ki", "-1536"},
      {"-1Ki", "-1Ki"},
      // Exponents.
      {"1e3", "1e3"},
      {"1E3", "1E3"},
      {"1e+3", "1e+3"},
      {"1e0", "1e0"},
      {"1e1", "10"},
      {"1e4", "10e3"},
      {"1e-1", "100e-3"},
      {"12e-1", "1200e-3"},
      {"1e-9", "1e-9"},
      {"1e-10", "1e-9"},
      {"1.1e3", "1100"},
      {"1.3E+6", "1300e3"},
      {"1500e3", "1500e3"},
      {"1000e3", "1e6"},
      {"1e99", "1e99"},
      {"1e100", "10e99"},
      {"4.9e-324", "1e-9"},
      {"1.7976931348623157e308", "179769313486231570e291"},
      {"1E2", "100"},
      {"2E", "2E"},
      {"-1e-10", "-1e-9"},
      {"15e-4", "1500e-6"},
      {"1e2147483647", "10e2147483646"},
  };
  for (const Case& c : kCases) {
    Result<Quantity> got = Quantity::Parse(c.text);
    ASSERT_TRUE(got) << c.text << ": " << got.error().message;
    EXPECT_EQ(got->ToString(), c.printed) << c.text;
  }
}

TEST(Quantity, RefusesInUpstreamsWords) {
  struct Case {
    std::string_view text, message;
  };
  constexpr Case kCases[] = {
      {"", kFormat},      {" ", kFormat},    {"1.5.2", kFormat}, {"1 Gi", kFormat},
      {"1h", kFormat},    {"1MB", kFormat},  {"64Mb", kFormat},  {"1e3.5", kFormat},
      {"1e-3m", kFormat}, {"0x10", kFormat}, {"NaN", kFormat},   {"1e2e3", kFormat},
      {"1e", kSuffix},    {"1ek", kSuffix},  {"1K", kSuffix},    {"1mi", kSuffix},
      {"1Mi1", kSuffix},  {"--1", kSuffix},  {"+-1", kSuffix},   {"1EE", kSuffix},
      {"1e+-3", kFormat},
  };
  for (const Case& c : kCases) {
    Result<Quantity> got = Quantity::Parse(c.text);
    ASSERT_FALSE(got) << c.text << " is " << got->ToString();
    EXPECT_EQ(got.error().message, c.message) << c.text;
  }
}

TEST(Quantity, PrintsConstructed) {
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  using F = Quantity::Format;
  struct Case {
    std::int64_t milli;
    F format;
    std::string_view printed;
  };
  constexpr Case kCases[] = {
      {0, F::kDecimalSi, "0"},
      {500, F::kDecimalSi, "500m"},
      {1000, F::kDecimalSi, "1"},
      {2350, F::kDecimalSi, "2350m"},
      {10500, F::kDecimalSi, "10500m"},
      {1000000, F::kDecimalSi, "1k"},
      {1500000, F::kDecimalSi, "1500"},
      {-1500, F::kDecimalSi, "-1500m"},
      {kMin, F::kDecimalSi, "-9223372036854775808m"},
      {104857600000, F::kBinarySi, "100Mi"},
      {1234567, F::kBinarySi, "1234567m"},
      {5000, F::kBinarySi, "5"},
      {1025000, F::kBinarySi, "1025"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Quantity::FromMilli(c.milli, c.format).ToString(), c.printed) << c.milli;
  }
  EXPECT_EQ(Quantity::FromInt(2048, F::kBinarySi).ToString(), "2Ki");
}

TEST(Quantity, RoundsAwayFromZeroAndSaturates) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  struct Case {
    std::string_view text;
    std::int64_t milli, value;
  };
  constexpr Case kCases[] = {
      {"0", 0, 0},
      {"1", 1000, 1},
      {"1.0001", 1001, 2},
      {"-1.5m", -2, -1},
      {"999m", 999, 1},
      {"1u", 1, 1},
      {"999999999n", 1000, 1},
      {"1Gi", 1073741824000, 1073741824},
      {"9223372036854775807", kMax, kMax},
      {"9223372036854775808", kMax, kMax},
      {"-9223372036854775809", kMin, kMin},
      {"1e30", kMax, kMax},
      {"1e2147483647", kMax, kMax},
  };
  for (const Case& c : kCases) {
    Result<Quantity> got = Quantity::Parse(c.text);
    ASSERT_TRUE(got) << c.text;
    EXPECT_EQ(got->MilliValue(), c.milli) << c.text;
    EXPECT_EQ(got->Value(), c.value) << c.text;
  }
}

TEST(Quantity, WrapsAsGoDoes) {
  // 18 digits are an int64 upstream, whose overflow gives 0; more are a decimal, which wraps.
  EXPECT_EQ(Quantity::Parse("9E")->MilliValueWrapping(), 0);
  EXPECT_EQ(Quantity::Parse("9223372036854775808")->MilliValueWrapping(), 0);
  EXPECT_EQ(Quantity::Parse("9223372036854775.809")->MilliValueWrapping(),
            std::numeric_limits<std::int64_t>::min() + 1);
  EXPECT_EQ(Quantity::Parse("1500m")->MilliValueWrapping(), 1500);
}

TEST(Quantity, Compares) {
  constexpr std::string_view kAscending[] = {"-1e30", "-1", "-1m", "0",   "1n", "1m",
                                             "0.5",   "1",  "1k",  "1Ki", "1M", "1e30"};
  for (std::size_t i = 0; i < std::size(kAscending); ++i) {
    for (std::size_t j = 0; j < std::size(kAscending); ++j) {
      int want = i < j ? -1 : (i == j ? 0 : 1);
      EXPECT_EQ(Quantity::Parse(kAscending[i])->Compare(*Quantity::Parse(kAscending[j])), want)
          << kAscending[i] << " and " << kAscending[j];
    }
  }
  EXPECT_EQ(Quantity::Parse("1000m")->Compare(*Quantity::Parse("1")), 0);
  EXPECT_EQ(Quantity::Parse("1024Mi")->Compare(*Quantity::Parse("1Gi")), 0);
}

TEST(Quantity, ConvertsToDouble) {
  EXPECT_EQ(Quantity::Parse("300m")->ToDouble(), 0.3);
  EXPECT_EQ(Quantity::Parse("-1.5Ki")->ToDouble(), -1536);
  EXPECT_EQ(Quantity::Parse("1e99")->ToDouble(), 1e99);
  EXPECT_EQ(Quantity::Parse("0")->ToDouble(), 0);
  EXPECT_EQ(Quantity::Parse("1e400")->ToDouble(), std::numeric_limits<double>::infinity());
}

TEST(Quantity, RoundsUpToMilli) {
  EXPECT_EQ(Quantity::Parse("1n")->RoundedUpToMilli().ToString(), "1m");
  EXPECT_EQ(Quantity::Parse("123456789.123456789")->RoundedUpToMilli().ToString(), "123456789124m");
  EXPECT_EQ(Quantity::Parse("1e-10")->RoundedUpToMilli().ToString(), "1e-3");
  EXPECT_EQ(Quantity::Parse("5.")->RoundedUpToMilli().ToString(), "5.");
}

}  // namespace
}  // namespace weir::kube
