#include "kube/typed_text.h"

#include <gtest/gtest.h>

namespace weir::kube {
namespace {

TEST(DumpTyped, WritesFieldsInTheOrderOfTheirType) {
  const struct {
    std::string type;
    std::string text;  // as expected; members in any order mean the same document
  } kCases[] = {
      {"meta/v1.APIGroup",
       R"({"kind":"APIGroup","apiVersion":"v1","name":"b","versions":[{"groupVersion":"b/v1",)"
       R"("version":"v1"},{"groupVersion":"b/v0","version":"v0"}],"preferredVersion":)"
       R"({"groupVersion":"b/v1","version":"v1"}})"},
      {"core/v1.ConfigMap",
       R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"a",)"
       R"("labels":{"a":"1","z":"2"}},"data":{"b":"1","c":"2"},"another":{"z":1}})"},
      {"meta/v1.APIGroup", R"({"versions":[]})"},
      {"meta/v1.APIGroup", R"({"versions":{"not":"a list"}})"},
      {"core/v1.ConfigMap", R"({"metadata":null,"data":{}})"},
      {"core/v1.ConfigMap", "{}"},
      {"core/v1.ConfigMap", "7"},
  };
  for (const auto& c : kCases) {
    const Type* type = TypeTable::Get().Find(c.type);
    ASSERT_NE(type, nullptr) << c.type;
    const Result<Json> document = ParseJson(c.text);
    ASSERT_TRUE(document) << c.text;
    EXPECT_EQ(DumpTyped(*document, *type), c.text);
  }
}

TEST(DumpObject, WritesObjectsByTheirOwnKind) {
  const char* const kTexts[] = {
      // as expected
      R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","uid":"7"},"data":{"a":"1"}})",
      R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"c"},)"
      R"("items":[{"metadata":{"name":"x","uid":"7"}}]})",
      R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[],"rows":)"
      R"([{"cells":["x",1],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",)"
      R"("metadata":{"name":"x","namespace":"a"}}}]})",
      // Kinds without a Go type, and what is in them.
      R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"namespace":"a","uid":"7"},)"
      R"("template":{"apiVersion":"v1","data":{},"kind":"ConfigMap"}})",
      R"({"apiVersion":"example.com/v1","items":[],"kind":"WidgetList"})",
      R"([{"a":null},[],{},true,1.5])",
      R"({"kind":"ConfigMap","apiVersion":"v1","data":{"a\u003cb":"\u003e\u0026\u2028\"é"}})",
  };
  for (const char* text : kTexts) {
    const Result<Json> value = ParseJson(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(DumpObject(*value), text);
  }
}

TEST(DumpObject, IndentsWhereItIsAsked) {
  const Json object = {{"apiVersion", "v1"},
                       {"kind", "ConfigMap"},
                       {"data", {{"a", "1"}}},
                       {"metadata", Json::object()},
                       {"other", Json::array({1, Json::array()})}};
  EXPECT_EQ(DumpObject(object, 2), R"({
  "kind": "ConfigMap",
  "apiVersion": "v1",
  "metadata": {},
  "data": {
    "a": "1"
  },
  "other": [
    1,
    []
  ]
})");
}

}  // namespace
}  // namespace weir::kube
