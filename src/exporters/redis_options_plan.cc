#include "exporters/redis_options_plan.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <utility>

#include "base/strings.h"

namespace weir::exporters {
namespace {

struct Flag {
  std::string_view name;
  const char* variable;
  std::string_view fallback;
  std::string_view help;
  bool is_switch = false;
};

constexpr std::array<Flag, 10> kFlags{{
    {"redis.addr", "REDIS_ADDR", "redis://localhost:6379", "the Redis to ask: redis://host:port"},
    {"redis.user", "REDIS_USER", "", "user name, where Redis has users"},
    {"redis.password", "REDIS_PASSWORD", "", "password"},
    {"check-single-keys", "REDIS_EXPORTER_CHECK_SINGLE_KEYS", "",
     "keys whose length is told: jobs,db3=other"},
    {"check-keys", "REDIS_EXPORTER_CHECK_KEYS", "", "patterns of such keys: jobs:processing:*"},
    {"zero-when-absent", "REDIS_EXPORTER_ZERO_WHEN_ABSENT", "false",
     "tell 0 for a single key that does not exist, not nothing", true},
    {"connection-timeout", "REDIS_EXPORTER_CONNECTION_TIMEOUT", "2s", "limit of each exchange"},
    {"web.listen-address", "REDIS_EXPORTER_WEB_LISTEN_ADDRESS", ":9121",
     "address to listen on; without a host, $POD_IP or loopback"},
    {"web.telemetry-path", "REDIS_EXPORTER_WEB_TELEMETRY_PATH", "/metrics", "path of the page"},
    {"help", "", "false", "print this", true},
}};

const Flag* FindFlag(std::string_view name) {
  for (const Flag& flag : kFlags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

// The flags' values as texts: from the arguments, the environment, or by default.
Result<std::map<std::string_view, std::string>> ReadFlags(const std::vector<std::string>& arguments,
                                                          const EnvLookup& env) {
  std::map<std::string_view, std::string> values;
  for (const Flag& flag : kFlags) {
    std::string value = *flag.variable == '\0' ? std::string() : env(flag.variable);
    values[flag.name] = value.empty() ? std::string(flag.fallback) : std::move(value);
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view text = arguments[i];
    if (!text.starts_with('-')) {
      return Fail(Code::kInvalid, fmt::format("unexpected argument {}", Quote(text)));
    }
    text.remove_prefix(text.starts_with("--") ? 2 : 1);
    const std::size_t equals = text.find('=');
    const Flag* flag = FindFlag(text.substr(0, equals));
    if (flag == nullptr) {
      return Fail(Code::kInvalid,
                  fmt::format("unknown flag {}; --help lists the flags", Quote(arguments[i])));
    }
    if (equals != std::string_view::npos) {
      values[flag->name] = text.substr(equals + 1);
    } else if (flag->is_switch) {
      values[flag->name] = "true";
    } else if (i + 1 < arguments.size()) {
      values[flag->name] = arguments[++i];
    } else {
      return Fail(Code::kInvalid, fmt::format("flag --{}: expected a value", flag->name));
    }
  }
  return values;
}

Result<bool> ParseSwitch(std::string_view name, std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return Fail(Code::kInvalid,
              fmt::format("flag --{}: expected true or false, not {}", name, Quote(text)));
}

Result<RedisKey> ParseRedisKey(std::string_view piece) {
  const auto fail = [piece] {
    return Fail(Code::kInvalid, fmt::format("key {}: expected key or dbN=key", Quote(piece)));
  };
  RedisKey key;
  std::string_view name = piece;
  if (const std::size_t equals = piece.find('='); equals != std::string_view::npos) {
    std::string_view database = Trim(piece.substr(0, equals));
    if (database.starts_with("db")) database.remove_prefix(2);
    const std::optional<std::int64_t> number = ParseInt(database);
    if (!number || *number < 0 || *number > 1'000'000) return fail();
    key.database = static_cast<int>(*number);
    name = piece.substr(equals + 1);
    if (name.find('=') != std::string_view::npos) return fail();
  }
  std::optional<std::string> decoded = PercentDecode(Trim(name), /*plus_is_blank=*/true);
  if (!decoded || decoded->empty()) return fail();
  key.name = std::move(*decoded);
  return key;
}

}  // namespace

Result<std::vector<RedisKey>> ParseRedisKeys(std::string_view text) {
  std::vector<RedisKey> keys;
  if (Trim(text).empty()) return keys;
  for (const std::string& piece : Split(text, ',')) {
    Result<RedisKey> key = ParseRedisKey(piece);
    if (!key) return std::unexpected(key.error());
    keys.push_back(std::move(*key));
  }
  return keys;
}

Result<RedisExporterOptions> ParseRedisExporterOptions(const std::vector<std::string>& arguments,
                                                       const EnvLookup& env) {
  const auto read = ReadFlags(arguments, env);
  if (!read) return std::unexpected(read.error());
  const auto value = [&read](std::string_view name) { return read->find(name)->second; };
  RedisExporterOptions options;
  if (value("help") == "true") {
    options.help = true;
    return options;
  }
  const auto redis = brokers::ParseRedisAddress(value("redis.addr"));
  if (!redis) return Prefixed("--redis.addr", redis.error());
  options.redis = *redis;
  if (!value("redis.user").empty()) options.redis.user = value("redis.user");
  if (!value("redis.password").empty()) options.redis.password = value("redis.password");
  const Result<Duration> timeout = ParseGoDuration(value("connection-timeout"));
  if (!timeout || *timeout <= Duration::zero()) {
    return Fail(Code::kInvalid, "--connection-timeout: expected a duration such as 2s");
  }
  options.redis.connect_timeout = options.redis.command_timeout = *timeout;
  auto single = ParseRedisKeys(value("check-single-keys"));
  if (!single) return Prefixed("--check-single-keys", single.error());
  options.single_keys = std::move(*single);
  auto patterns = ParseRedisKeys(value("check-keys"));
  if (!patterns) return Prefixed("--check-keys", patterns.error());
  options.key_patterns = std::move(*patterns);
  const Result<bool> zero = ParseSwitch("zero-when-absent", value("zero-when-absent"));
  if (!zero) return std::unexpected(zero.error());
  options.zero_when_absent = *zero;
  const std::string pod_ip = env("POD_IP");
  auto listen = net::ParseListenAddress(value("web.listen-address"),
                                        pod_ip.empty() ? std::string_view("127.0.0.1") : pod_ip);
  if (!listen) return Prefixed("--web.listen-address", listen.error());
  options.listen = std::move(*listen);
  options.telemetry_path = value("web.telemetry-path");
  if (!options.telemetry_path.starts_with('/')) {
    return Fail(Code::kInvalid, "--web.telemetry-path: expected a path that begins with /");
  }
  return options;
}

std::string RedisExporterUsage() {
  std::string text =
      "weir exporter redis: the length of Redis keys as a metrics page\n\n"
      "Flags, their environment variables and defaults:\n";
  for (const Flag& flag : kFlags) {
    text += fmt::format("  --{:<20} {}\n", flag.name, flag.help);
    if (*flag.variable == '\0') continue;
    text += fmt::format(
        "  {:<22} ${}{}\n", "", flag.variable,
        flag.fallback.empty() ? std::string() : fmt::format(", default {}", flag.fallback));
  }
  return text;
}

}  // namespace weir::exporters
