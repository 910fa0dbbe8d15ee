// One TCP connection, plain or TLS, and how one is made; internal to net.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/result.h"
#include "net/deadline.h"
#include "net/loop.h"
#include "net/tls.h"

namespace weir::net {

using IoResult = std::tuple<boost::system::error_code, std::size_t>;

// Each operation takes kAwait or a Deadline's token. One read and one write may be under way at a
// time.
class Connection {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `context` null: plain.
  Connection(Socket socket, boost::asio::ssl::context* context) : socket_(std::move(socket)) {
    if (context != nullptr) tls_.emplace(socket_, *context);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Socket& socket() { return socket_; }
  // Null for a plain connection.
  SSL* ssl() { return tls_ ? tls_->native_handle() : nullptr; }

  template <class Token>
  auto Handshake(boost::asio::ssl::stream_base::handshake_type type, Token token) {
    WEIR_CHECK(tls_.has_value());
    return tls_->async_handshake(type, token);
  }

  template <class Token>
  Task<IoResult> ReadSome(boost::asio::mutable_buffer buffer, Token token) {
    if (tls_) return tls_->async_read_some(buffer, token);
    return socket_.async_read_some(buffer, token);
  }

  // Reads without a coroutine; `done(error, size)` is called from the loop.
  template <class Done>
  void StartRead(boost::asio::mutable_buffer buffer, Done done) {
    if (tls_) {
      tls_->async_read_some(buffer, std::move(done));
    } else {
      socket_.async_read_some(buffer, std::move(done));
    }
  }

  // All of `bytes`, which must stay until the end.
  template <class Token>
  Task<IoResult> WriteAll(boost::asio::const_buffer bytes, Token token) {
    if (tls_) return boost::asio::async_write(*tls_, bytes, token);
    return boost::asio::async_write(socket_, bytes, token);
  }

  template <class Token>
  auto ShutdownTls(Token token) {
    WEIR_CHECK(tls_.has_value());
    return tls_->async_shutdown(token);
  }

  // Ends all operations under way.
  void Close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
};

// Connects to the first address of `host` (an IP address or a name) that answers. The deadline
// outlives the call. Errors name host and port.
Task<Result<boost::asio::ip::tcp::socket>> ConnectSocket(std::string host, std::uint16_t port,
                                                         const Deadline* deadline);

// As ConnectSocket, and shakes hands as a client where `tls` is not null: the peer must show a
// certificate for `host`.
Task<Result<std::unique_ptr<Connection>>> Connect(std::string host, std::uint16_t port,
                                                  std::shared_ptr<TlsClientContext> tls,
                                                  const Deadline* deadline);

// Whether a read on the socket would answer at once, be it with the peer's end or an error.
bool HasInput(int socket);

// Whether the peer has ended the stream.
bool IsEndOfStream(const boost::system::error_code& error);

// `host:port`, IPv6 addresses in brackets.
std::string HostPort(std::string_view host, std::uint16_t port);

// Binds and listens, for servers of any protocol. kConflict, kForbidden and so on as their headers
// promise, with address and port in the message.
Status Listen(boost::asio::ip::tcp::acceptor& acceptor, const std::string& address,
              std::uint16_t port);

}  // namespace weir::net
