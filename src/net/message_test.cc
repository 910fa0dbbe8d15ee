#include <gtest/gtest.h>

#include <array>
#include <boost/asio/buffer.hpp>

#include "net/http.h"
#include "net/http_parser.h"
#include "net/http_wire.h"

namespace weir::net {
namespace {

TEST(ParseQuery, Cases) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const std::vector<std::pair<std::string, Pairs>> cases = {
      {"", {}},
      {"a=1&b=2", {{"a", "1"}, {"b", "2"}}},
      {"a=1&a=2", {{"a", "1"}, {"a", "2"}}},
      {"watch", {{"watch", ""}}},
      {"&&x=&", {{"x", ""}}},
      {"q=a%3Db+c", {{"q", "a=b c"}}},
      {"q=100%", {{"q", "100%"}}},
      {"a=b=c", {{"a", "b=c"}}},
  };
  for (const auto& [text, want] : cases) EXPECT_EQ(ParseQuery(text), want) << text;
}

TEST(BuildQuery, IsReadBackByParseQuery) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"labelSelector", "app in (a,b)"}, {"x", "&=+% \xc3\xa9"}, {"empty", ""}};
  EXPECT_EQ(ParseQuery(BuildQuery(pairs)), pairs);
}

TEST(HttpRequest, SplitsItsTarget) {
  HttpRequest request;
  request.target = "/a%20b?x=1?2";
  EXPECT_EQ(request.Path(), "/a%20b");
  EXPECT_EQ(request.Query(), "x=1?2");
  request.target = "/plain";
  EXPECT_EQ(request.Path(), "/plain");
  EXPECT_EQ(request.Query(), "");
}

struct UrlCase {
  std::string text;
  bool tls;
  std::string host;
  std::uint16_t port;
  std::string target;
  std::string user, password;
};

TEST(ParseUrl, Cases) {
  const std::vector<UrlCase> cases = {
      {"http://example.org", false, "example.org", 80, "/", "", ""},
      {"https://127.0.0.1:6443/api?x=1", true, "127.0.0.1", 6443, "/api?x=1", "", ""},
      {"http://[::1]:8080/m", false, "::1", 8080, "/m", "", ""},
      {"redis://redis-master", false, "redis-master", 6379, "/", "", ""},
      {"rediss://u:p%40ss@r:7000/2", true, "r", 7000, "/2", "u", "p@ss"},
      {"amqp://guest:guest@mq/%2f", false, "mq", 5672, "/%2f", "guest", "guest"},
      {"amqps://mq", true, "mq", 5671, "/", "", ""},
      {"HTTP://h", false, "h", 80, "/", "", ""},
      {"http://h:", false, "h", 80, "/", "", ""},
  };
  for (const UrlCase& c : cases) {
    const Result<Url> url = ParseUrl(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->endpoint.tls, c.tls) << c.text;
    EXPECT_EQ(url->endpoint.host, c.host) << c.text;
    EXPECT_EQ(url->endpoint.port, c.port) << c.text;
    EXPECT_EQ(url->target, c.target) << c.text;
    EXPECT_EQ(url->user, c.user) << c.text;
    EXPECT_EQ(url->password, c.password) << c.text;
  }
}

TEST(ParseUrl, RefusesAndTellsNoPassword) {
  for (const std::string text :
       {"", "host:80", "ftp://h", "http://", "http://h:0", "http://h:x", "http://h:8x",
        "http://h:99999", "http://a b", "redis://u:secret@h:99999", "ftp://u:secret@h"}) {
    const Result<Url> url = ParseUrl(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, Code::kInvalid);
    EXPECT_EQ(url.error().message.find("secret"), std::string::npos) << url.error().message;
  }
}

TEST(ParseListenAddress, Cases) {
  const std::vector<std::array<std::string, 3>> cases = {
      {":8080", "127.4.5.6", "8080"},
      {"0.0.0.0:9121", "0.0.0.0", "9121"},
      {"localhost:0", "127.0.0.1", "0"},
      {"[::1]:80", "::1", "80"},
  };
  for (const auto& [text, address, port] : cases) {
    const auto parsed = ParseListenAddress(text, "127.4.5.6");
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->address, address);
    EXPECT_EQ(std::to_string(parsed->port), port);
  }
  for (const std::string text :
       {"", "8080", ":", ":x", ":65536", ":-1", "example.org:80", "1.2.3:4:5"}) {
    EXPECT_FALSE(ParseListenAddress(text, "127.0.0.1")) << text;
  }
}

TEST(ResponseHead, WritesOurFramingAndKeepsLinesWhole) {
  HttpResponse response = HttpResponse::Text(404, "x");
  response.headers["x-odd"] = "a\r\nInjected: b";
  response.headers["content-length"] = "77";
  response.headers["warning"] = "299 - \"a\"\n299 - \"b\"";
  Framing framing;
  framing.content_length = 1;
  EXPECT_EQ(ResponseHead(response, framing),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Warning: 299 - \"a\"\r\nWarning: 299 - \"b\"\r\n"
            "X-Odd: a \r\nX-Odd: Injected: b\r\nContent-Length: 1\r\n\r\n");
  framing.keep_alive = false;
  framing.content_length.reset();
  framing.chunked = true;
  EXPECT_EQ(ResponseHead(HttpResponse(), framing),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

TEST(RequestHead, RefusesWhatWouldBreakOutOfItsLine) {
  HttpRequest request;
  EXPECT_EQ(RequestHead(request, "h:1").value(),
            "GET / HTTP/1.1\r\nHost: h:1\r\nUser-Agent: weir\r\n\r\n");
  request.target = "/a b";
  EXPECT_FALSE(RequestHead(request, "h"));
  request.target = "/";
  request.headers["x"] = "1\r\n";
  EXPECT_FALSE(RequestHead(request, "h"));
  request.headers.clear();
  request.method = "G T";
  EXPECT_FALSE(RequestHead(request, "h"));
}

// Whatever way the bytes are cut, the message is the same.
TEST(MessageParser, ReadsEverySplitOfItsInput) {
  const std::string text =
      "POST /x?y=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    MessageParser<true> parser(1024, 1024);
    boost::beast::error_code error;
    std::string pending = text.substr(0, cut);
    pending.erase(0, parser.Feed(boost::asio::buffer(pending), error));
    ASSERT_FALSE(error) << cut;
    pending += text.substr(cut);
    pending.erase(0, parser.Feed(boost::asio::buffer(pending), error));
    ASSERT_FALSE(error) << cut << error.message();
    ASSERT_TRUE(parser.is_done()) << cut;
    EXPECT_EQ(pending, "");
    EXPECT_EQ(parser.method, "POST");
    EXPECT_EQ(parser.target, "/x?y=1");
    EXPECT_EQ(parser.headers.at("x-a"), "1, 2");
    EXPECT_EQ(parser.body, "abc0123456789");
  }
}

TEST(MessageParser, LeavesTheNextMessageAlone) {
  const std::string text = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
  MessageParser<true> parser(1024, 1024);
  boost::beast::error_code error;
  EXPECT_EQ(parser.Feed(boost::asio::buffer(text), error), text.size() / 2);
  EXPECT_TRUE(parser.is_done());
}

}  // namespace
}  // namespace weir::net
