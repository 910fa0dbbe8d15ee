// AMQP 0-9-1 from a client's side as a state machine without a socket: bytes of the broker in,
// events and bytes for the broker out. The methods are encoded and decoded by rabbitmq-c.
//
// Methods may be sent before the answers to earlier ones have come: the broker carries them out in
// order. A method that it refuses closes its channel, and what came after it on that channel is
// dropped; a closed channel is opened again by whoever needs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "brokers/amqp_frame.h"

namespace weir::brokers {

struct AmqpLogin {
  std::string user = "guest";
  std::string password = "guest";
  std::string vhost = "/";
  std::string connection_name;  // for people who look at the broker
  Duration heartbeat = std::chrono::seconds(10);
};

// A queue that has to be there: made where it is missing. One of another kind is refused.
struct AmqpQueueSpec {
  std::string name;
  bool durable = true;
  // Where what expires in this queue goes, by the default exchange; empty: nowhere.
  std::string dead_letter_queue;
  // Beyond it the oldest messages are dropped; 0: no limit.
  std::int64_t max_length = 0;
};

struct AmqpMessage {
  std::string id;
  std::string body;
  std::map<std::string, std::int64_t> headers;  // those that are integers
  std::optional<Duration> expiration;           // of a message sent; whole milliseconds

  bool operator==(const AmqpMessage&) const = default;
};

struct AmqpEvent {
  enum class Type {
    kOpened,         // the connection may be used
    kDeclared,       // queue, messages, consumers
    kChannelClosed,  // by the broker: code, text
    kDelivered,      // tag, redelivered, message
    kReturned,       // message had no queue to go to: code, text; its kConfirmed follows
    kConfirmed,      // tag, multiple; positive
    kCancelled,      // the consumer: its queue has gone
    kBlocked,        // the broker takes no messages for now: text
    kUnblocked,
    kClosed,  // the answer to Close
  };
  Type type = Type::kOpened;
  std::uint16_t channel = 0;
  std::uint16_t code = 0;
  std::string text;  // or the queue
  std::uint32_t messages = 0, consumers = 0;
  std::uint64_t tag = 0;
  bool multiple = false, positive = false, redelivered = false;
  AmqpMessage message;

  bool operator==(const AmqpEvent&) const = default;
};

struct AmqpLimits {
  std::size_t max_message_bytes = 16U << 20U;
};

class AmqpSession {
 public:
  explicit AmqpSession(AmqpLogin login, AmqpLimits limits = {});
  ~AmqpSession();
  AmqpSession(const AmqpSession&) = delete;
  AmqpSession& operator=(const AmqpSession&) = delete;

  // Bytes for the broker since the last call; the protocol's greeting at first.
  std::string TakeOutput();
  bool has_output() const;
  // Takes bytes of the broker. An error ends the connection (output may hold a last word):
  // kForbidden for refused credentials, kUnavailable where the broker closes, kInvalid for bytes
  // that are not AMQP.
  Status Feed(std::string_view bytes);
  // What happened, oldest first.
  std::optional<AmqpEvent> Next();

  bool open() const;
  // What was agreed on; zero before, and where there are none.
  Duration heartbeat() const;

  // Each REQUIRES: open(). Channels are any numbers from 1.
  void OpenChannel(std::uint16_t channel);
  void Declare(std::uint16_t channel, const AmqpQueueSpec& queue);
  void Inspect(std::uint16_t channel, std::string_view queue);  // a passive declare
  void SelectConfirms(std::uint16_t channel);
  // To the queue by the default exchange, persistent, mandatory.
  void Publish(std::uint16_t channel, std::string_view queue, const AmqpMessage& message);
  void Consume(std::uint16_t channel, std::string_view queue, std::uint16_t prefetch);
  void Acknowledge(std::uint16_t channel, std::uint64_t tag);
  void Heartbeat();
  void Close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::brokers
