// How `weir exporter redis` is configured: redis_exporter's flags and environment variables, as far
// as they concern the length of keys. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "brokers/redis.h"
#include "net/http.h"

namespace weir::exporters {

struct RedisKey {
  int database = 0;
  std::string name;  // or a glob
  auto operator<=>(const RedisKey&) const = default;
};

struct RedisExporterOptions {
  brokers::RedisOptions redis;
  std::vector<RedisKey> single_keys;
  std::vector<RedisKey> key_patterns;
  bool zero_when_absent = false;
  net::ListenAddress listen;
  std::string telemetry_path = "/metrics";
  bool help = false;  // only this was asked for
};

// The value of an environment variable, or empty.
using EnvLookup = std::function<std::string(const char* name)>;

// `arguments` without the program's and the command's name. A flag wins over its variable. Flags
// begin with one dash or two; values follow after `=` or as the next argument. Without an address
// it listens on $POD_IP:9121, or on loopback where there is none.
Result<RedisExporterOptions> ParseRedisExporterOptions(const std::vector<std::string>& arguments,
                                                       const EnvLookup& env);

// The flags and their variables, for --help.
std::string RedisExporterUsage();

// redis_exporter's list of keys: `jobs,db3=other%2Ckey`.
Result<std::vector<RedisKey>> ParseRedisKeys(std::string_view text);

}  // namespace weir::exporters
