// SPDY/3.1 from the server's side, as far as kubectl's port-forward and its like use it: streams
// that the client opens, data both ways, resets and pings. A state machine without a socket: bytes
// in, events and bytes out, however the network cut them.
//
//   control frame: 1 version(15) type(16) flags(8) length(24) payload
//   data frame:    0 stream(31) flags(8) length(24) payload
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/http.h"

namespace weir::net {

struct SpdyEvent {
  enum class Type { kOpened, kData, kReset };
  Type type = Type::kOpened;
  std::uint32_t stream = 0;
  Headers headers;    // of kOpened
  std::string data;   // of kData
  bool last = false;  // kOpened, kData: the client sends nothing more on the stream

  bool operator==(const SpdyEvent&) const = default;
};

struct SpdyLimits {
  std::size_t max_frame_bytes = 1U << 20U;
  std::size_t max_header_bytes = 64U << 10U;  // of one block, inflated
};

class SpdySession {
 public:
  explicit SpdySession(SpdyLimits limits = {});
  ~SpdySession();
  SpdySession(const SpdySession&) = delete;
  SpdySession& operator=(const SpdySession&) = delete;

  // Takes bytes of the client. kInvalid for what is not SPDY/3.1 or above a limit: the connection
  // is of no more use.
  Status Feed(std::string_view bytes);
  // What happened, oldest first.
  std::optional<SpdyEvent> Next();
  // Bytes for the client since the last call.
  std::string TakeOutput();

  // Answers a stream that was opened.
  void Accept(std::uint32_t stream);
  // `last`: nothing more comes on the stream.
  void Send(std::uint32_t stream, std::string_view data, bool last);
  void Reset(std::uint32_t stream);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir::net
