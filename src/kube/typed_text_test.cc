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

}  // namespace
}  // namespace weir::kube
