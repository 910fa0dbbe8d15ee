// The event loop that the control plane runs on, and the words of its coroutines. One thread calls
// Loop::Run; every component lives on that thread unless its header says otherwise.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace weir::net {

template <class T = void>
using Task = boost::asio::awaitable<T>;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until Stop, or until nothing is left to do.
  void Run();
  // Makes Run return after the handler under way. Any thread.
  void Stop();
  // Runs `fn` on the loop thread, soon. Any thread.
  void Post(std::function<void()> fn);

  // Time since an arbitrary start, as the loop's timers count it. For measuring only.
  Duration Monotonic();

  boost::asio::io_context& context() { return context_; }
  // Whether the loop is being destroyed, and with it the tasks that it never finished.
  bool closing() const { return closing_; }

 private:
  bool closing_ = false;  // outlives the context
  boost::asio::io_context context_;
};

// Cancellation sticks: once its group cancelled a task, every await of net (this one, Signal, HTTP,
// TCP) answers "cancelled" at once, so a task ends by returning when it is told so.

// Resumes after `delay` (at once for delay <= 0). Returns false when the task was cancelled.
Task<bool> Sleep(Duration delay);

// Whether the task has been cancelled. Every await of net asks first, so that a cancelled task
// cannot get stuck in a further wait.
Task<bool> IsCancelled();

// Lets other ready handlers run first.
Task<void> Yield();

// Runs every task of one component. Stop refuses new tasks, cancels those that run and waits for
// them. An exception that reaches a task's root is a bug: logged and counted, never swallowed
// silently, and the program goes on. Loop thread only.
class TaskGroup {
 public:
  TaskGroup(Loop& loop, std::string name);
  // REQUIRES: stopped (or never used).
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts the task (its first step runs soon, never inside Spawn). Dropped after Stop began.
  void Spawn(Task<void> task);
  // Cancels all tasks and resumes when the last has ended. A task may await Stop of another group,
  // never of its own.
  Task<void> Stop();
  // Cancels all tasks without waiting.
  void Cancel();
  Loop& loop() const;
  std::size_t running() const;
  bool stopping() const;
  // How many tasks ended with an exception.
  std::uint64_t failures() const;

 private:
  struct State;
  static Task<void> RunTask(std::shared_ptr<State> state, Task<void> task);
  std::shared_ptr<State> state_;
};

// Something that happens again and again and that tasks wait for: Notify wakes every waiter once;
// a Notify without waiters is remembered for the next Wait. Loop thread only.
class Signal {
 public:
  explicit Signal(Loop& loop);
  ~Signal();
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  void Notify();
  // false when cancelled.
  Task<bool> Wait();
  // Resumes at the next Notify or after `limit`; true for a Notify.
  Task<bool> WaitFor(Duration limit);

 private:
  struct State;
  static Task<bool> WaitUntil(std::shared_ptr<State> state, std::optional<Duration> limit);
  std::shared_ptr<State> state_;
};

// A few threads for work that blocks (a library's, or computing). Work is value in, value out:
// `work` runs on a pool thread, the coroutine resumes on the loop with its result. At most
// `queue_limit` jobs wait; beyond that Run answers kUnavailable at once.
class BlockingPool {
 public:
  BlockingPool(Loop& loop, int threads, std::size_t queue_limit);
  ~BlockingPool();  // waits for the jobs under way
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  Task<Status> Run(std::function<void()> work);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::net
