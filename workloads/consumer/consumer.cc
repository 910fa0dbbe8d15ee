#include "consumer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "brokers/retry.h"
#include "queue_plan.h"
#include "workload/program.h"
#include "workload/server.h"

namespace weir::consumer {
namespace {

// How long Redis may hold a take open. An idle consumer that is told to stop ends within it.
constexpr std::string_view kTakeSeconds = "0.5";
constexpr Duration kTakeWait = std::chrono::milliseconds(500);
constexpr std::size_t kOwnersMax = 100'000;
// Once told to stop: tries to write down what was done before leaving it to be done again.
constexpr int kLastTries = 5;

}  // namespace

struct Consumer::State {
  State(net::Loop& loop, env::Clock& clock, Options o)
      : options(std::move(o)),
        keys(options.queue, options.owner),
        taker(loop, options.redis),
        control(loop, options.redis),
        group(loop, "consumer"),
        work(loop, clock, options.per_item, options.cpu_burn),
        lease_held(loop),
        drain_asked(loop),
        drained(loop),
        consumed(
            workload::AddCounter(registry, "consumer_messages_consumed_total", "Items finished.")),
        recovered(workload::AddCounter(registry, "consumer_messages_recovered_total",
                                       "Items of dead consumers put back into the queue.")),
        redis_errors(workload::AddCounter(registry, "consumer_redis_errors_total",
                                          "Exchanges with Redis that failed.")),
        working(workload::AddGauge(registry, "consumer_working", "1 while an item is worked on.")),
        server(loop, options.listen, registry) {}

  net::Task<void> KeepLease();
  net::Task<void> RecoverAgainAndAgain();
  net::Task<void> Recover();
  net::Task<void> WorkOn();
  net::Task<void> PutBackUnseen();
  net::Task<bool> Process(std::string item);
  net::Task<bool> Finish(std::string item);
  net::Task<void> Leave();

  // Logs the first failure of a row, and counts all.
  void Failed(std::string_view what, const Error& error) {
    if (error.code == Code::kCancelled) return;
    redis_errors.Increment();
    if (failures_in_row++ == 0) spdlog::warn("{}: {}", what, error.message);
  }
  void Succeeded() {
    if (failures_in_row > 0) spdlog::info("redis {} answers again", taker.where());
    failures_in_row = 0;
  }

  Options options;
  QueueKeys keys;
  brokers::Redis taker;    // may be held by a take for half a second
  brokers::Redis control;  // everything else
  net::TaskGroup group;
  workload::Work work;
  net::Signal lease_held;
  net::Signal drain_asked;
  net::Signal drained;
  prometheus::Registry registry;
  prometheus::Counter& consumed;
  prometheus::Counter& recovered;
  prometheus::Counter& redis_errors;
  prometheus::Gauge& working;
  workload::Server server;
  int failures_in_row = 0;
  bool has_lease = false;
  bool redis_was_away = false;
  bool draining = false;
  bool has_left = false;
};

// The lease is renewed apart from the work, so that a consumer with a long item is not taken for
// dead.
net::Task<void> Consumer::State::KeepLease() {
  while (!has_left) {
    const Result<brokers::RespValue> held = co_await control.Do(LeaseCommand(keys, options.lease));
    if (held) {
      Succeeded();
      if (!std::exchange(has_lease, true)) lease_held.Notify();
    } else {
      redis_was_away = true;
      Failed("lease", held.error());
    }
    if (const bool ok = co_await net::Sleep(options.lease / 5); !ok) co_return;
  }
}

net::Task<void> Consumer::State::RecoverAgainAndAgain() {
  while (!draining) {
    // While Redis was away nobody could renew a lease: everybody gets one period to do so.
    if (has_lease && !std::exchange(redis_was_away, false)) co_await Recover();
    if (const bool ok = co_await net::Sleep(options.recover_every); !ok) co_return;
  }
}

net::Task<void> Consumer::State::Recover() {
  const auto lists = co_await control.Keys(keys.processing_pattern, kOwnersMax);
  if (!lists) co_return Failed("look for dead owners", lists.error());
  for (const std::string& list : *lists) {
    const std::optional<std::string> owner = keys.OwnerOf(list);
    if (!owner || *owner == options.owner) continue;
    const QueueKeys dead(options.queue, *owner);
    const Result<std::int64_t> moved = co_await control.Integer(RecoverCommand(dead));
    if (!moved) co_return Failed("recover", moved.error());
    if (*moved <= 0) continue;
    recovered.Increment(static_cast<double>(*moved));
    spdlog::info("put back {} of {}, which is dead", *moved, *owner);
  }
}

net::Task<void> Consumer::State::WorkOn() {
  while (!has_lease && !draining) {
    if (const bool ok = co_await lease_held.Wait(); !ok) co_return;
  }
  // The first look for dead owners comes before the first item.
  if (!draining) co_await Recover();
  while (!draining) {
    const Result<std::optional<std::string>> item =
        co_await taker.Text(TakeCommand(keys, kTakeSeconds), kTakeWait);
    if (!item) {
      if (item.error().code == Code::kCancelled) co_return;
      Failed("take", item.error());
      co_await drain_asked.WaitFor(brokers::RetryDelay(failures_in_row));
      if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
      co_await PutBackUnseen();
      continue;
    }
    Succeeded();
    if (draining) continue;  // an item that came too late is put back by Leave
    if (!*item) {
      co_await PutBackUnseen();
      continue;
    }
    if (const bool ok = co_await Process(**item); !ok) co_return;
  }
  co_await Leave();
  has_left = true;
  drained.Notify();
}

// A take that Redis carried out, but whose answer was lost, leaves an item in this owner's list
// that it does not know of; as its lease lives on, nobody else would put it back. Called after each
// take without an item: also a while after a failure, since Redis may carry a take out late.
net::Task<void> Consumer::State::PutBackUnseen() {
  const Result<std::int64_t> moved = co_await control.Integer(PutBackCommand(keys));
  if (!moved) co_return Failed("put back", moved.error());
  if (*moved > 0) spdlog::info("put back {}, taken in an exchange that failed", *moved);
}

// False when cancelled.
net::Task<bool> Consumer::State::Process(std::string item) {
  working.Set(1);
  const bool worked = co_await work.Do();
  working.Set(0);
  if (!worked) co_return false;
  co_return co_await Finish(std::move(item));
}

// Tries until Redis has it: the work is done and must not be lost. False when cancelled.
net::Task<bool> Consumer::State::Finish(std::string item) {
  for (int tries = 1;; ++tries) {
    const Result<std::int64_t> removed = co_await control.Integer(FinishCommand(keys, item));
    if (removed) {
      Succeeded();
      if (*removed == 1) {
        consumed.Increment();
        spdlog::info("done {}", item);
      } else if (tries == 1) {
        spdlog::warn("{} was taken over by another consumer meanwhile", item);
      } else {
        // Most likely the try before was carried out and only its answer was lost.
        spdlog::info("done {} (confirmed late)", item);
      }
      co_return true;
    }
    if (removed.error().code == Code::kCancelled) co_return false;
    Failed("finish", removed.error());
    if (draining && tries >= kLastTries) {
      spdlog::warn("{} stays in {}: another consumer will do it again", item, keys.processing);
      co_return true;
    }
    if (const bool ok = co_await net::Sleep(brokers::RetryDelay(failures_in_row)); !ok)
      co_return false;
  }
}

net::Task<void> Consumer::State::Leave() {
  if (!has_lease) co_return;
  const Result<std::int64_t> left = co_await control.Integer(LeaveCommand(keys));
  if (!left) co_return Failed("leave", left.error());
  if (*left > 0) spdlog::info("put back {}", *left);
}

Consumer::Consumer(net::Loop& loop, env::Clock& clock, Options options)
    : state_(std::make_shared<State>(loop, clock, std::move(options))) {}

Consumer::~Consumer() = default;

Status Consumer::Start() {
  if (Status started = state_->server.Start(); !started) return started;
  state_->group.Spawn(state_->KeepLease());
  state_->group.Spawn(state_->RecoverAgainAndAgain());
  state_->group.Spawn(state_->WorkOn());
  return {};
}

std::uint16_t Consumer::port() const { return state_->server.port(); }

void Consumer::Drain() {
  state_->draining = true;
  state_->lease_held.Notify();
  state_->drain_asked.Notify();
}

net::Task<bool> Consumer::Drained() {
  const std::shared_ptr<State> state = state_;
  while (!state->has_left) {
    if (const bool ok = co_await state->drained.Wait(); !ok) co_return false;
  }
  co_return true;
}

net::Task<void> Consumer::Stop() {
  const std::shared_ptr<State> state = state_;
  co_await state->group.Stop();
  co_await state->server.Stop(Duration::zero());
}

Consumer::Counters Consumer::counters() const {
  Counters counters;
  counters.consumed = static_cast<std::uint64_t>(state_->consumed.Value());
  counters.recovered = static_cast<std::uint64_t>(state_->recovered.Value());
  return counters;
}

}  // namespace weir::consumer
