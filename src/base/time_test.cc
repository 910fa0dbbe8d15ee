#include "base/time.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::chrono_literals;

Time At(std::int64_t seconds, std::int64_t nanos = 0) {
  return Time(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos));
}

TEST(Time, Rfc3339) {
  EXPECT_EQ(FormatRfc3339(At(1767225615, 999'999'999)), "2026-01-01T00:00:15Z");
  EXPECT_EQ(FormatRfc3339(At(-1)), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatRfc3339Micro(At(1767225615, 1'500)), "2026-01-01T00:00:15.000001Z");
  EXPECT_EQ(FormatRfc3339Micro(At(0)), "1970-01-01T00:00:00.000000Z");

  struct Case {
    std::string_view text;
    std::optional<Time> want;
  };
  const Case cases[] = {{"2026-01-01T00:00:15Z", At(1767225615)},
                        {"2026-01-01T00:00:15.25Z", At(1767225615, 250'000'000)},
                        {"2026-01-01T01:30:15+01:30", At(1767225615)},
                        {"2025-12-31T23:00:15-01:00", At(1767225615)},
                        {"2024-02-29T00:00:00Z", At(1709164800)},
                        {"2026-02-29T00:00:00Z", std::nullopt},
                        {"2026-01-01T24:00:00Z", std::nullopt},
                        {"2026-01-01T00:00:60Z", std::nullopt},
                        {"2026-01-01T00:00:15", std::nullopt},
                        {"2026-01-01T00:00:15.Z", std::nullopt},
                        {"2026-01-01 00:00:15Z", std::nullopt},
                        {"2026-1-01T00:00:15Z", std::nullopt},
                        {"9999-01-01T00:00:15Z", std::nullopt},
                        {"2026-01-01T00:00:15Zx", std::nullopt},
                        {"", std::nullopt}};
  for (const Case& c : cases) EXPECT_EQ(ParseRfc3339(c.text), c.want) << c.text;
}

TEST(Time, GoDurations) {
  struct Case {
    std::string_view text;
    Duration want;
  };
  const Case cases[] = {{"0", 0ns},
                        {"1h2m3s", 3723s},
                        {"250ms", 250ms},
                        {"1.5s", 1500ms},
                        {"-1m", -60s},
                        {"+5s", 5s},
                        {"1us", 1us},
                        {"1\xC2\xB5s", 1us},
                        {".5m", 30s},
                        {"1s1s", 2s},
                        {"2562047h47m16.854775807s", Duration::max()},
                        {"-2562047h47m16.854775808s", Duration::min()}};
  for (const Case& c : cases) EXPECT_EQ(ParseGoDuration(c.text), c.want) << c.text;

  struct Bad {
    std::string_view text, message;
  };
  const Bad bad[] = {{"", "time: invalid duration \"\""},
                     {"3", "time: missing unit in duration \"3\""},
                     {"3d", "time: unknown unit \"d\" in duration \"3d\""},
                     {".s", "time: invalid duration \".s\""},
                     {"x", "time: invalid duration \"x\""},
                     {"-", "time: invalid duration \"-\""},
                     {"9223372037s", "time: invalid duration \"9223372037s\""}};
  for (const Bad& c : bad) {
    const auto got = ParseGoDuration(c.text);
    ASSERT_FALSE(got) << c.text;
    EXPECT_EQ(got.error().message, c.message);
  }
}

TEST(Time, FormatGoDuration) {
  struct Case {
    Duration value;
    std::string_view want;
  };
  const Case cases[] = {{0ns, "0s"},
                        {1ns, "1ns"},
                        {1500ns, "1.5\xC2\xB5s"},
                        {1500us, "1.5ms"},
                        {1500ms, "1.5s"},
                        {60s, "1m0s"},
                        {3600s, "1h0m0s"},
                        {-90s, "-1m30s"},
                        {300s, "5m0s"},
                        {3661s + 1ns, "1h1m1.000000001s"},
                        {Duration::min(), "-2562047h47m16.854775808s"}};
  for (const Case& c : cases) {
    EXPECT_EQ(FormatGoDuration(c.value), c.want);
    EXPECT_EQ(ParseGoDuration(c.want), c.value);
  }
}

TEST(Time, PrometheusDurations) {
  struct Case {
    std::string_view text;
    Duration want;
  };
  const Case cases[] = {{"0", 0s},    {"15s", 15s},     {"1m30s", 90s},      {"1d", 24h},
                        {"1w", 168h}, {"500ms", 500ms}, {"1h1ms", 1h + 1ms}, {"1y", 8760h}};
  for (const Case& c : cases) EXPECT_EQ(ParsePrometheusDuration(c.text), c.want) << c.text;
  for (std::string_view bad : {"", "1", "s", "1s1m", "1s1s", "-1s", "1.5s", "1x", "400y", " 1s"}) {
    EXPECT_FALSE(ParsePrometheusDuration(bad)) << bad;
  }
}

TEST(Time, FormatAgeAsKubectl) {
  struct Case {
    Duration value;
    std::string_view want;
  };
  const Case cases[] = {{-2s, "<invalid>"},   {-1s, "0s"},
                        {0s, "0s"},           {119s, "119s"},
                        {120s, "2m"},         {130s, "2m10s"},
                        {600s, "10m"},        {179min, "179m"},
                        {3h, "3h"},           {3h + 5min, "3h5m"},
                        {8h + 5min, "8h"},    {47h, "47h"},
                        {48h, "2d"},          {4 * 24h + 20h, "4d20h"},
                        {8 * 24h + 1h, "8d"}, {730 * 24h, "2y"},
                        {731 * 24h, "2y1d"},  {3000 * 24h, "8y"}};
  for (const Case& c : cases) EXPECT_EQ(FormatAge(c.value), c.want);
}

}  // namespace
}  // namespace weir
