// The producer: an HTTP server that pushes items into a Redis list. Loop thread only.
//
//   POST /publish          one item
//   POST /publish/{count}  1 to 1000000 items
//   GET  /metrics, /healthz
//
// Items have unique ids. `<queue>:published` in Redis counts what was pushed, in the same step as
// the push, so that it can be compared with the consumers' `<queue>:done` exactly.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "brokers/redis.h"
#include "env/random.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::producer {

struct Options {
  net::ListenAddress listen;
  brokers::RedisOptions redis;
  std::string queue = "jobs";
};

// The count that a request's path asks for; kNotFound for another path, kInvalid for a count that
// is none or out of range, with what was expected.
Result<std::int64_t> CountOf(std::string_view path);

class Producer {
 public:
  Producer(net::Loop& loop, env::Random& random, Options options);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Listens; errors as net::HttpServer::Start. Redis need not be there.
  Status Start();
  std::uint16_t port() const;
  // Lets requests under way finish for at most `grace`.
  net::Task<void> Stop(Duration grace);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::producer
