// Counts of what the API server did. Plain values: app turns them into Prometheus' metrics.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "base/time.h"

namespace weir::apiserver {

// Upper bounds in seconds of the latency histogram; one more bucket is for all above.
inline constexpr std::array kLatencyBuckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                               0.05,   0.1,   0.25,   0.5,   1.0,  5.0};

struct Histogram {
  std::array<std::uint64_t, kLatencyBuckets.size() + 1> counts{};  // not cumulative
  std::uint64_t count = 0;
  double sum_seconds = 0;

  void Observe(Duration latency);
};

struct Metrics {
  struct RequestKey {
    std::string verb;
    std::string resource;  // "pods", "pods/log", "deployments.apps"; empty for other paths
    int code = 0;
    auto operator<=>(const RequestKey&) const = default;
  };
  std::map<RequestKey, std::uint64_t> requests;
  // By verb; watches are not in it.
  std::map<std::string, Histogram> latency;
  std::uint64_t watches_open = 0;
  std::uint64_t watch_events_sent = 0;
  std::uint64_t watches_overrun = 0;  // ended with 410 because the reader was too slow
};

}  // namespace weir::apiserver
