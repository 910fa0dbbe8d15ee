#include <fmt/format.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <utility>

#include "net/deadline.h"
#include "net/loop.h"

namespace weir::net {

namespace asio = boost::asio;

struct BlockingPool::State {
  State(Loop& l, int threads, std::size_t limit)
      : loop(l), size(static_cast<std::size_t>(threads)), queue_limit(limit), pool(size) {}

  Loop& loop;
  std::size_t size;
  std::size_t queue_limit;
  std::size_t jobs = 0;  // running and waiting; loop thread only
  asio::thread_pool pool;
};

BlockingPool::BlockingPool(Loop& loop, int threads, std::size_t queue_limit)
    : state_(std::make_shared<State>(loop, threads, queue_limit)) {}

BlockingPool::~BlockingPool() { state_->pool.join(); }

namespace {

Status RunCaught(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, fmt::format("a blocking job threw: {}", e.what()));
  } catch (...) {
    return Fail(Code::kInternal, "a blocking job threw");
  }
}

}  // namespace

Task<Status> BlockingPool::Run(std::function<void()> work) {
  const std::shared_ptr<State> state = state_;
  if (const bool cancelled = co_await IsCancelled(); cancelled)
    co_return Fail(Code::kCancelled, "the task is cancelled");
  if (state->jobs >= state->size + state->queue_limit) {
    co_return Fail(Code::kUnavailable,
                   fmt::format("{} blocking jobs wait already", state->queue_limit));
  }
  ++state->jobs;
  Status status;
  // The coroutine always waits for its job, cancelled or not: the job uses what the task owns.
  auto initiate = [state, &status, work = std::move(work)](auto handler) mutable {
    auto guard = asio::make_work_guard(state->loop.context());
    asio::post(state->pool, [&status, work = std::move(work), handler = std::move(handler),
                             guard = std::move(guard)]() mutable {
      status = RunCaught(work);
      work = nullptr;
      asio::post(guard.get_executor(), std::move(handler));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(initiate),
                                                                       asio::use_awaitable);
  --state->jobs;
  co_return status;
}

}  // namespace weir::net
