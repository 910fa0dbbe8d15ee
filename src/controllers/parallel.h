// Several writes at once. Loop thread only.
#pragma once

#include <functional>
#include <vector>

#include "client/client.h"
#include "client/controller.h"

namespace weir::controllers {

// Starts all tasks on the group and resumes when the last has ended (or when cancelled). What the
// functions capture must outlive the await.
net::Task<void> RunAll(net::TaskGroup& group, std::vector<std::function<net::Task<void>()>> tasks);

}  // namespace weir::controllers
