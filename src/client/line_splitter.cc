#include "client/line_splitter.h"

namespace weir::client {

LineSplitter::Outcome LineSplitter::Feed(std::string_view bytes,
                                         const std::function<bool(std::string_view)>& on_line) {
  while (true) {
    const std::size_t end = bytes.find('\n');
    const std::size_t size = end == std::string_view::npos ? bytes.size() : end;
    if (pending_.size() + size > max_line_bytes_) return Outcome::kTooLong;
    if (end == std::string_view::npos) {
      pending_ += bytes;
      return Outcome::kMore;
    }
    std::string joined;
    std::string_view line = bytes.substr(0, end);
    if (!pending_.empty()) {
      joined = std::move(pending_);
      pending_.clear();
      joined += line;
      line = joined;
    }
    bytes.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !on_line(line)) return Outcome::kStopped;
  }
}

}  // namespace weir::client
