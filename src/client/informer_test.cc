// Informer and EventRecorder against a small fake of the API.
#include "client/informer.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "base/strings.h"
#include "client/events.h"
#include "client/events_plan.h"
#include "env/clock.h"
#include "net/testing.h"

namespace weir::client {
namespace {

using net::RunTask;

Json Pod(const std::string& name, int version, const std::string& ns = "ns") {
  return {{"metadata",
           {{"name", name}, {"namespace", ns}, {"resourceVersion", std::to_string(version)}}}};
}

Json PodOf(const std::string& name, int version, const std::string& controller) {
  Json pod = Pod(name, version);
  pod["metadata"]["ownerReferences"] = {{{"uid", "no controller"}},
                                        {{"uid", controller}, {"controller", true}}};
  return pod;
}

std::string Names(const std::vector<ObjectPtr>& objects) {
  std::string names;
  for (const ObjectPtr& object : objects) names += GetString(*object, {"metadata", "name"}) + " ";
  return names;
}

// Lists answer from a queue; watches deliver what the test says, when it says so.
class FakeApi final : public Transport {
 public:
  explicit FakeApi(net::Loop& loop) : news_(loop), asked_(loop) {}

  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration) override {
    Note(request);
    net::HttpResponse response;
    if (lists.empty()) {
      response.status = 503;
      co_return response;
    }
    response.body = DumpJson(lists.front());
    lists.pop_front();
    co_return response;
  }

  net::Task<Status> Stream(net::HttpRequest request, Duration, net::HttpClient::HeadFn head,
                           net::HttpClient::ChunkFn chunk) override {
    Note(request);
    if (!head(net::HttpResponse())) co_return Status();
    while (true) {
      while (!events.empty()) {
        const Json event = events.front();
        events.pop_front();
        if (event.is_null()) co_return Status();  // the server ends the watch
        if (!chunk(DumpJson(event) + "\n")) co_return Status();
      }
      if (const bool ok = co_await news_.Wait(); !ok) co_return Fail(Code::kCancelled, "cancelled");
    }
  }

  void Say(Json event) {
    events.push_back(std::move(event));
    news_.Notify();
  }
  void Say(const std::string& type, Json object) {
    Say(Json{{"type", type}, {"object", std::move(object)}});
  }
  static Json ListOf(std::vector<Json> items, int version) {
    return {{"kind", "PodList"},
            {"apiVersion", "v1"},
            {"metadata", {{"resourceVersion", std::to_string(version)}}},
            {"items", std::move(items)}};
  }

  std::deque<Json> lists;
  std::deque<Json> events;
  std::vector<std::string> asked;
  net::Signal& asked_signal() { return asked_; }

 private:
  void Note(const net::HttpRequest& request) {
    asked.push_back(request.target);
    asked_.Notify();
  }
  net::Signal news_;
  net::Signal asked_;
};

class InformerTest : public ::testing::Test {
 protected:
  InformerTest() : api_(loop_), client_(api_, "test"), group_(loop_, "informer"), random_(1) {
    informer_ = std::make_unique<Informer>(client_, group_, random_, refs::kPods);
    listening_ = informer_->AddListener(Into(seen_));
  }
  ~InformerTest() override { RunTask(loop_, group_.Stop()); }

  // Writes what it hears as "ns/a@1 ns/a@2".
  static Informer::Listener Into(std::vector<std::string>& seen) {
    return [&seen](const ObjectPtr& before, const ObjectPtr& after) {
      const auto text = [](const ObjectPtr& object) {
        return object == nullptr
                   ? std::string("-")
                   : KeyOf(*object) + "@" + GetString(*object, {"metadata", "resourceVersion"});
      };
      seen.push_back(text(before) + " " + text(after));
    };
  }

  // Runs the loop until the API has been asked so often.
  void Asked(std::size_t count) {
    while (api_.asked.size() < count) {
      ASSERT_TRUE(RunTask(loop_, api_.asked_signal().WaitFor(std::chrono::seconds(20))));
    }
  }
  void Delivered() {
    while (!api_.events.empty()) RunTask(loop_, net::Yield());
  }

  net::Loop loop_;
  FakeApi api_;
  Client client_;
  net::TaskGroup group_;
  env::SeededRandom random_;
  std::unique_ptr<Informer> informer_;
  std::vector<std::string> seen_;
  Informer::Registration listening_;
};

TEST_F(InformerTest, ListsThenWatchesAndTellsEachChangeOnce) {
  api_.lists = {FakeApi::ListOf({Pod("a", 1), Pod("b", 2), Pod("x", 3, "other")}, 10)};
  informer_->Start();
  EXPECT_FALSE(informer_->synced());
  EXPECT_TRUE(RunTask(loop_, informer_->WaitSynced()));
  Asked(2);
  EXPECT_EQ(api_.asked[1], "/api/v1/pods?watch=1&allowWatchBookmarks=true&resourceVersion=10");
  api_.Say("ADDED", Pod("c", 11));
  api_.Say("MODIFIED", Pod("a", 12));
  api_.Say("MODIFIED", Pod("a", 12));
  api_.Say("DELETED", Pod("b", 13));
  api_.Say("DELETED", Pod("never", 14));
  api_.Say("BOOKMARK", Pod("", 20, ""));
  api_.Say(Json());  // the end: the next watch begins at the bookmark
  Asked(3);
  EXPECT_EQ(seen_, (std::vector<std::string>{"- ns/a@1", "- ns/b@2", "- other/x@3", "- ns/c@11",
                                             "ns/a@1 ns/a@12", "ns/b@13 -"}));
  EXPECT_EQ(api_.asked[2], "/api/v1/pods?watch=1&allowWatchBookmarks=true&resourceVersion=20");
  EXPECT_EQ(GetString(*informer_->Get("other", "x"), "kind"), "Pod") << "from the list's kind";
  EXPECT_EQ(GetString(*informer_->Get("other/x"), "apiVersion"), "v1");
  EXPECT_EQ(informer_->Get("ns", "b"), nullptr);
  EXPECT_EQ(informer_->List().size(), 3U);
  EXPECT_EQ(informer_->List("ns").size(), 2U);
  EXPECT_EQ(informer_->objects().size(), 3U);
}

TEST_F(InformerTest, A410ListsAgainAndTellsTheDifference) {
  api_.lists = {FakeApi::ListOf({Pod("a", 1), Pod("b", 2)}, 10),
                FakeApi::ListOf({Pod("a", 5), Pod("c", 6)}, 30)};
  informer_->Start();
  Asked(2);
  seen_.clear();
  api_.Say("ERROR", {{"kind", "Status"}, {"code", 410}, {"message", "too old"}});
  Asked(4);
  EXPECT_EQ(seen_, (std::vector<std::string>{"ns/a@1 ns/a@5", "- ns/c@6", "ns/b@2 -"}));
}

TEST_F(InformerTest, KnowsWhatIsControlledByWhom) {
  api_.lists = {FakeApi::ListOf({PodOf("c", 1, "u1"), PodOf("a", 2, "u1"), PodOf("b", 3, "u2"),
                                 Pod("b-orphan", 4), Pod("elsewhere", 5, "other")},
                                10)};
  informer_->Start();
  Asked(2);
  EXPECT_EQ(Names(informer_->ListControlled("ns", "u1")), "a c ");
  EXPECT_EQ(Names(informer_->ListControlled("ns", "")), "b-orphan ");
  EXPECT_EQ(Names(informer_->ListControlled("ns", "no controller")), "");
  EXPECT_EQ(Names(informer_->ListControlled("other", "u1")), "");
  EXPECT_EQ(Names(informer_->ListClaimable("ns", "u1")), "a b-orphan c ");
  api_.Say("MODIFIED", Pod("c", 11));                 // let go
  api_.Say("MODIFIED", PodOf("b-orphan", 12, "u2"));  // taken in
  api_.Say("DELETED", Pod("a", 13));
  Delivered();
  EXPECT_EQ(Names(informer_->ListControlled("ns", "u1")), "");
  EXPECT_EQ(Names(informer_->ListControlled("ns", "u2")), "b b-orphan ");
  EXPECT_EQ(Names(informer_->ListClaimable("ns", "u1")), "c ");
}

TEST_F(InformerTest, AFailedListIsTriedAgain) {
  informer_->Start();
  Asked(2);
  EXPECT_FALSE(informer_->synced());
  api_.lists = {FakeApi::ListOf({}, 10)};
  EXPECT_TRUE(RunTask(loop_, informer_->WaitSynced()));
}

TEST_F(InformerTest, AGoneInformerHearsNothing) {
  api_.lists = {FakeApi::ListOf({}, 10)};
  informer_->Start();
  Asked(2);
  informer_.reset();
  api_.Say("ADDED", Pod("a", 11));
  Delivered();
  EXPECT_TRUE(seen_.empty());
  loop_.Run();
  EXPECT_EQ(group_.running(), 0U);
}

using Texts = std::vector<std::string>;

TEST_F(InformerTest, ALateListenerIsToldWhatIsThereFirst) {
  api_.lists = {FakeApi::ListOf({Pod("b", 1), Pod("a", 2)}, 10)};
  informer_->Start();
  Asked(2);
  Texts late;
  const Informer::Registration listening = informer_->AddListener(Into(late));
  EXPECT_EQ(late, (Texts{"- ns/a@2", "- ns/b@1"}));
  api_.Say("MODIFIED", Pod("a", 11));
  Delivered();
  EXPECT_EQ(late.back(), "ns/a@2 ns/a@11");
  EXPECT_EQ(late.size(), 3U);
  EXPECT_EQ(seen_.size(), 3U) << "the others are not told again";
}

TEST_F(InformerTest, AListenerThatIsAddedWhileOthersAreToldHearsTheChangeOnce) {
  api_.lists = {FakeApi::ListOf({}, 10)};
  Texts late;
  Informer::Registration inner;
  bool added = false;
  const Informer::Registration outer =
      informer_->AddListener([&](const ObjectPtr&, const ObjectPtr&) {
        if (!std::exchange(added, true)) inner = informer_->AddListener(Into(late));
      });
  informer_->Start();
  Asked(2);
  api_.Say("ADDED", Pod("a", 11));
  api_.Say("MODIFIED", Pod("a", 12));
  Delivered();
  EXPECT_EQ(late, (Texts{"- ns/a@11", "ns/a@11 ns/a@12"}));
}

TEST_F(InformerTest, AListenerHearsNothingAfterItsRegistration) {
  api_.lists = {FakeApi::ListOf({}, 10)};
  Texts first;
  Texts once;
  Texts moved;
  Informer::Registration ends_itself;
  Informer::Registration other = informer_->AddListener(Into(first));
  const Informer::Listener note = Into(once);
  ends_itself = informer_->AddListener([&](const ObjectPtr& before, const ObjectPtr& after) {
    note(before, after);
    ends_itself = {};
  });
  {
    Informer::Registration source = informer_->AddListener(Into(moved));
    other = std::move(source);  // the place that it had is given up
  }
  informer_->Start();
  Asked(2);
  api_.Say("ADDED", Pod("a", 11));
  api_.Say("ADDED", Pod("b", 12));
  Delivered();
  EXPECT_EQ(first, Texts());
  EXPECT_EQ(once, Texts{"- ns/a@11"});
  EXPECT_EQ(moved, (Texts{"- ns/a@11", "- ns/b@12"}));
  EXPECT_EQ(seen_.size(), 2U);
  informer_.reset();
  other = {};  // may come after the informer
}

TEST_F(InformerTest, KeepsNoManagedFields) {
  const auto managed = [](Json pod) {
    pod["metadata"]["managedFields"] = Json::array({{{"manager", "kubectl"}}});
    return pod;
  };
  int with = 0;
  const Informer::Registration listening =
      informer_->AddListener([&](const ObjectPtr& before, const ObjectPtr& after) {
        for (const ObjectPtr& object : {before, after}) {
          if (object && Find(*object, {"metadata", "managedFields"}) != nullptr) ++with;
        }
      });
  api_.lists = {FakeApi::ListOf({managed(Pod("a", 1))}, 10)};
  informer_->Start();
  Asked(2);
  api_.Say("MODIFIED", managed(Pod("a", 11)));
  api_.Say("DELETED", managed(Pod("a", 12)));
  Delivered();
  EXPECT_EQ(seen_, (Texts{"- ns/a@1", "ns/a@1 ns/a@11", "ns/a@12 -"}));
  EXPECT_EQ(with, 0);
}

TEST(Keys, SplitAsTheyAreMade) {
  EXPECT_EQ(KeyOf(Pod("a", 1)), "ns/a");
  EXPECT_EQ(KeyOf(Pod("a", 1, "")), "a");
  EXPECT_EQ(SplitKey("ns/a"), (std::pair<std::string, std::string>{"ns", "a"}));
  EXPECT_EQ(SplitKey("a"), (std::pair<std::string, std::string>{"", "a"}));
}

// Keeps Event objects as the API would.
class EventStore final : public Transport {
 public:
  net::Task<Result<net::HttpResponse>> Do(net::HttpRequest request, Duration) override {
    co_await net::Yield();
    net::HttpResponse response;
    const Json body = ParseJson(request.body).value();
    if (request.method == "POST") {
      stored[GetString(body, {"metadata", "name"})] = body;
      order.push_back("POST " + GetString(body, "message"));
    } else {
      const std::string path(request.Path());
      const auto it = stored.find(path.substr(path.rfind('/') + 1));
      if (it == stored.end()) {
        response.status = 404;
      } else {
        it->second.merge_patch(body);
        order.push_back("PATCH " + GetString(it->second, "message"));
      }
    }
    response.body = "{}";
    co_return response;
  }
  net::Task<Status> Stream(net::HttpRequest, Duration, net::HttpClient::HeadFn,
                           net::HttpClient::ChunkFn) override {
    co_return Fail(Code::kInternal, "not used");
  }
  std::map<std::string, Json> stored;
  std::vector<std::string> order;
};

TEST(EventRecorder, CountsEqualEventsAndKeepsTheOrder) {
  net::Loop loop;
  EventStore store;
  Client client(store, "test");
  net::TaskGroup group(loop, "events");
  env::FakeClock clock;
  env::SeededRandom random(1);
  EventRecorder recorder(client, group, clock, random, "kubelet", "node-1");
  Json pod = Pod("web", 1);
  pod["kind"] = "Pod";
  pod["apiVersion"] = "v1";
  recorder.Record(pod, "Normal", "Started", "one");
  recorder.Record(pod, "Warning", "BackOff", "two");
  clock.Advance(std::chrono::seconds(10));
  pod["metadata"]["resourceVersion"] = "2";
  recorder.Record(pod, "Normal", "Started", "one");
  loop.Run();
  EXPECT_EQ(store.order, (std::vector<std::string>{"POST one", "POST two", "PATCH one"}));
  ASSERT_EQ(store.stored.size(), 2U);
  const Json& event = store.stored.begin()->second;
  EXPECT_EQ(GetInt(event, {"count"}), 2);
  EXPECT_EQ(GetString(event, "firstTimestamp"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(GetString(event, "lastTimestamp"), "2026-01-01T00:00:10Z");
  EXPECT_EQ(GetString(event, {"involvedObject", "name"}), "web");
  EXPECT_EQ(GetString(event, {"source", "component"}), "kubelet");
  EXPECT_EQ(GetString(event, {"metadata", "namespace"}), "ns");
  EXPECT_TRUE(GetString(event, {"metadata", "name"}).starts_with("web."));
  // An Event that expired is written anew.
  store.stored.clear();
  recorder.Record(pod, "Normal", "Started", "one");
  loop.Run();
  ASSERT_EQ(store.stored.size(), 1U);
  EXPECT_EQ(GetInt(store.stored.begin()->second, {"count"}), 1);
}

TEST(EventCorrelator, ForgetsTheOldest) {
  EventCorrelator correlator;
  for (int i = 0; i < 5000; ++i) correlator.Remember(std::to_string(i), "e", 1);
  EXPECT_EQ(correlator.Find("0"), nullptr);
  EXPECT_NE(correlator.Find("4999"), nullptr);
  EXPECT_NE(correlator.Find("904"), nullptr);
  EXPECT_EQ(correlator.Find("903"), nullptr);
}

TEST(NewEvent, OfAClusterScopedObjectLivesInDefault) {
  env::SeededRandom random(1);
  EventNews news;
  news.involved = ReferenceTo(Json{{"kind", "Node"}, {"metadata", {{"name", "n"}}}});
  EXPECT_EQ(GetString(NewEvent(news, {"c", ""}, random), {"metadata", "namespace"}), "default");
}

TEST(NewEvent, IsNamedByAUuidWhereItsObjectsNameIsOfNoUse) {
  const auto name_of = [](const std::string& object) {
    env::SeededRandom random(1);
    EventNews news;
    news.involved = ReferenceTo(Json{{"metadata", {{"name", object}}}});
    news.now = Time(std::chrono::nanoseconds(0x1234567890abcdef));
    return GetString(NewEvent(news, {"c", ""}, random), {"metadata", "name"});
  };
  const std::string uuid = env::SeededRandom(1).Uuid();
  const std::string longest(236, 'a');
  EXPECT_EQ(name_of(longest), longest + ".1234567890abcdef");
  EXPECT_EQ(name_of(longest + "a"), uuid);
  EXPECT_EQ(name_of("system:node"), uuid);
  EXPECT_EQ(name_of("a.b-c.d"), "a.b-c.d.1234567890abcdef");
}

}  // namespace
}  // namespace weir::client
