#include "workload/server.h"

#include <gtest/gtest.h>

#include "net/testing.h"

namespace weir::workload {
namespace {

net::HttpRequest Ask(std::string method, std::string target) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  return request;
}

TEST(StatusPage, ServesMetricsAndHealthAlone) {
  prometheus::Registry registry;
  AddCounter(registry, "n", "N.").Increment(3);
  const auto page = StatusPage(Ask("GET", "/metrics?x=1"), registry);
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find("\nn 3\n"), std::string::npos) << page->body;
  EXPECT_EQ(StatusPage(Ask("GET", "/healthz"), registry)->body, "ok\n");
  EXPECT_EQ(StatusPage(Ask("POST", "/metrics"), registry)->status, 405);
  EXPECT_FALSE(StatusPage(Ask("GET", "/"), registry));
}

net::Task<net::HttpResponse> Teapot(net::HttpRequest request) {
  co_return net::HttpResponse::Text(418, request.target);
}

TEST(Server, TellsOfEachAnswerAndAsksTheProgramForOtherPaths) {
  net::Loop loop;
  prometheus::Registry registry;
  std::vector<std::string> told;
  net::ListenAddress listen;
  listen.address = "127.0.0.1";
  Server own(loop, listen, registry, Teapot, [&told](const std::string& path, int status) {
    told.push_back(path + " " + std::to_string(status));
  });
  Server plain(loop, listen, registry);
  ASSERT_TRUE(own.Start());
  ASSERT_TRUE(plain.Start());
  net::HttpClient http(loop);
  const auto ask = [&](const Server& server, const char* target) {
    net::Endpoint endpoint;
    endpoint.host = listen.address;
    endpoint.port = server.port();
    const auto got =
        net::RunTask(loop, http.Do(endpoint, Ask("GET", target), std::chrono::seconds(30)));
    return got ? got->body : got.error().message;
  };
  EXPECT_EQ(ask(own, "/healthz"), "ok\n");
  EXPECT_EQ(ask(own, "/x?y"), "/x?y");
  EXPECT_EQ(told, (std::vector<std::string>{"/healthz 200", "/x 418"}));
  EXPECT_EQ(ask(plain, "/x"), "not found; /metrics, /healthz\n");
  net::RunTask(loop, own.Stop(Duration::zero()));
  net::RunTask(loop, plain.Stop(Duration::zero()));
}

}  // namespace
}  // namespace weir::workload
