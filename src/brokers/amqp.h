// An AMQP 0-9-1 client for RabbitMQ: one connection, made when it is first needed and again after
// it broke, on which tasks publish, inspect queues and consume. Owned by its user, who awaits Stop
// before the destructor. Loop thread only.
//
// Errors name the broker and the reason: `rabbitmq rabbit-mq:5672: connect ...: Connection
// refused`. Codes: kUnavailable and kTimeout where the broker is away, kForbidden for refused
// credentials, kNotFound for a queue that does not exist, kConflict for one of another kind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "brokers/amqp_session.h"
#include "net/loop.h"
#include "net/tls.h"

namespace weir::brokers {

struct AmqpOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 5672;
  AmqpLogin login;
  std::shared_ptr<net::TlsClientContext> tls;  // none: plain
  // Declared on each new connection before anything else happens on it.
  std::vector<AmqpQueueSpec> queues;
  Duration connect_timeout = std::chrono::seconds(5);
  Duration command_timeout = std::chrono::seconds(5);
};

// Names of queues and virtual hosts have at most 255 bytes of UTF-8; a queue's has at least one.
Status CheckQueueName(std::string_view name);

struct AmqpQueueState {
  std::uint32_t ready = 0;
  std::uint32_t consumers = 0;
  bool operator==(const AmqpQueueState&) const = default;
};

struct AmqpDelivery {
  AmqpMessage message;
  bool redelivered = false;
  std::uint64_t tag = 0;
  std::uint64_t connection = 0;  // on which it came
};

class Amqp {
 public:
  Amqp(net::Loop& loop, AmqpOptions options);
  ~Amqp();
  Amqp(const Amqp&) = delete;
  Amqp& operator=(const Amqp&) = delete;

  // Makes the connection, unless there is one.
  net::Task<Status> Connect();
  // What waits in each queue, in order; nullopt for one that does not exist. All are asked at once.
  net::Task<Result<std::vector<std::optional<AmqpQueueState>>>> Inspect(
      std::vector<std::string> queues);
  // To the queue; resumes when the broker has confirmed it. A queue of the options that was deleted
  // is declared again. After kTimeout and kUnavailable the
  // message may be in the queue or not. REQUIRES: message.id is unique and has at most 255 bytes.
  net::Task<Status> Publish(std::string queue, AmqpMessage message);

  // Begins to take messages, at most `prefetch` unacknowledged ones. Lasts until Next answers an
  // error: the connection broke, or the queue went. One at a time.
  net::Task<Status> Consume(std::string queue, std::uint16_t prefetch);
  // The next message; nullopt after `limit`. An error ends the consuming.
  net::Task<Result<std::optional<AmqpDelivery>>> Next(Duration limit);
  // Whether the message is still this client's: the connection on which it came lives.
  bool Holds(const AmqpDelivery& delivery) const;
  // Does nothing for a message of an earlier connection: the broker delivers that again.
  void Acknowledge(const AmqpDelivery& delivery);

  // Ends the connection in order: what was acknowledged before is carried out. The next call that
  // needs one makes a new one. Unacknowledged messages go back to their queue.
  net::Task<void> Close();
  // Close, and nothing may be called after it.
  net::Task<void> Stop();

  bool connected() const;
  const AmqpOptions& options() const;
  // `host:port`.
  std::string where() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::brokers
