// `weir exporter redis`: asks Redis when it is scraped, so that the scrape interval is the only
// delay between a list and its metric. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "exporters/redis_options_plan.h"
#include "net/loop.h"

namespace weir::exporters {

class RedisExporter {
 public:
  RedisExporter(net::Loop& loop, RedisExporterOptions options);
  ~RedisExporter();
  RedisExporter(const RedisExporter&) = delete;
  RedisExporter& operator=(const RedisExporter&) = delete;

  // Listens; errors as net::HttpServer::Start. Redis need not be there.
  Status Start();
  std::uint16_t port() const;
  net::Task<void> Stop(Duration grace);

  // One scrape.
  net::Task<std::string> Page();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::exporters
