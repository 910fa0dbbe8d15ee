#include "exporters/rabbit_options_plan.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>
#include <utility>

#include "base/strings.h"

namespace weir::exporters {
namespace {

struct Variable {
  const char* name;
  std::string_view fallback;
  std::string_view help;
};

constexpr std::array<Variable, 12> kVariables{{
    {"RABBIT_URL", "http://127.0.0.1:15672", "RabbitMQ's management API"},
    {"RABBIT_AMQP_PORT", "5672", "where the same host speaks AMQP 0-9-1"},
    {"RABBIT_USER", "guest", "user for both; needs the tag monitoring"},
    {"RABBIT_PASSWORD", "guest", "password"},
    {"RABBIT_TIMEOUT", "30", "seconds that the management API may take"},
    {"INCLUDE_QUEUES", ".*", "queues to tell of: a regular expression"},
    {"SKIP_QUEUES", "^$", "queues among them to leave out"},
    {"INCLUDE_VHOST", ".*", "virtual hosts to tell of"},
    {"SKIP_VHOST", "^$", "virtual hosts among them to leave out"},
    {"MAX_QUEUES", "0", "with more queues nothing is told of any; 0: no limit"},
    {"PUBLISH_PORT", "9419", "port to listen on"},
    {"PUBLISH_ADDR", "", "address to listen on; without it $POD_IP, or loopback"},
}};

}  // namespace

Result<RabbitExporterOptions> ParseRabbitExporterOptions(
    const std::function<std::string(const char* name)>& env) {
  const auto value = [&env](const char* name) {
    std::string text = env(name);
    for (const Variable& variable : kVariables) {
      if (text.empty() && variable.name == std::string_view(name)) text = variable.fallback;
    }
    return text;
  };
  const auto number = [&value](const char* name, std::int64_t least,
                               std::int64_t most) -> Result<std::int64_t> {
    const std::string text = value(name);
    const std::optional<std::int64_t> parsed = ParseInt(text);
    if (parsed && *parsed >= least && *parsed <= most) return *parsed;
    return Fail(Code::kInvalid,
                fmt::format("{}={}: expected a number from {} to {}", name, text, least, most));
  };
  RabbitExporterOptions options;
  const std::string url_text = value("RABBIT_URL");
  const Result<net::Url> url = net::ParseUrl(url_text);
  if (!url) return Prefixed("RABBIT_URL", url.error());
  if (!url_text.starts_with("http://")) {
    return Fail(Code::kInvalid, "RABBIT_URL: expected http://host:port (there is no TLS here)");
  }
  options.management = url->endpoint;
  options.management_path = url->target;
  while (options.management_path.ends_with('/')) options.management_path.pop_back();
  options.amqp_host = url->endpoint.host;
  options.user = value("RABBIT_USER");
  options.password = value("RABBIT_PASSWORD");
  const auto amqp_port = number("RABBIT_AMQP_PORT", 1, 65535);
  if (!amqp_port) return std::unexpected(amqp_port.error());
  options.amqp_port = static_cast<std::uint16_t>(*amqp_port);
  const auto timeout = number("RABBIT_TIMEOUT", 1, 3600);
  if (!timeout) return std::unexpected(timeout.error());
  options.timeout = std::chrono::seconds(*timeout);
  const auto max_queues = number("MAX_QUEUES", 0, 1'000'000);
  if (!max_queues) return std::unexpected(max_queues.error());
  options.max_queues = *max_queues;
  const std::pair<const char*, std::string*> patterns[] = {
      {"INCLUDE_QUEUES", &options.include_queues},
      {"SKIP_QUEUES", &options.skip_queues},
      {"INCLUDE_VHOST", &options.include_vhost},
      {"SKIP_VHOST", &options.skip_vhost}};
  for (const auto& [name, pattern] : patterns) {
    *pattern = value(name);
    const RE2 compiled(*pattern, RE2::Quiet);
    if (!compiled.ok()) {
      return Fail(Code::kInvalid, fmt::format("{}={}: {}", name, *pattern, compiled.error()));
    }
  }
  const auto port = number("PUBLISH_PORT", 0, 65535);
  if (!port) return std::unexpected(port.error());
  std::string host = env("POD_IP");
  if (host.empty()) host = "127.0.0.1";
  auto listen = net::ParseListenAddress(fmt::format("{}:{}", value("PUBLISH_ADDR"), *port), host);
  if (!listen) return Prefixed("PUBLISH_ADDR", listen.error());
  options.listen = std::move(*listen);
  return options;
}

std::string RabbitExporterUsage() {
  std::string text =
      "weir exporter rabbitmq: the queues of a RabbitMQ as a metrics page\n\n"
      "Environment variables and defaults:\n";
  for (const Variable& variable : kVariables) {
    text += fmt::format(
        "  {:<18}{}{}\n", variable.name, variable.help,
        variable.fallback.empty() ? std::string() : fmt::format(" ({})", variable.fallback));
  }
  return text;
}

}  // namespace weir::exporters
