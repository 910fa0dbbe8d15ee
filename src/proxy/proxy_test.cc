// Real listeners on loopback addresses, with an API in memory.
#include "proxy/proxy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "client/fake_api.h"
#include "net/tcp.h"
#include "net/testing.h"
#include "platform/system.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;

constexpr const char* kServices = "/api/v1/namespaces/default/services";
constexpr const char* kSlices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

// A backend that answers each connection with its name and what the client said until its end of
// stream.
class Backend {
 public:
  Backend(net::Loop& loop, net::TaskGroup& group, std::string name)
      : name_(std::move(name)),
        group_(group),
        listener_(loop, "127.0.0.1", 0, [this](std::unique_ptr<net::TcpStream> stream) {
          group_.Spawn(Serve(std::shared_ptr<net::TcpStream>(std::move(stream)), name_));
        }) {
    EXPECT_TRUE(listener_.Start());
  }
  std::uint16_t port() const { return listener_.port(); }
  net::Task<void> Stop() { return listener_.Stop(); }

 private:
  static net::Task<void> Serve(std::shared_ptr<net::TcpStream> stream, std::string name) {
    std::string said;
    while (true) {
      auto bytes = co_await stream->Read(4096, seconds(20));
      if (!bytes || bytes->empty()) break;
      said += *bytes;
    }
    (void)co_await stream->Write(name + ":" + said, seconds(20));
    stream->ShutdownWrite();
  }

  std::string name_;
  net::TaskGroup& group_;
  net::TcpListener listener_;
};

class ProxyTest : public testing::Test {
 protected:
  ProxyTest() {
    // An address of this test process' own, so that its port is surely free.
    address_ = "127." + std::to_string(100 + getpid() % 100) + "." +
               std::to_string(getpid() / 100 % 250) + ".1";
  }

  void SetUp() override {
    proxy_.Start();
    informers_.Start();
  }
  void TearDown() override {
    net::RunTask(loop_, proxy_.Stop());
    net::RunTask(loop_, informers_.Stop());
    net::RunTask(loop_, group_.Stop());
  }

  void PutService(int port) {
    api_.Put(kServices, {{"metadata", {{"name", "web"}}},
                         {"spec", {{"clusterIP", address_}, {"ports", {{{"port", port}}}}}}});
  }
  void PutSlice(const std::string& name, std::vector<std::uint16_t> ports) {
    // One slice a backend, since all share an address and differ in their ports.
    for (const std::uint16_t port : ports) {
      api_.Put(kSlices, {{"metadata",
                          {{"name", name + std::to_string(port)},
                           {"labels", {{"kubernetes.io/service-name", "web"}}}}},
                         {"addressType", "IPv4"},
                         {"ports", {{{"port", port}}}},
                         {"endpoints", {{{"addresses", {"127.0.0.1"}}}}}});
    }
  }
  // What a client gets that says "hello" and ends its side; the error's message where it fails.
  net::Task<std::string> Ask(std::uint16_t port) {
    auto stream = co_await net::TcpConnect(address_, port, seconds(5));
    if (!stream) co_return "error";
    (void)co_await (*stream)->Write("hello", seconds(5));
    (*stream)->ShutdownWrite();
    std::string answer;
    while (true) {
      auto bytes = co_await (*stream)->Read(4096, seconds(20));
      if (!bytes || bytes->empty()) co_return answer;
      answer += *bytes;
    }
  }
  std::string AskNow(std::uint16_t port) { return net::RunTask(loop_, Ask(port)); }
  void WaitListeners(std::size_t count) {
    while (proxy_.counters().listeners != count) net::RunTask(loop_, net::Yield());
  }

  net::Loop loop_;
  platform::SystemClock clock_;
  env::SeededRandom random_{1};
  client::FakeApi api_{loop_};
  client::Client client_{api_, "test"};
  client::SharedInformers informers_{loop_, client_, random_};
  net::TaskGroup group_{loop_, "backends"};
  static constexpr std::size_t kMaxConnections = 4;
  Proxy proxy_{loop_, clock_, random_, client_, informers_, {.max_connections = kMaxConnections}};
  std::string address_;
};

TEST_F(ProxyTest, PassesConnectionsOnInTurn) {
  Backend a(loop_, group_, "a");
  Backend b(loop_, group_, "b");
  PutService(8080);
  PutSlice("s-", {a.port(), b.port()});
  WaitListeners(1);
  std::string order;
  for (int i = 0; i < 4; ++i) {
    const std::string answer = AskNow(8080);
    ASSERT_EQ(answer.substr(1), ":hello");  // half-close passed on both ways
    order += answer[0];
  }
  EXPECT_TRUE(order == "abab" || order == "baba") << order;
  // One goes away without telling: the other one answers.
  net::RunTask(loop_, a.Stop());
  EXPECT_EQ(AskNow(8080), "b:hello");
  EXPECT_EQ(AskNow(8080), "b:hello");
  EXPECT_EQ(proxy_.counters().retries, 1U);
  EXPECT_EQ(proxy_.counters().connections, 6U);
  // None is left: clients are refused.
  api_.Remove(std::string(kSlices) + "/s-" + std::to_string(a.port()));
  api_.Remove(std::string(kSlices) + "/s-" + std::to_string(b.port()));
  WaitListeners(0);
  EXPECT_EQ(AskNow(8080), "error");
  net::RunTask(loop_, b.Stop());
}

TEST_F(ProxyTest, CountsConnectionsUnderWayAndNoOthers) {
  Backend a(loop_, group_, "a");
  PutService(8080);
  PutSlice("s-", {a.port()});
  WaitListeners(1);
  for (std::size_t i = 0; i < 5 * kMaxConnections; ++i) ASSERT_EQ(AskNow(8080), "a:hello") << i;
  const auto connect = [this]() -> net::Task<std::unique_ptr<net::TcpStream>> {
    auto stream = co_await net::TcpConnect(address_, 8080, seconds(5));
    co_return stream ? std::move(*stream) : nullptr;
  };
  std::vector<std::unique_ptr<net::TcpStream>> held;
  for (std::size_t i = 0; i < kMaxConnections; ++i) held.push_back(net::RunTask(loop_, connect()));
  while (proxy_.counters().active < kMaxConnections) net::RunTask(loop_, net::Yield());
  EXPECT_EQ(AskNow(8080), "") << "one too many is closed at once";
  EXPECT_EQ(proxy_.counters().refused, 1U);
  held.clear();
  while (proxy_.counters().active > 0) net::RunTask(loop_, net::Yield());
  EXPECT_EQ(AskNow(8080), "a:hello");
  net::RunTask(loop_, a.Stop());
}

TEST_F(ProxyTest, CarriesMuchAtOnce) {
  Backend a(loop_, group_, "a");
  PutService(8080);
  PutSlice("s-", {a.port()});
  WaitListeners(1);
  const auto task = [this]() -> net::Task<std::string> {
    auto stream = co_await net::TcpConnect(address_, 8080, seconds(5));
    const std::string much(1U << 20U, 'x');
    (void)co_await (*stream)->Write(much, seconds(20));
    (*stream)->ShutdownWrite();
    std::string answer;
    while (true) {
      auto bytes = co_await (*stream)->Read(65536, seconds(20));
      if (!bytes || bytes->empty()) co_return answer;
      answer += *bytes;
    }
  };
  EXPECT_EQ(net::RunTask(loop_, task()).size(), (1U << 20U) + 2);
  net::RunTask(loop_, a.Stop());
}

TEST_F(ProxyTest, TellsOfATakenPortAndTakesItWhenItIsFree) {
  Backend a(loop_, group_, "a");
  net::TcpListener squatter(loop_, address_, 0, [](std::unique_ptr<net::TcpStream>) {});
  ASSERT_TRUE(squatter.Start());
  const std::uint16_t port = squatter.port();
  PutService(port);
  PutSlice("s-", {a.port()});
  ASSERT_TRUE(net::RunTask(loop_, api_.Until([&] {
    for (const Json& event : api_.List("/api/v1/events")) {
      if (GetString(event, "reason") == "ListenFailed") return true;
    }
    return false;
  })));
  EXPECT_EQ(proxy_.counters().listeners, 0U);
  net::RunTask(loop_, squatter.Stop());
  PutService(port);  // any change is an occasion too
  WaitListeners(1);
  EXPECT_EQ(AskNow(port), "a:hello");
  net::RunTask(loop_, a.Stop());
}

}  // namespace
}  // namespace weir::proxy
