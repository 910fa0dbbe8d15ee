#include "net/loop.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "net/testing.h"

namespace weir::net {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

Task<void> RecordSleep(Duration delay, int* result) { *result = co_await Sleep(delay) ? 1 : 0; }

TEST(Loop, RunsPostedWorkAndReturnsWhenNothingIsLeft) {
  Loop loop;
  int runs = 0;
  loop.Post([&runs] { ++runs; });
  loop.Run();
  loop.Post([&runs] { ++runs; });
  loop.Run();
  EXPECT_EQ(runs, 2);
}

TEST(Loop, StopBeforeRunIsNotLost) {
  Loop loop;
  bool ran = false;
  loop.Stop();
  loop.Post([&ran] { ran = true; });
  loop.Run();
  EXPECT_FALSE(ran);
  loop.Run();
  EXPECT_TRUE(ran);
}

TEST(Loop, PostWorksFromAnotherThread) {
  Loop loop;
  bool ran = false;
  std::thread other([&] { loop.Post([&ran] { ran = true; }); });
  other.join();
  loop.Run();
  EXPECT_TRUE(ran);
}

TEST(Loop, MonotonicGoesOnWithItsTimers) {
  Loop loop;
  const Duration before = loop.Monotonic();
  RunTask(loop, Sleep(milliseconds(3)));
  EXPECT_GE(loop.Monotonic() - before, milliseconds(3));
}

TEST(Sleep, EndsAfterItsTimeAndAtOnceForNone) {
  Loop loop;
  EXPECT_TRUE(RunTask(loop, Sleep(Duration::zero())));
  EXPECT_TRUE(RunTask(loop, Sleep(milliseconds(-5))));
  EXPECT_TRUE(RunTask(loop, Sleep(milliseconds(1))));
}

TEST(TaskGroup, NeverRunsTheFirstStepInsideSpawn) {
  Loop loop;
  TaskGroup group(loop, "test");
  int result = -1;
  loop.Post([&] {
    group.Spawn(RecordSleep(Duration::zero(), &result));
    EXPECT_EQ(result, -1);
    EXPECT_EQ(group.running(), 1U);
  });
  loop.Run();
  EXPECT_EQ(result, 1);
  EXPECT_EQ(group.running(), 0U);
}

TEST(TaskGroup, StopCancelsSleepersAndWaitsForThem) {
  Loop loop;
  TaskGroup group(loop, "test");
  std::array<int, 3> results{-1, -1, -1};
  for (int& result : results) group.Spawn(RecordSleep(hours(1), &result));
  RunTask(loop, Sleep(milliseconds(1)));  // lets them begin
  RunTask(loop, group.Stop());
  for (const int result : results) EXPECT_EQ(result, 0);
  int late = -1;
  group.Spawn(RecordSleep(Duration::zero(), &late));
  loop.Run();
  EXPECT_EQ(late, -1) << "a stopped group must drop new tasks";
}

TEST(TaskGroup, DropsTasksCancelledBeforeTheirFirstStep) {
  Loop loop;
  TaskGroup group(loop, "test");
  int result = -1;
  group.Spawn(RecordSleep(Duration::zero(), &result));
  group.Cancel();
  loop.Run();
  EXPECT_EQ(result, -1);
}

Task<void> SleepAgainAndAgain(int* told) {
  for (int i = 0; i < 3; ++i) {
    const bool slept = co_await Sleep(hours(1));
    if (!slept) ++*told;
  }
}

TEST(TaskGroup, CancellationSticks) {
  Loop loop;
  TaskGroup group(loop, "test");
  int told = 0;
  group.Spawn(SleepAgainAndAgain(&told));
  RunTask(loop, Yield());
  RunTask(loop, group.Stop());
  EXPECT_EQ(told, 3);
}

Task<void> Throw() {
  co_await Yield();
  throw std::runtime_error("a bug");
}

TEST(TaskGroup, CountsExceptionsAndGoesOn) {
  Loop loop;
  TaskGroup group(loop, "test");
  int result = -1;
  group.Spawn(Throw());
  group.Spawn(RecordSleep(milliseconds(1), &result));
  loop.Run();
  EXPECT_EQ(group.failures(), 1U);
  EXPECT_EQ(result, 1);
}

Task<void> StopOther(TaskGroup* other, bool* done) {
  co_await other->Stop();
  *done = true;
}

TEST(TaskGroup, ATaskMayStopAnotherGroupEvenWhenItIsCancelledItself) {
  Loop loop;
  TaskGroup outer(loop, "outer");
  TaskGroup inner(loop, "inner");
  int result = -1;
  bool done = false;
  inner.Spawn(RecordSleep(hours(1), &result));
  outer.Spawn(StopOther(&inner, &done));
  RunTask(loop, Yield());
  RunTask(loop, outer.Stop());
  EXPECT_TRUE(done);
  EXPECT_EQ(result, 0);
}

Task<void> RecordWait(Signal* signal, std::vector<bool>* results) {
  results->push_back(co_await signal->Wait());
}

TEST(Signal, NotifyWakesEveryWaiterOnce) {
  Loop loop;
  TaskGroup group(loop, "test");
  Signal signal(loop);
  std::vector<bool> results;
  group.Spawn(RecordWait(&signal, &results));
  group.Spawn(RecordWait(&signal, &results));
  RunTask(loop, Sleep(milliseconds(1)));
  signal.Notify();
  RunTask(loop, Sleep(milliseconds(1)));
  EXPECT_EQ(results, std::vector<bool>({true, true}));
  // Both were waiting: nothing is remembered.
  EXPECT_FALSE(RunTask(loop, signal.WaitFor(milliseconds(1))));
}

TEST(Signal, RemembersOneNotifyWithoutWaiters) {
  Loop loop;
  Signal signal(loop);
  signal.Notify();
  signal.Notify();
  EXPECT_TRUE(RunTask(loop, signal.Wait()));
  EXPECT_FALSE(RunTask(loop, signal.WaitFor(milliseconds(1))));
}

TEST(Signal, CancelledAndOrphanedWaitersAreToldFalse) {
  Loop loop;
  TaskGroup group(loop, "test");
  auto signal = std::make_unique<Signal>(loop);
  std::vector<bool> results;
  group.Spawn(RecordWait(signal.get(), &results));
  RunTask(loop, Sleep(milliseconds(1)));
  RunTask(loop, group.Stop());
  EXPECT_EQ(results, std::vector<bool>({false}));

  TaskGroup second(loop, "test");
  second.Spawn(RecordWait(signal.get(), &results));
  RunTask(loop, Sleep(milliseconds(1)));
  signal.reset();
  RunTask(loop, Sleep(milliseconds(1)));
  EXPECT_EQ(results, std::vector<bool>({false, false}));
}

TEST(BlockingPool, RunsWorkOffTheLoopAndResumesOnIt) {
  Loop loop;
  BlockingPool pool(loop, 2, 10);
  std::thread::id worker;
  const Status status = RunTask(loop, pool.Run([&worker] { worker = std::this_thread::get_id(); }));
  EXPECT_TRUE(status);
  EXPECT_NE(worker, std::this_thread::get_id());
}

TEST(BlockingPool, TellsOfExceptions) {
  Loop loop;
  BlockingPool pool(loop, 1, 10);
  const Status status = RunTask(loop, pool.Run([] { throw std::runtime_error("bad disk"); }));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInternal);
  EXPECT_NE(status.error().message.find("bad disk"), std::string::npos);
}

Task<void> RunAndRecord(BlockingPool* pool, std::function<void()> work, std::vector<Status>* out) {
  out->push_back(co_await pool->Run(std::move(work)));
}

TEST(BlockingPool, RefusesBeyondItsQueue) {
  Loop loop;
  TaskGroup group(loop, "test");
  std::atomic<bool> release = false;
  std::vector<Status> results;
  BlockingPool pool(loop, 1, 1);
  const auto wait = [&release] { release.wait(false); };
  for (int i = 0; i < 3; ++i) group.Spawn(RunAndRecord(&pool, wait, &results));
  RunTask(loop, Sleep(milliseconds(1)));
  ASSERT_EQ(results.size(), 1U) << "one runs, one waits, one is refused";
  EXPECT_EQ(results[0].error().code, Code::kUnavailable);
  release = true;
  release.notify_all();
  loop.Run();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_TRUE(results[1]);
  EXPECT_TRUE(results[2]);
}

}  // namespace
}  // namespace weir::net
