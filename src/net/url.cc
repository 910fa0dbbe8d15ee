#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>

#include "base/strings.h"
#include "net/http.h"

namespace weir::net {
namespace {

struct Scheme {
  std::string_view name;
  bool tls;
  std::uint16_t default_port;
};

constexpr std::array<Scheme, 6> kSchemes{{{"http", false, 80},
                                          {"https", true, 443},
                                          {"redis", false, 6379},
                                          {"rediss", true, 6379},
                                          {"amqp", false, 5672},
                                          {"amqps", true, 5671}}};

// The text with any user information blotted out: errors are logged.
std::string Redacted(std::string_view text) {
  const std::size_t at = text.rfind('@');
  const std::size_t slashes = text.find("//");
  if (at == std::string_view::npos) return std::string(text);
  const std::size_t begin = slashes == std::string_view::npos ? 0 : slashes + 2;
  if (begin > at) return std::string(text);
  return fmt::format("{}***{}", text.substr(0, begin), text.substr(at));
}

Error Invalid(std::string_view text, std::string_view why) {
  return Error{Code::kInvalid, fmt::format("URL {}: {}", Quote(Redacted(text)), why)};
}

bool IsHostName(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

// host[:port] with an IPv6 host in brackets; the port is left alone where there is none.
bool ParseHostPort(std::string_view text, Endpoint& endpoint) {
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(host, error);
    if (error) return false;
  } else {
    host = text.substr(0, text.find(':'));
    port = text.substr(host.size());
    if (!IsHostName(host)) return false;
  }
  endpoint.host = host;
  if (port.empty() || port == ":") return true;
  const std::optional<std::int64_t> number = ParseInt(port.substr(1));
  if (port.front() != ':' || !number || *number < 1 || *number > 65535) return false;
  endpoint.port = static_cast<std::uint16_t>(*number);
  return true;
}

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  const auto fail = [text](std::string_view why) { return std::unexpected(Invalid(text, why)); };
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) {
    return fail("expected scheme://host[:port][/path][?query]");
  }
  const std::string name = ToLower(text.substr(0, mark));
  const Scheme* scheme = std::ranges::find(kSchemes, std::string_view(name), &Scheme::name);
  if (scheme == kSchemes.end()) {
    return fail("expected the scheme http, https, redis, rediss, amqp or amqps");
  }
  const auto breaks = [](char c) { return c <= ' ' || c >= '\x7f'; };
  if (std::ranges::any_of(text, breaks)) return fail("expected printable ASCII, no blanks");
  const std::string_view rest = text.substr(mark + 3, text.find('#', mark + 3) - (mark + 3));
  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  Url url;
  url.target = rest.substr(authority.size());
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = authority.substr(0, std::min(at, authority.find(':')));
    const std::string_view password =
        user.size() < at ? authority.substr(user.size() + 1, at - user.size() - 1) : "";
    const auto decoded_user = PercentDecode(user, /*plus_is_blank=*/false);
    const auto decoded_password = PercentDecode(password, /*plus_is_blank=*/false);
    if (!decoded_user || !decoded_password) return fail("broken % escape in user or password");
    url.user = *decoded_user;
    url.password = *decoded_password;
    authority.remove_prefix(at + 1);
  }
  url.endpoint.tls = scheme->tls;
  url.endpoint.port = scheme->default_port;
  if (!ParseHostPort(authority, url.endpoint)) {
    return fail("expected host or host:port, the port from 1 to 65535");
  }
  return url;
}

Result<ListenAddress> ParseListenAddress(std::string_view text, std::string_view default_host) {
  const auto fail = [text] {
    return Fail(Code::kInvalid,
                fmt::format("listen address {}: expected [IP address]:port", Quote(text)));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail();
  const std::optional<std::int64_t> port = ParseInt(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return fail();
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = default_host;
  if (host == "localhost") host = "127.0.0.1";
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  if (error) return fail();
  return ListenAddress{std::string(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace weir::net
