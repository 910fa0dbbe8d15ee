// The worker: takes messages from a RabbitMQ queue, one at a time, works on each, and acknowledges
// it when the work is done. What a worker that dies had in hand, the broker delivers again. Loop
// thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "brokers/amqp.h"
#include "env/clock.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::worker {

struct Options {
  net::ListenAddress listen;
  brokers::AmqpOptions rabbit;  // `queues` is the worker's own business
  std::string queue = "Orders";
  // Gets a message with the id of each that was finished, before that is acknowledged; empty: none.
  std::string done_queue;
  Duration per_message = std::chrono::seconds(5);
  bool cpu_burn = false;
  // A body at which the worker dies at once, to see what becomes of the queue; empty: none.
  std::string die_at;
};

class Worker {
 public:
  Worker(net::Loop& loop, env::Clock& clock, Options options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Listens; errors as net::HttpServer::Start. RabbitMQ need not be there.
  Status Start();
  std::uint16_t port() const;
  // Finishes the message in hand, takes no other, and ends the connection; false when cancelled.
  net::Task<bool> Drain();
  // Ends everything. A message in hand goes back to its queue.
  net::Task<void> Stop();

  struct Counters {
    std::uint64_t done = 0, set_aside = 0, errors = 0;
    bool working = false;
  };
  Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::worker
