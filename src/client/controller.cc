#include "client/controller.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <map>
#include <utility>

#include "client/work_queue_plan.h"

namespace weir::client {

struct Controller::State : std::enable_shared_from_this<Controller::State> {
  State(net::Loop& l, std::string n, int w, ReconcileFn fn)
      : loop(l),
        name(std::move(n)),
        workers(w),
        reconcile(std::move(fn)),
        group(l, name),
        added(l) {}

  void Enqueue(const std::string& key) {
    if (queue.Add(key)) added.Notify();
  }

  void EnqueueAfter(const std::string& key, Duration delay) {
    if (stopped) return;
    if (delay <= Duration::zero()) return Enqueue(key);
    auto timer = std::make_shared<boost::asio::steady_timer>(loop.context());
    timer->expires_after(delay);
    std::shared_ptr<boost::asio::steady_timer>& slot = delayed[key];
    if (slot != nullptr && slot->expiry() <= timer->expiry()) return;
    slot = timer;  // a later one is cancelled by its destructor
    const std::weak_ptr<State> weak = weak_from_this();
    timer->async_wait([weak, key, raw = timer.get()](boost::system::error_code error) {
      const std::shared_ptr<State> state = weak.lock();
      if (error || state == nullptr) return;
      const auto it = state->delayed.find(key);
      if (it == state->delayed.end() || it->second.get() != raw) return;
      state->delayed.erase(it);
      state->Enqueue(key);
    });
  }

  net::Task<void> Work() {
    while (!group.stopping()) {
      const std::optional<std::string> key = queue.Take();
      if (!key) {
        if (const bool ok = co_await added.Wait(); !ok) co_return;
        continue;
      }
      co_await ReconcileOne(*key);
      // Done wakes another worker where the key waits again; this one may be busy by then.
      if (queue.Done(*key)) added.Notify();
    }
  }

  net::Task<void> ReconcileOne(std::string key) {
    ++counters.reconciles;
    Result<ReconcileResult> result = ReconcileResult{};
    std::string failure;
    try {
      result = co_await reconcile(key);
    } catch (const std::exception& e) {
      failure = e.what();
    }
    if (!failure.empty()) {
      result = Fail(Code::kInternal, fmt::format("ended with an exception: {}", failure));
    }
    if (result) {
      queue.Succeeded(key);
      if (result->requeue_after > Duration::zero()) EnqueueAfter(key, result->requeue_after);
      co_return;
    }
    if (result.error().code == Code::kCancelled && group.stopping()) co_return;
    ++counters.errors;
    const Duration wait = queue.Failed(key);
    // A conflict is the ordinary price of optimistic writes: the next try reads anew.
    const auto level =
        result.error().code == Code::kConflict ? spdlog::level::debug : spdlog::level::warn;
    spdlog::log(level, "{}: {}: {} (again in {})", name, key, result.error().message,
                FormatGoDuration(wait));
    EnqueueAfter(key, wait);
  }

  net::Loop& loop;
  std::string name;
  int workers;
  ReconcileFn reconcile;
  net::TaskGroup group;
  net::Signal added;
  WorkQueue queue;
  std::map<std::string, std::shared_ptr<boost::asio::steady_timer>> delayed;
  Counters counters;
  bool stopped = false;
};

Controller::Controller(net::Loop& loop, std::string name, int workers, ReconcileFn reconcile)
    : state_(std::make_shared<State>(loop, std::move(name), workers, std::move(reconcile))) {}

Controller::~Controller() = default;

void Controller::Enqueue(std::string key) { state_->Enqueue(key); }

void Controller::EnqueueAfter(std::string key, Duration delay) { state_->EnqueueAfter(key, delay); }

void Controller::Start() {
  for (int i = 0; i < state_->workers; ++i) state_->group.Spawn(state_->Work());
}

net::Task<void> Controller::Stop() {
  const std::shared_ptr<State> state = state_;
  state->stopped = true;
  state->delayed.clear();
  co_await state->group.Stop();
}

Controller::Counters Controller::counters() const {
  Counters counters = state_->counters;
  counters.queued = state_->queue.waiting();
  return counters;
}

}  // namespace weir::client
