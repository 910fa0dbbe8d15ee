// Listens for Services and passes their connections on. Owned by app. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "client/client.h"
#include "client/shared_informers.h"
#include "env/clock.h"
#include "env/random.h"
#include "net/loop.h"

namespace weir::proxy {

struct Options {
  std::size_t max_connections = 4096;                  // beyond: closed at once, counted
  Duration connect_timeout = std::chrono::seconds(3);  // of one backend
  Duration idle_timeout = std::chrono::hours(24);
};

class Proxy {
 public:
  // All references outlive the proxy.
  Proxy(net::Loop& loop, env::Clock& clock, env::Random& random, client::Client& client,
        client::SharedInformers& informers, Options options = {});
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Follows Services and EndpointSlices. A port that is taken is an event on its Service
  // (`ListenFailed`) and is tried again every 5 s.
  void Start();
  // Closes listeners and connections.
  net::Task<void> Stop();

  struct Counters {
    std::size_t listeners = 0;
    std::size_t active = 0;         // connections under way
    std::uint64_t connections = 0;  // accepted
    std::uint64_t refused = 0;      // above max_connections
    std::uint64_t unreachable = 0;  // no backend took the connection
    std::uint64_t retries = 0;      // a backend was passed over for the next
    std::uint64_t listen_failures = 0;
  };
  Counters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::proxy
