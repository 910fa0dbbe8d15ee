#include "net/loop.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "net/deadline.h"

namespace weir::net {

namespace asio = boost::asio;

Loop::Loop() : context_(1) {}

Loop::~Loop() { closing_ = true; }

void Loop::Run() {
  context_.run();
  // Makes the loop usable again; after `run`, so that a Stop that came before Run is not lost.
  context_.restart();
}

void Loop::Stop() { context_.stop(); }

void Loop::Post(std::function<void()> fn) { asio::post(context_, std::move(fn)); }

Duration Loop::Monotonic() {
  // A timer's expiry is the only clock that net reads.
  asio::steady_timer timer(context_);
  timer.expires_after(Duration::zero());
  return timer.expiry().time_since_epoch();
}

Task<bool> IsCancelled() {
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

Task<bool> Sleep(Duration delay) {
  if (const bool cancelled = co_await IsCancelled(); cancelled) co_return false;
  if (delay <= Duration::zero()) {
    co_await Yield();
    co_return !co_await IsCancelled();
  }
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(delay);
  const auto [error] = co_await timer.async_wait(kAwait);
  co_return !error;
}

Task<void> Yield() { co_await asio::post(asio::use_awaitable); }

}  // namespace weir::net
