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

Json Named(const std::string& name, const std::string& time) {
  return {{"hpa", "web"}, {"time", time}, {"metadata", {{"name", name}}}, {"scenario", "{}"}};
}

TEST(ChooseDecision, PrefersTheNewestToTheSameOneAsStored) {
  const Json list = {{"items",
                      {Named("web.20260101t120000.000z", "2026-01-01T12:00:00.000000Z"),
                       Named("web.latest", "2026-01-01T12:00:00.000000Z")}}};
  const Result<Json> decision = ChooseDecision(list, "web", kNoon + std::chrono::seconds(1));
  ASSERT_TRUE(decision);
  EXPECT_EQ(GetString(*decision, {"metadata", "name"}), "web.latest");
}

TEST(AgeNote, TellsThatAChangeIsOlderThanWhatWasAskedFor) {
  const Json change = Named("web.20260101t115900.000z", "2026-01-01T11:59:00.000000Z");
  EXPECT_EQ(AgeNote(change, kNoon),
            "The last change before 2026-01-01T12:00:00.000000Z was made at "
            "2026-01-01T11:59:00.000000Z; what was seen since is not kept. Then:\n");
  EXPECT_EQ(AgeNote(change, kNoon - std::chrono::minutes(1)), "");
  // No controller has decided anything since it started.
  EXPECT_EQ(AgeNote(change, std::nullopt),
            "The last change that is known was made at 2026-01-01T11:59:00.000000Z; what was seen "
            "since is not kept. Then:\n");
}

TEST(AgeNote, HasNothingToSayOfTheNewest) {
  const Json latest = Named("web.latest", "2026-01-01T11:59:00.000000Z");
  EXPECT_EQ(AgeNote(latest, kNoon), "");
  EXPECT_EQ(AgeNote(latest, std::nullopt), "");
}

TEST(ReplayNote, FindsTheSameDecision) {
  ExplainOptions asked;
  asked.what = "hpa/web";
  asked.at = "5s";
  const Json latest = Named("web.latest", "2026-01-01T11:59:00.000000Z");
  EXPECT_EQ(ReplayNote(latest, asked),
            "\nDecide it again: weir explain hpa/web -o json | weir hpa replay -\n");
  asked.ns = "a";
  asked.kubeconfig = "it's";
  Json change = Named("web.20260101t115900.000z", "2026-01-01T11:59:00.000000Z");
  EXPECT_EQ(ReplayNote(change, asked),
            "\nDecide it again: weir explain hpa/web -n a --kubeconfig 'it'\\''s' --at "
            "2026-01-01T11:59:00.000000Z -o json | weir hpa replay -\n");
  change.erase("scenario");
  EXPECT_EQ(ReplayNote(change, asked), "");
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
