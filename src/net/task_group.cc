#include <spdlog/spdlog.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <list>
#include <utility>

#include "base/check.h"
#include "net/deadline.h"
#include "net/loop.h"

namespace weir::net {

namespace asio = boost::asio;

struct TaskGroup::State {
  State(Loop& l, std::string n) : loop(l), name(std::move(n)), drained(l.context()) {
    drained.expires_at(asio::steady_timer::time_point::max());
  }

  Loop& loop;
  std::string name;
  std::list<asio::cancellation_signal> running;
  asio::steady_timer drained;  // cancelled when the last task of a stopping group has ended
  bool stopping = false;
  std::uint64_t failures = 0;
};

TaskGroup::TaskGroup(Loop& loop, std::string name)
    : state_(std::make_shared<State>(loop, std::move(name))) {}

TaskGroup::~TaskGroup() { WEIR_CHECK(state_->running.empty() || state_->loop.closing()); }

Task<void> TaskGroup::RunTask(std::shared_ptr<State> state, Task<void> task) {
  // The awaits of net answer a cancelled task with `false` or kCancelled; none throws.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await Yield();
  if (const bool cancelled = co_await IsCancelled(); cancelled) co_return;
  std::string what;
  try {
    co_await std::move(task);
    co_return;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "an exception of an unknown type";
  }
  ++state->failures;
  spdlog::error("{}: a task ended with an exception: {}", state->name, what);
}

void TaskGroup::Spawn(Task<void> task) {
  if (state_->stopping) return;
  const auto entry = state_->running.emplace(state_->running.end());
  auto ended = [state = state_, entry](const std::exception_ptr&) {
    state->running.erase(entry);
    if (state->running.empty()) state->drained.cancel();
  };
  asio::co_spawn(state_->loop.context(), RunTask(state_, std::move(task)),
                 asio::bind_cancellation_slot(entry->slot(), std::move(ended)));
}

void TaskGroup::Cancel() {
  // Cancelled operations complete through the loop's queue, never inside emit, so that the list
  // stays as it is while it is walked.
  for (asio::cancellation_signal& task : state_->running) {
    task.emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::Stop() {
  const std::shared_ptr<State> state = state_;
  state->stopping = true;
  Cancel();
  // Waits on even where the caller is itself cancelled: the tasks use what the caller destroys.
  while (!state->running.empty()) co_await state->drained.async_wait(kAwait);
}

Loop& TaskGroup::loop() const { return state_->loop; }
std::size_t TaskGroup::running() const { return state_->running.size(); }
bool TaskGroup::stopping() const { return state_->stopping; }
std::uint64_t TaskGroup::failures() const { return state_->failures; }

}  // namespace weir::net
