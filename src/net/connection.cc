#include "net/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <cerrno>
#include <memory>
#include <vector>

#include "net/tls_context.h"

namespace weir::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// A look-up by the system's resolver. It runs in Asio's resolver thread and cannot be interrupted,
// so it owns what it touches, and the waiting task may leave early.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {
    done.expires_at(asio::steady_timer::time_point::max());
  }
  tcp::resolver resolver;
  asio::steady_timer done;
  bool finished = false;
  boost::system::error_code error;
  std::vector<tcp::endpoint> endpoints;
};

Task<Result<std::vector<tcp::endpoint>>> Resolve(std::string host, std::uint16_t port,
                                                 const Deadline* deadline) {
  boost::system::error_code not_an_address;
  const asio::ip::address address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>(1, tcp::endpoint(address, port));
  auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->resolver.async_resolve(
      host, std::to_string(port),
      [lookup](const boost::system::error_code& error, const tcp::resolver::results_type& found) {
        lookup->finished = true;
        lookup->error = error;
        for (const auto& entry : found) lookup->endpoints.push_back(entry.endpoint());
        lookup->done.cancel();
      });
  auto token = deadline->token();
  if (!lookup->finished) co_await lookup->done.async_wait(token);
  if (!lookup->finished) {
    co_return Fail(deadline->code(), fmt::format("look up host {}: no answer in time", host));
  }
  if (lookup->error) {
    co_return Fail(Code::kUnavailable,
                   fmt::format("look up host {}: {}", host, lookup->error.message()));
  }
  co_return lookup->endpoints;
}

}  // namespace

Task<Result<tcp::socket>> ConnectSocket(std::string host, std::uint16_t port,
                                        const Deadline* deadline) {
  const auto endpoints = co_await Resolve(host, port, deadline);
  if (!endpoints) co_return std::unexpected(endpoints.error());
  tcp::socket socket(co_await asio::this_coro::executor);
  auto token = deadline->token();
  const auto [error, endpoint] = co_await asio::async_connect(socket, *endpoints, token);
  if (error) {
    const Code code = deadline->code();
    const std::string why = code == Code::kTimeout ? "timed out" : error.message();
    co_return Fail(code, fmt::format("connect to {}: {}", HostPort(host, port), why));
  }
  boost::system::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  co_return std::move(socket);
}

Task<Result<std::unique_ptr<Connection>>> Connect(std::string host, std::uint16_t port,
                                                  std::shared_ptr<TlsClientContext> tls,
                                                  const Deadline* deadline) {
  auto socket = co_await ConnectSocket(host, port, deadline);
  if (!socket) co_return std::unexpected(socket.error());
  // Only TlsClientContext::Make makes them.
  auto* context = static_cast<OpenSslClientContext*>(tls.get());
  auto connection = std::make_unique<Connection>(std::move(*socket),
                                                 context == nullptr ? nullptr : &context->context);
  if (context == nullptr) co_return connection;
  if (Status named = ExpectPeer(connection->ssl(), *context, host); !named) {
    co_return std::unexpected(named.error());
  }
  auto token = deadline->token();
  const auto [error] = co_await connection->Handshake(asio::ssl::stream_base::client, token);
  if (!error) co_return connection;
  const Code code = deadline->code();
  const long verdict = SSL_get_verify_result(connection->ssl());
  std::string why = error.message();
  if (verdict != X509_V_OK) why = X509_verify_cert_error_string(verdict);
  if (code == Code::kTimeout) why = "timed out";
  if (code == Code::kCancelled) why = "cancelled";
  co_return Fail(code, fmt::format("TLS handshake with {}: {}", HostPort(host, port), why));
}

bool HasInput(int socket) {
  char byte = 0;
  const auto got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || errno != EAGAIN;
}

bool IsEndOfStream(const boost::system::error_code& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

std::string HostPort(std::string_view host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Status Listen(tcp::acceptor& acceptor, const std::string& address, std::uint16_t port) {
  const auto where = HostPort(address, port);
  boost::system::error_code error;
  const asio::ip::address parsed = asio::ip::make_address(address, error);
  if (error) return Fail(Code::kInvalid, fmt::format("listen on {}: not an IP address", where));
  const tcp::endpoint endpoint(parsed, port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) return {};
  boost::system::error_code ignored;
  acceptor.close(ignored);
  Code code = Code::kUnavailable;
  if (error == asio::error::address_in_use) code = Code::kConflict;
  if (error == asio::error::access_denied) code = Code::kForbidden;
  return Fail(code, fmt::format("listen on {}: {}", where, error.message()));
}

}  // namespace weir::net
