// The consumer: takes one item at a time from a Redis list, works on it, and removes it when the
// work is done. Loop thread only.
//
// What is in Redis, for a queue `jobs` (README.md explains):
//   jobs                     items that wait
//   jobs:processing:<owner>  the item that <owner> works on
//   jobs:lease:<owner>       exists while <owner> lives: renewed each second, gone 5 s after
//   jobs:done                how many items were finished, each counted once
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "brokers/redis.h"
#include "env/clock.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::consumer {

struct Options {
  net::ListenAddress listen;
  brokers::RedisOptions redis;
  std::string queue = "jobs";
  std::string owner;  // unique among all consumers that ever ran: a pod's name and something random
  Duration per_item = std::chrono::seconds(1);
  bool cpu_burn = false;  // computes for so long instead of waiting
  Duration lease = std::chrono::seconds(5);
  Duration recover_every = std::chrono::seconds(5);
};

class Consumer {
 public:
  // `clock` is read by a thread of its own where cpu_burn is set.
  Consumer(net::Loop& loop, env::Clock& clock, Options options);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Listens (errors as net::HttpServer::Start) and begins to work as soon as Redis is there.
  Status Start();
  std::uint16_t port() const;

  // Takes no more items. Drained resumes when the item under way is finished and the lease is
  // given back (false when cancelled).
  void Drain();
  net::Task<bool> Drained();
  // Ends everything where it stands; what was taken stays in Redis for others to recover.
  net::Task<void> Stop();

  struct Counters {
    std::uint64_t consumed = 0, recovered = 0;
  };
  Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::consumer
