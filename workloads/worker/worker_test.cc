#include "worker.h"

#include <gtest/gtest.h>

#include <set>

#include "brokers/rabbit_testing.h"
#include "net/testing.h"
#include "platform/system.h"
#include "retry_plan.h"

namespace weir::worker {
namespace {

using brokers::AmqpQueueState;
using net::RunTask;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SetAside, PutsOffWhatWasDeliveredBeforeForEverLonger) {
  brokers::AmqpDelivery delivery;
  delivery.message.id = "m";
  EXPECT_FALSE(SetAside(delivery)) << "the first delivery is worked on";
  delivery.message.headers["x-attempts"] = 3;
  EXPECT_FALSE(SetAside(delivery)) << "and so is one that comes back from the retry queue";
  delivery.redelivered = true;
  delivery.message.headers.clear();
  std::vector<int> waits;
  for (int i = 0; i < 11; ++i) {
    auto later = SetAside(delivery);
    ASSERT_TRUE(later);
    EXPECT_EQ(later->id, "m");
    EXPECT_EQ(later->headers["x-attempts"], i + 1);
    waits.push_back(static_cast<int>(std::chrono::floor<seconds>(*later->expiration).count()));
    delivery.message = *later;
  }
  EXPECT_EQ(waits, (std::vector<int>{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}));
  for (const std::int64_t odd : {std::int64_t{-5}, INT64_MAX, INT64_MIN}) {
    delivery.message.headers["x-attempts"] = odd;
    const auto later = SetAside(delivery);
    EXPECT_GE(*later->expiration, seconds(1));
    EXPECT_LE(*later->expiration, std::chrono::minutes(5));
  }
  EXPECT_EQ(RetryQueue("Q").name, "Q.retry");
  EXPECT_EQ(RetryQueue("Q").dead_letter_queue, "Q");
}

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(brokers::SharedRabbit().running());
    brokers::AmqpOptions options = RabbitOptions();
    brokers::AmqpQueueSpec queue;
    queue.name = Queue();
    options.queues = {queue};
    client_ = std::make_unique<brokers::Amqp>(loop_, options);
  }
  void TearDown() override {
    for (auto& worker : workers_) RunTask(loop_, worker->Stop());
    if (client_) RunTask(loop_, client_->Stop());
  }
  static brokers::AmqpOptions RabbitOptions() {
    brokers::AmqpOptions options = brokers::SharedRabbit().options();
    options.connect_timeout = options.command_timeout = seconds(30);
    options.login.heartbeat = seconds(2);
    return options;
  }
  static std::string Queue() {
    return ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  Worker& Add(Duration per_message, bool cpu_burn = false) {
    Options options;
    options.listen.address = "127.0.0.1";
    options.rabbit = RabbitOptions();
    options.queue = Queue();
    options.done_queue = Queue() + ".done";
    options.per_message = per_message;
    options.cpu_burn = cpu_burn;
    workers_.push_back(std::make_unique<Worker>(loop_, clock_, options));
    EXPECT_TRUE(workers_.back()->Start());
    return *workers_.back();
  }
  // What becomes of a worker that dies: its connection breaks, its work is lost.
  void Kill(Worker& worker) { RunTask(loop_, worker.Stop()); }
  void Publish(int count) {
    for (int i = 0; i < count; ++i) {
      brokers::AmqpMessage message;
      message.id = fmt::format("m{}", ++published_);
      const Status sent = RunTask(loop_, client_->Publish(Queue(), message));
      ASSERT_TRUE(sent) << sent.error().message;
    }
  }
  AmqpQueueState State(const std::string& suffix = "") {
    const std::vector<std::string> names(1, Queue() + suffix);
    const auto states = RunTask(loop_, client_->Inspect(names));
    if (!states || !states->front()) return {9999, 9999};
    return *states->front();
  }
  // The ids in the done queue, which is empty afterwards.
  std::multiset<std::string> Done() {
    std::multiset<std::string> ids;
    EXPECT_TRUE(RunTask(loop_, client_->Consume(Queue() + ".done", 0)));
    while (true) {
      const auto delivery = RunTask(loop_, client_->Next(seconds(1)));
      if (!delivery || !*delivery) break;
      client_->Acknowledge(**delivery);
      ids.insert((*delivery)->message.id);
    }
    RunTask(loop_, client_->Close());
    return ids;
  }
  template <class Condition>
  void WaitUntil(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return;
      RunTask(loop_, net::Sleep(milliseconds(20)));
    }
    FAIL() << "it did not come about";
  }

  net::Loop loop_;
  platform::SystemClock clock_;
  std::unique_ptr<brokers::Amqp> client_;
  std::vector<std::unique_ptr<Worker>> workers_;
  int published_ = 0;
};

TEST_F(WorkerTest, SeveralWorkersFinishEachMessageOnce) {
  std::vector<Worker*> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(&Add(milliseconds(5)));
  Publish(40);
  WaitUntil([&] {
    std::uint64_t done = 0;
    for (Worker* worker : workers) done += worker->counters().done;
    return done == 40;
  });
  EXPECT_EQ(Done().size(), 40U);
  EXPECT_EQ(State().ready, 0U);
}

TEST_F(WorkerTest, TakesOneMessageAtATimeAndADeadWorkersIsDoneByAnother) {
  Publish(3);
  Worker& victim = Add(std::chrono::hours(1));
  WaitUntil([&] { return victim.counters().working; });
  EXPECT_EQ(State().ready, 2U);
  Kill(victim);
  Worker& other = Add(milliseconds(1));
  WaitUntil([&] { return other.counters().done == 3; });
  EXPECT_EQ(other.counters().set_aside, 1U);
  EXPECT_EQ(Done(), (std::multiset<std::string>{"m1", "m2", "m3"}));
}

TEST_F(WorkerTest, DrainFinishesTheMessageInHand) {
  Publish(3);
  Worker& worker = Add(milliseconds(500));
  WaitUntil([&] { return worker.counters().working; });
  EXPECT_TRUE(RunTask(loop_, worker.Drain()));
  EXPECT_EQ(worker.counters().done, 1U);
  WaitUntil([&] { return State() == AmqpQueueState{2, 0}; });
  EXPECT_EQ(Done(), std::multiset<std::string>{"m1"});
}

TEST_F(WorkerTest, HeartbeatsGoOnWhileItComputes) {
  Publish(1);
  Worker& worker = Add(seconds(7), /*cpu_burn=*/true);  // the broker gives up after two of 2 s
  WaitUntil([&] { return worker.counters().done == 1; });
  EXPECT_EQ(worker.counters().errors, 0U);
}

TEST_F(WorkerTest, NothingIsLostWhenTheBrokerDiesAndComesBack) {
  Worker& worker = Add(milliseconds(200));
  Publish(10);
  WaitUntil([&] { return worker.counters().done >= 2; });
  brokers::SharedRabbit().Kill();
  WaitUntil([&] { return worker.counters().errors > 0; });
  ASSERT_TRUE(brokers::SharedRabbit().running());  // started again
  WaitUntil([&] { return State() == AmqpQueueState{0, 1} && State(".retry").ready == 0; });
  WaitUntil([&] { return !worker.counters().working; });
  const auto done = Done();
  EXPECT_EQ(std::set<std::string>(done.begin(), done.end()).size(), 10U);
}

TEST_F(WorkerTest, AQueueThatGoesIsMadeAgain) {
  Worker& worker = Add(milliseconds(1));
  WaitUntil([&] { return State().consumers == 1; });
  net::HttpClient http(loop_);
  net::Endpoint endpoint;
  endpoint.host = brokers::SharedRabbit().address();
  endpoint.port = 15672;
  net::HttpRequest request;
  request.method = "DELETE";
  request.target = "/api/queues/%2F/" + Queue();
  request.headers["authorization"] = "Basic Z3Vlc3Q6Z3Vlc3Q=";
  const auto deleted = RunTask(loop_, http.Do(endpoint, request, seconds(30)));
  ASSERT_TRUE(deleted);
  ASSERT_EQ(deleted->status, 204) << deleted->body;
  WaitUntil([&] { return worker.counters().errors > 0 && State().consumers == 1; });
  Publish(1);
  WaitUntil([&] { return worker.counters().done == 1; });
}

}  // namespace
}  // namespace weir::worker
