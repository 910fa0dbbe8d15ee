// Instants and lengths of time as values. Nothing here reads a clock: `now` is an argument
// everywhere (env/clock.h is where it comes from). Pure, any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir {

using Duration = std::chrono::nanoseconds;
// Wall-clock time since the Unix epoch, UTC.
using Time = std::chrono::sys_time<Duration>;

constexpr std::int64_t ToUnixMillis(Time t) {
  return std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
}
constexpr Time FromUnixMillis(std::int64_t ms) { return Time(std::chrono::milliseconds(ms)); }
constexpr double ToSeconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// `2026-01-01T00:00:15Z`: metav1.Time. Cut to whole seconds.
std::string FormatRfc3339(Time t);
// `2026-01-01T00:00:15.000000Z`: metav1.MicroTime.
std::string FormatRfc3339Micro(Time t);
// RFC 3339 with any fraction and offset; nullopt for anything else.
std::optional<Time> ParseRfc3339(std::string_view text);

// Go's time.Duration text (`1h2m3s`, `250ms`, `1.5s`), as flags and Kubernetes fields have it.
Result<Duration> ParseGoDuration(std::string_view text);
std::string FormatGoDuration(Duration d);

// Prometheus' duration text (`15s`, `1m30s`, `1d`, `500ms`): integers, units in falling order
// y w d h m s ms, no sign.
Result<Duration> ParsePrometheusDuration(std::string_view text);

// kubectl's age: `5s`, `2m10s`, `3h`, `4d20h` (k8s.io/apimachinery duration.HumanDuration).
std::string FormatAge(Duration d);

}  // namespace weir
