#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <list>
#include <map>
#include <utility>

#include "net/connection.h"
#include "net/deadline.h"
#include "net/http.h"
#include "net/http_parser.h"
#include "net/http_wire.h"

namespace weir::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 16U << 10U;
constexpr std::size_t kHeaderBytesMax = 64U << 10U;
constexpr std::size_t kJoinBytesMax = 64U << 10U;
constexpr std::size_t kIdleMax = 8;  // an endpoint
constexpr Duration kIdleTime = std::chrono::seconds(90);

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

// One request and its response on one connection.
struct Exchange {
  explicit Exchange(std::unique_ptr<Connection> c) : connection(std::move(c)) {}

  std::unique_ptr<Connection> connection;
  boost::beast::flat_buffer buffer;
  std::unique_ptr<MessageParser<false>> parser;
  bool answered = false;  // a byte of a response came

  void Expect(const HttpRequest& request, boost::optional<std::uint64_t> max_body_bytes) {
    parser = std::make_unique<MessageParser<false>>(kHeaderBytesMax, max_body_bytes);
    if (request.method == "HEAD") parser->skip(true);
  }

  bool reusable() const { return parser->is_done() && parser->keep_alive() && buffer.size() == 0; }
};

std::unexpected<Error> Broken(const Deadline& deadline, const std::string& where,
                              std::string_view what) {
  const Code code = deadline.code();
  if (code == Code::kTimeout) what = "timed out";
  if (code == Code::kCancelled) what = "cancelled";
  return Fail(code, fmt::format("{}: {}", where, what));
}

Task<Status> SendRequest(Exchange* exchange, std::string bytes, std::string body, std::string where,
                         const Deadline* deadline) {
  auto token = deadline->token();
  if (body.size() <= kJoinBytesMax) {
    bytes += body;
    body.clear();
  }
  const auto [error, size] = co_await exchange->connection->WriteAll(asio::buffer(bytes), token);
  if (error) co_return Broken(*deadline, where, error.message());
  if (body.empty()) co_return Status();
  auto body_token = deadline->token();
  const auto [body_error, body_size] =
      co_await exchange->connection->WriteAll(asio::buffer(body), body_token);
  if (body_error) co_return Broken(*deadline, where, body_error.message());
  co_return Status();
}

// Reads once and feeds the parser. False at the end of the message.
Task<Result<bool>> ReadSome(Exchange* exchange, std::string where, const Deadline* deadline) {
  MessageParser<false>& parser = *exchange->parser;
  if (parser.is_done()) co_return false;
  auto token = deadline->token();
  const auto space = exchange->buffer.prepare(kReadBytes);
  const auto [read_error, size] = co_await exchange->connection->ReadSome(space, token);
  exchange->buffer.commit(size);
  exchange->answered = exchange->answered || size > 0;
  error_code error;
  exchange->buffer.consume(parser.Feed(exchange->buffer.cdata(), error));
  if (error == boost::beast::http::error::body_limit) {
    co_return Fail(Code::kInvalid, fmt::format("{}: response body above the limit", where));
  }
  if (error == boost::beast::http::error::header_limit) {
    co_return Fail(Code::kInvalid,
                   fmt::format("{}: response headers above {} bytes", where, kHeaderBytesMax));
  }
  if (error) {
    co_return Fail(Code::kUnavailable,
                   fmt::format("{}: malformed HTTP response: {}", where, error.message()));
  }
  if (parser.is_done()) co_return false;
  if (!read_error) co_return true;
  if (!IsEndOfStream(read_error)) co_return Broken(*deadline, where, read_error.message());
  if (!parser.is_header_done() || !parser.need_eof()) {
    co_return Fail(Code::kUnavailable,
                   fmt::format("{}: the peer closed the connection {}", where,
                               exchange->answered ? "within the response" : "without an answer"));
  }
  parser.put_eof(error);
  co_return false;
}

// Reads until the head is there; interim answers (1xx) are passed over.
Task<Status> ReadHead(Exchange* exchange, HttpRequest* request, std::string where,
                      boost::optional<std::uint64_t> max_body_bytes, const Deadline* deadline) {
  exchange->Expect(*request, max_body_bytes);
  while (true) {
    while (!exchange->parser->is_header_done()) {
      const Result<bool> more = co_await ReadSome(exchange, where, deadline);
      if (!more) co_return std::unexpected(more.error());
    }
    const int status = exchange->parser->status;
    if (status == 101) {
      co_return Fail(Code::kUnavailable, fmt::format("{}: unasked protocol switch", where));
    }
    if (status >= 200) co_return Status();
    exchange->Expect(*request, max_body_bytes);
    error_code error;
    exchange->buffer.consume(exchange->parser->Feed(exchange->buffer.cdata(), error));
    if (error) {
      co_return Fail(Code::kUnavailable,
                     fmt::format("{}: malformed HTTP response: {}", where, error.message()));
    }
  }
}

HttpResponse TakeHead(MessageParser<false>& parser) {
  HttpResponse response;
  response.status = parser.status;
  response.headers = std::move(parser.headers);
  return response;
}

}  // namespace

struct HttpClient::State {
  State(Loop& l, std::shared_ptr<TlsClientContext> t) : loop(l), tls(std::move(t)) {}

  struct Idle {
    std::unique_ptr<Connection> connection;
    Duration until;  // as Loop::Monotonic tells it
  };

  static std::string Key(const Endpoint& endpoint) {
    return fmt::format("{}{}", endpoint.tls ? "https://" : "http://",
                       HostPort(endpoint.host, endpoint.port));
  }

  // A kept connection that is still good, or null.
  std::unique_ptr<Connection> Take(const std::string& key) {
    Prune();
    const auto it = idle.find(key);
    while (it != idle.end() && !it->second.empty()) {
      std::unique_ptr<Connection> connection = std::move(it->second.back().connection);
      it->second.pop_back();
      if (!HasInput(connection->socket().native_handle())) return connection;
    }
    return nullptr;
  }

  void Keep(const std::string& key, std::unique_ptr<Connection> connection) {
    Prune();
    std::list<Idle>& kept = idle[key];
    if (kept.size() >= kIdleMax) kept.pop_front();
    kept.push_back(Idle{std::move(connection), loop.Monotonic() + kIdleTime});
  }

  void Prune() {
    const Duration now = loop.Monotonic();
    for (auto it = idle.begin(); it != idle.end();) {
      it->second.remove_if([now](const Idle& entry) { return entry.until <= now; });
      it = it->second.empty() ? idle.erase(it) : std::next(it);
    }
  }

  Task<Result<std::unique_ptr<Connection>>> Open(Endpoint endpoint, const Deadline* deadline) {
    if (endpoint.tls && tls == nullptr) {
      co_return Fail(Code::kInvalid, fmt::format("{}: no TLS configuration", Key(endpoint)));
    }
    std::shared_ptr<TlsClientContext> context = endpoint.tls ? tls : nullptr;
    co_return co_await Connect(endpoint.host, endpoint.port, std::move(context), deadline);
  }

  Loop& loop;
  std::shared_ptr<TlsClientContext> tls;
  std::map<std::string, std::list<Idle>> idle;
};

HttpClient::HttpClient(Loop& loop, std::shared_ptr<TlsClientContext> tls)
    : state_(std::make_shared<State>(loop, std::move(tls))) {}

HttpClient::~HttpClient() = default;

Task<Result<HttpResponse>> HttpClient::Do(Endpoint endpoint, HttpRequest request, Duration timeout,
                                          std::size_t max_body_bytes) {
  const std::shared_ptr<State> state = state_;
  const std::string key = State::Key(endpoint);
  const std::string where = fmt::format("{} {}{}", request.method, key, request.Path());
  const Result<std::string> head = RequestHead(request, HostPort(endpoint.host, endpoint.port));
  if (!head) co_return Prefixed(where, head.error());
  const Deadline deadline = co_await Deadline::In(timeout);
  for (bool last_try = false;;) {
    std::unique_ptr<Connection> kept = state->Take(key);
    const bool fresh = kept == nullptr;
    if (fresh) {
      auto made = co_await state->Open(endpoint, &deadline);
      if (!made) co_return std::unexpected(made.error());
      kept = std::move(*made);
    }
    Exchange exchange(std::move(kept));
    Status status = co_await SendRequest(&exchange, *head, request.body, where, &deadline);
    if (status) {
      status = co_await ReadHead(&exchange, &request, where, max_body_bytes, &deadline);
    }
    if (!status) {
      const bool closed_meanwhile =
          !fresh && !exchange.answered && status.error().code == Code::kUnavailable;
      if (closed_meanwhile && !last_try && IsIdempotent(request.method)) {
        last_try = true;
        state->idle.erase(key);  // likely all of them: the peer restarted
        continue;
      }
      co_return std::unexpected(status.error());
    }
    while (!exchange.parser->is_done()) {
      const Result<bool> more = co_await ReadSome(&exchange, where, &deadline);
      if (!more) co_return std::unexpected(more.error());
    }
    HttpResponse response = TakeHead(*exchange.parser);
    response.body = exchange.parser->TakeBody();
    if (exchange.reusable()) state->Keep(key, std::move(exchange.connection));
    co_return response;
  }
}

Task<Status> HttpClient::Stream(Endpoint endpoint, HttpRequest request, Duration timeout,
                                HeadFn head, ChunkFn chunk) {
  const std::shared_ptr<State> state = state_;
  const std::string where =
      fmt::format("{} {}{}", request.method, State::Key(endpoint), request.Path());
  const Result<std::string> text = RequestHead(request, HostPort(endpoint.host, endpoint.port));
  if (!text) co_return Prefixed(where, text.error());
  Deadline deadline = co_await Deadline::In(timeout);
  auto made = co_await state->Open(endpoint, &deadline);
  if (!made) co_return std::unexpected(made.error());
  Exchange exchange(std::move(*made));
  Status status = co_await SendRequest(&exchange, *text, request.body, where, &deadline);
  if (status) status = co_await ReadHead(&exchange, &request, where, boost::none, &deadline);
  if (!status) co_return status;
  deadline.Lift();
  MessageParser<false>& parser = *exchange.parser;
  if (!head(TakeHead(parser))) co_return Status();
  while (true) {
    const std::string piece = parser.TakeBody();
    if (!piece.empty() && !chunk(piece)) co_return Status();
    if (parser.is_done()) co_return Status();
    const Result<bool> more = co_await ReadSome(&exchange, where, &deadline);
    if (!more) {
      // What came before the break is the caller's.
      const std::string rest = parser.TakeBody();
      if (!rest.empty() && !chunk(rest)) co_return Status();
      co_return std::unexpected(more.error());
    }
  }
}

}  // namespace weir::net
