// A resource that the program alone writes: others read it, with what only memory has.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apiserver/test_server.h"

namespace weir::apiserver {
namespace {

constexpr const char* kNotes = R"({"apiVersion":"apiextensions.k8s.io/v1",
  "kind":"CustomResourceDefinition","metadata":{"name":"notes.crd.example.com"},
  "spec":{"group":"crd.example.com","scope":"Namespaced",
  "names":{"plural":"notes","kind":"Note","singular":"note"},
  "versions":[{"name":"v1","served":true,"storage":true,
  "additionalPrinterColumns":[{"name":"Text","type":"string","jsonPath":".text"}],
  "schema":{"openAPIV3Schema":{"type":"object","properties":{"text":{"type":"string"}}}}}]}})";
constexpr const char* kPath = "/apis/crd.example.com/v1/namespaces/default/notes";
const net::Headers kWeir = {{"authorization", "Bearer weirtoken"}};

Json Note(const std::string& name, const std::string& text) {
  Json note = {{"apiVersion", "crd.example.com/v1"}, {"kind", "Note"}, {"text", text}};
  note["metadata"] = {{"name", name}, {"namespace", "default"}, {"labels", {{"of", name}}}};
  return note;
}

// The notes a.1 and c.1 are stored; memory has b.latest and another c.1.
class OwnResource : public ::testing::Test {
 protected:
  OwnResource() {
    EXPECT_EQ(
        server_.Do("POST /apis/apiextensions.k8s.io/v1/customresourcedefinitions", kNotes).code,
        201);
    server_.server.SetOwnResource(
        "notes.crd.example.com", [](std::string_view ns, std::string_view name) {
          std::vector<Json> notes;
          for (const std::string known : {"c.1", "b.latest"}) {
            const bool asked = (ns.empty() || ns == "default") && (name.empty() || name == known);
            if (asked) notes.push_back(Note(known, "in memory"));
          }
          return notes;
        });
    for (const char* name : {"a.1", "c.1"}) {
      EXPECT_EQ(Post(name, kWeir), 201);
    }
  }

  int Post(const std::string& name, const net::Headers& headers = {}) {
    return server_.Do(std::string("POST ") + kPath, DumpJson(Note(name, "stored")), headers).code;
  }

  // "name=text" of each, in order.
  std::vector<std::string> List(const std::string& query, const net::Headers& headers = {}) {
    const auto list = server_.Do(std::string("GET ") + kPath + query, {}, headers);
    EXPECT_EQ(list.code, 200) << list.body;
    continue_ = GetString(list.json, {"metadata", "continue"});
    std::vector<std::string> notes;
    for (const Json& note : GetArray(list.json, {"items"})) {
      notes.push_back(GetString(note, {"metadata", "name"}) + "=" + GetString(note, "text"));
    }
    return notes;
  }

  TestServer server_;
  std::string continue_;
};

TEST_F(OwnResource, ListsWhatMemoryHasBesideWhatIsStored) {
  const std::vector<std::string> all = {"a.1=stored", "b.latest=in memory", "c.1=stored"};
  EXPECT_EQ(List(""), all);
  EXPECT_EQ(List("?labelSelector=of%3Db.latest"), std::vector<std::string>{all[1]});
  EXPECT_EQ(List("?fieldSelector=metadata.name%3Db.latest"), std::vector<std::string>{all[1]});
  EXPECT_EQ(List("?limit=2"), (std::vector<std::string>{all[0], all[1]}));
  EXPECT_EQ(List("?limit=2&continue=" + continue_), std::vector<std::string>{all[2]});
}

TEST_F(OwnResource, GetsWhatMemoryHasAlsoAsATable) {
  const auto note = server_.Do(std::string("GET ") + kPath + "/b.latest");
  ASSERT_EQ(note.code, 200) << note.body;
  EXPECT_EQ(GetString(note.json, "text"), "in memory");
  EXPECT_EQ(GetString(note.json, {"metadata", "resourceVersion"}),
            std::to_string(server_.store.version()));
  EXPECT_EQ(server_.Do(std::string("GET ") + kPath + "/d").code, 404);
  const auto table =
      server_.Do(std::string("GET ") + kPath, {},
                 {{"accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}});
  ASSERT_EQ(GetArray(table.json, {"rows"}).size(), 3U) << table.body;
  EXPECT_EQ(DumpJson(GetArray(table.json, {"rows"})[1]["cells"]), R"(["b.latest","in memory"])");
}

TEST_F(OwnResource, IsWrittenByNobodyElse) {
  EXPECT_EQ(Post("x"), 405);
  const std::string stored = std::string(kPath) + "/a.1";
  EXPECT_EQ(server_.Do("DELETE " + stored).code, 405);
  EXPECT_EQ(server_.Do(std::string("DELETE ") + kPath).code, 405);
  EXPECT_EQ(server_
                .Do("PATCH " + stored, R"({"text":"x"})",
                    {{"content-type", "application/merge-patch+json"}})
                .code,
            405);
  EXPECT_EQ(server_.Do("PUT " + stored, DumpJson(Note("a.1", "x"))).code, 405);
  EXPECT_EQ(GetString(server_.Do("GET " + stored).json, "text"), "stored");
  EXPECT_EQ(server_.Do("DELETE " + stored, {}, kWeir).code, 200);
}

// The garbage collector must not find what nobody can delete.
TEST_F(OwnResource, ShowsItsWritersOnlyWhatIsStored) {
  EXPECT_EQ(List("", kWeir), (std::vector<std::string>{"a.1=stored", "c.1=stored"}));
  EXPECT_EQ(server_.Do(std::string("GET ") + kPath + "/b.latest", {}, kWeir).code, 404);
}

}  // namespace
}  // namespace weir::apiserver
