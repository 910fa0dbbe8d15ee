#include "base/json.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Json, ReadsOneWholeDocument) {
  const auto parsed = ParseJson(R"({"b":[1,2.5,null,true],"a":"x"})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(DumpJson(*parsed), R"({"a":"x","b":[1,2.5,null,true]})");
}

TEST(Json, IntegersOfEitherSignCompareAndPrintAlike) {
  EXPECT_EQ(*ParseJson("1"), Json(1));
  EXPECT_TRUE(ParseJson("1")->is_number_integer());
  EXPECT_EQ(DumpJson(*ParseJson("18446744073709551615")), "18446744073709551615");
  EXPECT_EQ(DumpJson(*ParseJson("-9223372036854775808")), "-9223372036854775808");
}

TEST(Json, RefusesBrokenTextAndSaysWhere) {
  for (std::string_view bad : {"", "{", "[1,]", "{\"a\":1}x", "nul", "{\"a\" 1}", "\"\x01\""}) {
    const auto parsed = ParseJson(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
    EXPECT_NE(parsed.error().message.find("line 1, column"), std::string::npos)
        << parsed.error().message;
  }
}

TEST(Json, DepthIsLimited) {
  EXPECT_TRUE(ParseJson(std::string(512, '[') + std::string(512, ']')));
  const auto deep = ParseJson(std::string(100'000, '['));
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().message.find("512"), std::string::npos);
}

TEST(Json, TellsDuplicateKeysAndKeepsTheLast) {
  std::vector<std::string> duplicates;
  const auto parsed =
      ParseJson(R"({"spec":{"a":1,"b":[{"c":1},{"c":1,"c":2}],"a":3}})", &duplicates);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(duplicates, (std::vector<std::string>{"spec.b[1].c", "spec.a"}));
  EXPECT_EQ(DumpJson(*parsed), R"({"spec":{"a":3,"b":[{"c":1},{"c":2}]}})");
}

TEST(Json, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(DumpJson(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

TEST(Json, Paths) {
  Json value = *ParseJson(R"({"a":{"s":"x","n":3,"b":true,"l":[1],"f":1.5}})");
  EXPECT_EQ(GetString(value, {"a", "s"}), "x");
  EXPECT_EQ(GetString(value, {"a", "n"}, "else"), "else");
  EXPECT_EQ(GetInt(value, {"a", "n"}), 3);
  EXPECT_EQ(GetInt(value, {"a", "f"}), std::nullopt);
  EXPECT_EQ(GetInt(value, {"x"}, 7), 7);
  EXPECT_TRUE(GetBool(value, {"a", "b"}, false));
  EXPECT_EQ(GetArray(value, {"a", "l"}).size(), 1U);
  EXPECT_TRUE(GetArray(value, {"a", "s"}).empty());
  EXPECT_TRUE(GetObject(value, {"a", "l"}).empty());
  EXPECT_EQ(Find(value, {"a", "s", "deeper"}), nullptr);
  Ensure(value, {"a", "s", "t"}) = 1;
  EXPECT_EQ(GetInt(value, {"a", "s", "t"}), 1);
  Erase(value, {"a", "s", "t"});
  Erase(value, {"no", "such"});
  EXPECT_EQ(DumpJson(*Find(value, {"a", "s"})), "{}");
}

}  // namespace
}  // namespace weir
