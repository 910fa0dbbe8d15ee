// What a port-forward's client sends: whole and cut in two, bare and in WebSocket messages, the
// same bytes give the same events.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "net/spdy.h"
#include "net/websocket.h"

namespace {

using weir::net::SpdyEvent;
using weir::net::SpdySession;
using weir::net::WebSocketCodec;

std::vector<SpdyEvent> Events(SpdySession& session) {
  std::vector<SpdyEvent> events;
  while (auto event = session.Next()) events.push_back(std::move(*event));
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] % size;
  SpdySession whole, parts;
  const bool whole_ok = whole.Feed(bytes).has_value();
  const bool ok = parts.Feed(bytes.substr(0, cut)) && parts.Feed(bytes.substr(cut));
  WEIR_CHECK(ok == whole_ok);
  WEIR_CHECK(Events(parts) == Events(whole));
  WEIR_CHECK(parts.TakeOutput() == whole.TakeOutput());

  WebSocketCodec one, two;
  const auto all = one.Feed(bytes);
  const auto first = two.Feed(bytes.substr(0, cut));
  const auto second = first ? two.Feed(bytes.substr(cut)) : first;
  WEIR_CHECK(all.has_value() == (first.has_value() && second.has_value()));
  if (all) WEIR_CHECK(*all == *first + *second);
  WEIR_CHECK(one.closed() == two.closed());
  return 0;
}
