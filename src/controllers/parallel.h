// Several writes at once. Loop thread only.
#pragma once

#include <functional>
#include <vector>

#include "client/client.h"
#include "client/controller.h"

namespace weir::controllers {

// Starts all tasks and resumes when the last has ended; where it is cancelled, it cancels them and
// waits for their end. So what the functions capture need only outlive the await.
net::Task<void> RunAll(net::Loop& loop, std::vector<std::function<net::Task<void>()>> tasks);

}  // namespace weir::controllers
