// The client against a real redis-server.
#include "brokers/redis.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "brokers/retry.h"
#include "brokers/testing.h"

namespace weir::brokers {
namespace {

using net::RunTask;

TEST(ParseRedisAddress, Cases) {
  const auto full = ParseRedisAddress("redis://user:p%40ss@redis-master:7000/3");
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->host, "redis-master");
  EXPECT_EQ(full->port, 7000);
  EXPECT_EQ(full->user, "user");
  EXPECT_EQ(full->password, "p@ss");
  EXPECT_EQ(full->database, 3);
  EXPECT_EQ(ParseRedisAddress("redis-master:6380")->port, 6380);
  EXPECT_EQ(ParseRedisAddress("redis-master")->port, 6379);
  EXPECT_EQ(ParseRedisAddress("redis://[::1]")->host, "::1");
  for (const std::string text :
       {"", "rediss://h", "http://h", "redis://h/x", "redis://h/-1", "h:x"}) {
    const auto refused = ParseRedisAddress(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kInvalid);
  }
}

TEST(RetryDelay, DoublesToItsEnd) {
  using std::chrono::milliseconds;
  const std::vector<int> want = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
  int failures = 0;
  for (const int ms : want) EXPECT_EQ(RetryDelay(++failures), milliseconds(ms));
  EXPECT_EQ(RetryDelay(1000000), std::chrono::seconds(5));
  EXPECT_EQ(RetryDelay(0), milliseconds(100));
}

class RedisTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.running()) << "redis-server did not start"; }
  Result<RespValue> Do(Redis& redis, RedisCommand command) {
    return RunTask(loop_, redis.Do(std::move(command)));
  }
  Result<std::int64_t> Integer(Redis& redis, RedisCommand command) {
    return RunTask(loop_, redis.Integer(std::move(command)));
  }
  net::Loop loop_;
  RedisServer server_{loop_};
};

TEST_F(RedisTest, MovesItemsBetweenLists) {
  Redis redis(loop_, server_.options());
  EXPECT_EQ(Integer(redis, {"RPUSH", "q", "a", "b", "c"}), 3);
  EXPECT_EQ(RunTask(loop_, redis.Text({"LMOVE", "q", "p", "LEFT", "RIGHT"}))->value(), "a");
  EXPECT_EQ(Integer(redis, {"LLEN", "q"}), 2);
  EXPECT_EQ(Integer(redis, {"LREM", "p", "1", "a"}), 1);
  EXPECT_EQ(RunTask(loop_, redis.Text({"LMOVE", "none", "p", "LEFT", "RIGHT"})).value(),
            std::nullopt);
  EXPECT_EQ(Do(redis, {"TYPE", "q"})->text, "list");
  EXPECT_EQ(Integer(redis, {"EVAL", "return redis.call('LLEN', KEYS[1])", "1", "q"}), 2);
  EXPECT_EQ(Do(redis, {"LRANGE", "q", "0", "-1"})->elements.size(), 2U);
}

TEST_F(RedisTest, PipelinesAndKeepsErrorRepliesApart) {
  Redis redis(loop_, server_.options());
  std::vector<RedisCommand> commands;
  for (int i = 0; i < 10000; ++i) commands.push_back({"RPUSH", "q", std::to_string(i)});
  commands.push_back({"INCR", "q"});
  commands.push_back({"LLEN", "q"});
  const auto replies = RunTask(loop_, redis.Pipeline(commands));
  ASSERT_TRUE(replies) << replies.error().message;
  ASSERT_EQ(replies->size(), commands.size());
  EXPECT_EQ((*replies)[10000].type, RespValue::Type::kError);
  EXPECT_EQ((*replies)[10001].integer, 10000);
  const auto wrong = Integer(redis, {"INCR", "q"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalid);
  EXPECT_NE(wrong.error().message.find("redis " + server_.address() + ": INCR: WRONGTYPE"),
            std::string::npos)
      << wrong.error().message;
}

TEST_F(RedisTest, FindsKeysByPattern) {
  Redis redis(loop_, server_.options());
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(Do(redis, {"SET", fmt::format("jobs:processing:{}", i), "x"}));
  }
  ASSERT_TRUE(Do(redis, {"SET", "other", "x"}));
  const auto keys = RunTask(loop_, redis.Keys("jobs:processing:*", 5000));
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 3000U);
  EXPECT_EQ(RunTask(loop_, redis.Keys("*", 100)).error().code, Code::kInvalid);
}

net::Task<void> Count(Redis* redis, int times, int* failures) {
  for (int i = 0; i < times; ++i) {
    RedisCommand increment{"INCR", "n"};
    const auto value = co_await redis->Integer(std::move(increment));
    if (!value) ++*failures;
  }
}

TEST_F(RedisTest, TasksTakeTurnsOnOneConnection) {
  Redis redis(loop_, server_.options());
  net::TaskGroup group(loop_, "test");
  int failures = 0;
  for (int i = 0; i < 10; ++i) group.Spawn(Count(&redis, 100, &failures));
  while (group.running() > 0) RunTask(loop_, net::Yield());
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(Do(redis, {"GET", "n"})->text, "1000");
}

TEST_F(RedisTest, ConnectsAgainAfterTheServerCameBack) {
  Redis redis(loop_, server_.options());
  ASSERT_TRUE(Do(redis, {"PING"}));
  server_.Kill();
  const auto down = Do(redis, {"PING"});
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, Code::kUnavailable);
  EXPECT_NE(down.error().message.find(server_.address()), std::string::npos);
  EXPECT_NE(down.error().message.find("Connection refused"), std::string::npos)
      << down.error().message;
  server_.Start();
  EXPECT_TRUE(Do(redis, {"PING"}));
}

TEST_F(RedisTest, AFrozenServerIsATimeout) {
  RedisOptions options = server_.options();
  options.command_timeout = std::chrono::milliseconds(50);
  Redis redis(loop_, options);
  ASSERT_TRUE(Do(redis, {"PING"}));
  server_.Signal(SIGSTOP);
  const auto late = Do(redis, {"PING"});
  server_.Signal(SIGCONT);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kTimeout);
  // The late answer belongs to the closed connection and cannot be taken for another's.
  EXPECT_EQ(Do(redis, {"ECHO", "mine"})->text, "mine");
}

net::Task<void> Block(Redis* redis) {
  RedisCommand command{"BLMOVE", "a", "b", "LEFT", "RIGHT", "30"};
  std::ignore = co_await redis->Text(std::move(command), std::chrono::seconds(30));
}

TEST_F(RedisTest, ABlockedCommandEndsWithItsTask) {
  Redis redis(loop_, server_.options());
  net::TaskGroup group(loop_, "test");
  group.Spawn(Block(&redis));
  RunTask(loop_, net::Sleep(std::chrono::milliseconds(5)));
  RunTask(loop_, group.Stop());
  EXPECT_TRUE(Do(redis, {"PING"}));
}

TEST_F(RedisTest, SelectsItsDatabase) {
  RedisOptions options = server_.options();
  options.database = 3;
  Redis third(loop_, options);
  ASSERT_TRUE(Do(third, {"SET", "k", "v"}));
  Redis zeroth(loop_, server_.options());
  EXPECT_EQ(Integer(zeroth, {"EXISTS", "k"}), 0);
  options.database = 999;
  Redis none(loop_, options);
  EXPECT_NE(Do(none, {"PING"}).error().message.find("SELECT"), std::string::npos);
}

TEST(RedisAuth, ShowsItsCredentialsAndNamesRefusedOnes) {
  net::Loop loop;
  RedisServer server(loop, {"--requirepass", "secret"});
  ASSERT_TRUE(server.running());
  RedisOptions options = server.options();
  options.password = "secret";
  Redis good(loop, options);
  EXPECT_TRUE(RunTask(loop, good.Do({"PING"})));
  options.user = "default";
  Redis named(loop, options);
  EXPECT_TRUE(RunTask(loop, named.Do({"PING"})));
  options.password = "wrong";
  Redis bad(loop, options);
  const auto refused = RunTask(loop, bad.Do({"PING"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_EQ(refused.error().message.find("wrong password"), std::string::npos);
  EXPECT_NE(refused.error().message.find("AUTH: WRONGPASS"), std::string::npos)
      << refused.error().message;
  Redis nobody(loop, server.options());
  EXPECT_EQ(RunTask(loop, nobody.Do({"PING"})).error().code, Code::kForbidden);
}

}  // namespace
}  // namespace weir::brokers
