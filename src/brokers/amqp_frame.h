// The frames of AMQP 0-9-1, the protocol of RabbitMQ: bytes in, frames out, however the network cut
// them. What a method frame says is rabbitmq-c's business (amqp_session.h). Pure.
//
//   type(1) channel(2) size(4) payload(size) 0xCE, numbers in network order
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::brokers {

// Of a whole frame, both ways; what we ask the broker for (its own default is 128 KiB).
inline constexpr std::size_t kAmqpFrameBytesMax = 64U << 10U;
inline constexpr std::size_t kAmqpFrameOverhead = 8;

enum class AmqpFrameType : std::uint8_t { kMethod = 1, kHeader = 2, kBody = 3, kHeartbeat = 8 };

struct AmqpFrame {
  AmqpFrameType type = AmqpFrameType::kHeartbeat;
  std::uint16_t channel = 0;
  std::string payload;
};

void AppendAmqpFrame(std::string& out, AmqpFrameType type, std::uint16_t channel,
                     std::string_view payload);

class AmqpFrameReader {
 public:
  void Feed(std::string_view bytes) { input_.append(bytes); }
  // The next whole frame; nullopt where more bytes are needed. kInvalid for what is no frame, for
  // one above kAmqpFrameBytesMax and for one too short for its type; the connection is of no more
  // use then.
  Result<std::optional<AmqpFrame>> Next();

 private:
  std::string input_;
  std::size_t at_ = 0;  // what is before it has been read
};

}  // namespace weir::brokers
