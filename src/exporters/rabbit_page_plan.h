// What RabbitMQ's management API tells of queues, and the page of `weir exporter rabbitmq`. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "exporters/rabbit_options_plan.h"

namespace weir::exporters {

using RabbitQueueKey = std::pair<std::string, std::string>;  // virtual host, name

// A queue's entry in a listing; what the broker does not tell is empty.
struct RabbitListed {
  bool durable = false;
  std::string policy;
  std::string node;
  std::optional<double> unacknowledged;
  // message_stats, by the names that kbudde/rabbitmq-exporter gives their metrics, without prefix.
  std::map<std::string, double> statistics;
  bool operator==(const RabbitListed&) const = default;
};
using RabbitListing = std::map<RabbitQueueKey, RabbitListed>;

// Reads an answer of GET /api/queues, leaving out what the options leave out. kInvalid names what
// is no list of queues, or too long.
Result<RabbitListing> ReadListing(std::string_view body, const RabbitExporterOptions& options);

// What a scrape found.
struct RabbitFindings {
  // By passive declare, just now. A queue that is not here does not exist, or could not be asked.
  struct Declared {
    std::uint32_t ready = 0, consumers = 0;
  };
  std::map<RabbitQueueKey, Declared> declared;
  std::optional<Error> error;             // of the declares: nothing is known of ready messages
  std::optional<Error> management_error;  // of the last listing
  // The last listing that came, and how long ago that was.
  RabbitListing listing;
  std::optional<Duration> listing_age;
  // The same of message_stats, which are listed more rarely.
  RabbitListing statistics;
  std::optional<Duration> statistics_age;
  std::string cluster, node;
};

// A listing older than this tells nothing of unacknowledged messages any more.
inline constexpr Duration kListingAgeMax = std::chrono::seconds(30);

// kbudde/rabbitmq-exporter's page, the part that concerns queues, and the ages of what the
// management API told. Unknown is not zero: what is not known has no sample.
std::string RabbitPage(const RabbitFindings& findings, const RabbitExporterOptions& options);

}  // namespace weir::exporters
