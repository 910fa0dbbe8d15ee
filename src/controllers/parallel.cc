#include "controllers/parallel.h"

#include <memory>
#include <utility>

namespace weir::controllers {
namespace {

struct Join {
  Join(net::Loop& loop, std::size_t count) : left(count), done(loop) {}
  std::size_t left;
  net::Signal done;
};

net::Task<void> RunOne(std::shared_ptr<Join> join, std::function<net::Task<void>()> task) {
  co_await task();
  if (--join->left == 0) join->done.Notify();
}

}  // namespace

net::Task<void> RunAll(net::Loop& loop, std::vector<std::function<net::Task<void>()>> tasks) {
  if (tasks.empty()) co_return;
  if (tasks.size() == 1) {
    const std::function<net::Task<void>()> only = std::move(tasks[0]);
    co_await only();
    co_return;
  }
  net::TaskGroup group(loop, "parallel");
  auto join = std::make_shared<Join>(loop, tasks.size());
  for (auto& task : tasks) group.Spawn(RunOne(join, std::move(task)));
  while (join->left > 0) {
    if (const bool woken = co_await join->done.Wait(); !woken) break;  // cancelled: so are they
  }
  co_await group.Stop();
}

}  // namespace weir::controllers
