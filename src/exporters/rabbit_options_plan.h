// How `weir exporter rabbitmq` is configured: the environment variables of
// kbudde/rabbitmq-exporter, as far as they concern queues. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/http.h"

namespace weir::exporters {

struct RabbitExporterOptions {
  net::Endpoint management;
  std::string management_path;  // before /api, without a slash at its end
  std::string amqp_host;
  std::uint16_t amqp_port = 5672;
  std::string user, password;
  // Regular expressions (RE2), searched for anywhere in the name.
  std::string include_queues = ".*", skip_queues = "^$";
  std::string include_vhost = ".*", skip_vhost = "^$";
  std::int64_t max_queues = 0;  // more than this fail the scrape; 0: no limit
  Duration timeout = std::chrono::seconds(30);
  net::ListenAddress listen;
};

// Errors name the variable. Without PUBLISH_ADDR it listens on $POD_IP, or on loopback.
Result<RabbitExporterOptions> ParseRabbitExporterOptions(
    const std::function<std::string(const char* name)>& env);

// The variables, for --help.
std::string RabbitExporterUsage();

}  // namespace weir::exporters
