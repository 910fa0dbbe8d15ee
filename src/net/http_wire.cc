#include "net/http_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/strings.h"

namespace weir::net {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 37> kReasons{{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
}};

bool BreaksLine(char c) { return c == '\r' || c == '\n' || c == '\0'; }

bool IsOneLine(std::string_view text) { return std::ranges::none_of(text, BreaksLine); }

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > ' ' && c < '\x7f' &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
  });
}

// Headers that say where the body ends: always written from the facts.
bool FramesBody(std::string_view name) {
  return name == "content-length" || name == "transfer-encoding" || name == "connection";
}

void AppendHeader(std::string& head, std::string_view name, std::string_view value) {
  // Go's canonical form (Content-Type), which people grep for.
  bool upper = true;
  for (const char c : name) {
    head += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '-';
  }
  head += ": ";
  const std::size_t begin = head.size();
  head += value;
  std::replace_if(head.begin() + static_cast<std::ptrdiff_t>(begin), head.end(), BreaksLine, ' ');
  head += "\r\n";
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  for (const auto& [code, reason] : kReasons) {
    if (code == status) return reason;
  }
  return "Unknown";
}

std::string ResponseHead(const HttpResponse& response, const Framing& framing) {
  std::string head;
  head.reserve(256 + response.body.size());
  fmt::format_to(std::back_inserter(head), "HTTP/1.1 {} {}\r\n", response.status,
                 ReasonPhrase(response.status));
  for (const auto& [name, value] : response.headers) {
    if (FramesBody(name) || !IsToken(name)) continue;
    for (const std::string& line : Split(value, '\n')) AppendHeader(head, name, line);
  }
  if (framing.content_length) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", *framing.content_length);
  }
  if (framing.chunked) head += "Transfer-Encoding: chunked\r\n";
  if (!framing.keep_alive) {
    head += "Connection: close\r\n";
  } else if (framing.version == 10) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

Result<std::string> RequestHead(const HttpRequest& request, const std::string& host) {
  if (!IsToken(request.method)) {
    return Fail(Code::kInvalid, fmt::format("HTTP method {}", Quote(request.method)));
  }
  const auto breaks_target = [](char c) { return c <= ' ' || c == '\x7f'; };
  if (request.target.empty() || std::ranges::any_of(request.target, breaks_target)) {
    return Fail(Code::kInvalid, fmt::format("HTTP target {}", Quote(request.target)));
  }
  std::string head;
  head.reserve(256 + request.body.size());
  fmt::format_to(std::back_inserter(head), "{} {} HTTP/1.1\r\n", request.method, request.target);
  if (!request.headers.contains("host")) AppendHeader(head, "host", host);
  if (!request.headers.contains("user-agent")) head += "User-Agent: weir\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name) || !IsOneLine(value)) {
      return Fail(Code::kInvalid, fmt::format("HTTP header {}", Quote(name)));
    }
    if (!FramesBody(name)) AppendHeader(head, name, value);
  }
  const bool may_have_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (may_have_body || !request.body.empty()) {
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", request.body.size());
  }
  head += "\r\n";
  return head;
}

}  // namespace weir::net
