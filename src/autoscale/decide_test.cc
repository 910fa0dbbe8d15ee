#include "autoscale/decide.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "autoscale/numbers.h"

namespace weir::autoscale {
namespace {

TEST(Subject, IsPausedByAnyValueButFalse) {
  const struct {
    std::string_view value;
    bool paused;
  } kCases[] = {{"true", true}, {"True", true}, {"yes", true}, {"false", false}, {"", false}};
  for (const auto& c : kCases) {
    Json hpa = Json::object();
    hpa["metadata"]["annotations"]["weir.dev/paused"] = c.value;
    const Result<Subject> subject = SubjectFromJson(hpa);
    ASSERT_TRUE(subject) << c.value;
    EXPECT_EQ(subject->paused, c.paused) << c.value;
  }
  EXPECT_FALSE(SubjectFromJson(Json::object()).value().paused);
}

TEST(Numbers, ASumIsTheSameInEveryOrder) {
  const auto quantity = [](std::string_view text) { return kube::Quantity::Parse(text).value(); };
  const kube::Quantity much = quantity("9223372036854775");
  const kube::Quantity less = quantity("-9223372036854775");
  EXPECT_EQ(Numbers::ClampedSum({much, much, less, less}), 0);
  EXPECT_EQ(Numbers::ClampedSum({much, less, less, much}), 0);
  EXPECT_EQ(Numbers::ClampedSum({less, less, much, quantity("5")}), -9223372036854770000);
  EXPECT_EQ(Numbers::ClampedSum({much, much}), INT64_MAX);
  EXPECT_EQ(Numbers::ClampedSum({less, less}), -INT64_MAX);
  EXPECT_EQ(Numbers::ClampedSum({}), 0);
}

}  // namespace
}  // namespace weir::autoscale
