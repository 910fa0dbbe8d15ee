#include "kubestore/store.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/strings.h"

namespace weir::kubestore {
namespace {

// Keeps the newest record of each key, as a real journal does; fails or delays when told to.
class FakeJournal final : public Journal {
 public:
  Result<std::vector<Record>> Load(std::int64_t* newest_version) override {
    if (!load_error.empty()) return Fail(Code::kInvalid, load_error);
    std::vector<Record> records;
    for (const auto& [key, record] : stored) records.push_back(record);
    *newest_version = newest;
    return records;
  }
  void Append(Record record, std::function<void(Status)> done) override {
    if (fail_next) {
      fail_next = false;
      done(Fail(Code::kUnavailable, "disk full"));
      return;
    }
    newest = std::max(newest, record.version);
    if (record.body.empty()) {
      stored.erase(record.key);
    } else {
      stored[record.key] = record;
    }
    if (delay) {
      waiting.push_back(std::move(done));
    } else if (done) {
      done(Status());
    }
  }

  std::map<Key, Record> stored;
  std::int64_t newest = 0;
  std::string load_error;
  bool fail_next = false;
  bool delay = false;
  std::vector<std::function<void(Status)>> waiting;
};

Key Pod(std::string name, std::string ns = "default") {
  return Key{"pods", std::move(ns), std::move(name)};
}

Json Doc(int replicas) {
  return Json{{"metadata", {{"name", "x"}}}, {"spec", {{"replicas", replicas}}}};
}

std::int64_t VersionOf(const ObjectPtr& object) {
  return ParseInt(GetString(object->value, {"metadata", "resourceVersion"})).value_or(-1);
}

TEST(StoreTest, EveryWriteGetsTheNextVersion) {
  NullJournal journal;
  Store store(journal, {});
  ASSERT_TRUE(store.Load());
  EXPECT_EQ(VersionOf(*store.Create(Pod("a"), Doc(1), nullptr)), 1);
  EXPECT_EQ(VersionOf(*store.Create(Pod("b"), Doc(1), nullptr)), 2);
  EXPECT_EQ(VersionOf(*store.Update(Pod("a"), Doc(2), 0, nullptr)), 3);
  EXPECT_EQ(VersionOf(*store.Delete(Pod("b"), 0, nullptr)), 4);
  EXPECT_EQ(store.version(), 4);
  EXPECT_EQ(store.Get(Pod("b")), nullptr);
  EXPECT_EQ(store.Get(Pod("a"))->body,
            R"({"metadata":{"name":"x","resourceVersion":"3"},"spec":{"replicas":2}})");
}

TEST(StoreTest, WritesAreOptimistic) {
  struct Case {
    const char* what;
    std::int64_t expected;
    Code code;
    bool ok;
  };
  const Case cases[] = {
      {"the current version", 2, Code::kInternal, true},
      {"any version", 0, Code::kInternal, true},
      {"an old version", 1, Code::kConflict, false},
      {"a version of the future", 7, Code::kConflict, false},
  };
  for (const Case& c : cases) {
    for (const bool is_delete : {false, true}) {
      NullJournal journal;
      Store store(journal, {});
      ASSERT_TRUE(store.Create(Pod("other"), Doc(1), nullptr));
      ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));
      const auto result = is_delete ? store.Delete(Pod("a"), c.expected, nullptr)
                                    : store.Update(Pod("a"), Doc(5), c.expected, nullptr);
      EXPECT_EQ(result.has_value(), c.ok) << c.what;
      if (!c.ok) {
        EXPECT_EQ(result.error().code, c.code) << c.what;
        EXPECT_EQ(store.version(), 2) << c.what;
      }
    }
  }
}

TEST(StoreTest, WhatDoesNotExistOrExistsAlreadyIsRefused) {
  NullJournal journal;
  Store store(journal, {});
  EXPECT_EQ(store.Update(Pod("a"), Doc(1), 0, nullptr).error().code, Code::kNotFound);
  EXPECT_EQ(store.Delete(Pod("a"), 0, nullptr).error().code, Code::kNotFound);
  ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));
  EXPECT_EQ(store.Create(Pod("a"), Doc(1), nullptr).error().code, Code::kConflict);
  EXPECT_TRUE(store.Create(Pod("a", "kube-system"), Doc(1), nullptr));
}

TEST(StoreTest, AnUnchangedUpdateIsNotWritten) {
  NullJournal journal;
  Store store(journal, {});
  const ObjectPtr created = *store.Create(Pod("a"), Doc(1), nullptr);
  int events = 0;
  store.Subscribe("pods", [&](const Event&) { ++events; });
  bool done = false;
  Json same = created->value;
  EXPECT_EQ(*store.Update(Pod("a"), same, 0, [&](Status s) { done = s.has_value(); }), created);
  Json other_version = created->value;
  other_version["metadata"]["resourceVersion"] = "99";
  EXPECT_EQ(*store.Update(Pod("a"), other_version, 1, nullptr), created);
  EXPECT_TRUE(done);
  EXPECT_EQ(events, 0);
  EXPECT_EQ(store.version(), 1);
}

TEST(StoreTest, AnObjectThatIsTooLargeIsRefused) {
  NullJournal journal;
  Store store(journal, {.history_events = 8, .max_object_bytes = 200});
  Json big = Doc(1);
  big["spec"]["text"] = std::string(200, 'x');
  EXPECT_EQ(store.Create(Pod("a"), big, nullptr).error().code, Code::kInvalid);
  ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));
  EXPECT_EQ(store.Update(Pod("a"), big, 0, nullptr).error().message,
            "etcdserver: request is too large");
  EXPECT_EQ(store.version(), 1);
  Json zeros = Doc(1);
  zeros["spec"]["text"] = std::string(100, '\0');  // 600 bytes of JSON
  EXPECT_TRUE(store.Create(Pod("b"), zeros, nullptr));
}

TEST(StoreTest, ListsInKeyOrderByNamespace) {
  NullJournal journal;
  Store store(journal, {});
  for (const auto& [ns, name] : std::vector<std::pair<std::string, std::string>>{
           {"b", "z"}, {"a", "y"}, {"b", "x"}, {"bb", "w"}}) {
    Json doc{{"metadata", {{"name", name}, {"namespace", ns}}}};
    ASSERT_TRUE(store.Create(Pod(name, ns), doc, nullptr));
  }
  const auto names = [&](std::string_view ns) {
    std::string all;
    for (const ObjectPtr& object : store.List("pods", ns)) {
      all += GetString(object->value, {"metadata", "namespace"}) + "/" +
             GetString(object->value, {"metadata", "name"}) + " ";
    }
    return all;
  };
  EXPECT_EQ(names(""), "a/y b/x b/z bb/w ");
  EXPECT_EQ(names("b"), "b/x b/z ");
  EXPECT_EQ(names("c"), "");
  EXPECT_TRUE(store.List("services", "").empty());
  EXPECT_EQ(store.Resources(), std::vector<std::string>{"pods"});
}

TEST(StoreTest, TheHistoryIsBoundedAndSaysWhenItDoesNotReachBack) {
  NullJournal journal;
  Store store(journal, {.history_events = 3});
  for (const char* name : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(store.Create(Pod(name), Doc(1), nullptr));
  }
  ASSERT_TRUE(store.Create(Key{"nodes", "", "n"}, Doc(1), nullptr));  // versions 3, 4, 5 are kept
  EXPECT_EQ(store.EventsSince("pods", 2)->size(), 2U);
  EXPECT_EQ(store.EventsSince("pods", 3)->size(), 1U);
  EXPECT_EQ(store.EventsSince("pods", 5)->size(), 0U);
  EXPECT_EQ(store.EventsSince("nodes", 2)->size(), 1U);
  const auto expired = store.EventsSince("pods", 1);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().code, Code::kNotFound);
  EXPECT_EQ(expired.error().message, "too old resource version: 1 (2)");
}

TEST(StoreTest, TheHistoryIsBoundedInBytesToo) {
  NullJournal journal;
  Store store(journal, {.history_bytes = 2500});
  Json large = Doc(1);
  large["spec"]["text"] = std::string(1000, 'x');
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(store.Create(Pod(name), large, nullptr));
  EXPECT_EQ(store.EventsSince("pods", 1)->size(), 2U);
  EXPECT_FALSE(store.EventsSince("pods", 0));
  large["spec"]["text"] = std::string(3000, 'x');  // alone more than the history takes
  ASSERT_TRUE(store.Create(Pod("d"), large, nullptr));
  EXPECT_EQ(store.EventsSince("pods", 4)->size(), 0U);
  EXPECT_FALSE(store.EventsSince("pods", 3));
  ASSERT_TRUE(store.Create(Pod("e"), Doc(1), nullptr));
  EXPECT_EQ(store.EventsSince("pods", 4)->size(), 1U);
}

TEST(StoreTest, ADroppedHistoryBeginsAnew) {
  NullJournal journal;
  Store store(journal, {});
  ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));
  ASSERT_TRUE(store.Create(Pod("b"), Doc(1), nullptr));
  store.DropHistory();
  EXPECT_FALSE(store.EventsSince("pods", 1));
  EXPECT_EQ(store.EventsSince("pods", 2)->size(), 0U);
  ASSERT_TRUE(store.Create(Pod("c"), Doc(1), nullptr));
  EXPECT_EQ(store.EventsSince("pods", 2)->size(), 1U);
}

TEST(StoreTest, ListsEarlierStatesAsFarAsTheHistoryReaches) {
  NullJournal journal;
  Store store(journal, {.history_events = 4});
  ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));           // 1
  ASSERT_TRUE(store.Create(Pod("b"), Doc(1), nullptr));           // 2
  ASSERT_TRUE(store.Update(Pod("a"), Doc(2), 0, nullptr));        // 3
  ASSERT_TRUE(store.Delete(Pod("b"), 0, nullptr));                // 4
  ASSERT_TRUE(store.Create(Pod("c", "other"), Doc(1), nullptr));  // 5
  const auto state = [&](std::int64_t version, std::string_view ns) {
    const auto list = store.ListAt("pods", ns, version);
    if (!list) return std::string("expired");
    std::string text;
    for (const ObjectPtr& object : *list) {
      text += std::to_string(VersionOf(object)) + ":" +
              std::to_string(GetInt(object->value, {"spec", "replicas"}, 0)) + " ";
    }
    return text;
  };
  EXPECT_EQ(state(5, ""), "3:2 5:1 ");
  EXPECT_EQ(state(5, "default"), "3:2 ");
  EXPECT_EQ(state(4, ""), "3:2 ");
  EXPECT_EQ(state(3, ""), "3:2 2:1 ");
  EXPECT_EQ(state(2, ""), "1:1 2:1 ");
  EXPECT_EQ(state(1, ""), "1:1 ");
  EXPECT_EQ(state(0, ""), "expired");
  EXPECT_EQ(state(6, ""), "expired");
}

TEST(StoreTest, EventsCarryTheObjectBeforeAndAfter) {
  NullJournal journal;
  Store store(journal, {});
  std::vector<Event> events;
  store.Subscribe("pods", [&](const Event& event) { events.push_back(event); });
  const ObjectPtr first = *store.Create(Pod("a"), Doc(1), nullptr);
  const ObjectPtr second = *store.Update(Pod("a"), Doc(2), 0, nullptr);
  ASSERT_TRUE(store.Delete(Pod("a"), 0, nullptr));
  ASSERT_TRUE(store.Create(Key{"nodes", "", "n"}, Doc(1), nullptr));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].type, EventType::kAdded);
  EXPECT_EQ(events[0].object, first);
  EXPECT_EQ(events[0].previous, nullptr);
  EXPECT_EQ(events[1].type, EventType::kModified);
  EXPECT_EQ(events[1].previous, first);
  EXPECT_EQ(events[2].type, EventType::kDeleted);
  EXPECT_EQ(events[2].previous, second);
  EXPECT_EQ(VersionOf(events[2].object), 3);
  EXPECT_EQ(GetInt(events[2].object->value, {"spec", "replicas"}), 2);
}

TEST(StoreTest, ListenersMaySubscribeUnsubscribeAndWrite) {
  NullJournal journal;
  Store store(journal, {});
  std::vector<std::string> seen;
  int once = 0;
  int late = 0;
  once = store.Subscribe("pods", [&](const Event& event) {
    seen.push_back("once " + event.key.name);
    store.Unsubscribe(once);
    ASSERT_TRUE(store.Create(Pod("made"), Doc(1), nullptr));
    // Subscribed after "made" was written: it is not news to this one.
    late = store.Subscribe("pods", [&](const Event& e) { seen.push_back("late " + e.key.name); });
  });
  store.Subscribe("pods", [&](const Event& event) { seen.push_back("all " + event.key.name); });
  ASSERT_TRUE(store.Create(Pod("first"), Doc(1), nullptr));
  ASSERT_TRUE(store.Create(Pod("last"), Doc(1), nullptr));
  EXPECT_EQ(seen, (std::vector<std::string>{"once first", "all first", "all made", "all last",
                                            "late last"}));
  EXPECT_NE(late, 0);
}

TEST(StoreTest, AListenerThatAnotherRemovesIsNotCalled) {
  NullJournal journal;
  Store store(journal, {});
  int second = 0;
  int calls = 0;
  store.Subscribe("pods", [&](const Event&) { store.Unsubscribe(second); });
  second = store.Subscribe("pods", [&](const Event&) { ++calls; });
  ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));
  EXPECT_EQ(calls, 0);
}

TEST(StoreTest, DoneTellsWhenAndWhetherTheJournalHasIt) {
  FakeJournal journal;
  Store store(journal, {});
  ASSERT_TRUE(store.Load());
  journal.delay = true;
  std::string told;
  const auto note = [&](Status s) { told += s ? "ok " : s.error().message + " "; };
  ASSERT_TRUE(store.Create(Pod("a"), Doc(1), note));
  EXPECT_EQ(told, "");
  EXPECT_NE(store.Get(Pod("a")), nullptr);  // visible before it is durable
  journal.waiting[0](Status());
  EXPECT_EQ(told, "ok ");
  journal.delay = false;
  journal.fail_next = true;
  ASSERT_TRUE(store.Update(Pod("a"), Doc(2), 0, note));
  EXPECT_EQ(told, "ok disk full ");
}

TEST(StoreTest, ARestartKeepsObjectsAndVersions) {
  FakeJournal journal;
  {
    Store store(journal, {});
    ASSERT_TRUE(store.Load());
    ASSERT_TRUE(store.Create(Pod("a"), Doc(1), nullptr));
    ASSERT_TRUE(store.Create(Pod("b"), Doc(1), nullptr));
    ASSERT_TRUE(store.Update(Pod("a"), Doc(2), 0, nullptr));
    ASSERT_TRUE(store.Delete(Pod("b"), 0, nullptr));
  }
  Store store(journal, {});
  ASSERT_TRUE(store.Load());
  EXPECT_EQ(store.version(), 4);  // the deletion's version is not given again
  EXPECT_EQ(GetInt(store.Get(Pod("a"))->value, {"spec", "replicas"}), 2);
  EXPECT_EQ(store.Get(Pod("b")), nullptr);
  EXPECT_EQ(VersionOf(*store.Create(Pod("c"), Doc(1), nullptr)), 5);
  EXPECT_FALSE(store.EventsSince("pods", 3));  // from before the restart
  EXPECT_EQ(store.EventsSince("pods", 4)->size(), 1U);
}

TEST(StoreTest, AJournalThatCannotBeReadIsAnError) {
  struct Case {
    const char* body;
    const char* message;
  };
  const Case cases[] = {
      {"{\"metadata\":", "stored object pods default/a: "},
      {R"({"metadata":{"resourceVersion":"9"}})",
       "stored object pods default/a: its resourceVersion is not the journal's 5"},
  };
  for (const Case& c : cases) {
    FakeJournal journal;
    journal.stored[Pod("a")] = Record{Pod("a"), 5, c.body};
    Store store(journal, {});
    const Status status = store.Load();
    ASSERT_FALSE(status);
    EXPECT_TRUE(status.error().message.starts_with(c.message)) << status.error().message;
  }
  FakeJournal journal;
  journal.load_error = "not a database";
  Store store(journal, {});
  EXPECT_EQ(store.Load().error().message, "not a database");
}

}  // namespace
}  // namespace weir::kubestore
