// How `weir exporter rabbitmq` is configured: the environment variables of
// kbudde/rabbitmq-exporter. What concerns queues is honoured, the rest is refused or noted. Pure.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/http.h"
#include "net/tls.h"

namespace weir::exporters {

struct RabbitExporterOptions {
  net::Endpoint management;
  std::string management_path;  // before /api, without a slash at its end
  std::string amqp_host;
  std::uint16_t amqp_port = 5672;
  bool amqp_tls = false;
  std::string user, password;
  // For TLS: whom to believe (empty: the system's authorities), what to show (may be empty).
  std::string ca_pem;
  net::KeyPair certificate;
  bool insecure = false;
  bool loadbalancer = false;  // the answers may come from any node
  bool no_sort = true;        // lists are asked for unsorted
  // Regular expressions (RE2), searched for anywhere in the name.
  std::string include_queues = ".*", skip_queues = "^$";
  std::string include_vhost = ".*", skip_vhost = "^$";
  std::set<std::string> exclude_metrics;  // by that exporter's keys: message_stats.publish
  std::int64_t max_queues = 0;            // more than this fail the scrape; 0: no limit
  Duration timeout = std::chrono::seconds(30);
  net::ListenAddress listen;
  std::string log_level = "info";  // trace, debug, info, warning, error, critical
  bool log_json = false;
  // What was asked for and has no effect here, and what to do instead: for the log at the start.
  std::vector<std::string> notices;
};

// The surroundings; a file that does not exist is kNotFound.
struct RabbitExporterInput {
  std::function<std::string(const char* name)> env;
  std::function<Result<std::string>(const std::string& path)> read_file;
};

// Errors name the variable. Without PUBLISH_ADDR it listens on $POD_IP, or on loopback.
Result<RabbitExporterOptions> ParseRabbitExporterOptions(const RabbitExporterInput& input);

// The variables, for --help.
std::string RabbitExporterUsage();

}  // namespace weir::exporters
