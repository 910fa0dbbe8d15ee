#include "apiserver/list_plan.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace weir::apiserver {
namespace {

kubestore::ObjectPtr Stored(std::string_view text) {
  Json value = *ParseJson(text);
  std::string body = DumpJson(value);
  return std::make_shared<const kubestore::Object>(std::move(value), std::move(body));
}

kubestore::ObjectPtr Named(const std::string& ns, const std::string& name,
                           const std::string& labels = "{}") {
  return Stored(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":")" + ns +
                R"(","name":")" + name + R"(","labels":)" + labels + "}}");
}

kube::Resource ConfigMaps() {
  kube::Resource resource;
  resource.version = resource.storage_version = "v1";
  resource.plural = "configmaps";
  resource.kind = "ConfigMap";
  resource.list_kind = "ConfigMapList";
  return resource;
}

std::string Names(const Page& page) {
  std::string text;
  for (const auto& object : page.objects) {
    text += GetString(object->value, {"metadata", "name"}) + " ";
  }
  return text;
}

TEST(ListTest, ContinueTokensAreUpstreams) {
  const std::string token = EncodeContinue({17, "", "c2"});
  EXPECT_EQ(token, "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTcsInN0YXJ0IjoiL2MyXHUwMDAwIn0");
  const auto back = DecodeContinue(token);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->version, 17);
  EXPECT_EQ(back->name, "c2");
  const auto all = DecodeContinue(EncodeContinue({3, "ns", "n"}));
  EXPECT_EQ(all->ns + "/" + all->name, "ns/n");

  struct Case {
    const char* token;
    const char* message;
  };
  const std::string prefix = "invalid continue token: continue key is not valid: ";
  const Case cases[] = {
      {"e30", "server does not recognize this encoded version "},
      {"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi94In0", "../x"},
      {"!", "illegal base64 data"},
      {"nonsense", "invalid character '\\u009e' looking for beginning of value"},
      {"W10", "it does not hold a JSON object"},
  };
  for (const Case& c : cases) {
    const auto bad = DecodeContinue(c.token);
    ASSERT_FALSE(bad) << c.token;
    EXPECT_EQ(GetString(bad.error(), "message"), prefix + c.message);
  }
}

TEST(ListTest, Pages) {
  const std::vector<kubestore::ObjectPtr> all = {Named("a", "z"), Named("b", "x", R"({"l":"1"})"),
                                                 Named("b", "y"), Named("c", "w", R"({"l":"1"})")};
  const kube::Resource resource = ConfigMaps();
  const Page first = CutPage(all, resource, Filter(), 2, nullptr, 9, false);
  EXPECT_EQ(Names(first), "z x ");
  EXPECT_EQ(first.remaining, 2);
  const auto start = DecodeContinue(first.continue_token);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->ns + "/" + start->name, "b/x");
  EXPECT_EQ(Names(CutPage(all, resource, Filter(), 2, &*start, 9, false)), "y w ");
  EXPECT_EQ(Names(CutPage(all, resource, Filter(), 0, nullptr, 9, false)), "z x y w ");
  EXPECT_EQ(CutPage(all, resource, Filter(), 4, nullptr, 9, false).continue_token, "");

  auto labels = kube::LabelSelector::Parse("l=1");
  const auto filter = Filter::Make(resource, *labels, {});
  const Page selected = CutPage(all, resource, *filter, 1, nullptr, 9, false);
  EXPECT_EQ(Names(selected), "x ");
  EXPECT_NE(selected.continue_token, "");
  EXPECT_EQ(selected.remaining, 0);  // with a selector nobody knows
}

TEST(ListTest, ListsAreMadeOfStoredTexts) {
  struct Case {
    const char* object;
    const char* expected;
  };
  const Case cases[] = {
      {R"({"apiVersion":"v1","kind":"K","metadata":{"name":"a"}})", R"({"metadata":{"name":"a"}})"},
      {R"({"action":"x","apiVersion":"v1","data":{"kind":"y","q":"}\"{"},"kind":"K","z":1})",
       R"({"action":"x","data":{"kind":"y","q":"}\"{"},"z":1})"},
      {R"({"apiVersion":"v1","kind":"K"})", "{}"},
      {R"({"a":[{"kind":1}],"kind":"K"})", R"({"a":[{"kind":1}]})"},
      {"{}", "{}"},
  };
  for (const Case& c : cases) EXPECT_EQ(WithoutTypeMeta(c.object), c.expected);

  Page page;
  page.objects = {Named("a", "x")};
  const kube::Resource resource = ConfigMaps();
  const Json list = *ParseJson(ListText(page, 7, resource, resource));
  EXPECT_EQ(GetString(list, "kind"), "ConfigMapList");
  EXPECT_EQ(GetString(list, {"metadata", "resourceVersion"}), "7");
  EXPECT_FALSE(list["items"][0].contains("kind"));
  EXPECT_FALSE(list["metadata"].contains("continue"));
  kube::Resource custom = resource;
  custom.crd_name = "configmaps";
  const Json customs = *ParseJson(ListText(page, 7, custom, custom));
  EXPECT_EQ(customs["items"][0]["kind"], "ConfigMap");
  EXPECT_EQ(customs["metadata"]["continue"], "");
}

TEST(ListTest, WatchLines) {
  EXPECT_EQ(WatchLine("ADDED", "{}"), "{\"type\":\"ADDED\",\"object\":{}}\n");
  const Json bookmark = BookmarkObject(ConfigMaps(), 9, true);
  EXPECT_EQ(GetString(bookmark, {"metadata", "annotations", "k8s.io/initial-events-end"}), "true");
  EXPECT_EQ(GetString(bookmark, "kind"), "ConfigMap");
  EXPECT_EQ(GetInt(ExpiredStatus("x"), {"code"}), 410);
}

TEST(FilterTest, EventsEnterAndLeaveTheSelection) {
  using kubestore::EventType;
  const kube::Resource resource = ConfigMaps();
  const auto labels = kube::LabelSelector::Parse("l=1");
  const auto filter = Filter::Make(resource, *labels, {});
  const auto in = Named("a", "x", R"({"l":"1"})");
  const auto out = Named("a", "x", R"({"l":"2"})");
  struct Case {
    const char* what;
    EventType type;
    kubestore::ObjectPtr object, previous;
    const char* expected;
  };
  const Case cases[] = {
      {"added inside", EventType::kAdded, in, nullptr, "ADDED 1"},
      {"added outside", EventType::kAdded, out, nullptr, ""},
      {"stays inside", EventType::kModified, in, in, "MODIFIED 1"},
      {"stays outside", EventType::kModified, out, out, ""},
      {"enters", EventType::kModified, in, out, "ADDED 1"},
      {"leaves", EventType::kModified, out, in, "DELETED 1 at 9"},
      {"deleted inside", EventType::kDeleted, in, in, "DELETED 1"},
      {"deleted outside", EventType::kDeleted, out, out, ""},
  };
  for (const Case& c : cases) {
    const auto selected =
        Select(*filter, resource, {c.type, {"configmaps", "a", "x"}, 9, c.object, c.previous});
    std::string text;
    if (selected) {
      text = std::string(EventTypeName(selected->type)) + " " +
             GetString(selected->object->value, {"metadata", "labels", "l"});
      const std::string version =
          GetString(selected->object->value, {"metadata", "resourceVersion"});
      if (!version.empty()) text += " at " + version;
    }
    EXPECT_EQ(text, c.expected) << c.what;
  }
  EXPECT_EQ(Filter::Make(resource, {}, {{"metadata.name", true, "x"}})->name(), "x");
  EXPECT_EQ(Filter::Make(resource, {}, {{"metadata.name", false, "x"}})->name(), std::nullopt);
}

}  // namespace
}  // namespace weir::apiserver
