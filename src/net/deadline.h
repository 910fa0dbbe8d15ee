// Deadlines for network operations: Boost 1.81 has no `cancel_after`, so this is the one place that
// ties an operation to a timer. For the sources of shells that speak Asio themselves; everybody
// else passes a timeout to a function of net. Loop thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "base/result.h"
#include "base/time.h"
#include "net/loop.h"

namespace weir::net {

// The completion token of this program: errors come as values.
inline constexpr auto kAwait = boost::asio::as_tuple(boost::asio::use_awaitable);

// Bounds the operations of one scope together. Use:
//
//   const Deadline deadline = co_await Deadline::In(timeout);
//   auto token = deadline.token();  // one for each operation
//   auto [error, n] = co_await socket.async_read_some(buffer, token);
//   if (error) co_return Fail(deadline.code(), ...);
//
// While it lives, every await of the coroutine must use token(): it also carries the task's own
// cancellation, which an await with another token would detach.
class Deadline {
 public:
  // Starts to count now.
  static Task<Deadline> In(Duration timeout);
  ~Deadline();
  Deadline(Deadline&&) noexcept = default;
  Deadline& operator=(Deadline&&) = delete;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  // For one operation: an awaited operation detaches the task's cancellation when it completes.
  auto token() const { return boost::asio::bind_cancellation_slot(Attach(), kAwait); }

  // Counts anew from now, for the next step of the same scope.
  void Restart(Duration timeout);
  // Lets the operations go on without a limit.
  void Lift();

  bool expired() const;
  bool cancelled() const;
  // Why an operation failed: kTimeout, kCancelled, else `otherwise`.
  Code code(Code otherwise = Code::kUnavailable) const;

 private:
  struct State;
  explicit Deadline(std::shared_ptr<State> state) : state_(std::move(state)) {}
  boost::asio::cancellation_slot Attach() const;
  static void Arm(const std::shared_ptr<State>& state, Duration timeout);
  std::shared_ptr<State> state_;
};

}  // namespace weir::net
