// HTTP/1.1 messages as plain values, and the server and client that carry them. Beast and its
// templates stay in http_server.cc and http_client.cc; nobody else includes them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/loop.h"
#include "net/tls.h"

namespace weir::net {

// Header names in lower case; a repeated header's values are joined by ", ".
using Headers = std::map<std::string, std::string, std::less<>>;

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // path and query as on the wire
  Headers headers;
  std::string body;
  bool oversized = false;  // the body is above the server's limit and was not taken

  // The value of a header, or empty.
  std::string Header(std::string_view lower_case_name) const;
  // The path without query, still percent-encoded.
  std::string_view Path() const;
  std::string_view Query() const;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;

  std::string Header(std::string_view lower_case_name) const;
  static HttpResponse Text(int status, std::string body);
  static HttpResponse JsonText(int status, std::string body);
};

// `a=1&b=2` decoded, in order; a broken escape is taken literally.
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);
std::string BuildQuery(const std::vector<std::pair<std::string, std::string>>& parameters);

// Who sent a request: the transport's facts. Credentials in headers are the handler's business.
struct Peer {
  std::string address;  // "127.0.0.1:5012"; "in-process" for the in-process transport
  struct Certificate {
    std::string common_name;
    std::vector<std::string> organizations;
  };
  // Set where the client showed a certificate that the server's client CA signed.
  std::optional<Certificate> certificate;
};

class TcpStream;

// How a handler answers: Send once, or Begin, any number of Write, End. Valid until the handler's
// task ends. An error means that the client has gone or is too slow (a Write waits for it for at
// most the server's write timeout); the handler just returns.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  virtual Task<Status> Send(HttpResponse response) = 0;
  // Chunked transfer; body of `head` is ignored.
  virtual Task<Status> Begin(HttpResponse head) = 0;
  virtual Task<Status> Write(std::string chunk) = 0;
  virtual Task<Status> End() = 0;
  // Whether the client closed its side while a stream was under way (watches poll it by Signal).
  virtual bool closed() const = 0;
  // Answers 101 with these headers and hands the connection over, for another protocol on it. The
  // stream is good until the handler's task ends, and ends when the server stops. kInvalid where
  // there is no connection of its own (in process).
  virtual Task<Result<std::unique_ptr<TcpStream>>> Upgrade(Headers headers);
  // Called once when the client goes away while a stream is under way; replaces the last one.
  virtual void OnClose(std::function<void()> callback) = 0;
};

using HttpHandler = std::function<Task<void>(HttpRequest, Peer, ResponseWriter&)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;                  // 0: any free one
  std::shared_ptr<TlsServerContext> tls;   // none: plain HTTP
  std::size_t max_body_bytes = 3U << 20U;  // kube-apiserver's limit; beyond: 413
  // What is beyond it goes to the handler all the same, as `oversized`, without its body.
  bool pass_oversized = false;
  std::size_t max_header_bytes = 64U << 10U;
  std::size_t max_connections = 2048;  // beyond: closed at once, counted
  Duration header_timeout = std::chrono::seconds(30);
  Duration idle_timeout = std::chrono::seconds(120);
  Duration write_timeout = std::chrono::seconds(30);
};

// Accepts connections from Start to Stop. Loop thread only.
class HttpServer {
 public:
  HttpServer(Loop& loop, HttpServerOptions options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds and listens. kConflict where the port is taken, kForbidden where it is not allowed, with
  // address and port in the message.
  Status Start();
  // The bound port, after Start.
  std::uint16_t port() const;
  // Refuses new connections, ends streams, waits `grace` for requests under way, then closes.
  Task<void> Stop(Duration grace);

  struct Counters {
    std::uint64_t connections = 0, requests = 0, refused = 0, oversized = 0;
  };
  Counters counters() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Where a client connects: scheme, host, port.
struct Endpoint {
  bool tls = false;
  std::string host;
  std::uint16_t port = 80;
};

struct Url {
  Endpoint endpoint;
  std::string target = "/";
  std::string user, password;  // from user:password@host, decoded
};
// Schemes http, https, redis, rediss, amqp, amqps with their default ports.
Result<Url> ParseUrl(std::string_view text);

// What a flag such as `--http :8080` asks a server to listen on. Without a host it is
// `default_host`: a pod's own address, or loopback; a host must be an IP address or `localhost`.
struct ListenAddress {
  std::string address;
  std::uint16_t port = 0;
};
Result<ListenAddress> ParseListenAddress(std::string_view text, std::string_view default_host);

// Keeps connections alive between requests (at most 8 idle ones an endpoint, 90 s each). A request
// on a kept connection that the server closed meanwhile is sent once more on a new one if it is
// idempotent. Loop thread only.
class HttpClient {
 public:
  explicit HttpClient(Loop& loop, std::shared_ptr<TlsClientContext> tls = nullptr);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The whole response, whatever its status. kUnavailable where the peer refuses or breaks off,
  // kTimeout after `timeout`, kInvalid for a body above `max_body_bytes`.
  Task<Result<HttpResponse>> Do(Endpoint endpoint, HttpRequest request, Duration timeout,
                                std::size_t max_body_bytes = 64U << 20U);

  // Streams the body: `head` once, then `chunk` for each piece as it arrives, until the peer ends
  // (OK), breaks off (kUnavailable), `chunk` returns false, or the task is cancelled (kCancelled).
  // `timeout` bounds connecting and the head only.
  using HeadFn = std::function<bool(const HttpResponse&)>;
  using ChunkFn = std::function<bool(std::string_view)>;
  Task<Status> Stream(Endpoint endpoint, HttpRequest request, Duration timeout, HeadFn head,
                      ChunkFn chunk);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weir::net
