#include "controllers/garbage_collector.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "client/fake_api.h"
#include "env/clock.h"

namespace weir::controllers {
namespace {

constexpr const char* kSets = "/apis/apps/v1/namespaces/ns/replicasets";
constexpr const char* kSet = "/apis/apps/v1/namespaces/ns/replicasets/web";
constexpr const char* kPods = "/api/v1/namespaces/ns/pods";

// An API where somebody goes on writing the ReplicaSet: it always is of a version that no watch has
// told yet, and the first patch of it meets one more write.
class BusyApi final : public client::Transport {
 public:
  BusyApi(client::FakeApi& api, env::FakeClock& clock) : api_(api), clock_(clock) {}

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration timeout) override {
    clock_.Advance(std::chrono::milliseconds(300));
    const bool of_set = request.Path() == kSet;
    if (of_set && request.method == "PATCH") {
      const Json body = ParseJson(request.body).value_or(Json());
      const bool current =
          GetString(body, {"metadata", "resourceVersion"}) == std::to_string(version_);
      ++patches;
      if (!current || patches == 1) {
        ++version_;
        co_return net::HttpResponse::JsonText(409, R"({"kind":"Status","message":"modified"})");
      }
    }
    Result<net::HttpResponse> answer = co_await api_.Do(std::move(request), timeout);
    if (of_set && answer) {
      Json object = ParseJson(answer->body).value_or(Json());
      object["metadata"]["resourceVersion"] = std::to_string(version_);
      answer->body = DumpJson(object);
    }
    co_return answer;
  }
  net::Task<Status> Stream(net::HttpRequest request, Duration timeout, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    co_return co_await api_.Stream(std::move(request), timeout, std::move(head), std::move(chunk));
  }

  int patches = 0;

 private:
  client::FakeApi& api_;
  env::FakeClock& clock_;
  int version_ = 1000;
};

net::Task<void> Orphan(client::FakeApi& api, client::SharedInformers& informers,
                       GarbageCollector& collector, bool* released, net::Loop& loop) {
  informers.Start();
  const bool synced = co_await informers.WaitSynced();
  EXPECT_TRUE(synced);
  collector.Start();
  const std::function<bool()> done = [&api] {
    return GetArray(api.Get(kSet), {"metadata", "finalizers"}).empty();
  };
  *released = co_await api.Until(done, std::chrono::seconds(10));
  co_await collector.Stop();
  co_await informers.Stop();
  loop.Stop();
}

TEST(GarbageCollectorTest, AnOrphaningOwnerGoesThoughItsControllerGoesOnWriting) {
  net::Loop loop;
  env::FakeClock clock;
  env::SeededRandom random(1);
  client::FakeApi api(loop);
  BusyApi busy(api, clock);
  client::Client client(busy, "collector");
  client::SharedInformers informers(loop, client, random);
  net::TaskGroup tasks(loop, "test");
  const Context context{loop, clock, random, client, informers, tasks};
  GarbageCollector collector(context);
  Json set = {{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}};
  set["metadata"] = {{"name", "web"},
                     {"uid", "u"},
                     {"deletionTimestamp", "2026-01-01T00:00:00Z"},
                     {"finalizers", {"orphan"}}};
  api.Put(kSets, set);
  Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}};
  pod["metadata"] = {{"name", "web-1"}};
  pod["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", "web"}, {"uid", "u"}}});
  api.Put(kPods, pod);

  bool released = false;
  tasks.Spawn(Orphan(api, informers, collector, &released, loop));
  loop.Run();
  EXPECT_TRUE(released);
  EXPECT_EQ(busy.patches, 2);
  EXPECT_TRUE(GetArray(api.List(kPods)[0], {"metadata", "ownerReferences"}).empty());
}

}  // namespace
}  // namespace weir::controllers
