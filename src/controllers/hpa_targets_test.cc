#include "controllers/hpa_targets.h"

#include <gtest/gtest.h>

#include <vector>

#include "client/fake_api.h"
#include "net/testing.h"

namespace weir::controllers {
namespace {

const client::ResourceRef kSets{"apps", "v1", "statefulsets"};
const client::ResourceRef kCrons{"example.com", "v1", "crontabs"};
constexpr const char* kSetsPath = "/apis/apps/v1/namespaces/shop/statefulsets";
constexpr const char* kCronsPath = "/apis/example.com/v1/namespaces/shop/crontabs";

class HpaTargetsTest : public ::testing::Test {
 protected:
  HpaTargetsTest() { informers_.Start(); }
  ~HpaTargetsTest() override { net::RunTask(loop_, informers_.Stop()); }

  void Put(const char* path, const std::string& name, int replicas, int seen = 0) {
    api_.Put(path, {{"metadata", {{"name", name}}},
                    {"spec", {{"size", replicas}}},
                    {"status", {{"readyReplicas", seen}}}});
  }

  // Runs the loop until the condition holds; false after far too long.
  bool Until(const std::function<bool()>& condition) {
    for (int i = 0; i < 200'000 && !condition(); ++i) {
      if (loop_.context().stopped()) loop_.context().restart();
      loop_.context().run_one_for(std::chrono::milliseconds(20));
    }
    return condition();
  }
  // Runs the loop until so many changes were told.
  bool Told(std::size_t count) {
    return Until([&] { return told_.size() >= count; }) && told_.size() == count;
  }

  net::Loop loop_;
  env::SeededRandom random_{1};
  client::FakeApi api_{loop_};
  client::Client client_{api_, "test"};
  client::SharedInformers informers_{loop_, client_, random_};
  std::vector<std::string> told_;
  HpaTargets targets_{
      informers_, [this](const std::string& hpa) { told_.push_back(hpa); },
      [](const Json& before, const Json& after) { return before["spec"] != after["spec"]; }};
};

using Texts = std::vector<std::string>;

TEST_F(HpaTargetsTest, TellsThoseWhoScaleWhatChanged) {
  Put(kSetsPath, "db", 1);
  Put(kCronsPath, "db", 1);
  targets_.Follow("shop/a", kSets, "shop/db");
  targets_.Follow("shop/b", kSets, "shop/db");
  targets_.Follow("shop/c", kCrons, "shop/db");
  ASSERT_TRUE(Told(3));  // they are there
  told_.clear();
  Put(kSetsPath, "other", 7);
  Put(kSetsPath, "db", 1, 1);  // a status alone
  Put(kCronsPath, "db", 2);
  ASSERT_TRUE(Told(1));
  EXPECT_EQ(told_, Texts{"shop/c"});
  api_.Remove(std::string(kSetsPath) + "/db");
  ASSERT_TRUE(Told(3));
  EXPECT_EQ(told_, (Texts{"shop/c", "shop/a", "shop/b"}));
}

TEST_F(HpaTargetsTest, FollowsOneTargetAtATime) {
  Put(kSetsPath, "db", 1);
  Put(kSetsPath, "queue", 1);
  targets_.Follow("shop/a", kSets, "shop/db");
  targets_.Follow("shop/b", kSets, "shop/db");
  ASSERT_TRUE(Told(2));
  targets_.Follow("shop/a", kSets, "shop/queue");
  told_.clear();
  Put(kSetsPath, "db", 2);
  ASSERT_TRUE(Told(1));
  EXPECT_EQ(told_, Texts{"shop/b"});
  Put(kSetsPath, "queue", 2);
  ASSERT_TRUE(Told(2));
  EXPECT_EQ(told_.back(), "shop/a");
}

TEST_F(HpaTargetsTest, StopsWatchingWhatNobodyScales) {
  Put(kCronsPath, "db", 1);
  targets_.Follow("shop/a", kCrons, "shop/db");
  ASSERT_TRUE(Told(1));
  EXPECT_TRUE(informers_.Borrow(kCrons)->synced());
  targets_.Forget("shop/a");
  EXPECT_FALSE(informers_.Borrow(kCrons)->synced()) << "another cache: that one has gone";
  EXPECT_EQ(targets_.Find(kCrons, "shop/db"), nullptr);
}

TEST_F(HpaTargetsTest, ReadsACacheThatIsThere) {
  Put(kSetsPath, "db", 1);
  client::Informer& sets = informers_.Get(kSets);
  ASSERT_TRUE(net::RunTask(loop_, sets.WaitSynced()));
  targets_.Follow("shop/a", kSets, "shop/db");
  EXPECT_EQ(targets_.Find(kSets, "shop/db"), sets.Get("shop/db")) << "without a further LIST";
  EXPECT_EQ(told_, Texts{"shop/a"});
  targets_.Forget("shop/a");
  Put(kSetsPath, "db", 2);
  ASSERT_TRUE(Until([&] { return GetInt(*sets.Get("shop/db"), {"spec", "size"}, 0) == 2; }));
  EXPECT_EQ(told_.size(), 1U);
}

}  // namespace
}  // namespace weir::controllers
