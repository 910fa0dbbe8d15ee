#include "web_server.h"

#include <gtest/gtest.h>

#include "brokers/rabbit_testing.h"
#include "net/testing.h"

namespace weir::web_server {
namespace {

using net::RunTask;
using std::chrono::seconds;

class WebServerTest : public ::testing::Test {
 protected:
  void Start(brokers::AmqpOptions rabbit) {
    Options options;
    options.listen.address = "127.0.0.1";
    options.rabbit = std::move(rabbit);
    server_ = std::make_unique<WebServer>(loop_, random_, options);
    ASSERT_TRUE(server_->Start());
  }
  void TearDown() override {
    if (server_) RunTask(loop_, server_->Stop(Duration::zero()));
  }
  net::HttpResponse Ask(std::string target, std::string method = "GET") {
    net::Endpoint endpoint;
    endpoint.host = "127.0.0.1";
    endpoint.port = server_->port();
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    auto response = RunTask(loop_, client_.Do(endpoint, request, seconds(60)));
    return response ? *response : net::HttpResponse::Text(0, response.error().message);
  }

  net::Loop loop_;
  env::SeededRandom random_{1};
  net::HttpClient client_{loop_};
  std::unique_ptr<WebServer> server_;
};

TEST_F(WebServerTest, PublishesConfirmedMessagesAndCounts) {
  ASSERT_TRUE(brokers::SharedRabbit().running());
  brokers::AmqpOptions rabbit = brokers::SharedRabbit().options();
  rabbit.connect_timeout = rabbit.command_timeout = seconds(30);
  Start(rabbit);
  EXPECT_EQ(Ask("/generate").status, 200);
  const net::HttpResponse named = Ask("/generate?body=poison%21");
  EXPECT_TRUE(named.body.starts_with("published ")) << named.body;
  EXPECT_TRUE(named.body.ends_with(" to Orders\n")) << named.body;
  EXPECT_EQ(Ask("/generate", "POST").status, 405);
  EXPECT_EQ(Ask("/other").status, 404);
  EXPECT_EQ(Ask("/healthz").status, 200);
  const std::string page = Ask("/metrics").body;
  for (const char* line : {"http_request_total{route=\"/generate\",status=\"200\"} 2\n",
                           "request_status{route=\"/generate\",status=\"200\"} 2\n",
                           "request_status{route=\"/generate\",status=\"405\"} 1\n",
                           "request_status{route=\"other\",status=\"404\"} 1\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << page;
  }
  brokers::Amqp reader(loop_, rabbit);
  ASSERT_TRUE(RunTask(loop_, reader.Consume("Orders", 10)));
  const auto first = RunTask(loop_, reader.Next(seconds(30)));
  const auto second = RunTask(loop_, reader.Next(seconds(30)));
  ASSERT_TRUE(first && *first && second && *second);
  EXPECT_EQ((*first)->message.body, "order 1");
  EXPECT_EQ((*second)->message.body, "poison!");
  EXPECT_NE((*first)->message.id, (*second)->message.id);
  RunTask(loop_, reader.Stop());

  // Somebody deletes the queue: it is made again.
  net::Endpoint management;
  management.host = rabbit.host;
  management.port = 15672;
  net::HttpRequest request;
  request.method = "DELETE";
  request.target = "/api/queues/%2F/Orders";
  request.headers["authorization"] = "Basic Z3Vlc3Q6Z3Vlc3Q=";
  ASSERT_EQ(RunTask(loop_, client_.Do(management, request, seconds(60)))->status, 204);
  EXPECT_EQ(Ask("/generate").status, 200);
}

TEST_F(WebServerTest, SaysWhyAMessageWasNotConfirmed) {
  brokers::AmqpOptions nobody;
  nobody.port = 1;
  Start(nobody);
  const net::HttpResponse refused = Ask("/generate");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.body.starts_with("rabbitmq 127.0.0.1:1: ")) << refused.body;
  EXPECT_NE(Ask("/metrics").body.find("request_status{route=\"/generate\",status=\"503\"} 1\n"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::web_server
