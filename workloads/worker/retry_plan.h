// What becomes of a message that was delivered before and not finished. Pure.
#pragma once

#include <optional>
#include <string>

#include "brokers/amqp.h"

namespace weir::worker {

// Where messages wait for their next attempt. They expire there and come back to the end of the
// queue: the rest of it is not held up by a message whose workers die.
brokers::AmqpQueueSpec RetryQueue(const std::string& queue);

// The message to put into the retry queue instead of working on it now; nullopt: work on it. Only a
// message that the broker delivers again is put there. It waits 1 s after the first attempt, twice
// as long after each further one, 5 minutes at most; the header x-attempts counts.
std::optional<brokers::AmqpMessage> SetAside(const brokers::AmqpDelivery& delivery);

}  // namespace weir::worker
