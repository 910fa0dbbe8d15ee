#include "brokers/amqp_frame.h"

#include <fmt/format.h>

namespace weir::brokers {
namespace {

constexpr std::size_t kHeadBytes = 7;
constexpr char kFrameEnd = '\xCE';

std::uint32_t ReadNumber(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

// The shortest payload that a frame of the type may have; nullopt for a type that does not exist.
std::optional<std::size_t> PayloadMin(char type) {
  switch (type) {
    case static_cast<char>(AmqpFrameType::kMethod):
      return 4;  // class and method
    case static_cast<char>(AmqpFrameType::kHeader):
      return 14;  // class, weight, body size, flags
    case static_cast<char>(AmqpFrameType::kBody):
    case static_cast<char>(AmqpFrameType::kHeartbeat):
      return 0;
    default:
      return std::nullopt;
  }
}

}  // namespace

void AppendAmqpFrame(std::string& out, AmqpFrameType type, std::uint16_t channel,
                     std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  out += static_cast<char>(type);
  for (const unsigned shift : {8U, 0U}) out += static_cast<char>(channel >> shift & 0xFFU);
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out += static_cast<char>(size >> shift & 0xFFU);
  out += payload;
  out += kFrameEnd;
}

Result<std::optional<AmqpFrame>> AmqpFrameReader::Next() {
  const std::string_view rest = std::string_view(input_).substr(at_);
  if (!rest.empty()) {
    const std::optional<std::size_t> least = PayloadMin(rest[0]);
    if (!least) return Fail(Code::kInvalid, "the peer does not speak AMQP 0-9-1");
    if (rest.size() >= kHeadBytes) {
      const std::size_t size = ReadNumber(rest.substr(3, 4));
      if (size + kAmqpFrameOverhead > kAmqpFrameBytesMax || size < *least) {
        return Fail(Code::kInvalid, fmt::format("AMQP frame of {} bytes: expected {} to {}", size,
                                                *least, kAmqpFrameBytesMax - kAmqpFrameOverhead));
      }
      if (rest.size() >= size + kAmqpFrameOverhead) {
        if (rest[kHeadBytes + size] != kFrameEnd) {
          return Fail(Code::kInvalid, "AMQP frame without its end mark");
        }
        AmqpFrame frame;
        frame.type = static_cast<AmqpFrameType>(rest[0]);
        frame.channel = static_cast<std::uint16_t>(ReadNumber(rest.substr(1, 2)));
        frame.payload = rest.substr(kHeadBytes, size);
        at_ += size + kAmqpFrameOverhead;
        return frame;
      }
    }
  }
  // A frame is not whole: what was read makes room.
  input_.erase(0, at_);
  at_ = 0;
  return std::optional<AmqpFrame>();
}

}  // namespace weir::brokers
