#include "producer.h"

#include <gtest/gtest.h>

#include <set>

#include "brokers/testing.h"
#include "net/testing.h"

namespace weir::producer {
namespace {

using net::RunTask;

TEST(CountOf, Cases) {
  const std::vector<std::pair<std::string, std::int64_t>> good = {
      {"/publish", 1}, {"/publish/", 1}, {"/publish/1", 1}, {"/publish/1000000", 1'000'000}};
  for (const auto& [path, count] : good) EXPECT_EQ(CountOf(path), count) << path;
  for (const std::string path : {"/publish/0", "/publish/-1", "/publish/1000001", "/publish/x",
                                 "/publish/1.5", "/publish/99999999999999999999", "/publish/1/2"}) {
    const auto count = CountOf(path);
    ASSERT_FALSE(count) << path;
    EXPECT_EQ(count.error().code, Code::kInvalid);
    EXPECT_NE(count.error().message.find("from 1 to 1000000"), std::string::npos);
  }
  for (const std::string path : {"/", "/publishing", "/x"}) {
    EXPECT_EQ(CountOf(path).error().code, Code::kNotFound) << path;
  }
}

class ProducerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(redis_server_.running());
    Options options;
    options.listen.address = "127.0.0.1";
    options.redis = redis_server_.options();
    producer_ = std::make_unique<Producer>(loop_, random_, options);
    ASSERT_TRUE(producer_->Start());
  }
  void TearDown() override { RunTask(loop_, producer_->Stop(Duration::zero())); }

  net::HttpResponse Ask(std::string method, std::string target) {
    net::Endpoint endpoint;
    endpoint.host = "127.0.0.1";
    endpoint.port = producer_->port();
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    auto response = RunTask(loop_, client_.Do(endpoint, request, std::chrono::seconds(60)));
    return response ? *response : net::HttpResponse::Text(0, response.error().message);
  }
  Result<brokers::RespValue> Redis(brokers::RedisCommand command) {
    brokers::Redis redis(loop_, redis_server_.options());
    return RunTask(loop_, redis.Do(std::move(command)));
  }

  net::Loop loop_;
  env::SeededRandom random_{1};
  brokers::RedisServer redis_server_{loop_};
  net::HttpClient client_{loop_};
  std::unique_ptr<Producer> producer_;
};

TEST_F(ProducerTest, PushesUniqueItemsAndCountsThem) {
  EXPECT_EQ(Ask("POST", "/publish").body, "published 1 to jobs\n");
  EXPECT_EQ(Ask("POST", "/publish/25000").status, 200);
  const auto items = Redis({"LRANGE", "jobs", "0", "-1"});
  ASSERT_TRUE(items);
  std::set<std::string> unique;
  for (const brokers::RespValue& item : items->elements) unique.insert(item.text);
  EXPECT_EQ(items->elements.size(), 25001U);
  EXPECT_EQ(unique.size(), 25001U);
  EXPECT_EQ(Redis({"GET", "jobs:published"})->text, "25001");
  EXPECT_NE(
      Ask("GET", "/metrics").body.find("producer_messages_published_total{queue=\"jobs\"} 25001\n"),
      std::string::npos)
      << Ask("GET", "/metrics").body;
}

TEST_F(ProducerTest, RefusesWhatIsNoOrder) {
  EXPECT_EQ(Ask("POST", "/publish/0").status, 400);
  EXPECT_NE(Ask("POST", "/publish/0").body.find("from 1 to 1000000"), std::string::npos);
  EXPECT_EQ(Ask("GET", "/publish").status, 405);
  EXPECT_EQ(Ask("POST", "/nowhere").status, 404);
  EXPECT_EQ(Ask("POST", "/metrics").status, 405);
  EXPECT_EQ(Ask("GET", "/healthz").body, "ok\n");
  EXPECT_FALSE(Redis({"GET", "jobs:published"})->text.size());
}

TEST_F(ProducerTest, WithoutRedisItSaysWhyAndCountsNothing) {
  redis_server_.Kill();
  const net::HttpResponse down = Ask("POST", "/publish/10");
  EXPECT_EQ(down.status, 503);
  EXPECT_TRUE(down.body.starts_with("pushed 0 of 10: redis " + redis_server_.address()))
      << down.body;
  EXPECT_NE(
      Ask("GET", "/metrics").body.find("producer_messages_published_total{queue=\"jobs\"} 0\n"),
      std::string::npos);
  redis_server_.Start();
  EXPECT_EQ(Ask("POST", "/publish/10").status, 200);
}

TEST_F(ProducerTest, AListOfAnotherTypeIsNamed) {
  ASSERT_TRUE(Redis({"SET", "jobs", "a string"}));
  const net::HttpResponse refused = Ask("POST", "/publish/2");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.body.find("pushed 0 of 2"), std::string::npos);
  EXPECT_NE(refused.body.find("WRONGTYPE"), std::string::npos) << refused.body;
}

}  // namespace
}  // namespace weir::producer
