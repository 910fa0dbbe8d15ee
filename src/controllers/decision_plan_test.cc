#include "controllers/decision_plan.h"

#include <gtest/gtest.h>

namespace weir::controllers {
namespace {

constexpr Time kAt{std::chrono::milliseconds(1767225615250)};  // 2026-01-01T00:00:15.250Z

TEST(DecisionName, SortsByTimeBeforeTheLatest) {
  EXPECT_EQ(DecisionName("web", kAt), "web.20260101t000015.250z");
  EXPECT_EQ(LatestDecisionName("web"), "web.latest");
  EXPECT_LT(DecisionName("web", kAt), DecisionName("web", kAt + std::chrono::milliseconds(1)));
  EXPECT_LT(DecisionName("web", kAt), LatestDecisionName("web"));
}

TEST(DecisionName, FitsWhateverTheAutoscalerIsCalled) {
  const std::string longest = std::string(222, 'a') + "." + std::string(30, 'b');
  EXPECT_EQ(DecisionName(longest, kAt).size(), 252U);  // no dot before the hash
  EXPECT_TRUE(DecisionName(longest, kAt).starts_with(std::string(222, 'a') + "-"));
  EXPECT_TRUE(DecisionName(longest, kAt).ends_with(".20260101t000015.250z"));
  EXPECT_EQ(LatestDecisionName(longest).size(), 253U);
  const std::string fits(246, 'a');
  EXPECT_EQ(LatestDecisionName(fits), fits + ".latest");
}

TEST(DecisionName, KeepsLongNamesApartThatBeginAlike) {
  const std::string x = std::string(250, 'a') + "x";
  const std::string y = std::string(250, 'a') + "y";
  EXPECT_NE(LatestDecisionName(x), LatestDecisionName(y));
  EXPECT_NE(DecisionName(x, kAt), DecisionName(y, kAt));
  EXPECT_LT(DecisionName(x, kAt), DecisionName(x, kAt + std::chrono::milliseconds(1)));
}

TEST(DecisionLabel, FitsALabel) {
  EXPECT_EQ(DecisionLabel("web"), "web");
  const std::string one(70, 'a');
  EXPECT_EQ(DecisionLabel(one).size(), 63U);
  EXPECT_NE(DecisionLabel(one), DecisionLabel(one + "b"));
}

TEST(DecisionObject, IsTheAutoscalersOwn) {
  const Json hpa = {{"metadata", {{"name", "web"}, {"namespace", "shop"}, {"uid", "u1"}}}};
  const Json object = DecisionObject(hpa, "web.latest", kAt, {{"hpa", "web"}, {"to", 3}});
  EXPECT_EQ(DumpJson(object),
            R"({"apiVersion":"weir.dev/v1alpha1","hpa":"web","kind":"Decision","metadata":)"
            R"({"creationTimestamp":"2026-01-01T00:00:15Z","labels":{"weir.dev/hpa":"web"},)"
            R"("name":"web.latest","namespace":"shop","ownerReferences":[{"apiVersion":)"
            R"("autoscaling/v2","controller":true,"kind":"HorizontalPodAutoscaler","name":"web",)"
            R"("uid":"u1"}]},"to":3})");
}

}  // namespace
}  // namespace weir::controllers
