// What a scrape of `weir exporter redis` has to ask Redis, and the page that its answers make.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "brokers/redis.h"
#include "exporters/redis_options_plan.h"

namespace weir::exporters {

// The command that measures a key of the type that TYPE told; none for a key that does not exist
// and for types that have no length.
std::optional<brokers::RedisCommand> LengthCommand(std::string_view type, const std::string& key);

struct KeySize {
  RedisKey key;
  std::int64_t size = 0;
  bool operator==(const KeySize&) const = default;
};

// What one scrape found. With an error nothing is known of any key: then the page tells redis_up 0
// and no key, because unknown is not zero.
struct RedisFindings {
  std::optional<Error> error;
  std::vector<KeySize> sizes;
};

// redis_exporter's page, the part that concerns keys. A key of length 0 is left out, as upstream
// does for keys that do not exist, except a single key where `zero_when_absent` is set.
std::string RedisPage(const RedisFindings& findings, const RedisExporterOptions& options,
                      std::uint64_t scrapes);

}  // namespace weir::exporters
