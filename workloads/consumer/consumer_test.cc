#include "consumer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "brokers/testing.h"
#include "net/testing.h"
#include "platform/system.h"
#include "queue_plan.h"

namespace weir::consumer {
namespace {

using net::RunTask;
using std::chrono::milliseconds;

TEST(QueueKeys, NameTheirOwnersAndEscapeTheQueue) {
  const QueueKeys keys("jobs", "pod-1:x");
  EXPECT_EQ(keys.processing, "jobs:processing:pod-1:x");
  EXPECT_EQ(keys.lease, "jobs:lease:pod-1:x");
  EXPECT_EQ(keys.OwnerOf("jobs:processing:a:b"), "a:b");
  EXPECT_EQ(keys.OwnerOf("jobs"), std::nullopt);
  EXPECT_EQ(QueueKeys("a*[b]", "o").processing_pattern, "a\\*\\[b\\]:processing:*");
}

class ConsumerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.running()); }
  void TearDown() override {
    for (auto& consumer : consumers_) RunTask(loop_, consumer->Stop());
  }

  Options Make(const std::string& owner, Duration per_item) {
    Options options;
    options.listen.address = "127.0.0.1";
    options.redis = server_.options();
    options.redis.command_timeout = std::chrono::seconds(2);
    options.owner = owner;
    options.per_item = per_item;
    options.lease = milliseconds(400);
    options.recover_every = milliseconds(100);
    return options;
  }
  Consumer& Add(Options options) {
    consumers_.push_back(std::make_unique<Consumer>(loop_, clock_, std::move(options)));
    EXPECT_TRUE(consumers_.back()->Start());
    return *consumers_.back();
  }
  // Ends it as SIGKILL would: nothing is given back.
  void Kill(Consumer& consumer) { RunTask(loop_, consumer.Stop()); }

  Result<brokers::RespValue> Redis(brokers::RedisCommand command) {
    return RunTask(loop_, redis_.Do(std::move(command)));
  }
  void Publish(int count) {
    brokers::RedisCommand push{"LPUSH", "jobs"};
    for (int i = 0; i < count; ++i) push.push_back(fmt::format("item-{}", ++published_));
    ASSERT_TRUE(Redis(push));
  }
  std::int64_t Length(const std::string& key) { return Redis({"LLEN", key})->integer; }
  std::string Done() { return Redis({"GET", "jobs:done"})->text; }
  // Waits for a state of the world, for at most 30 s.
  template <class Condition>
  void WaitUntil(Condition condition) {
    for (int i = 0; i < 6000; ++i) {
      if (condition()) return;
      RunTask(loop_, net::Sleep(milliseconds(5)));
    }
    FAIL() << "it did not come about";
  }

  net::Loop loop_;
  platform::SystemClock clock_;
  brokers::RedisServer server_{loop_, {"--appendonly", "yes", "--appendfsync", "always"}};
  brokers::Redis redis_{loop_, server_.options()};
  std::vector<std::unique_ptr<Consumer>> consumers_;
  int published_ = 0;
};

TEST_F(ConsumerTest, SeveralConsumersFinishEachItemOnce) {
  for (int i = 0; i < 3; ++i) Add(Make(fmt::format("c{}", i), milliseconds(1)));
  Publish(100);
  // Redis has counted an item a moment before its consumer has read that.
  const auto consumed = [&] {
    std::uint64_t sum = 0;
    for (auto& consumer : consumers_) sum += consumer->counters().consumed;
    return sum;
  };
  WaitUntil([&] { return Done() == "100" && consumed() >= 100; });
  EXPECT_EQ(Length("jobs"), 0);
  EXPECT_EQ(consumed(), 100U);
  EXPECT_EQ(RunTask(loop_, redis_.Keys("jobs:processing:*", 100))->size(), 0U);
}

TEST_F(ConsumerTest, TheOldestItemComesFirstAndIsVisibleWhileItIsWorkedOn) {
  Publish(2);
  Add(Make("c", std::chrono::hours(1)));
  WaitUntil([&] { return Length("jobs:processing:c") == 1; });
  EXPECT_EQ(Redis({"LRANGE", "jobs:processing:c", "0", "-1"})->elements[0].text, "item-1");
  EXPECT_EQ(Length("jobs"), 1);
}

TEST_F(ConsumerTest, ADeadConsumersItemIsRecoveredByAnotherAndALivingOnesIsNot) {
  Publish(1);
  Consumer& victim = Add(Make("victim", std::chrono::hours(1)));
  WaitUntil([&] { return Length("jobs:processing:victim") == 1; });
  Consumer& other = Add(Make("other", milliseconds(1)));
  // The victim lives through several of the other's looks: its item stays with it.
  for (int looks = 0; looks < 10; ++looks) RunTask(loop_, net::Sleep(milliseconds(100)));
  EXPECT_EQ(Length("jobs:processing:victim"), 1);
  EXPECT_EQ(other.counters().recovered, 0U);
  Kill(victim);
  EXPECT_EQ(Length("jobs:processing:victim"), 1) << "the item is work that waits";
  WaitUntil([&] { return Done() == "1" && other.counters().consumed > 0; });
  EXPECT_EQ(other.counters().recovered, 1U);
  EXPECT_EQ(other.counters().consumed, 1U);
}

TEST_F(ConsumerTest, ANewConsumerRecoversWhatTheLastOneLeft) {
  Publish(1);
  ASSERT_TRUE(Redis({"LMOVE", "jobs", "jobs:processing:long-dead", "RIGHT", "LEFT"}));
  Add(Make("fresh", milliseconds(1)));
  WaitUntil([&] { return Done() == "1"; });
}

TEST_F(ConsumerTest, AnItemTakenOverIsCountedByWhoFinishesIt) {
  Publish(1);
  Consumer& slow = Add(Make("slow", milliseconds(300)));
  WaitUntil([&] { return Length("jobs:processing:slow") == 1; });
  ASSERT_TRUE(Redis({"LMOVE", "jobs:processing:slow", "jobs:processing:thief", "LEFT", "LEFT"}));
  ASSERT_TRUE(Redis({"SET", "jobs:lease:thief", "1"}));
  for (int i = 0; i < 10; ++i) RunTask(loop_, net::Sleep(milliseconds(60)));
  EXPECT_EQ(slow.counters().consumed, 0U);
  EXPECT_EQ(Redis({"EXISTS", "jobs:done"})->integer, 0);
}

TEST_F(ConsumerTest, DrainFinishesTheItemAndGivesTheLeaseBack) {
  Publish(3);
  Consumer& consumer = Add(Make("c", milliseconds(100)));
  WaitUntil([&] { return Length("jobs:processing:c") == 1; });
  consumer.Drain();
  EXPECT_TRUE(RunTask(loop_, consumer.Drained()));
  EXPECT_EQ(consumer.counters().consumed, 1U);
  EXPECT_EQ(Length("jobs"), 2);
  EXPECT_EQ(Length("jobs:processing:c"), 0);
  EXPECT_EQ(Redis({"EXISTS", "jobs:lease:c"})->integer, 0);
}

TEST_F(ConsumerTest, DrainEndsAnIdleConsumerAndOneWithoutRedis) {
  Consumer& idle = Add(Make("idle", milliseconds(1)));
  WaitUntil([&] { return Redis({"EXISTS", "jobs:lease:idle"})->integer == 1; });
  idle.Drain();
  EXPECT_TRUE(RunTask(loop_, idle.Drained()));
  server_.Kill();
  Consumer& lost = Add(Make("lost", milliseconds(1)));
  RunTask(loop_, net::Sleep(milliseconds(20)));
  lost.Drain();
  EXPECT_TRUE(RunTask(loop_, lost.Drained()));
}

TEST_F(ConsumerTest, NothingIsLostWhenRedisDiesAndComesBack) {
  for (int i = 0; i < 2; ++i) Add(Make(fmt::format("c{}", i), milliseconds(20)));
  Publish(20);
  WaitUntil([&] { return !Done().empty() && Length("jobs") > 5; });
  server_.Kill();
  RunTask(loop_, net::Sleep(milliseconds(100)));
  server_.Start();
  WaitUntil([&] { return Done() == "20"; });
  EXPECT_EQ(Length("jobs"), 0);
}

// What a take leaves behind whose answer was lost with the connection.
TEST_F(ConsumerTest, AnItemInItsOwnListThatItDoesNotKnowOfIsWorkedOn) {
  Consumer& consumer = Add(Make("c", milliseconds(1)));
  WaitUntil([&] { return Redis({"EXISTS", "jobs:lease:c"})->integer == 1; });
  ASSERT_TRUE(Redis({"LPUSH", "jobs:processing:c", "unseen"}));
  WaitUntil([&] { return Done() == "1" && consumer.counters().consumed == 1; });
  EXPECT_EQ(Length("jobs:processing:c"), 0);
}

TEST_F(ConsumerTest, BurningKeepsTheLease) {
  Publish(1);
  Options options = Make("burner", milliseconds(1000));
  options.cpu_burn = true;
  Consumer& burner = Add(std::move(options));
  WaitUntil([&] { return Length("jobs:processing:burner") == 1; });
  Consumer& other = Add(Make("other", milliseconds(1)));
  WaitUntil([&] { return Done() == "1" && burner.counters().consumed > 0; });
  EXPECT_EQ(burner.counters().consumed, 1U);
  EXPECT_EQ(other.counters().recovered, 0U);
}

TEST_F(ConsumerTest, ServesItsMetrics) {
  Publish(2);
  Consumer& consumer = Add(Make("c", milliseconds(1)));
  WaitUntil([&] { return consumer.counters().consumed == 2; });
  net::HttpClient client(loop_);
  net::Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = consumer.port();
  net::HttpRequest request;
  request.target = "/metrics";
  const auto page = RunTask(loop_, client.Do(endpoint, request, std::chrono::seconds(20)));
  ASSERT_TRUE(page);
  EXPECT_NE(page->body.find("\nconsumer_messages_consumed_total 2\n"), std::string::npos)
      << page->body;
  request.target = "/healthz";
  EXPECT_EQ(RunTask(loop_, client.Do(endpoint, request, std::chrono::seconds(20)))->body, "ok\n");
}

}  // namespace
}  // namespace weir::consumer
