// The HTTP server of a program: /metrics, /healthz, and what the program itself answers. Loop
// thread only.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"
#include "net/loop.h"

namespace weir::workload {

prometheus::Counter& AddCounter(prometheus::Registry& registry, const std::string& name,
                                const std::string& help, const prometheus::Labels& labels = {});
prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name,
                            const std::string& help);

// The answer to GET /metrics and GET /healthz; nullopt for another path; 405 for another method.
std::optional<net::HttpResponse> StatusPage(const net::HttpRequest& request,
                                            const prometheus::Registry& registry);

class Server {
 public:
  using Handler = std::function<net::Task<net::HttpResponse>(net::HttpRequest)>;
  using Observer = std::function<void(const std::string& path, int status)>;

  // `others` answers all but the status pages (none: 404); `answered` is told of each answer,
  // before it is sent. The registry must outlive the server.
  Server(net::Loop& loop, const net::ListenAddress& listen, const prometheus::Registry& registry,
         Handler others = nullptr, Observer answered = nullptr);

  // As of net::HttpServer.
  Status Start() { return http_.Start(); }
  std::uint16_t port() const { return http_.port(); }
  net::Task<void> Stop(Duration grace) { return http_.Stop(grace); }

 private:
  net::Task<void> Answer(net::HttpRequest request, net::ResponseWriter* writer);

  const prometheus::Registry& registry_;
  Handler others_;
  Observer answered_;
  net::HttpServer http_;
};

}  // namespace weir::workload
