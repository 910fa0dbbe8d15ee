#include "client/controller.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "client/work_queue_plan.h"
#include "net/testing.h"

namespace weir::client {
namespace {

using net::RunTask;
using std::chrono::milliseconds;

TEST(WorkQueue, AKeyWaitsOnceAndComesAgainAfterItsWorker) {
  WorkQueue queue;
  EXPECT_TRUE(queue.Add("a"));
  EXPECT_FALSE(queue.Add("a"));
  EXPECT_TRUE(queue.Add("b"));
  EXPECT_EQ(queue.waiting(), 2U);
  EXPECT_EQ(queue.Take(), "a");
  EXPECT_FALSE(queue.Add("a")) << "its worker is at it";
  EXPECT_FALSE(queue.Add("a"));
  EXPECT_EQ(queue.Take(), "b");
  EXPECT_EQ(queue.Take(), std::nullopt);
  EXPECT_TRUE(queue.Done("a"));
  EXPECT_FALSE(queue.Done("b"));
  EXPECT_EQ(queue.Take(), "a");
  EXPECT_FALSE(queue.Done("a"));
  EXPECT_TRUE(queue.Add("a"));
}

TEST(WorkQueue, BackOffDoublesToItsEndAndStartsAnewAfterSuccess) {
  WorkQueue queue;
  const std::vector<int> want = {5,    10,   20,   40,    80,    160,   320,  640,
                                 1280, 2560, 5120, 10240, 20480, 30000, 30000};
  for (const int ms : want) EXPECT_EQ(queue.Failed("a"), milliseconds(ms));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.Failed("a"), milliseconds(30000));
  EXPECT_EQ(queue.Failed("b"), milliseconds(5));
  queue.Succeeded("a");
  EXPECT_EQ(queue.Failed("a"), milliseconds(5));
}

// Records which keys are reconciled and how many at once.
struct Recorder {
  explicit Recorder(net::Loop& loop) : changed(loop) {}
  std::vector<std::string> done;
  std::map<std::string, int> at_once;
  int most_of_one_key = 0, now = 0, most = 0;
  net::Signal changed;
  std::function<Result<ReconcileResult>(const std::string&, int)> answer =
      [](const std::string&, int) { return ReconcileResult{}; };
  std::map<std::string, int> tries;

  net::Task<Result<ReconcileResult>> Reconcile(std::string key) {
    most_of_one_key = std::max(most_of_one_key, ++at_once[key]);
    most = std::max(most, ++now);
    co_await net::Yield();
    --at_once[key];
    --now;
    done.push_back(key);
    changed.Notify();
    co_return answer(key, ++tries[key]);
  }
};

class ControllerTest : public ::testing::Test {
 protected:
  ControllerTest() : recorder_(loop_) {}
  std::unique_ptr<Controller> Make(int workers) {
    return std::make_unique<Controller>(loop_, "test", workers, [this](std::string key) {
      return recorder_.Reconcile(std::move(key));
    });
  }
  void WaitFor(std::size_t count) {
    while (recorder_.done.size() < count) {
      ASSERT_TRUE(RunTask(loop_, recorder_.changed.WaitFor(std::chrono::seconds(20))));
    }
  }
  net::Loop loop_;
  Recorder recorder_;
};

TEST_F(ControllerTest, KeysEnqueuedBeforeStartWaitForIt) {
  auto controller = Make(1);
  controller->Enqueue("a");
  controller->Enqueue("a");
  controller->Enqueue("b");
  RunTask(loop_, net::Yield());
  EXPECT_EQ(controller->counters().queued, 2U);
  controller->Start();
  WaitFor(2);
  EXPECT_EQ(recorder_.done, (std::vector<std::string>{"a", "b"}));
  RunTask(loop_, controller->Stop());
  EXPECT_EQ(controller->counters().reconciles, 2U);
}

TEST_F(ControllerTest, OneWorkerPerKeyButManyKeysAtOnce) {
  auto controller = Make(3);
  controller->Start();
  for (int round = 0; round < 50; ++round) {
    for (const std::string key : {"a", "b", "c", "d"}) controller->Enqueue(key);
    RunTask(loop_, net::Yield());
  }
  WaitFor(20);
  RunTask(loop_, controller->Stop());
  EXPECT_EQ(recorder_.most_of_one_key, 1);
  EXPECT_EQ(recorder_.most, 3);
}

TEST_F(ControllerTest, FailuresAndExceptionsAreTriedAgain) {
  recorder_.answer = [](const std::string&, int tries) -> Result<ReconcileResult> {
    if (tries == 1) return Fail(Code::kUnavailable, "not yet");
    if (tries == 2) throw std::runtime_error("a bug");
    if (tries == 3) return ReconcileResult{milliseconds(1)};
    return ReconcileResult{};
  };
  auto controller = Make(1);
  controller->Start();
  controller->Enqueue("a");
  WaitFor(4);
  RunTask(loop_, controller->Stop());
  EXPECT_EQ(recorder_.done.size(), 4U);
  EXPECT_EQ(controller->counters().errors, 2U);
}

TEST_F(ControllerTest, TheEarlierOfTwoDelaysWins) {
  auto controller = Make(1);
  controller->Start();
  controller->EnqueueAfter("late", std::chrono::hours(1));
  controller->EnqueueAfter("a", std::chrono::hours(1));
  controller->EnqueueAfter("a", milliseconds(1));
  controller->EnqueueAfter("a", std::chrono::hours(2));
  WaitFor(1);
  EXPECT_EQ(recorder_.done, (std::vector<std::string>{"a"}));
  RunTask(loop_, controller->Stop());
}

net::Task<Result<ReconcileResult>> SleepLong(bool* cancelled) {
  *cancelled = !co_await net::Sleep(std::chrono::hours(1));
  co_return Fail(Code::kCancelled, "stopping");
}

TEST_F(ControllerTest, StopCancelsTheReconcileUnderWay) {
  bool cancelled = false;
  Controller controller(loop_, "test", 1, [&](std::string) { return SleepLong(&cancelled); });
  controller.Start();
  controller.Enqueue("a");
  while (controller.counters().reconciles == 0) RunTask(loop_, net::Yield());
  RunTask(loop_, controller.Stop());
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(controller.counters().errors, 0U);
}

}  // namespace
}  // namespace weir::client
