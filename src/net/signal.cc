#include <boost/asio/steady_timer.hpp>
#include <list>

#include "net/deadline.h"
#include "net/loop.h"

namespace weir::net {

namespace asio = boost::asio;

struct Signal::State {
  explicit State(Loop& l) : loop(l) {}

  struct Waiter {
    explicit Waiter(asio::io_context& context) : timer(context) {}
    asio::steady_timer timer;  // cancelled by Notify
    bool notified = false;
  };

  // Wakes all with the given answer.
  void Wake(bool notified) {
    std::list<std::shared_ptr<Waiter>> woken;
    woken.swap(waiters);
    for (const std::shared_ptr<Waiter>& waiter : woken) {
      waiter->notified = notified;
      waiter->timer.cancel();
    }
  }

  Loop& loop;
  std::list<std::shared_ptr<Waiter>> waiters;
  bool pending = false;  // a Notify that nobody waited for
};

Signal::Signal(Loop& loop) : state_(std::make_shared<State>(loop)) {}

// NOLINTNEXTLINE(bugprone-exception-escape): to cancel a timer cannot fail
Signal::~Signal() { state_->Wake(false); }

void Signal::Notify() {
  if (state_->waiters.empty()) {
    state_->pending = true;
  } else {
    state_->Wake(true);
  }
}

Task<bool> Signal::WaitUntil(std::shared_ptr<State> state, std::optional<Duration> limit) {
  if (const bool cancelled = co_await IsCancelled(); cancelled) co_return false;
  if (state->pending) {
    state->pending = false;
    co_return true;
  }
  auto waiter = std::make_shared<State::Waiter>(state->loop.context());
  if (limit) {
    waiter->timer.expires_after(*limit);
  } else {
    waiter->timer.expires_at(asio::steady_timer::time_point::max());
  }
  state->waiters.push_back(waiter);
  co_await waiter->timer.async_wait(kAwait);
  state->waiters.remove(waiter);  // there still where the limit passed or the task was cancelled
  co_return waiter->notified;
}

// Not coroutines themselves: the state is taken here, so that a waiter outlives its Signal.
Task<bool> Signal::Wait() { return WaitUntil(state_, std::nullopt); }
Task<bool> Signal::WaitFor(Duration limit) { return WaitUntil(state_, limit); }

}  // namespace weir::net
