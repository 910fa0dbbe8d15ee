#include "apiserver/metrics.h"

#include <algorithm>

namespace weir::apiserver {

void Histogram::Observe(Duration latency) {
  const double seconds = ToSeconds(latency);
  const auto bucket = std::ranges::lower_bound(kLatencyBuckets, seconds) - kLatencyBuckets.begin();
  ++counts[static_cast<std::size_t>(bucket)];
  ++count;
  sum_seconds += seconds;
}

}  // namespace weir::apiserver
