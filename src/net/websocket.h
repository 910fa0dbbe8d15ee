// WebSocket frames (RFC 6455) from the server's side, for protocols that are tunnelled in binary
// messages: messages are taken as one stream of bytes, wherever they are cut. Without a socket.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::net {

// The Sec-WebSocket-Accept header that answers a Sec-WebSocket-Key.
std::string WebSocketAccept(std::string_view key);

class WebSocketCodec {
 public:
  // Takes bytes of the client; returns what its messages carry. Pings are answered in TakeOutput.
  // kInvalid for what is no frame of a client, or one above the limit.
  Result<std::string> Feed(std::string_view bytes);
  // Bytes for the client since the last call.
  std::string TakeOutput();
  // Sends bytes as one binary message.
  void Send(std::string_view bytes);
  // Tells the client that nothing more comes.
  void Close();
  // Whether the client has said so.
  bool closed() const { return closed_; }

 private:
  void Frame(unsigned char opcode, std::string_view payload);
  std::string input_;
  std::string output_;
  bool closed_ = false;
};

}  // namespace weir::net
