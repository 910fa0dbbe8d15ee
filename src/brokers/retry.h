// How long to wait before the next try at a server after so many failures in a row. Pure.
#pragma once

#include "base/time.h"

namespace weir::brokers {

// 100 ms doubling to 5 s.
Duration RetryDelay(int failures);

}  // namespace weir::brokers
