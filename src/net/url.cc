#include <fmt/format.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

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

}  // namespace

Result<Url> ParseUrl(std::string_view text) {
  const auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed) {
    return std::unexpected(Invalid(text, "expected scheme://host[:port][/path][?query]"));
  }
  const boost::urls::url_view& view = *parsed;
  const std::string name = ToLower(std::string_view(view.scheme().data(), view.scheme().size()));
  const Scheme* scheme = nullptr;
  for (const Scheme& known : kSchemes) {
    if (known.name == name) scheme = &known;
  }
  if (scheme == nullptr) {
    return std::unexpected(
        Invalid(text, "expected the scheme http, https, redis, rediss, amqp or amqps"));
  }
  Url url;
  url.endpoint.tls = scheme->tls;
  url.endpoint.host = view.host_address();  // of an IPv6 literal, without its brackets
  if (url.endpoint.host.empty()) return std::unexpected(Invalid(text, "the host is missing"));
  url.endpoint.port = scheme->default_port;
  if (view.has_port() && !view.port().empty()) {
    const auto port = ParseInt(std::string_view(view.port().data(), view.port().size()));
    if (!port || *port < 1 || *port > 65535) {
      return std::unexpected(Invalid(text, "expected a port from 1 to 65535"));
    }
    url.endpoint.port = static_cast<std::uint16_t>(*port);
  }
  url.user = view.user();
  url.password = view.password();
  url.target = std::string(view.encoded_path());
  if (url.target.empty()) url.target = "/";
  // Boost 1.81 takes `h:8x` for port 8 and path `x`; a path after an authority begins with a slash.
  if (!url.target.starts_with('/')) {
    return std::unexpected(Invalid(text, "expected a port from 1 to 65535"));
  }
  if (view.has_query()) {
    url.target += '?';
    url.target += std::string(view.encoded_query());
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
