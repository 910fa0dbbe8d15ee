#include "app/manifests.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

TEST(Manifests, ReadsDocumentsAndListsAndNamesTheLine) {
  auto manifests = ParseManifests("a.yaml",
                                  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n"
                                  "apiVersion: v1\nkind: List\nitems:\n"
                                  "- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n");
  ASSERT_TRUE(manifests) << manifests.error().message;
  ASSERT_EQ(manifests->size(), 2U);
  EXPECT_EQ(GetString((*manifests)[0].object, "kind"), "ConfigMap");
  EXPECT_EQ((*manifests)[0].where, "a.yaml line 1");
  EXPECT_EQ(GetString((*manifests)[1].object, "kind"), "Secret");
}

TEST(Manifests, RefusesWhatIsNoObjectNamingWhere) {
  for (const char* text : {"- a\n- b\n", "hello\n", "metadata: {name: a}\n"}) {
    auto manifests = ParseManifests("bad.yaml", text);
    ASSERT_FALSE(manifests) << text;
    EXPECT_EQ(manifests.error().code, Code::kInvalid);
    EXPECT_NE(manifests.error().message.find("bad.yaml line 1"), std::string::npos)
        << manifests.error().message;
  }
  EXPECT_FALSE(ParseManifests("bad.yaml", "a: b: c\n"));
  const auto repeated = ParseManifests("bad.yaml", "apiVersion: v1\nkind: Pod\nkind: Secret\n");
  ASSERT_FALSE(repeated);
  EXPECT_EQ(repeated.error().message, "bad.yaml: line 3: key \"kind\" already set in map");
}

TEST(Manifests, ReadsAFolderByName) {
  env::MemoryFileSystem files;
  const char* object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n";
  ASSERT_TRUE(files.Write("dir/b.yaml", object));
  ASSERT_TRUE(files.Write("dir/a.yml", object));
  ASSERT_TRUE(files.Write("dir/notes.txt", "no manifest"));
  auto manifests = ReadManifests(files, "dir");
  ASSERT_TRUE(manifests) << manifests.error().message;
  ASSERT_EQ(manifests->size(), 2U);
  EXPECT_EQ((*manifests)[0].where, "dir/a.yml line 1");
  EXPECT_FALSE(ReadManifests(files, "none.yaml"));
}

TEST(Manifests, NamespacesAndKindsComeFirst) {
  std::vector<Manifest> manifests;
  for (const char* kind : {"Pod", "CustomResourceDefinition", "Service", "Namespace"}) {
    manifests.push_back({"", Json{{"kind", kind}}});
  }
  std::string order;
  for (const Manifest& manifest : InOrderOfCreation(manifests)) {
    order += GetString(manifest.object, "kind").substr(0, 3) + " ";
  }
  EXPECT_EQ(order, "Nam Cus Pod Ser ");
}

}  // namespace
}  // namespace weir::app
