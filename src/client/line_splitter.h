// Cuts a watch's byte stream into its lines, one JSON document each. A state machine without I/O:
// bytes in, lines out, however the network cut them. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace weir::client {

class LineSplitter {
 public:
  // A line longer than this is an error: a peer must not make us buffer without end.
  explicit LineSplitter(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  enum class Outcome {
    kMore,     // all taken; feed the next piece
    kStopped,  // on_line returned false
    kTooLong,
  };
  // Calls `on_line` for each line that ends within the bytes, without its end (LF or CRLF); empty
  // lines are skipped.
  Outcome Feed(std::string_view bytes, const std::function<bool(std::string_view)>& on_line);

  // Whether an unfinished line waits.
  bool in_line() const { return !pending_.empty(); }

 private:
  std::size_t max_line_bytes_;
  std::string pending_;
};

}  // namespace weir::client
