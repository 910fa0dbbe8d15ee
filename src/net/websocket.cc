#include "net/websocket.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <utility>

#include "base/strings.h"

namespace weir::net {
namespace {

constexpr std::size_t kFrameBytesMax = 1U << 20U;
enum Opcode : unsigned char {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10
};

std::uint64_t Number(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

}  // namespace

std::string WebSocketAccept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return Base64Encode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Result<std::string> WebSocketCodec::Feed(std::string_view bytes) {
  input_ += bytes;
  std::string carried;
  std::size_t at = 0;
  while (!closed_ && input_.size() - at >= 2) {
    const std::string_view rest = std::string_view(input_).substr(at);
    const auto first = static_cast<unsigned char>(rest[0]);
    const auto second = static_cast<unsigned char>(rest[1]);
    const unsigned opcode = first & 0x0FU;
    if ((first & 0x70U) != 0 || (second & 0x80U) == 0) {
      return Fail(Code::kInvalid, "WebSocket frame: expected a client's, without extensions");
    }
    const unsigned short_size = second & 0x7FU;
    const std::size_t extended = short_size == 127 ? 8 : short_size == 126 ? 2 : 0;
    const std::size_t head = 2 + extended + 4;
    if (rest.size() < head) break;
    const std::uint64_t size = extended == 0 ? short_size : Number(rest.substr(2, extended));
    if (size > kFrameBytesMax) {
      return Fail(Code::kInvalid, fmt::format("WebSocket frame of {} bytes: the limit is {}", size,
                                              kFrameBytesMax));
    }
    if (rest.size() < head + size) break;
    std::string payload(rest.substr(head, size));
    for (std::size_t i = 0; i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ rest[head - 4 + i % 4]);
    }
    at += head + size;
    if (opcode == kContinuation || opcode == kText || opcode == kBinary) {
      carried += payload;
    } else if (opcode == kPing) {
      Frame(kPong, payload);
    } else if (opcode == kClose) {
      closed_ = true;
    } else if (opcode != kPong) {
      return Fail(Code::kInvalid, fmt::format("WebSocket opcode {}", opcode));
    }
  }
  input_.erase(0, at);
  return carried;
}

std::string WebSocketCodec::TakeOutput() { return std::exchange(output_, {}); }

void WebSocketCodec::Frame(unsigned char opcode, std::string_view payload) {
  output_ += static_cast<char>(0x80U | opcode);
  const std::size_t size = payload.size();
  unsigned bytes = 0;
  if (size < 126) {
    output_ += static_cast<char>(size);
  } else {
    bytes = size < 65536 ? 2 : 8;
    output_ += static_cast<char>(bytes == 2 ? 126 : 127);
  }
  while (bytes-- > 0) output_ += static_cast<char>(size >> (8U * bytes) & 0xFFU);
  output_ += payload;
}

void WebSocketCodec::Send(std::string_view bytes) { Frame(kBinary, bytes); }

void WebSocketCodec::Close() { Frame(kClose, std::string_view("\x03\xe8", 2)); }

}  // namespace weir::net
