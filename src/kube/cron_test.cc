#include "kube/cron.h"

#include <gtest/gtest.h>

namespace weir::kube {
namespace {

TEST(CronTest, TheNextTime) {
  struct Case {
    const char *schedule, *after, *next;
  };
  const Case cases[] = {
      {"* * * * *", "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z"},
      {"* * * * *", "2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"},
      {"*/15 1,2 * * *", "2026-01-01T02:46:00Z", "2026-01-02T01:00:00Z"},
      {"30 3 * JAN-MAR MON", "2026-01-01T00:00:00Z", "2026-01-05T03:30:00Z"},
      {"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
      // Both days said: either is enough.
      {"0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
      {"@daily", "2026-01-01T10:00:00Z", "2026-01-02T00:00:00Z"},
      {"@every 1h30m", "2026-01-01T00:00:00Z", "2026-01-01T01:30:00Z"},
      {" 0 0 * * ? ", "2026-01-01T10:00:00Z", "2026-01-02T00:00:00Z"},
      {"0 0 30 2 *", "2026-01-01T00:00:00Z", "never"},
  };
  for (const Case& c : cases) {
    const auto schedule = CronSchedule::Parse(c.schedule);
    ASSERT_TRUE(schedule) << c.schedule;
    const auto next = schedule->Next(*ParseRfc3339(c.after));
    EXPECT_EQ(next ? FormatRfc3339(*next) : "never", c.next) << c.schedule;
  }
}

TEST(CronTest, WhatIsNoSchedule) {
  struct Case {
    const char *schedule, *why;
  };
  const Case cases[] = {
      {"* * * *", "expected exactly 5 fields, found 4: [* * * *]"},
      {"60 * * * *", "end of range (60) above maximum (59): 60"},
      {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
      {"*/0 * * * *", "step of range should be a positive number: */0"},
      {"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
      {"1,a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax"},
      {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
      {"1/2/3 * * * *", "too many slashes: 1/2/3"},
      {"-1 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax"},
      {"@reboot", "unrecognized descriptor: @reboot"},
      {"@every", "unrecognized descriptor: @every"},
      {"@every 1x",
       "failed to parse duration @every 1x: time: unknown unit \"x\" in duration "
       "\"1x\""},
  };
  for (const Case& c : cases) {
    const auto schedule = CronSchedule::Parse(c.schedule);
    ASSERT_FALSE(schedule) << c.schedule;
    EXPECT_EQ(schedule.error().message, c.why);
  }
}

}  // namespace
}  // namespace weir::kube
