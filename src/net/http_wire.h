// Writes the heads of HTTP/1.1 messages. Internal to net. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "net/http.h"

namespace weir::net {

std::string_view ReasonPhrase(int status);

// How a response's body is delimited and whether the connection lives on.
struct Framing {
  int version = 11;  // of the request
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
};

// Status line and headers, ending with the blank line. Headers that frame the body are ours: those
// of the response are left out. Line feeds separate the values of a header that comes several times
// (warning): each becomes a line of its own. Other line breaks in values become blanks.
std::string ResponseHead(const HttpResponse& response, const Framing& framing);

// kInvalid where method, target or a header would break out of its line.
Result<std::string> RequestHead(const HttpRequest& request, const std::string& host);

}  // namespace weir::net
