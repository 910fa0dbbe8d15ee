#include "retry_plan.h"

#include <algorithm>
#include <chrono>

namespace weir::worker {
namespace {

const std::string kAttempts = "x-attempts";
constexpr std::int64_t kAttemptsMax = 1000;

}  // namespace

brokers::AmqpQueueSpec RetryQueue(const std::string& queue) {
  brokers::AmqpQueueSpec retry;
  retry.name = queue + ".retry";
  retry.dead_letter_queue = queue;
  return retry;
}

std::optional<brokers::AmqpMessage> SetAside(const brokers::AmqpDelivery& delivery) {
  if (!delivery.redelivered) return std::nullopt;
  brokers::AmqpMessage message = delivery.message;
  const auto it = message.headers.find(kAttempts);
  const std::int64_t before = it == message.headers.end() ? 0 : it->second;
  const std::int64_t attempts = std::clamp<std::int64_t>(before, 0, kAttemptsMax) + 1;
  message.headers[kAttempts] = attempts;
  const std::int64_t doublings = std::min<std::int64_t>(attempts - 1, 10);
  message.expiration =
      std::min<Duration>(std::chrono::seconds(1LL << doublings), std::chrono::minutes(5));
  return message;
}

}  // namespace weir::worker
