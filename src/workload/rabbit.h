// Where a program finds RabbitMQ: the environment variables of the walkthrough's programs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "brokers/amqp.h"

namespace weir::workload {

inline constexpr std::string_view kRabbitVariables =
    "Environment: RABBIT_HOST (rabbit-mq), RABBIT_PORT (5672), RABBIT_USERNAME and RABBIT_PASSWORD "
    "(guest), QUEUE (Orders).";

struct Rabbit {
  brokers::AmqpOptions options;
  std::string queue;
};

// `program` names the connection, with the pod. kInvalid names the variable.
Result<Rabbit> RabbitFromEnv(std::string_view program);

}  // namespace weir::workload
