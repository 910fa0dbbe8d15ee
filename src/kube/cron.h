// Schedules of CronJobs: five fields, or `@every 1h`, `@daily` and their like, as robfig/cron/v3
// reads them. Value; pure.
#pragma once

#include <bitset>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weir::kube {

class CronSchedule {
 public:
  // The error's words are upstream's.
  static Result<CronSchedule> Parse(std::string_view text);
  // The first time after `after`, in UTC; nullopt where there is none within five years.
  std::optional<Time> Next(Time after) const;

 private:
  using Set = std::bitset<64>;
  bool MatchesDay(std::chrono::sys_days day) const;

  Duration every_{0};  // of `@every`; the sets are not used then
  Set minutes_, hours_, days_, months_, weekdays_;
  bool any_day_ = false, any_weekday_ = false;  // said as `*`
};

}  // namespace weir::kube
