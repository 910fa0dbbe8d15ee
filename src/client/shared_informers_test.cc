// One cache a resource for all, against an API in memory.
#include "client/shared_informers.h"

#include <gtest/gtest.h>

#include "client/fake_api.h"
#include "net/testing.h"

namespace weir::client {
namespace {

using net::RunTask;

constexpr const char* kPods = "/api/v1/namespaces/ns/pods";

class SharedInformersTest : public ::testing::Test {
 protected:
  ~SharedInformersTest() override { RunTask(loop_, informers_.Stop()); }

  void Put(const std::string& name) { api_.Put(kPods, {{"metadata", {{"name", name}}}}); }

  net::Loop loop_;
  env::SeededRandom random_{1};
  FakeApi api_{loop_};
  Client client_{api_, "test"};
  SharedInformers informers_{loop_, client_, random_};
};

TEST_F(SharedInformersTest, AllWhoAskGetTheSameCache) {
  Put("a");
  Informer& pods = informers_.Get(refs::kPods);
  EXPECT_EQ(&informers_.Get(refs::kPods), &pods);
  EXPECT_EQ(informers_.Borrow(refs::kPods).get(), &pods);
  EXPECT_NE(&informers_.Get(refs::kServices), &pods);
  EXPECT_FALSE(pods.synced());
  informers_.Start();
  EXPECT_TRUE(RunTask(loop_, informers_.WaitSynced()));
  EXPECT_NE(pods.Get("ns/a"), nullptr);
  EXPECT_TRUE(informers_.Get(refs::kServices).synced());
}

TEST_F(SharedInformersTest, ACacheThatIsAskedForLaterIsFilledToo) {
  Put("a");
  informers_.Start();
  Informer& pods = informers_.Get(refs::kPods);
  EXPECT_TRUE(RunTask(loop_, informers_.WaitSynced()));
  EXPECT_NE(pods.Get("ns/a"), nullptr);
}

TEST_F(SharedInformersTest, ABorrowedCacheGoesWithTheLastWhoHoldsIt) {
  Put("a");
  informers_.Start();
  std::shared_ptr<Informer> one = informers_.Borrow(refs::kPods);
  std::shared_ptr<Informer> other = informers_.Borrow(refs::kPods);
  const std::weak_ptr<Informer> held = one;
  ASSERT_TRUE(RunTask(loop_, other->WaitSynced()));
  one.reset();
  EXPECT_FALSE(held.expired());
  other.reset();
  EXPECT_TRUE(held.expired());
  EXPECT_FALSE(informers_.Borrow(refs::kPods)->synced()) << "a new one";
}

TEST_F(SharedInformersTest, ABorrowedCacheThatSomebodyGetsStays) {
  informers_.Start();
  std::shared_ptr<Informer> borrowed = informers_.Borrow(refs::kPods);
  const std::weak_ptr<Informer> held = borrowed;
  EXPECT_EQ(&informers_.Get(refs::kPods), borrowed.get());
  borrowed.reset();
  EXPECT_FALSE(held.expired());
}

TEST_F(SharedInformersTest, NoneWaitsForABorrowedCache) {
  api_.SetDown(true);  // as of a resource that is not served
  const std::shared_ptr<Informer> borrowed = informers_.Borrow(refs::kPods);
  informers_.Start();
  EXPECT_TRUE(RunTask(loop_, informers_.WaitSynced()));
  EXPECT_FALSE(borrowed->synced());
}

}  // namespace
}  // namespace weir::client
