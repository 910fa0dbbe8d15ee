// The HTTP server and client against each other and against raw sockets, on loopback.
#include "net/http.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/tcp.h"
#include "net/testing.h"

namespace weir::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLong = seconds(20);
// OpenSSL checks certificates against the system's clock: valid from 2020 on, for a hundred years.
const Time kBegin{seconds(1577836800)};
constexpr Duration kLifetime = std::chrono::hours(24 * 365 * 100);

Task<void> Echo(HttpRequest request, Peer peer, ResponseWriter& writer) {
  HttpResponse response = HttpResponse::Text(200, request.body);
  response.headers["x-method"] = request.method;
  response.headers["x-target"] = request.target;
  if (peer.certificate) {
    response.headers["x-user"] = peer.certificate->common_name;
    std::string groups;
    for (const std::string& group : peer.certificate->organizations) groups += group + ";";
    response.headers["x-groups"] = groups;
  }
  std::ignore = co_await writer.Send(std::move(response));
}

// A server on a free port, stopped at the end of the test.
class ServerTest : public ::testing::Test {
 protected:
  ~ServerTest() override {
    if (server_) RunTask(loop_, server_->Stop(Duration::zero()));
  }

  void Serve(HttpHandler handler, HttpServerOptions options = {}) {
    server_ = std::make_unique<HttpServer>(loop_, options, std::move(handler));
    ASSERT_TRUE(server_->Start());
    endpoint_.tls = options.tls != nullptr;
    endpoint_.host = "127.0.0.1";
    endpoint_.port = server_->port();
  }

  std::unique_ptr<TcpStream> Connect() {
    auto stream = RunTask(loop_, TcpConnect("127.0.0.1", endpoint_.port, kLong));
    return stream ? std::move(*stream) : nullptr;
  }

  void Write(TcpStream& stream, std::string bytes) {
    EXPECT_TRUE(RunTask(loop_, stream.Write(std::move(bytes), kLong)));
  }

  // What comes until the text ends with `ending`, or until the end of the stream.
  std::string ReadUntil(TcpStream& stream, std::string_view ending) {
    std::string all;
    while (ending.empty() || !all.ends_with(ending)) {
      auto piece = RunTask(loop_, stream.Read(65536, kLong));
      if (!piece) return all + "<" + piece.error().message + ">";
      if (piece->empty()) return all + "<end>";
      all += *piece;
    }
    return all;
  }

  std::string Exchange(std::string bytes) {
    auto stream = Connect();
    Write(*stream, std::move(bytes));
    return ReadUntil(*stream, "");
  }

  Result<HttpResponse> Do(HttpClient& client, HttpRequest request, std::size_t limit = 1U << 20U) {
    return RunTask(loop_, client.Do(endpoint_, std::move(request), kLong, limit));
  }

  Loop loop_;
  std::unique_ptr<HttpServer> server_;
  Endpoint endpoint_;
};

TEST_F(ServerTest, AnswersPipelinedAndSplitRequestsInOrder) {
  Serve(Echo);
  const std::string requests =
      "POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string whole = Exchange(requests);
  EXPECT_NE(whole.find("X-Target: /1\r\nContent-Length: 3\r\n\r\none"), std::string::npos) << whole;
  EXPECT_NE(whole.find("X-Target: /2\r\nContent-Length: 3\r\n\r\ntwo"), std::string::npos) << whole;
  EXPECT_NE(whole.find("X-Target: /3\r\nContent-Length: 0\r\nConnection: close"),
            std::string::npos);
  for (std::size_t cut = 1; cut < requests.size(); ++cut) {
    auto stream = Connect();
    Write(*stream, requests.substr(0, cut));
    RunTask(loop_, Yield());
    Write(*stream, requests.substr(cut));
    EXPECT_EQ(ReadUntil(*stream, ""), whole) << "cut at " << cut;
  }
}

struct RefusalCase {
  std::string name;
  std::string request;
  std::string status;
};

TEST_F(ServerTest, RefusesWithAText) {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  options.max_header_bytes = 200;
  Serve(Echo, options);
  const std::vector<RefusalCase> cases = {
      {"body length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", "413"},
      {"chunked body",
       "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nB\r\n01234567890\r\n",
       "413"},
      {"expect too much",
       "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n", "413"},
      {"headers", "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(300, 'x') + "\r\n\r\n", "431"},
      {"endless header", "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(9000, 'x'), "431"},
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", "400"},
      {"bad header", "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", "400"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400"},
      {"length and chunks",
       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "400"},
      {"bad chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       "400"},
      {"other expectation",
       "POST / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 1\r\n\r\n", "417"},
      {"authority form", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
      {"version", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "400"},
  };
  for (const RefusalCase& c : cases) {
    const std::string response = Exchange(c.request);
    EXPECT_TRUE(response.starts_with("HTTP/1.1 " + c.status + " ")) << c.name << ": " << response;
    EXPECT_TRUE(response.ends_with("\n<end>")) << c.name << ": " << response;
  }
  EXPECT_EQ(server_->counters().requests, 0U);
  EXPECT_EQ(server_->counters().oversized, 5U);
}

TEST_F(ServerTest, PassesOnThatABodyIsTooLarge) {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  options.pass_oversized = true;
  Serve(
      [](HttpRequest request, Peer, ResponseWriter& writer) -> Task<void> {
        std::string text = fmt::format("{} {} {}", request.target, request.oversized, request.body);
        std::ignore = co_await writer.Send(HttpResponse::Text(200, std::move(text)));
      },
      options);
  const std::string many(1U << 20U, 'x');  // more than the kernel keeps for a reader
  const std::pair<std::string, std::string> cases[] = {
      {"Connection: close\r\nContent-Length: 10\r\n\r\n0123456789", "/ false 0123456789<end>"},
      {"Content-Length: 11\r\n\r\n", "/ true <end>"},
      {"Expect: 100-continue\r\nContent-Length: 11\r\n\r\n", "/ true <end>"},
      {"Content-Length: 1048576\r\n\r\n" + many, "/ true <end>"},
      {"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nB\r\n01234567890\r\n", "/ true <end>"}};
  for (const auto& [rest, want] : cases) {
    const std::string response = Exchange("POST / HTTP/1.1\r\nHost: h\r\n" + rest);
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << response;
    EXPECT_NE(response.find("\r\n\r\n" + want), std::string::npos) << response;
  }
}

TEST_F(ServerTest, ContinuesAClientThatWaits) {
  Serve(Echo);
  auto stream = Connect();
  Write(*stream, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(ReadUntil(*stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  Write(*stream, "ok");
  EXPECT_TRUE(ReadUntil(*stream, "\r\n\r\nok").starts_with("HTTP/1.1 200 OK"));
}

TEST_F(ServerTest, AnswersHeadWithoutBodyAndOldClientsWithoutKeepAlive) {
  Serve([](HttpRequest, Peer, ResponseWriter& writer) -> Task<void> {
    std::ignore = co_await writer.Send(HttpResponse::Text(200, "hello"));
  });
  const std::string head = Exchange("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 5\r\n"), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n<end>")) << head;
  const std::string old = Exchange("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.ends_with("Connection: close\r\n\r\nhello<end>")) << old;
}

TEST_F(ServerTest, AnswersAPeerThatHasClosedItsHalf) {
  Serve(Echo);
  auto stream = Connect();
  Write(*stream, "GET /half HTTP/1.1\r\nHost: h\r\n\r\n");
  stream->ShutdownWrite();
  const std::string response = ReadUntil(*stream, "");
  EXPECT_NE(response.find("X-Target: /half"), std::string::npos) << response;
}

TEST_F(ServerTest, AHandlerWithoutAnswerOrWithAnExceptionIs500) {
  Serve([](HttpRequest request, Peer, ResponseWriter&) -> Task<void> {
    if (request.target == "/throw") throw std::runtime_error("bug");
    co_return;
  });
  EXPECT_TRUE(Exchange("GET /throw HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 500"));
  EXPECT_TRUE(Exchange("GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 500"));
}

TEST_F(ServerTest, ClosesIdleAndSlowConnections) {
  HttpServerOptions options;
  options.idle_timeout = milliseconds(40);
  options.header_timeout = milliseconds(40);
  Serve(Echo, options);
  auto idle = Connect();
  EXPECT_EQ(ReadUntil(*idle, ""), "<end>");
  auto slow_head = Connect();
  Write(*slow_head, "GET / HT");
  EXPECT_EQ(ReadUntil(*slow_head, ""), "<end>");
  auto slow_body = Connect();
  Write(*slow_body, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
  EXPECT_EQ(ReadUntil(*slow_body, ""), "<end>");
}

TEST_F(ServerTest, ClosesConnectionsBeyondTheLimit) {
  HttpServerOptions options;
  options.max_connections = 1;
  Serve(Echo, options);
  auto first = Connect();
  Write(*first, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(ReadUntil(*first, "\r\n\r\n").starts_with("HTTP/1.1 200"));
  auto second = Connect();
  EXPECT_EQ(ReadUntil(*second, ""), "<end>");
  EXPECT_EQ(server_->counters().refused, 1U);
  EXPECT_EQ(server_->counters().connections, 2U);
}

TEST_F(ServerTest, AReaderThatDoesNotReadIsTimedOut) {
  HttpServerOptions options;
  options.write_timeout = milliseconds(40);
  Status last;
  Signal done(loop_);
  Serve(
      [&](HttpRequest, Peer, ResponseWriter& writer) -> Task<void> {
        last = co_await writer.Begin(HttpResponse());
        while (last) last = co_await writer.Write(std::string(1U << 20U, 'x'));
        done.Notify();
      },
      options);
  auto stream = Connect();
  Write(*stream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(RunTask(loop_, done.WaitFor(kLong)));
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Code::kTimeout);
}

TEST_F(ServerTest, AStreamNoticesThatItsClientGoes) {
  bool told = false;
  bool closed = false;
  Signal begun(loop_);
  Signal gone(loop_);
  Serve([&](HttpRequest, Peer, ResponseWriter& writer) -> Task<void> {
    std::ignore = co_await writer.Begin(HttpResponse());
    Signal close(loop_);
    writer.OnClose([&close, &told] {
      told = true;
      close.Notify();
    });
    begun.Notify();
    co_await close.Wait();
    const Status more = co_await writer.Write("more");
    closed = writer.closed() && !more;
    gone.Notify();
  });
  auto stream = Connect();
  Write(*stream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(RunTask(loop_, begun.WaitFor(kLong)));
  stream->Close();
  EXPECT_TRUE(RunTask(loop_, gone.WaitFor(kLong)));
  EXPECT_TRUE(told);
  EXPECT_TRUE(closed);
}

TEST_F(ServerTest, AStreamIsChunkedAndTheNextRequestFollows) {
  Serve([](HttpRequest request, Peer, ResponseWriter& writer) -> Task<void> {
    std::ignore = co_await writer.Begin(HttpResponse());
    std::ignore = co_await writer.Write("ab");
    std::ignore = co_await writer.Write("");
    std::ignore = co_await writer.Write(request.target);
    std::ignore = co_await writer.End();
  });
  auto stream = Connect();
  for (const std::string target : {"/1", "/2"}) {
    Write(*stream, "GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(ReadUntil(*stream, "0\r\n\r\n"),
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\n" + target +
                  "\r\n0\r\n\r\n");
  }
  // The second request arrives while the first is being streamed.
  Write(
      *stream,
      "GET /3 HTTP/1.1\r\nHost: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string both = ReadUntil(*stream, "");
  EXPECT_NE(both.find("/3\r\n0\r\n\r\nHTTP/1.1 200 OK"), std::string::npos) << both;
  EXPECT_TRUE(both.ends_with("/4\r\n0\r\n\r\n<end>")) << both;
  EXPECT_EQ(Exchange("GET /5 HTTP/1.0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab/5<end>");
}

TEST_F(ServerTest, AnUnfinishedStreamIsNotTakenForWhole) {
  Serve([](HttpRequest, Peer, ResponseWriter& writer) -> Task<void> {
    std::ignore = co_await writer.Begin(HttpResponse());
    std::ignore = co_await writer.Write("half");
  });
  HttpClient client(loop_);
  const auto response = Do(client, HttpRequest());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
}

TEST_F(ServerTest, StopWaitsForRequestsEndsStreamsAndDropsIdleConnections) {
  Signal release(loop_);
  Signal both(loop_);
  int under_way = 0;
  Serve([&](HttpRequest request, Peer, ResponseWriter& writer) -> Task<void> {
    if (++under_way == 2) both.Notify();
    if (request.target == "/stream") {
      std::ignore = co_await writer.Begin(HttpResponse());
      Signal close(loop_);
      writer.OnClose([&close] { close.Notify(); });
      co_await close.Wait();
      release.Notify();
      co_return;
    }
    co_await release.Wait();
    std::ignore = co_await writer.Send(HttpResponse::Text(200, "late but whole"));
  });
  auto idle = Connect();
  auto slow = Connect();
  auto streaming = Connect();
  Write(*slow, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  Write(*streaming, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(RunTask(loop_, both.WaitFor(kLong)));
  RunTask(loop_, server_->Stop(kLong));
  EXPECT_TRUE(ReadUntil(*slow, "").ends_with("late but whole<end>"));
  EXPECT_TRUE(ReadUntil(*streaming, "").ends_with("\r\n\r\n<end>"));
  EXPECT_EQ(ReadUntil(*idle, ""), "<end>");
  EXPECT_FALSE(RunTask(loop_, TcpConnect("127.0.0.1", endpoint_.port, kLong)));
}

TEST_F(ServerTest, StopCancelsHandlersThatOutlastTheGrace) {
  bool cancelled = false;
  Signal begun(loop_);
  Serve([&](HttpRequest, Peer, ResponseWriter&) -> Task<void> {
    begun.Notify();
    cancelled = !co_await Sleep(std::chrono::hours(1));
  });
  auto stream = Connect();
  Write(*stream, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(RunTask(loop_, begun.WaitFor(kLong)));
  RunTask(loop_, server_->Stop(milliseconds(1)));
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(ReadUntil(*stream, ""), "<end>");
}

TEST_F(ServerTest, StartTellsOfATakenOrForbiddenAddress) {
  Serve(Echo);
  HttpServerOptions options;
  options.port = server_->port();
  HttpServer second(loop_, options, Echo);
  const Status taken = second.Start();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kConflict);
  EXPECT_NE(taken.error().message.find(fmt::format("127.0.0.1:{}", options.port)),
            std::string::npos);
  options.address = "no.address";
  HttpServer third(loop_, options, Echo);
  EXPECT_EQ(third.Start().error().code, Code::kInvalid);
}

TEST_F(ServerTest, ClientKeepsConnectionsAndCarriesBodies) {
  Serve(Echo);
  HttpClient client(loop_);
  for (const std::size_t size : {0U, 5U, 200000U}) {
    HttpRequest request;
    request.method = "POST";
    request.target = "/a?b=c";
    request.body = std::string(size, 'x');
    const auto response = Do(client, request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, request.body);
    EXPECT_EQ(response->Header("x-target"), "/a?b=c");
  }
  HttpRequest head;
  head.method = "HEAD";
  EXPECT_EQ(Do(client, head)->Header("x-method"), "HEAD");
  EXPECT_EQ(server_->counters().connections, 1U);
  EXPECT_EQ(server_->counters().requests, 4U);
}

TEST_F(ServerTest, ClientReplacesAConnectionThatTheServerClosed) {
  HttpServerOptions options;
  Serve(Echo, options);
  HttpClient client(loop_);
  ASSERT_TRUE(Do(client, HttpRequest()));
  RunTask(loop_, server_->Stop(Duration::zero()));
  options.port = endpoint_.port;
  Serve(Echo, options);
  const auto again = Do(client, HttpRequest());
  EXPECT_TRUE(again) << again.error().message;
}

TEST_F(ServerTest, ClientTellsOfRefusedTimedOutAndOversized) {
  Serve([](HttpRequest request, Peer, ResponseWriter& writer) -> Task<void> {
    if (request.target == "/never") {
      co_await Sleep(std::chrono::hours(1));
    } else {
      std::ignore = co_await writer.Send(HttpResponse::Text(200, std::string(1000, 'x')));
    }
  });
  HttpClient client(loop_);
  HttpRequest never;
  never.target = "/never";
  const auto late = RunTask(loop_, client.Do(endpoint_, never, milliseconds(30)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kTimeout);
  const auto large = Do(client, HttpRequest(), 999);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Code::kInvalid);
  EXPECT_TRUE(Do(client, HttpRequest(), 1000));
  Endpoint closed = endpoint_;
  RunTask(loop_, server_->Stop(Duration::zero()));
  const auto refused = RunTask(loop_, client.Do(closed, HttpRequest(), kLong));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_NE(refused.error().message.find(fmt::format("127.0.0.1:{}", closed.port)),
            std::string::npos)
      << refused.error().message;
}

// Answers each connection with fixed bytes, then closes it.
class FixedPeer {
 public:
  FixedPeer(Loop& loop, std::string bytes)
      : group_(loop, "fixed peer"),
        listener_(loop, "127.0.0.1", 0, [this, bytes](std::unique_ptr<TcpStream> stream) {
          group_.Spawn(Answer(std::move(stream), bytes));
        }) {
    EXPECT_TRUE(listener_.Start());
  }
  std::uint16_t port() const { return listener_.port(); }
  Task<void> Stop() {
    co_await listener_.Stop();
    co_await group_.Stop();
  }

 private:
  static Task<void> Answer(std::unique_ptr<TcpStream> stream, std::string bytes) {
    std::ignore = co_await stream->Read(65536, kLong);
    std::ignore = co_await stream->Write(std::move(bytes), kLong);
    stream->ShutdownWrite();
    std::ignore = co_await stream->Read(65536, kLong);
  }
  TaskGroup group_;
  TcpListener listener_;
};

struct AnswerCase {
  std::string name, bytes;
  std::optional<std::string> body;  // none: an error
};

TEST(HttpClient, ReadsWhateverFormAnAnswerHas) {
  const std::vector<AnswerCase> cases = {
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
      {"until the end", "HTTP/1.1 200 OK\r\n\r\nall of it", "all of it"},
      {"old", "HTTP/1.0 200 OK\r\n\r\nold", "old"},
      {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "a"},
      {"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
       "x"},
      {"none", "", std::nullopt},
      {"cut head", "HTTP/1.1 200 O", std::nullopt},
      {"cut body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", std::nullopt},
      {"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na", std::nullopt},
      {"garbage", "SSH-2.0-OpenSSH\r\n", std::nullopt},
      {"switch", "HTTP/1.1 101 Switching Protocols\r\n\r\n", std::nullopt},
  };
  for (const AnswerCase& c : cases) {
    Loop loop;
    FixedPeer peer(loop, c.bytes);
    HttpClient client(loop);
    Endpoint endpoint;
    endpoint.host = "127.0.0.1";
    endpoint.port = peer.port();
    const auto response = RunTask(loop, client.Do(endpoint, HttpRequest(), kLong));
    EXPECT_EQ(response.has_value(), c.body.has_value()) << c.name;
    if (response && c.body) {
      EXPECT_EQ(response->body, *c.body) << c.name;
    }
    if (!response) {
      EXPECT_EQ(response.error().code, Code::kUnavailable) << c.name;
    }
    RunTask(loop, peer.Stop());
  }
}

Task<void> StreamInto(HttpClient* client, Endpoint endpoint, std::string* all, Status* end) {
  const auto head = [](const HttpResponse& response) { return response.status == 200; };
  const auto chunk = [all](std::string_view piece) {
    all->append(piece);
    return !all->ends_with("stop");
  };
  *end = co_await client->Stream(endpoint, HttpRequest(), kLong, head, chunk);
}

TEST_F(ServerTest, ClientStreamsUntilItHasEnoughOrIsCancelled) {
  Signal next(loop_);
  Signal written(loop_);
  bool closed = false;
  Signal gone(loop_);
  Serve([&](HttpRequest, Peer, ResponseWriter& writer) -> Task<void> {
    std::ignore = co_await writer.Begin(HttpResponse());
    writer.OnClose([&] {
      closed = true;
      gone.Notify();
    });
    std::ignore = co_await writer.Write("one ");
    written.Notify();
    co_await next.Wait();
    std::ignore = co_await writer.Write("stop");
    co_await gone.Wait();
  });
  HttpClient client(loop_);
  for (const bool cancel : {false, true}) {
    TaskGroup group(loop_, "stream");
    std::string all;
    Status end = Fail(Code::kInternal, "not ended");
    closed = false;
    group.Spawn(StreamInto(&client, endpoint_, &all, &end));
    ASSERT_TRUE(RunTask(loop_, written.WaitFor(kLong)));
    if (cancel) {
      RunTask(loop_, group.Stop());
      ASSERT_FALSE(end);
      EXPECT_EQ(end.error().code, Code::kCancelled);
      next.Notify();
    } else {
      next.Notify();
      while (group.running() > 0) RunTask(loop_, Yield());
      EXPECT_EQ(all, "one stop");
      EXPECT_TRUE(end);
    }
    while (!closed) RunTask(loop_, Yield());
  }
}

class TlsTest : public ServerTest {
 protected:
  TlsTest() : ca_(MakeAuthority("test-ca", kBegin, kLifetime).value()) {}

  KeyPair Issue(const CertificateRequest& request) {
    return IssueCertificate(ca_, request, kBegin, kLifetime).value();
  }
  KeyPair ServerPair(std::vector<std::string> ips = {"127.0.0.1", "::1"}) {
    CertificateRequest request;
    request.common_name = "server";
    request.dns_names = {"localhost", "kubernetes.default.svc"};
    request.ip_addresses = std::move(ips);
    request.server = true;
    return Issue(request);
  }
  KeyPair UserPair() {
    CertificateRequest request;
    request.common_name = "alice, CN=root";
    request.organizations = {"system:masters", "dev"};
    return Issue(request);
  }
  void ServeTls(const KeyPair& pair) {
    HttpServerOptions options;
    options.header_timeout = milliseconds(100);
    options.tls = TlsServerContext::Make(pair, ca_.certificate_pem).value();
    Serve(Echo, options);
  }
  std::shared_ptr<TlsClientContext> ClientTls(const KeyPair& pair = {}, bool insecure = false) {
    return TlsClientContext::Make(ca_.certificate_pem, pair, insecure).value();
  }

  KeyPair ca_;
};

TEST_F(TlsTest, ServesWithAndWithoutAClientCertificate) {
  ServeTls(ServerPair());
  HttpClient nobody(loop_, ClientTls());
  const auto anonymous = Do(nobody, HttpRequest());
  ASSERT_TRUE(anonymous) << anonymous.error().message;
  EXPECT_EQ(anonymous->Header("x-user"), "");
  HttpClient alice(loop_, ClientTls(UserPair()));
  for (int i = 0; i < 2; ++i) {
    HttpRequest request;
    request.method = "PUT";
    request.body = std::string(300000, 'b');
    const auto known = Do(alice, request);
    ASSERT_TRUE(known) << known.error().message;
    EXPECT_EQ(known->Header("x-user"), "alice, CN=root");
    EXPECT_EQ(known->Header("x-groups"), "system:masters;dev;");
    EXPECT_EQ(known->body, request.body);
  }
  EXPECT_EQ(server_->counters().connections, 2U);
}

TEST_F(TlsTest, StreamsCarryOtherProtocols) {
  ServeTls(ServerPair());
  auto stream = RunTask(loop_, TlsConnect("127.0.0.1", endpoint_.port, ClientTls(), kLong));
  ASSERT_TRUE(stream) << stream.error().message;
  Write(**stream, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
  Write(**stream, "ok");
  EXPECT_TRUE(ReadUntil(**stream, "\r\n\r\nok").starts_with("HTTP/1.1 200 OK"));
  EXPECT_FALSE((*stream)->HasInput());
  endpoint_.host = "localhost";
  const KeyPair other = MakeAuthority("other", kBegin, kLifetime).value();
  auto strangers = TlsClientContext::Make(other.certificate_pem, {}, false).value();
  auto doubted = RunTask(loop_, TlsConnect("127.0.0.1", endpoint_.port, strangers, kLong));
  ASSERT_FALSE(doubted);
  EXPECT_TRUE(doubted.error().message.starts_with("TLS handshake with 127.0.0.1:"))
      << doubted.error().message;
}

TEST_F(TlsTest, CertificatesTellForWhomTheyAre) {
  const std::string pem = ServerPair().certificate_pem;
  for (const char* host : {"127.0.0.1", "::1", "localhost", "kubernetes.default.svc"}) {
    EXPECT_TRUE(*CertificateNames(pem, host)) << host;
  }
  for (const char* host : {"127.0.0.2", "kubernetes"}) {
    EXPECT_FALSE(*CertificateNames(pem, host)) << host;
  }
  EXPECT_FALSE(CertificateNames("nonsense", "localhost"));
}

TEST_F(TlsTest, NamesAreChecked) {
  ServeTls(ServerPair({"127.0.0.9"}));
  HttpClient client(loop_, ClientTls());
  const auto wrong = Do(client, HttpRequest());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kUnavailable);
  EXPECT_NE(wrong.error().message.find("IP address mismatch"), std::string::npos)
      << wrong.error().message;
  endpoint_.host = "localhost";
  EXPECT_TRUE(Do(client, HttpRequest()));
  endpoint_.host = "127.0.0.1";
  HttpClient insecure(loop_, ClientTls({}, true));
  EXPECT_TRUE(Do(insecure, HttpRequest()));
}

TEST_F(TlsTest, AStrangersCertificateAndAStrangersServerFail) {
  ServeTls(ServerPair());
  const KeyPair other_ca = MakeAuthority("other", kBegin, kLifetime).value();
  CertificateRequest request;
  request.common_name = "mallory";
  const KeyPair stranger = IssueCertificate(other_ca, request, kBegin, kLifetime).value();
  HttpClient mallory(loop_, ClientTls(stranger));
  EXPECT_FALSE(Do(mallory, HttpRequest()));
  HttpClient doubting(loop_, TlsClientContext::Make(other_ca.certificate_pem, {}, false).value());
  EXPECT_FALSE(Do(doubting, HttpRequest()));
  HttpClient unprepared(loop_);
  EXPECT_EQ(Do(unprepared, HttpRequest()).error().code, Code::kInvalid);
  EXPECT_EQ(server_->counters().requests, 0U);
}

TEST_F(TlsTest, SilenceAndPlainTextInTheHandshakeEndTheConnection) {
  ServeTls(ServerPair());
  auto silent = Connect();
  EXPECT_EQ(ReadUntil(*silent, ""), "<end>");
  auto plain = Connect();
  Write(*plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(ReadUntil(*plain, "").ends_with(">"));
}

TEST_F(TlsTest, CertificatesTellTheirExpiryAndBadInputIsRefused) {
  EXPECT_EQ(CertificateExpiry(ca_.certificate_pem).value(), kBegin + kLifetime);
  EXPECT_EQ(CertificateExpiry("nonsense").error().code, Code::kInvalid);
  CertificateRequest request;
  request.common_name = "x";
  request.ip_addresses = {"not an address"};
  EXPECT_EQ(IssueCertificate(ca_, request, kBegin, kLifetime).error().code, Code::kInvalid);
  KeyPair broken = ca_;
  broken.key_pem = "nonsense";
  request.ip_addresses.clear();
  EXPECT_EQ(IssueCertificate(broken, request, kBegin, kLifetime).error().code, Code::kInvalid);
  EXPECT_FALSE(TlsServerContext::Make(broken, ""));
  EXPECT_FALSE(TlsClientContext::Make("nonsense", {}, false));
}

}  // namespace
}  // namespace weir::net
