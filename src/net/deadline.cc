#include "net/deadline.h"

#include <boost/asio/this_coro.hpp>
#include <utility>

namespace weir::net {

namespace asio = boost::asio;

struct Deadline::State {
  explicit State(const asio::any_io_executor& executor) : timer(executor) {}

  asio::steady_timer timer;
  asio::cancellation_signal signal;
  asio::cancellation_slot parent;
  bool expired = false;
  bool cancelled = false;
};

Task<Deadline> Deadline::In(Duration timeout) {
  auto state = std::make_shared<State>(co_await asio::this_coro::executor);
  asio::cancellation_state parent = co_await asio::this_coro::cancellation_state;
  state->cancelled = parent.cancelled() != asio::cancellation_type::none;
  state->parent = parent.slot();
  // A task that is cancelled already gets a deadline that has passed.
  Arm(state, state->cancelled ? Duration::zero() : timeout);
  co_return Deadline(std::move(state));
}

// NOLINTNEXTLINE(bugprone-exception-escape): to cancel a timer cannot fail
Deadline::~Deadline() {
  if (state_ == nullptr) return;
  if (state_->parent.is_connected()) state_->parent.clear();
  state_->timer.cancel();
}

asio::cancellation_slot Deadline::Attach() const {
  if (state_->parent.is_connected()) {
    // A raw pointer: the slot is cleared before the state goes.
    state_->parent.assign([raw = state_.get()](asio::cancellation_type type) {
      raw->cancelled = true;
      raw->signal.emit(type);
    });
  }
  return state_->signal.slot();
}

void Deadline::Arm(const std::shared_ptr<State>& state, Duration timeout) {
  state->timer.expires_after(timeout);  // cancels the wait before
  const std::weak_ptr<State> weak = state;
  const auto expiry = state->timer.expiry();
  state->timer.async_wait([weak, expiry](boost::system::error_code error) {
    const std::shared_ptr<State> alive = weak.lock();
    // A wait that had already completed when the timer was set anew is told by its expiry.
    if (error || alive == nullptr || alive->timer.expiry() != expiry) return;
    alive->expired = true;
    alive->signal.emit(asio::cancellation_type::terminal);
  });
}

void Deadline::Restart(Duration timeout) {
  if (!state_->cancelled && !state_->expired) Arm(state_, timeout);
}

void Deadline::Lift() { state_->timer.expires_at(asio::steady_timer::time_point::max()); }

bool Deadline::expired() const { return state_->expired; }
bool Deadline::cancelled() const { return state_->cancelled; }

Code Deadline::code(Code otherwise) const {
  if (state_->cancelled) return Code::kCancelled;
  return state_->expired ? Code::kTimeout : otherwise;
}

}  // namespace weir::net
