#include "workload/rabbit.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "workload/program.h"

namespace weir::workload {

Result<Rabbit> RabbitFromEnv(std::string_view program) {
  constexpr std::size_t kTextBytesMax = 1024;
  Rabbit rabbit;
  brokers::AmqpOptions& options = rabbit.options;
  options.host = EnvOr("RABBIT_HOST", "rabbit-mq");
  const std::string port_text = EnvOr("RABBIT_PORT", "5672");
  const std::optional<std::int64_t> port = ParseInt(port_text);
  if (!port || *port < 1 || *port > 65535) {
    return Fail(Code::kInvalid,
                fmt::format("RABBIT_PORT {}: expected a port from 1 to 65535", Quote(port_text)));
  }
  options.port = static_cast<std::uint16_t>(*port);
  options.login.user = EnvOr("RABBIT_USERNAME", "guest");
  options.login.password = EnvOr("RABBIT_PASSWORD", "guest");
  if (options.login.user.size() + options.login.password.size() > kTextBytesMax) {
    return Fail(Code::kInvalid, "RABBIT_USERNAME and RABBIT_PASSWORD: expected 1024 bytes at most");
  }
  options.login.connection_name =
      fmt::format("{} {}", program, EnvOr("HOSTNAME", "")).substr(0, kTextBytesMax);
  rabbit.queue = EnvOr("QUEUE", "Orders");
  const Status name = brokers::CheckQueueName(rabbit.queue);
  if (!name) return Prefixed("QUEUE", name.error());
  return rabbit;
}

}  // namespace weir::workload
