#include "worker.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <utility>

#include "brokers/retry.h"
#include "retry_plan.h"
#include "workload/program.h"
#include "workload/server.h"

namespace weir::worker {
namespace {

// An idle worker that is told to stop ends within this time.
constexpr Duration kTakeWait = std::chrono::milliseconds(500);
constexpr std::int64_t kDoneMax = 1'000'000;
constexpr int kDiesWith = 70;

brokers::AmqpOptions WithQueues(const Options& options) {
  brokers::AmqpOptions rabbit = options.rabbit;
  brokers::AmqpQueueSpec queue;
  queue.name = options.queue;
  rabbit.queues = {queue, RetryQueue(options.queue)};
  if (options.done_queue.empty()) return rabbit;
  queue.name = options.done_queue;
  queue.max_length = kDoneMax;
  rabbit.queues.push_back(queue);
  return rabbit;
}

}  // namespace

struct Worker::State {
  State(net::Loop& loop, env::Clock& clock, Options o)
      : options(std::move(o)),
        rabbit(loop, WithQueues(options)),
        work(loop, clock, options.per_message, options.cpu_burn),
        group(loop, "worker"),
        drain_asked(loop),
        drained(loop),
        done(workload::AddCounter(registry, "worker_messages_done_total", "Messages finished.")),
        set_aside(workload::AddCounter(
            registry, "worker_messages_set_aside_total",
            "Messages delivered again and put off, for a worker may die of them.")),
        errors(workload::AddCounter(registry, "worker_rabbitmq_errors_total",
                                    "Exchanges with RabbitMQ that failed.")),
        working(workload::AddGauge(registry, "worker_working", "1 while a message is worked on.")),
        server(loop, options.listen, registry) {}

  net::Task<void> TakeAndWork();
  net::Task<Status> TakeUntilBroken();
  net::Task<Status> Process(brokers::AmqpDelivery delivery);
  net::Task<Status> PutOff(brokers::AmqpMessage message);
  net::Task<Status> Record(std::string id);

  // Logs the first failure of a row, and counts all.
  void Failed(const Error& error) {
    if (error.code == Code::kCancelled) return;
    errors.Increment();
    if (failures_in_row++ == 0) spdlog::warn("{}", error.message);
  }

  Options options;
  brokers::Amqp rabbit;
  workload::Work work;
  net::TaskGroup group;
  net::Signal drain_asked;
  net::Signal drained;
  prometheus::Registry registry;
  prometheus::Counter& done;
  prometheus::Counter& set_aside;
  prometheus::Counter& errors;
  prometheus::Gauge& working;
  workload::Server server;
  int failures_in_row = 0;
  bool draining = false;
  bool has_left = false;
};

net::Task<void> Worker::State::TakeAndWork() {
  while (!draining) {
    Status status = co_await rabbit.Consume(options.queue, 1);
    if (status) {
      if (failures_in_row > 0) spdlog::info("rabbitmq {} answers again", rabbit.where());
      status = co_await TakeUntilBroken();
    }
    const bool cancelled = co_await net::IsCancelled();
    if (cancelled) co_return;
    if (status) continue;
    Failed(status.error());
    // Whatever state the exchange broke off in, the next one begins anew.
    co_await rabbit.Close();
    co_await drain_asked.WaitFor(brokers::RetryDelay(failures_in_row));
  }
  co_await rabbit.Close();
  has_left = true;
  drained.Notify();
}

// OK when told to stop.
net::Task<Status> Worker::State::TakeUntilBroken() {
  while (!draining) {
    auto delivery = co_await rabbit.Next(kTakeWait);
    if (!delivery) co_return std::unexpected(delivery.error());
    failures_in_row = 0;
    // One that comes too late goes back with the connection.
    std::optional<brokers::AmqpDelivery>& taken = *delivery;
    if (!taken || draining) continue;
    Status processed = co_await Process(std::move(*taken));
    if (!processed) co_return processed;
  }
  co_return Status();
}

net::Task<Status> Worker::State::Process(brokers::AmqpDelivery delivery) {
  if (std::optional<brokers::AmqpMessage> later = SetAside(delivery)) {
    const Status put_off = co_await PutOff(std::move(*later));
    if (put_off) rabbit.Acknowledge(delivery);
    co_return put_off;
  }
  if (!options.die_at.empty() && delivery.message.body == options.die_at) {
    spdlog::error("dying at {}, as told", delivery.message.id);
    spdlog::shutdown();
    std::_Exit(kDiesWith);
  }
  working.Set(1);
  const bool worked = co_await work.Do();
  working.Set(0);
  if (!worked) co_return Fail(Code::kCancelled, "cancelled");
  if (!rabbit.Holds(delivery)) {
    co_return Fail(Code::kUnavailable,
                   delivery.message.id + " was worked on in vain: its connection broke");
  }
  if (!options.done_queue.empty()) {
    const Status recorded = co_await Record(delivery.message.id);
    if (!recorded) co_return recorded;
  }
  rabbit.Acknowledge(delivery);
  done.Increment();
  spdlog::info("done {}", delivery.message.id);
  co_return Status();
}

net::Task<Status> Worker::State::PutOff(brokers::AmqpMessage message) {
  set_aside.Increment();
  spdlog::info(
      "{} was delivered before: put off for {} s", message.id,
      std::chrono::floor<std::chrono::seconds>(message.expiration.value_or(Duration::zero()))
          .count());
  const std::string retry = RetryQueue(options.queue).name;
  co_return co_await rabbit.Publish(retry, std::move(message));
}

net::Task<Status> Worker::State::Record(std::string id) {
  brokers::AmqpMessage message;
  message.id = std::move(id);
  const std::string queue = options.done_queue;
  co_return co_await rabbit.Publish(queue, std::move(message));
}

Worker::Worker(net::Loop& loop, env::Clock& clock, Options options)
    : state_(std::make_shared<State>(loop, clock, std::move(options))) {}

Worker::~Worker() = default;

Status Worker::Start() {
  if (Status started = state_->server.Start(); !started) return started;
  state_->group.Spawn(state_->TakeAndWork());
  return {};
}

std::uint16_t Worker::port() const { return state_->server.port(); }

net::Task<bool> Worker::Drain() {
  const std::shared_ptr<State> state = state_;
  state->draining = true;
  state->drain_asked.Notify();
  while (!state->has_left) {
    const bool ok = co_await state->drained.Wait();
    if (!ok) co_return false;
  }
  co_return true;
}

net::Task<void> Worker::Stop() {
  const std::shared_ptr<State> state = state_;
  co_await state->group.Stop();
  co_await state->rabbit.Stop();
  co_await state->server.Stop(Duration::zero());
}

Worker::Counters Worker::counters() const {
  Counters counters;
  counters.done = static_cast<std::uint64_t>(state_->done.Value());
  counters.set_aside = static_cast<std::uint64_t>(state_->set_aside.Value());
  counters.errors = static_cast<std::uint64_t>(state_->errors.Value());
  counters.working = state_->working.Value() > 0;
  return counters;
}

}  // namespace weir::worker
