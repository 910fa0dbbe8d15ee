#include "brokers/retry.h"

#include <algorithm>
#include <chrono>

namespace weir::brokers {

Duration RetryDelay(int failures) {
  constexpr int kDoublingsMax = 10;
  const int doublings = std::clamp(failures - 1, 0, kDoublingsMax);
  return std::min<Duration>(std::chrono::milliseconds(100) * (1 << doublings),
                            std::chrono::seconds(5));
}

}  // namespace weir::brokers
