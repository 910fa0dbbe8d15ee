// Watches of a server in process: what is sent, in which order, and how they end.
#include <gtest/gtest.h>

#include "apiserver/test_server.h"

namespace weir::apiserver {
namespace {

const std::string kPath = "/api/v1/namespaces/default/configmaps";
const net::Headers kMerge = {{"content-type", "application/merge-patch+json"}};

std::string Map(const std::string& name, const std::string& label) {
  return R"({"metadata":{"name":")" + name + R"(","labels":{"app":")" + label + R"("}}})";
}

// "ADDED a, BOOKMARK, ERROR 410" of what a writer was sent so far.
std::string Told(const FakeWriter& writer) {
  std::string text;
  for (const Json& line : writer.Lines()) {
    if (!text.empty()) text += ", ";
    text += GetString(line, "type");
    const std::string name = GetString(line, {"object", "metadata", "name"});
    if (!name.empty()) text += " " + name;
    if (GetString(line, "type") == "ERROR") {
      text += " " + std::to_string(GetInt(line, {"object", "code"}, 0));
    }
  }
  return text;
}

void Relabel(TestServer& server, const std::string& name, const std::string& label) {
  const auto answer = server.Do("PATCH " + kPath + "/" + name,
                                R"({"metadata":{"labels":{"app":")" + label + R"("}}})", kMerge);
  EXPECT_EQ(answer.code, 200) << answer.body;
}

TEST(WatchTest, BeginsWithWhatIsThereUnlessAVersionIsNamed) {
  TestServer server;
  const auto made = server.Do("POST " + kPath, Map("a", "x"));
  ASSERT_EQ(made.code, 201);
  const std::string version = GetString(made.json, {"metadata", "resourceVersion"});
  struct Case {
    std::string query;
    const char* told;  // after "b" was made too
  };
  const Case cases[] = {
      {"", "ADDED a, ADDED b"},
      {"&resourceVersion=0", "ADDED a, ADDED b"},
      {"&resourceVersion=" + version, "ADDED b"},
      {"&sendInitialEvents=false&resourceVersionMatch=NotOlderThan", "ADDED b"},
      {"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", "ADDED a, ADDED b"},
      {"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
       "ADDED a, BOOKMARK, ADDED b"},
      {"&allowWatchBookmarks=true&resourceVersion=" + version, "ADDED b"},
      {"&fieldSelector=metadata.name%3Db", "ADDED b"},
  };
  std::vector<std::shared_ptr<FakeWriter>> writers;
  for (const Case& c : cases)
    writers.push_back(server.Start("GET " + kPath + "?watch=1" + c.query));
  ASSERT_EQ(server.Do("POST " + kPath, Map("b", "x")).code, 201);
  for (std::size_t i = 0; i < writers.size(); ++i) {
    EXPECT_EQ(Told(*writers[i]), cases[i].told) << cases[i].query;
    EXPECT_TRUE(writers[i]->begun);
    EXPECT_FALSE(writers[i]->ended);
  }
  // What happened in between is told to who comes later.
  const auto late = server.Start("GET " + kPath + "?watch=1&resourceVersion=" + version);
  EXPECT_EQ(Told(*late), "ADDED b");
}

TEST(WatchTest, ObjectsEnterAndLeaveASelection) {
  TestServer server;
  const auto writer = server.Start("GET " + kPath + "?watch=1&labelSelector=app%3Dx");
  ASSERT_EQ(server.Do("POST " + kPath, Map("a", "y")).code, 201);
  Relabel(server, "a", "x");
  Relabel(server, "a", "y");
  Relabel(server, "a", "x");
  ASSERT_EQ(server.Do("DELETE " + kPath + "/a").code, 200);
  EXPECT_EQ(Told(*writer), "ADDED a, DELETED a, ADDED a, DELETED a");
  EXPECT_EQ(GetString(writer->Lines()[1], {"object", "metadata", "labels", "app"}), "x");
}

TEST(WatchTest, OtherNamespacesAndResourcesAreNotTold) {
  TestServer server;
  const auto writer = server.Start("GET " + kPath + "?watch=1");
  const auto all = server.Start("GET /api/v1/configmaps?watch=1");
  ASSERT_EQ(server.Do("POST /api/v1/namespaces/kube-system/configmaps", Map("k", "x")).code, 201);
  ASSERT_EQ(server.Do("POST /api/v1/namespaces/default/secrets", Map("s", "x")).code, 201);
  EXPECT_EQ(Told(*writer), "");
  EXPECT_EQ(Told(*all), "ADDED k");
}

TEST(WatchTest, Tables) {
  TestServer server;
  ASSERT_EQ(server.Do("POST " + kPath, Map("a", "x")).code, 201);
  const auto writer = server.Start("GET " + kPath + "?watch=1",
                                   {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}});
  ASSERT_EQ(server.Do("POST " + kPath, Map("b", "x")).code, 201);
  const auto lines = writer->Lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["object"]["kind"], "Table");
  EXPECT_FALSE(GetArray(lines[0], {"object", "columnDefinitions"}).empty());
  EXPECT_TRUE(GetArray(lines[1], {"object", "columnDefinitions"}).empty());
  EXPECT_EQ(lines[1]["object"]["rows"][0]["cells"][0], "b");
}

TEST(WatchTest, RefusalsComeBeforeTheStream) {
  TestServer server;
  const auto version = server.Do("GET " + kPath + "?watch=1&resourceVersion=x");
  EXPECT_EQ(version.code, 500);
  EXPECT_EQ(GetString(version.json, "message"),
            "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid "
            "syntax");
  EXPECT_EQ(server.Do("GET " + kPath + "?watch=1&fieldSelector=data.k%3Dc").code, 400);
  EXPECT_EQ(server.Do("GET " + kPath + "?watch=1", "", {{"accept", "application/yaml"}}).code, 406);
}

TEST(WatchTest, AVersionThatIsForgottenIsAnErrorEvent) {
  TestServer server;
  const auto writer = server.Start("GET " + kPath + "?watch=1&resourceVersion=1");
  EXPECT_EQ(writer->head.status, 200);
  EXPECT_EQ(Told(*writer), "ERROR 410");
  EXPECT_TRUE(writer->ended);
}

// While a line is being written, more happens than the queue holds.
void FloodASlowReader(Options options) {
  TestServer server(std::move(options));
  const auto writer = server.Start("GET " + kPath + "?watch=1");
  bool flooded = false;
  writer->on_write = [&] {
    if (std::exchange(flooded, true)) return;
    for (int i = 0; i < 5; ++i) {
      Json object = *ParseJson(Map("flood" + std::to_string(i), "x"));
      object["metadata"]["namespace"] = "default";
      ASSERT_TRUE(server.store.Create({"configmaps", "default", "flood" + std::to_string(i)},
                                      std::move(object), nullptr));
    }
  };
  ASSERT_EQ(server.Do("POST " + kPath, Map("a", "x")).code, 201);
  EXPECT_EQ(Told(*writer), "ADDED a, ERROR 410");
  EXPECT_TRUE(writer->ended);
  EXPECT_EQ(server.server.metrics().watches_overrun, 1U);
  EXPECT_EQ(server.server.metrics().watches_open, 0U);
}

TEST(WatchTest, ASlowReaderIsSentA410) {
  Options options;
  options.watch_queue_events = 3;
  FloodASlowReader(std::move(options));
}

TEST(WatchTest, ASlowReaderOfMuchIsSentA410) {
  Options options;
  options.watch_queue_bytes = 200;
  FloodASlowReader(std::move(options));
}

TEST(WatchTest, EndsWhenTheClientGoes) {
  TestServer server;
  const auto writer = server.Start("GET " + kPath + "?watch=1");
  EXPECT_EQ(server.server.metrics().watches_open, 1U);
  writer->gone = true;
  writer->close();
  server.Settle();
  EXPECT_EQ(server.server.metrics().watches_open, 0U);
  // A write that fails ends it as well.
  const auto broken = server.Start("GET " + kPath + "?watch=1");
  broken->gone = true;
  ASSERT_EQ(server.Do("POST " + kPath, Map("a", "x")).code, 201);
  EXPECT_EQ(server.server.metrics().watches_open, 0U);
}

TEST(WatchTest, EndsAfterItsTime) {
  TestServer server;
  const auto writer =
      server.Start("GET " + kPath + "?watch=1&timeoutSeconds=5&allowWatchBookmarks=true");
  EXPECT_EQ(Told(*writer), "BOOKMARK");  // ends the initial events, of which there are none
  server.clock.Advance(std::chrono::seconds(6));
  ASSERT_EQ(server.Do("POST " + kPath, Map("a", "x")).code, 201);  // wakes it
  EXPECT_EQ(Told(*writer), "BOOKMARK, ADDED a, BOOKMARK");
  EXPECT_TRUE(writer->ended);
}

net::Task<void> StopServer(Server& server, bool& stopped) {
  co_await server.Stop();
  stopped = true;
}

TEST(WatchTest, EndsWithTheServer) {
  TestServer server;
  const auto writer = server.Start("GET " + kPath + "?watch=1");
  bool stopped = false;
  net::TaskGroup tasks(server.loop, "stop");
  tasks.Spawn(StopServer(server.server, stopped));
  server.Settle();
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(writer->ended);
  EXPECT_EQ(server.Do("GET " + kPath).code, 503);
}

TEST(WatchTest, LegacyPaths) {
  TestServer server;
  ASSERT_EQ(server.Do("POST " + kPath, Map("a", "x")).code, 201);
  ASSERT_EQ(server.Do("POST " + kPath, Map("b", "x")).code, 201);
  EXPECT_EQ(Told(*server.Start("GET /api/v1/watch/namespaces/default/configmaps")),
            "ADDED a, ADDED b");
  EXPECT_EQ(Told(*server.Start("GET /api/v1/watch/namespaces/default/configmaps/a")), "ADDED a");
}

}  // namespace
}  // namespace weir::apiserver
