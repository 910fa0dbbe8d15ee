#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <exception>
#include <iterator>
#include <list>
#include <tuple>
#include <utility>

#include "net/connection.h"
#include "net/deadline.h"
#include "net/http.h"
#include "net/http_parser.h"
#include "net/http_wire.h"
#include "net/tcp.h"
#include "net/tls_context.h"

namespace weir::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 8U << 10U;
// Bodies up to this size travel in one buffer with their head: one system call, one TLS record.
constexpr std::size_t kJoinBytesMax = 64U << 10U;
// How long a connection that we close waits for the peer to have read what was sent.
constexpr Duration kLinger = std::chrono::seconds(1);
constexpr std::size_t kLingerBytesMax = 16U << 20U;

}  // namespace

// Deadlines are counted in ticks of one timer for all connections, so that a request costs no timer
// of its own; a deadline is late by up to one tick.
struct HttpServer::State {
  class Session;

  State(Loop& l, HttpServerOptions o, HttpHandler h)
      : loop(l),
        options(std::move(o)),
        handler(std::move(h)),
        acceptor(l.context()),
        service(l, "http server"),
        connections(l, "http connection"),
        session_ended(l) {
    const Duration shortest =
        std::min({options.header_timeout, options.idle_timeout, options.write_timeout});
    tick =
        std::clamp<Duration>(shortest / 8, std::chrono::milliseconds(5), std::chrono::seconds(1));
  }

  // Tasks hold the state, so that it outlives the server's destructor.
  static Task<void> Accept(std::shared_ptr<State> self);
  static Task<void> CountTicks(std::shared_ptr<State> self);
  static Task<void> Serve(std::shared_ptr<State> self, tcp::socket socket);

  Loop& loop;
  HttpServerOptions options;
  HttpHandler handler;
  tcp::acceptor acceptor;
  TaskGroup service;      // accepts and counts ticks
  TaskGroup connections;  // one task each
  Signal session_ended;
  std::list<Session*> sessions;
  Counters counters;
  Duration tick{};
  std::int64_t ticks = 0;
  std::uint16_t port = 0;
  bool stopping = false;
};

// One connection: reads requests one after the other and is the ResponseWriter of the one that is
// being answered. Shared, because the read that watches a stream for its end may outlast the task.
class HttpServer::State::Session final : public ResponseWriter,
                                         public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<State> server, tcp::socket socket);

  Task<void> Run();
  // Called at each tick.
  void CheckDeadline();
  // The server stops: an idle connection ends now, a stream is told, a request goes on.
  void BeginStop();
  void Cut() { connection_.Close(); }

  Task<Status> Send(HttpResponse response) override;
  Task<Status> Begin(HttpResponse head) override;
  Task<Status> Write(std::string chunk) override;
  Task<Status> End() override;
  bool closed() const override { return closed_; }
  void OnClose(std::function<void()> callback) override;
  Task<Result<std::unique_ptr<TcpStream>>> Upgrade(Headers headers) override;

 private:
  class Upgraded;
  enum class Answer { kNone, kSent, kStreaming, kEnded, kUpgraded };

  void SetDeadline(Duration limit) { deadline_tick_ = server_.ticks + limit / server_.tick + 1; }
  void LiftDeadline() { deadline_tick_ = 0; }
  Task<bool> Handshake();
  Task<bool> ReadRequest();
  Task<bool> ReadMore();
  Task<bool> MeetExpectation();
  Task<bool> CheckRequest(bool oversized);
  Task<void> Handle();
  Task<void> Refuse(int status, std::string why);
  Task<Status> WriteBytes(std::string bytes);
  Task<void> Finish();
  void WatchForClose();
  void MarkClosed();

  const std::shared_ptr<State> owner_;
  State& server_;
  Connection connection_;
  Peer peer_;
  boost::beast::flat_buffer buffer_;
  std::optional<MessageParser<true>> parser_;
  HttpRequest request_;
  int version_ = 11;
  bool keep_alive_ = false;
  bool idle_ = false;  // between requests
  Answer answer_ = Answer::kNone;
  bool chunked_ = false;
  bool refused_ = false;       // some of its input was not read
  bool discard_body_ = false;  // the answer to HEAD
  bool closed_ = false;
  bool input_ended_ = false;
  bool watching_ = false;  // a read that watches for the close is under way
  Signal watch_done_;
  std::function<void()> on_close_;
  std::int64_t deadline_tick_ = 0;  // 0: none
};

namespace {

asio::ssl::context* ContextOf(const HttpServerOptions& options) {
  // Only TlsServerContext::Make makes them.
  auto* context = static_cast<OpenSslServerContext*>(options.tls.get());
  return context == nullptr ? nullptr : &context->context;
}

std::string AddressOf(const tcp::socket& socket) {
  error_code error;
  const tcp::endpoint endpoint = socket.remote_endpoint(error);
  return error ? "unknown" : HostPort(endpoint.address().to_string(), endpoint.port());
}

}  // namespace

HttpServer::State::Session::Session(std::shared_ptr<State> server, tcp::socket socket)
    : owner_(std::move(server)),
      server_(*owner_),
      connection_(std::move(socket), ContextOf(server_.options)),
      watch_done_(server_.loop) {
  error_code ignored;
  connection_.socket().set_option(tcp::no_delay(true), ignored);
  peer_.address = AddressOf(connection_.socket());
}

Task<void> HttpServer::State::Session::Run() {
  if (const bool ok = co_await Handshake(); !ok) co_return;
  while (true) {
    const bool whole = co_await ReadRequest();
    if (!whole) break;
    co_await Handle();
    if (!keep_alive_) break;
  }
  co_await Finish();
}

Task<bool> HttpServer::State::Session::Handshake() {
  if (connection_.ssl() == nullptr) co_return true;
  SetDeadline(server_.options.header_timeout);
  const auto [error] = co_await connection_.Handshake(asio::ssl::stream_base::server, kAwait);
  LiftDeadline();
  if (error) {
    spdlog::debug("TLS handshake with {}: {}", peer_.address, error.message());
    connection_.Close();
    co_return false;
  }
  peer_.certificate = PeerCertificate(connection_.ssl());
  co_return true;
}

// True with a whole request in request_; false where the connection has come to its end.
Task<bool> HttpServer::State::Session::ReadRequest() {
  const HttpServerOptions& limits = server_.options;
  parser_.emplace(limits.max_header_bytes, limits.max_body_bytes);
  answer_ = Answer::kNone;
  request_ = HttpRequest();
  keep_alive_ = false;
  discard_body_ = false;
  bool head_done = false;
  bool started = buffer_.size() > 0;
  SetDeadline(started ? limits.header_timeout : limits.idle_timeout);
  while (!parser_->is_done()) {
    error_code error;
    buffer_.consume(parser_->Feed(buffer_.cdata(), error));
    if (error == boost::beast::http::error::body_limit) {
      ++server_.counters.oversized;
      LiftDeadline();
      if (limits.pass_oversized) co_return co_await CheckRequest(/*oversized=*/true);
      co_await Refuse(
          413, fmt::format("request body above the limit of {} bytes", limits.max_body_bytes));
      co_return false;
    }
    if (error == boost::beast::http::error::header_limit) {
      ++server_.counters.oversized;
      co_await Refuse(
          431, fmt::format("request headers above the limit of {} bytes", limits.max_header_bytes));
      co_return false;
    }
    if (error) {
      co_await Refuse(400, fmt::format("malformed HTTP request: {}", error.message()));
      co_return false;
    }
    if (parser_->is_header_done() && !head_done) {
      head_done = true;
      SetDeadline(limits.header_timeout);  // anew, for the body
      if (!parser_->is_done()) {
        const bool met = co_await MeetExpectation();
        if (!met) co_return false;
      }
    }
    if (parser_->is_done()) break;
    idle_ = !started;
    if (idle_ && server_.stopping) co_return false;
    const bool more = co_await ReadMore();
    idle_ = false;
    if (!more) co_return false;
    if (!started) SetDeadline(limits.header_timeout);
    started = true;
  }
  LiftDeadline();
  co_return co_await CheckRequest(/*oversized=*/false);
}

// What the parser leaves open: the host, and the form of the target.
Task<bool> HttpServer::State::Session::CheckRequest(bool oversized) {
  version_ = parser_->version;
  keep_alive_ = !oversized && parser_->keep_alive() && !server_.stopping;
  refused_ = oversized;
  request_.method = std::move(parser_->method);
  request_.target = std::move(parser_->target);
  request_.headers = std::move(parser_->headers);
  request_.body = parser_->TakeBody();
  if (oversized) request_.body.clear();
  request_.oversized = oversized;
  discard_body_ = request_.method == "HEAD";
  if (version_ == 11 && !request_.headers.contains("host")) {
    co_await Refuse(400, "missing required Host header");
    co_return false;
  }
  if (!request_.target.starts_with('/')) {
    // The absolute form, which a server must take as well (RFC 9112, 3.2.2).
    const std::size_t authority = request_.target.find("://");
    const std::size_t path = authority == std::string::npos
                                 ? std::string::npos
                                 : request_.target.find_first_of("/?", authority + 3);
    if (authority == std::string::npos) {
      co_await Refuse(400, "expected a request target that begins with /");
      co_return false;
    }
    std::string rest = path == std::string::npos ? "/" : request_.target.substr(path);
    request_.target = rest.starts_with('/') ? rest : "/" + rest;
  }
  ++server_.counters.requests;
  co_return true;
}

// A client that asks leave to send its body gets it here; too large a body was refused before.
Task<bool> HttpServer::State::Session::MeetExpectation() {
  const auto it = parser_->headers.find("expect");
  if (it == parser_->headers.end()) co_return true;
  if (ToLower(it->second) != "100-continue") {
    co_await Refuse(417, fmt::format("expectation {} cannot be met", Quote(it->second)));
    co_return false;
  }
  const std::int64_t deadline = deadline_tick_;
  const Status sent = co_await WriteBytes("HTTP/1.1 100 Continue\r\n\r\n");
  deadline_tick_ = deadline;
  co_return sent.has_value();
}

Task<bool> HttpServer::State::Session::ReadMore() {
  if (watching_) {
    bool notified = true;
    while (watching_ && notified) notified = co_await watch_done_.Wait();
    co_return !watching_ && !input_ended_;
  }
  if (input_ended_) co_return false;
  const auto space = buffer_.prepare(kReadBytes);
  const auto [error, size] = co_await connection_.ReadSome(space, kAwait);
  buffer_.commit(size);
  if (error) input_ended_ = true;
  co_return !error;
}

Task<void> HttpServer::State::Session::Handle() {
  std::string failure;
  try {
    co_await server_.handler(std::move(request_), peer_, *this);
  } catch (const std::exception& e) {
    failure = e.what();
  } catch (...) {
    failure = "an exception of an unknown type";
  }
  on_close_ = nullptr;
  if (!failure.empty()) {
    spdlog::error("a request's handler ended with an exception: {}", failure);
    keep_alive_ = false;
  }
  const bool cancelled = co_await IsCancelled();
  if (answer_ == Answer::kNone && !cancelled) {
    std::ignore = co_await Send(HttpResponse::Text(500, "the handler gave no answer\n"));
  }
  // A stream that its handler left open ends abruptly: the client must not take it for whole.
  if (answer_ == Answer::kStreaming) {
    keep_alive_ = false;
    connection_.Close();
  }
}

// Answers what is no request that a handler could see, and lets the connection end.
Task<void> HttpServer::State::Session::Refuse(int status, std::string why) {
  keep_alive_ = false;
  refused_ = true;
  spdlog::debug("HTTP {} for {}: {}", status, peer_.address, why);
  // A client that has gone needs no answer.
  std::ignore = co_await Send(HttpResponse::Text(status, std::move(why) + "\n"));
}

Task<Status> HttpServer::State::Session::WriteBytes(std::string bytes) {
  SetDeadline(server_.options.write_timeout);
  const auto [error, size] = co_await connection_.WriteAll(asio::buffer(bytes), kAwait);
  const bool late = deadline_tick_ != 0 && server_.ticks >= deadline_tick_;
  LiftDeadline();
  if (!error) co_return Status();
  keep_alive_ = false;
  if (late) co_return Fail(Code::kTimeout, "the client does not read");
  co_return Fail(Code::kUnavailable, fmt::format("the client has gone: {}", error.message()));
}

Task<Status> HttpServer::State::Session::Send(HttpResponse response) {
  if (answer_ != Answer::kNone) co_return Fail(Code::kInternal, "answered already");
  answer_ = Answer::kSent;
  Framing framing;
  framing.version = version_;
  framing.keep_alive = keep_alive_;
  const bool body_allowed = response.status != 204 && response.status != 304;
  if (body_allowed) framing.content_length = response.body.size();
  std::string bytes = ResponseHead(response, framing);
  if (!body_allowed || discard_body_) co_return co_await WriteBytes(std::move(bytes));
  if (response.body.size() <= kJoinBytesMax) {
    bytes += response.body;
    co_return co_await WriteBytes(std::move(bytes));
  }
  Status status = co_await WriteBytes(std::move(bytes));
  if (status) status = co_await WriteBytes(std::move(response.body));
  co_return status;
}

Task<Status> HttpServer::State::Session::Begin(HttpResponse head) {
  if (answer_ != Answer::kNone) co_return Fail(Code::kInternal, "answered already");
  answer_ = Answer::kStreaming;
  head.body.clear();
  // HTTP/1.0 knows no chunks: there the end of the connection ends the body.
  chunked_ = version_ == 11;
  keep_alive_ = keep_alive_ && chunked_;
  Framing framing;
  framing.version = version_;
  framing.chunked = chunked_;
  framing.keep_alive = keep_alive_;
  const Status status = co_await WriteBytes(ResponseHead(head, framing));
  if (!status) {
    MarkClosed();
    co_return status;
  }
  WatchForClose();
  if (server_.stopping) MarkClosed();
  co_return status;
}

Task<Status> HttpServer::State::Session::Write(std::string chunk) {
  if (answer_ != Answer::kStreaming) co_return Fail(Code::kInternal, "no stream is under way");
  if (closed_) co_return Fail(Code::kUnavailable, "the client has gone");
  if (const bool cancelled = co_await IsCancelled(); cancelled)
    co_return Fail(Code::kCancelled, "the server stops");
  if (chunk.empty() || discard_body_) co_return Status();
  if (chunked_) {
    std::string framed;
    framed.reserve(chunk.size() + 16);
    fmt::format_to(std::back_inserter(framed), "{:x}\r\n", chunk.size());
    framed += chunk;
    framed += "\r\n";
    chunk = std::move(framed);
  }
  const Status status = co_await WriteBytes(std::move(chunk));
  if (!status) MarkClosed();
  co_return status;
}

Task<Status> HttpServer::State::Session::End() {
  if (answer_ != Answer::kStreaming) co_return Fail(Code::kInternal, "no stream is under way");
  answer_ = Answer::kEnded;
  on_close_ = nullptr;
  if (input_ended_) keep_alive_ = false;
  if (!chunked_ || discard_body_) co_return Status();
  co_return co_await WriteBytes("0\r\n\r\n");
}

void HttpServer::State::Session::OnClose(std::function<void()> callback) {
  on_close_ = std::move(callback);
  if (closed_ && on_close_) std::exchange(on_close_, nullptr)();
}

void HttpServer::State::Session::MarkClosed() {
  if (closed_) return;
  closed_ = true;
  keep_alive_ = false;
  if (on_close_) std::exchange(on_close_, nullptr)();
}

// While a stream is under way nobody reads the connection; this read notices that the client goes.
// What it gets instead of an end is the next request, and is kept for ReadRequest.
void HttpServer::State::Session::WatchForClose() {
  if (watching_ || input_ended_ || buffer_.size() >= server_.options.max_header_bytes) return;
  watching_ = true;
  connection_.StartRead(buffer_.prepare(kReadBytes),
                        [self = shared_from_this()](error_code error, std::size_t size) {
                          self->buffer_.commit(size);
                          self->watching_ = false;
                          if (error) {
                            self->input_ended_ = true;
                            if (self->answer_ == Answer::kStreaming) self->MarkClosed();
                          } else if (self->answer_ == Answer::kStreaming) {
                            self->WatchForClose();
                          }
                          if (!self->watching_) self->watch_done_.Notify();
                        });
}

// Announces the end. Where input was left unread, closing would make the kernel send a reset, which
// can overtake the answer: there, what the peer still sends is read away for a short while.
Task<void> HttpServer::State::Session::Finish() {
  const bool peer_listens = !input_ended_ && !watching_ && connection_.socket().is_open();
  const bool cancelled = co_await IsCancelled();
  if (peer_listens && !cancelled) {
    SetDeadline(kLinger);
    if (SSL* ssl = connection_.ssl()) {
      SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);  // tells, but does not wait for the same back
      co_await connection_.ShutdownTls(kAwait);
    }
    error_code ignored;
    connection_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    for (std::size_t drained = 0; refused_ && drained < kLingerBytesMax;) {
      buffer_.clear();
      const auto space = buffer_.prepare(kReadBytes);
      const auto [error, size] = co_await connection_.socket().async_read_some(space, kAwait);
      if (error) break;
      drained += size;
    }
  }
  connection_.Close();
}

void HttpServer::State::Session::CheckDeadline() {
  if (deadline_tick_ != 0 && server_.ticks >= deadline_tick_) Cut();
}

void HttpServer::State::Session::BeginStop() {
  if (idle_) Cut();
  if (answer_ == Answer::kStreaming) MarkClosed();
  if (answer_ == Answer::kUpgraded) Cut();
}

// The connection after its upgrade. The session outlives it: it is the handler's, whose task the
// session awaits.
class HttpServer::State::Session::Upgraded final : public TcpStream {
 public:
  explicit Upgraded(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  Task<Result<std::string>> Read(std::size_t max_bytes, Duration timeout) override {
    if (const bool cancelled = co_await IsCancelled(); cancelled)
      co_return Fail(Code::kCancelled, "read: cancelled");
    auto& buffer = session_->buffer_;
    if (buffer.size() == 0) {
      const Deadline deadline = co_await Deadline::In(timeout);
      auto token = deadline.token();
      const auto space = buffer.prepare(kReadBytes);
      const auto [error, size] = co_await session_->connection_.ReadSome(space, token);
      buffer.commit(size);
      if (IsEndOfStream(error)) co_return std::string();
      if (error) co_return Fail(deadline.code(), fmt::format("read: {}", error.message()));
    }
    const std::size_t size = std::min(max_bytes, buffer.size());
    std::string bytes(static_cast<const char*>(buffer.cdata().data()), size);
    buffer.consume(size);
    co_return bytes;
  }

  Task<Status> Write(std::string bytes, Duration timeout) override {
    if (const bool cancelled = co_await IsCancelled(); cancelled)
      co_return Fail(Code::kCancelled, "write: cancelled");
    const Deadline deadline = co_await Deadline::In(timeout);
    auto token = deadline.token();
    const auto [error, size] = co_await session_->connection_.WriteAll(asio::buffer(bytes), token);
    if (error) co_return Fail(deadline.code(), fmt::format("write: {}", error.message()));
    co_return Status();
  }

  void ShutdownWrite() override {
    error_code ignored;
    session_->connection_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }
  void Close() override { session_->Cut(); }

 private:
  const std::shared_ptr<Session> session_;
};

Task<Result<std::unique_ptr<TcpStream>>> HttpServer::State::Session::Upgrade(Headers headers) {
  if (answer_ != Answer::kNone) co_return Fail(Code::kInternal, "answered already");
  answer_ = Answer::kUpgraded;
  keep_alive_ = false;
  std::string head = "HTTP/1.1 101 Switching Protocols\r\n";
  for (const auto& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, value);
  const Status written = co_await WriteBytes(head + "\r\n");
  if (!written) co_return std::unexpected(written.error());
  if (server_.stopping) Cut();
  co_return std::make_unique<Upgraded>(shared_from_this());
}

Task<void> HttpServer::State::Accept(std::shared_ptr<State> self) {
  while (self->acceptor.is_open()) {
    tcp::socket socket(self->loop.context());
    const auto [error] = co_await self->acceptor.async_accept(socket, kAwait);
    const bool cancelled = co_await IsCancelled();
    if (self->stopping || cancelled) co_return;
    if (error) {
      // Out of file descriptors, most likely: a pause lets some be given back.
      spdlog::warn("accept on {}: {}", HostPort(self->options.address, self->port),
                   error.message());
      if (const bool ok = co_await Sleep(std::chrono::milliseconds(100)); !ok) co_return;
      continue;
    }
    ++self->counters.connections;
    if (self->sessions.size() >= self->options.max_connections) {
      ++self->counters.refused;
      continue;  // the socket's destructor closes it
    }
    self->connections.Spawn(Serve(self, std::move(socket)));
  }
}

Task<void> HttpServer::State::Serve(std::shared_ptr<State> self, tcp::socket socket) {
  auto session = std::make_shared<Session>(self, std::move(socket));
  self->sessions.push_back(session.get());
  co_await session->Run();
  session->Cut();
  self->sessions.remove(session.get());
  self->session_ended.Notify();
}

Task<void> HttpServer::State::CountTicks(std::shared_ptr<State> self) {
  while (true) {
    const bool ticked = co_await Sleep(self->tick);
    if (!ticked) co_return;
    ++self->ticks;
    for (Session* session : self->sessions) session->CheckDeadline();
  }
}

HttpServer::HttpServer(Loop& loop, HttpServerOptions options, HttpHandler handler)
    : state_(std::make_shared<State>(loop, std::move(options), std::move(handler))) {}

HttpServer::~HttpServer() {
  // Without Stop before: what still runs ends by itself on the loop, and owns its state.
  state_->stopping = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  for (State::Session* session : state_->sessions) session->Cut();
  state_->service.Cancel();
  state_->connections.Cancel();
}

Status HttpServer::Start() {
  if (Status listening = Listen(state_->acceptor, state_->options.address, state_->options.port);
      !listening) {
    return listening;
  }
  state_->port = state_->acceptor.local_endpoint().port();
  state_->service.Spawn(State::Accept(state_));
  state_->service.Spawn(State::CountTicks(state_));
  return {};
}

std::uint16_t HttpServer::port() const { return state_->port; }

Task<void> HttpServer::Stop(Duration grace) {
  const std::shared_ptr<State> state = state_;
  state->stopping = true;
  error_code ignored;
  state->acceptor.close(ignored);
  for (State::Session* session : state->sessions) session->BeginStop();
  Duration left = grace;
  while (!state->sessions.empty() && left > Duration::zero()) {
    const Duration step = std::min<Duration>(left, std::chrono::milliseconds(50));
    const bool notified = co_await state->session_ended.WaitFor(step);
    if (!notified) left -= step;
  }
  for (State::Session* session : state->sessions) session->Cut();
  co_await state->connections.Stop();
  co_await state->service.Stop();
}

HttpServer::Counters HttpServer::counters() const { return state_->counters; }

}  // namespace weir::net
