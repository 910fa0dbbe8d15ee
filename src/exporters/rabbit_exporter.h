// `weir exporter rabbitmq`: asks RabbitMQ when it is scraped. How many messages wait comes from
// passive declares, which tell it at once; what is unacknowledged and the rates come from the
// management API, whose statistics are as old as their series says. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "exporters/rabbit_options_plan.h"
#include "net/loop.h"

namespace weir::exporters {

class RabbitExporter {
 public:
  RabbitExporter(net::Loop& loop, RabbitExporterOptions options);
  ~RabbitExporter();
  RabbitExporter(const RabbitExporter&) = delete;
  RabbitExporter& operator=(const RabbitExporter&) = delete;

  // Listens; errors as net::HttpServer::Start, and kInvalid for certificates that are none.
  // RabbitMQ need not be there.
  Status Start();
  std::uint16_t port() const;
  // Before the destructor.
  net::Task<void> Stop(Duration grace);

  // One scrape. REQUIRES: started.
  net::Task<std::string> Page();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::exporters
