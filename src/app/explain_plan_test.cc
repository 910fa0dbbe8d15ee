#include "app/explain_plan.h"

#include <gtest/gtest.h>

namespace weir::app {
namespace {

constexpr Time kNoon{std::chrono::seconds(1767268800)};  // 2026-01-01T12:00:00Z

Json Decision(const std::string& hpa, const std::string& time, int to) {
  return {{"hpa", hpa}, {"time", time}, {"to", to}};
}

const Json& List() {
  static const Json list = {{"items",
                             {Decision("web", "2026-01-01T11:00:00.000000Z", 1),
                              Decision("web", "2026-01-01T11:30:00.250000Z", 2),
                              Decision("web", "2026-01-01T11:59:00.000000Z", 3),
                              Decision("api", "2026-01-01T11:59:30.000000Z", 9)}}};
  return list;
}

TEST(HpaName, IsWhatFollowsTheKind) {
  EXPECT_EQ(HpaName("hpa/web"), "web");
  EXPECT_EQ(HpaName("HorizontalPodAutoscaler/web.1"), "web.1");
  EXPECT_EQ(HpaName("horizontalpodautoscalers.autoscaling/web"), "web");
  for (const char* wrong : {"web", "hpa/", "hpa/a/b", "deployment/web", ""}) {
    const Result<std::string> name = HpaName(wrong);
    ASSERT_FALSE(name) << wrong;
    EXPECT_EQ(name.error().code, Code::kInvalid);
  }
}

TEST(ParseWhen, TakesAnInstantOrHowLongAgo) {
  EXPECT_EQ(ParseWhen("2026-01-01T12:00:00Z", kNoon), kNoon);
  EXPECT_EQ(ParseWhen("90s", kNoon), kNoon - std::chrono::seconds(90));
  EXPECT_FALSE(ParseWhen("noon", kNoon));
  EXPECT_FALSE(ParseWhen("-5m", kNoon));
}

TEST(ChooseDecision, IsTheNewestUntilThen) {
  const auto chosen = [](std::optional<Time> at) {
    const Result<Json> decision = ChooseDecision(List(), "web", at);
    return decision ? GetInt(*decision, {"to"}, -1) : -1;
  };
  EXPECT_EQ(chosen(std::nullopt), 3);
  EXPECT_EQ(chosen(kNoon), 3);
  EXPECT_EQ(chosen(kNoon - std::chrono::minutes(1)), 3);
  EXPECT_EQ(chosen(kNoon - std::chrono::minutes(2)), 2);
  EXPECT_EQ(chosen(kNoon - std::chrono::minutes(30)), 1);
}

TEST(ChooseDecision, SaysWhatThereIsInstead) {
  const Result<Json> early = ChooseDecision(List(), "web", kNoon - std::chrono::hours(2));
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().message,
            "no decision of hpa/web is kept that was made until 2026-01-01T10:00:00Z; the oldest "
            "one is of 2026-01-01T11:00:00Z");
  const Result<Json> none = ChooseDecision(Json(), "web", std::nullopt);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "no decision of hpa/web has been made yet");
}

}  // namespace
}  // namespace weir::app
