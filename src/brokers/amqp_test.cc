#include "brokers/amqp.h"

#include <gtest/gtest.h>

#include <set>

#include "brokers/rabbit_testing.h"

namespace weir::brokers {
namespace {

using net::RunTask;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(CheckQueueName, Cases) {
  EXPECT_FALSE(CheckQueueName(""));
  EXPECT_TRUE(CheckQueueName(std::string(255, 'q')));
  EXPECT_FALSE(CheckQueueName(std::string(256, 'q')));
  EXPECT_FALSE(CheckQueueName("\xff"));
}

class AmqpTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(SharedRabbit().running()); }
  void TearDown() override {
    for (auto& client : clients_) RunTask(loop_, client->Stop());
  }
  Amqp& Client(std::vector<AmqpQueueSpec> queues = {}) {
    AmqpOptions options = SharedRabbit().options();
    options.connect_timeout = options.command_timeout = seconds(30);
    options.queues = std::move(queues);
    return Client(options);
  }
  Amqp& Client(const AmqpOptions& options) {
    clients_.push_back(std::make_unique<Amqp>(loop_, options));
    return *clients_.back();
  }
  // A queue of this test's own.
  static AmqpQueueSpec Queue(const std::string& suffix = "") {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    AmqpQueueSpec queue;
    queue.name = std::string(test->name()) + suffix;
    return queue;
  }
  static AmqpMessage Message(int number) {
    AmqpMessage message;
    message.id = fmt::format("m{}", number);
    message.body = "body";
    return message;
  }
  Status Publish(Amqp& client, const AmqpQueueSpec& queue, AmqpMessage message) {
    return RunTask(loop_, client.Publish(queue.name, std::move(message)));
  }
  std::optional<AmqpDelivery> Next(Amqp& client) {
    auto delivery = RunTask(loop_, client.Next(seconds(30)));
    EXPECT_TRUE(delivery) << delivery.error().message;
    return delivery ? *delivery : std::nullopt;
  }
  // Waits for a state of a queue; the broker counts a moment after it has answered.
  void WaitFor(Amqp& client, const AmqpQueueSpec& queue, AmqpQueueState want) {
    std::optional<AmqpQueueState> last;
    for (int i = 0; i < 600; ++i) {
      const std::vector<std::string> names(1, queue.name);
      const auto states = RunTask(loop_, client.Inspect(names));
      ASSERT_TRUE(states) << states.error().message;
      last = states->front();
      if (last == want) return;
      RunTask(loop_, net::Sleep(milliseconds(50)));
    }
    FAIL() << "ready " << (last ? last->ready : 9999) << ", consumers "
           << (last ? last->consumers : 9999);
  }

  net::Loop loop_;
  std::vector<std::unique_ptr<Amqp>> clients_;
};

TEST_F(AmqpTest, SpeaksTls) {
  AmqpOptions options = SharedRabbit().options();
  options.port = 5671;
  options.connect_timeout = options.command_timeout = seconds(30);
  options.queues = {Queue()};
  options.tls = net::TlsClientContext::Make(SharedRabbit().ca_pem(), {}, false).value();
  Amqp& client = Client(options);
  AmqpMessage message = Message(1);
  message.body = std::string(200'000, 'x');
  const Status published = Publish(client, Queue(), message);
  ASSERT_TRUE(published) << published.error().message;
  ASSERT_TRUE(RunTask(loop_, client.Consume(Queue().name, 1)));
  auto delivery = Next(client);
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message, message);
  client.Acknowledge(*delivery);
  WaitFor(client, Queue(), {0, 1});
  // Whom the authority did not sign is not believed.
  options.tls = net::TlsClientContext::Make("", {}, false).value();
  const Status doubted = RunTask(loop_, Client(options).Connect());
  ASSERT_FALSE(doubted);
  EXPECT_NE(doubted.error().message.find("TLS handshake with"), std::string::npos)
      << doubted.error().message;
}

TEST_F(AmqpTest, PublishesInspectsConsumesAndAcknowledges) {
  const AmqpQueueSpec queue = Queue();
  Amqp& client = Client({queue});
  AmqpMessage first = Message(1);
  first.headers["attempts"] = 2;
  first.body = std::string(200'000, 'x');
  ASSERT_TRUE(Publish(client, queue, first));
  ASSERT_TRUE(Publish(client, queue, Message(2)));
  ASSERT_TRUE(Publish(client, queue, Message(3)));
  WaitFor(client, queue, {3, 0});
  ASSERT_TRUE(RunTask(loop_, client.Consume(queue.name, 1)));
  auto delivery = Next(client);
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message, first);
  EXPECT_FALSE(delivery->redelivered);
  WaitFor(client, queue, {2, 1});
  client.Acknowledge(*delivery);
  delivery = Next(client);
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message.id, "m2");
  // The connection ends with a message in hand: it is delivered again, to another.
  RunTask(loop_, client.Close());
  Amqp& other = Client();
  WaitFor(other, queue, {2, 0});
  ASSERT_TRUE(RunTask(loop_, other.Consume(queue.name, 1)));
  const auto again = Next(other);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->message.id, "m2");
  EXPECT_TRUE(again->redelivered);
  client.Acknowledge(*delivery);  // of a connection that has gone: nothing happens
  other.Acknowledge(*again);
  EXPECT_EQ(Next(other)->message.id, "m3");
}

TEST_F(AmqpTest, InspectsManyQueuesAmongThemMissingOnes) {
  const AmqpQueueSpec queue = Queue();
  Amqp& client = Client({queue});
  std::vector<std::string> names;
  for (int i = 0; i < 600; ++i) {
    const bool missing = i == 0 || i == 7 || i == 8 || i == 599;
    names.push_back(missing ? fmt::format("no-{}", i) : queue.name);
  }
  const auto states = RunTask(loop_, client.Inspect(names));
  ASSERT_TRUE(states) << states.error().message;
  ASSERT_EQ(states->size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ((*states)[i].has_value(), names[i] == queue.name) << i;
  }
  EXPECT_EQ(RunTask(loop_, client.Inspect({}))->size(), 0U);
}

TEST_F(AmqpTest, ExpiredMessagesComeBack) {
  const AmqpQueueSpec queue = Queue();
  AmqpQueueSpec waiting = Queue("-waiting");
  waiting.dead_letter_queue = queue.name;
  Amqp& client = Client({queue, waiting});
  AmqpMessage message = Message(1);
  message.expiration = milliseconds(10);
  ASSERT_TRUE(Publish(client, waiting, message));
  WaitFor(client, queue, {1, 0});
}

TEST_F(AmqpTest, TellsWhatWasRefused) {
  AmqpOptions options = SharedRabbit().options();
  options.connect_timeout = seconds(30);
  options.login.password = "wrong";
  const Status refused = RunTask(loop_, Client(options).Connect());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden) << refused.error().message;
  EXPECT_TRUE(refused.error().message.starts_with("rabbitmq " + SharedRabbit().address()));
  options.login = AmqpLogin();
  options.login.vhost = "nowhere";
  EXPECT_EQ(RunTask(loop_, Client(options).Connect()).error().code, Code::kForbidden);
  AmqpQueueSpec queue = Queue();
  ASSERT_TRUE(RunTask(loop_, Client({queue}).Connect()));
  queue.durable = false;
  EXPECT_EQ(RunTask(loop_, Client({queue}).Connect()).error().code, Code::kConflict);
  options.login = AmqpLogin();
  options.port = 1;
  EXPECT_EQ(RunTask(loop_, Client(options).Connect()).error().code, Code::kUnavailable);
}

TEST_F(AmqpTest, APublishToAQueueThatHasGoneSaysSoAndTheNextMakesIt) {
  const AmqpQueueSpec queue = Queue();
  Amqp& client = Client();
  const Status missing = Publish(client, queue, Message(1));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound) << missing.error().message;
  Amqp& maker = Client({queue});
  EXPECT_TRUE(Publish(maker, queue, Message(2)));
  EXPECT_TRUE(Publish(client, queue, Message(3)));
  WaitFor(client, queue, {2, 0});
}

net::Task<void> PublishOne(Amqp* client, std::string queue, AmqpMessage message, int* confirmed) {
  const Status published = co_await client->Publish(std::move(queue), std::move(message));
  if (published) ++*confirmed;
}

TEST_F(AmqpTest, ManyPublishAtOnceAndAKilledBrokerKeepsWhatItConfirmed) {
  const AmqpQueueSpec queue = Queue();
  Amqp& client = Client({queue});
  net::TaskGroup group(loop_, "test");
  int confirmed = 0;
  for (int i = 0; i < 500; ++i) {
    group.Spawn(PublishOne(&client, queue.name, Message(i), &confirmed));
  }
  for (int i = 0; i < 6000 && confirmed < 200; ++i) RunTask(loop_, net::Sleep(milliseconds(2)));
  ASSERT_GE(confirmed, 200);
  SharedRabbit().Kill();
  while (group.running() > 0) RunTask(loop_, net::Sleep(milliseconds(10)));
  RunTask(loop_, group.Stop());
  const Status down = Publish(client, queue, Message(1000));
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, Code::kUnavailable) << down.error().message;
  ASSERT_TRUE(SharedRabbit().running());  // started again
  ASSERT_TRUE(RunTask(loop_, client.Consume(queue.name, 100)));
  std::set<std::string> found;
  for (int i = 0; i < confirmed; ++i) {
    const auto delivery = Next(client);
    ASSERT_TRUE(delivery);
    client.Acknowledge(*delivery);
    found.insert(delivery->message.id);
  }
  EXPECT_GE(found.size(), static_cast<std::size_t>(confirmed)) << "each confirmed message is there";
}

TEST_F(AmqpTest, AFrozenBrokerIsNoticedByItsHeartbeats) {
  const AmqpQueueSpec queue = Queue();
  AmqpOptions options = SharedRabbit().options();
  options.login.heartbeat = seconds(1);
  options.connect_timeout = seconds(30);
  options.queues = {queue};
  Amqp& client = Client(options);
  ASSERT_TRUE(RunTask(loop_, client.Consume(queue.name, 1)));
  // Longer than two heartbeats: ours keep the connection alive, and the broker's.
  const auto idle = RunTask(loop_, client.Next(seconds(4)));
  ASSERT_TRUE(idle) << idle.error().message;
  EXPECT_FALSE(*idle);
  SharedRabbit().Signal(SIGSTOP);
  const auto frozen = RunTask(loop_, client.Next(seconds(60)));
  SharedRabbit().Signal(SIGCONT);
  ASSERT_FALSE(frozen);
  EXPECT_EQ(frozen.error().code, Code::kTimeout) << frozen.error().message;
}

}  // namespace
}  // namespace weir::brokers
