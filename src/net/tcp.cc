#include "net/tcp.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <utility>

#include "net/connection.h"
#include "net/deadline.h"

namespace weir::net {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::size_t kReadBytesMax = 64U << 10U;

std::unexpected<Error> Broken(std::string_view what, Code code,
                              const boost::system::error_code& error) {
  return Fail(code,
              fmt::format("{}: {}", what, code == Code::kTimeout ? "timed out" : error.message()));
}

class SocketStream final : public TcpStream {
 public:
  explicit SocketStream(tcp::socket socket) : socket_(std::move(socket)) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(tcp::no_delay(true), ignored);
  }

  Task<Result<std::string>> Read(std::size_t max_bytes, Duration timeout) override {
    if (const bool cancelled = co_await IsCancelled(); cancelled)
      co_return Fail(Code::kCancelled, "read: cancelled");
    if (read_buffer_.empty()) read_buffer_.resize(kReadBytesMax);
    const asio::mutable_buffer target =
        asio::buffer(read_buffer_.data(), std::min(max_bytes, read_buffer_.size()));
    // What is there already costs neither a timer nor a turn of the loop.
    boost::system::error_code error;
    std::size_t size = socket_.read_some(target, error);
    if (error == asio::error::would_block) {
      const Deadline deadline = co_await Deadline::In(timeout);
      auto token = deadline.token();
      std::tie(error, size) = co_await socket_.async_read_some(target, token);
      if (error && error != asio::error::eof) co_return Broken("read", deadline.code(), error);
    }
    if (error == asio::error::eof) co_return std::string();
    if (error) co_return Broken("read", Code::kUnavailable, error);
    co_return std::string(read_buffer_.data(), size);
  }

  Task<Status> Write(std::string bytes, Duration timeout) override {
    if (const bool cancelled = co_await IsCancelled(); cancelled)
      co_return Fail(Code::kCancelled, "write: cancelled");
    boost::system::error_code error;
    const std::size_t sent = socket_.write_some(asio::buffer(bytes), error);
    if (error && error != asio::error::would_block) {
      co_return Broken("write", Code::kUnavailable, error);
    }
    if (sent == bytes.size()) co_return Status();
    const Deadline deadline = co_await Deadline::In(timeout);
    auto token = deadline.token();
    const asio::const_buffer rest = asio::buffer(bytes) + sent;
    std::size_t written = 0;
    std::tie(error, written) = co_await asio::async_write(socket_, rest, token);
    if (error) co_return Broken("write", deadline.code(), error);
    co_return Status();
  }

  bool HasInput() override { return net::HasInput(socket_.native_handle()); }

  void ShutdownWrite() override {
    boost::system::error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }

  void Close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  tcp::socket socket_;
  std::string read_buffer_;
};

// The same over TLS, whose records need a turn of the loop each.
class TlsStream final : public TcpStream {
 public:
  explicit TlsStream(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

  Task<Result<std::string>> Read(std::size_t max_bytes, Duration timeout) override {
    if (const bool cancelled = co_await IsCancelled(); cancelled)
      co_return Fail(Code::kCancelled, "read: cancelled");
    if (read_buffer_.empty()) read_buffer_.resize(kReadBytesMax);
    const asio::mutable_buffer target =
        asio::buffer(read_buffer_.data(), std::min(max_bytes, read_buffer_.size()));
    const Deadline deadline = co_await Deadline::In(timeout);
    auto token = deadline.token();
    const auto [error, size] = co_await connection_->ReadSome(target, token);
    if (IsEndOfStream(error)) co_return std::string();
    if (error) co_return Broken("read", deadline.code(), error);
    co_return std::string(read_buffer_.data(), size);
  }

  Task<Status> Write(std::string bytes, Duration timeout) override {
    if (const bool cancelled = co_await IsCancelled(); cancelled)
      co_return Fail(Code::kCancelled, "write: cancelled");
    const Deadline deadline = co_await Deadline::In(timeout);
    auto token = deadline.token();
    const auto [error, size] = co_await connection_->WriteAll(asio::buffer(bytes), token);
    if (error) co_return Broken("write", deadline.code(), error);
    co_return Status();
  }

  bool HasInput() override {
    return SSL_pending(connection_->ssl()) > 0 ||
           net::HasInput(connection_->socket().native_handle());
  }

  void ShutdownWrite() override {
    boost::system::error_code ignored;
    connection_->socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  void Close() override { connection_->Close(); }

 private:
  std::unique_ptr<Connection> connection_;
  std::string read_buffer_;
};

}  // namespace

Task<Result<std::unique_ptr<TcpStream>>> TcpConnect(std::string host, std::uint16_t port,
                                                    Duration timeout) {
  if (const bool cancelled = co_await IsCancelled(); cancelled)
    co_return Fail(Code::kCancelled, "connect: cancelled");
  const Deadline deadline = co_await Deadline::In(timeout);
  auto socket = co_await ConnectSocket(std::move(host), port, &deadline);
  if (!socket) co_return std::unexpected(socket.error());
  co_return std::make_unique<SocketStream>(std::move(*socket));
}

Task<Result<std::unique_ptr<TcpStream>>> TlsConnect(std::string host, std::uint16_t port,
                                                    std::shared_ptr<TlsClientContext> tls,
                                                    Duration timeout) {
  if (const bool cancelled = co_await IsCancelled(); cancelled)
    co_return Fail(Code::kCancelled, "connect: cancelled");
  const Deadline deadline = co_await Deadline::In(timeout);
  auto connection = co_await Connect(std::move(host), port, std::move(tls), &deadline);
  if (!connection) co_return std::unexpected(connection.error());
  co_return std::make_unique<TlsStream>(std::move(*connection));
}

struct TcpListener::State {
  State(Loop& loop, std::string a, std::uint16_t p,
        std::function<void(std::unique_ptr<TcpStream>)> fn)
      : address(std::move(a)),
        port(p),
        on_connection(std::move(fn)),
        acceptor(loop.context()),
        group(loop, "listener") {}

  Task<void> Accept() {
    while (acceptor.is_open()) {
      tcp::socket socket(acceptor.get_executor());
      const auto [error] = co_await acceptor.async_accept(socket, kAwait);
      if (!error) {
        on_connection(std::make_unique<SocketStream>(std::move(socket)));
        continue;
      }
      const bool cancelled = co_await IsCancelled();
      if (cancelled || group.stopping()) co_return;
      // Out of file descriptors, most likely: a pause lets some be given back.
      spdlog::warn("accept on {}: {}", HostPort(address, port), error.message());
      if (const bool ok = co_await Sleep(std::chrono::milliseconds(100)); !ok) co_return;
    }
  }

  std::string address;
  std::uint16_t port;
  std::function<void(std::unique_ptr<TcpStream>)> on_connection;
  tcp::acceptor acceptor;
  TaskGroup group;
};

TcpListener::TcpListener(Loop& loop, std::string address, std::uint16_t port,
                         std::function<void(std::unique_ptr<TcpStream>)> on_connection)
    : state_(std::make_shared<State>(loop, std::move(address), port, std::move(on_connection))) {}

TcpListener::~TcpListener() = default;

Status TcpListener::Start() {
  if (Status listening = Listen(state_->acceptor, state_->address, state_->port); !listening) {
    return listening;
  }
  state_->port = state_->acceptor.local_endpoint().port();
  state_->group.Spawn(state_->Accept());
  return {};
}

std::uint16_t TcpListener::port() const { return state_->port; }

Task<void> TcpListener::Stop() {
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  co_await state_->group.Stop();
}

}  // namespace weir::net
