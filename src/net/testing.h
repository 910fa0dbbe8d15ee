// For tests of every shell module: runs coroutines from a plain test body, keeps answers.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/http.h"
#include "net/loop.h"

namespace weir::net {

template <class T>
Task<T> Uncancelled(Task<T> task) {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(task);
}

// Runs the loop until the task has ended and returns its result. An exception of the task's, of
// which there should be none, comes out of here.
template <class T>
T RunTask(Loop& loop, Task<T> task) {
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    boost::asio::co_spawn(loop.context(), Uncancelled(std::move(task)),
                          [&](std::exception_ptr error) {
                            failure = error;
                            done = true;
                            loop.Stop();
                          });
    while (!done) loop.Run();
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> result;
    boost::asio::co_spawn(loop.context(), Uncancelled(std::move(task)),
                          [&](std::exception_ptr error, T value) {
                            failure = error;
                            result.emplace(std::move(value));
                            loop.Stop();
                          });
    while (!result) loop.Run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }
}

// Keeps what a handler answers at once.
class SentResponse final : public ResponseWriter {
 public:
  Task<Status> Send(HttpResponse response) override {
    sent = std::move(response);
    co_return Status();
  }
  Task<Status> Begin(HttpResponse) override { co_return Status(); }
  Task<Status> Write(std::string) override { co_return Status(); }
  Task<Status> End() override { co_return Status(); }
  bool closed() const override { return false; }
  void OnClose(std::function<void()>) override {}

  HttpResponse sent;
};

}  // namespace weir::net
