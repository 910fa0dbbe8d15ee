#include "autoscale/status.h"

#include <gtest/gtest.h>

namespace weir::autoscale {
namespace {

constexpr Time kNow{std::chrono::seconds(1767225600)};

TEST(Status, IsTheSameByMeaningAndButForValues) {
  constexpr std::string_view kBase =
      R"({"currentReplicas":2,"desiredReplicas":2,"conditions":[{"type":"AbleToScale"}],
          "currentMetrics":[{"type":"External","external":{"metric":{"name":"q"},
          "current":{"averageValue":"1"}}}]})";
  const struct {
    std::string_view patch;
    bool same, but_values;
  } kCases[] = {
      {"{}", true, true},
      {R"({"lastScaleTime":null,"observedGeneration":7})", true, true},
      {R"({"currentReplicas":3})", false, false},
      {R"({"conditions":[]})", false, false},
      {R"({"currentMetrics":null})", false, false},
      {R"({"currentMetrics":[{"type":""}]})", false, false},
      {R"({"currentMetrics":[{"type":"External","external":{"metric":{"name":"q"},
           "current":{"averageValue":"2"}}}]})",
       false, true},
      {R"({"currentMetrics":[{"type":"External","external":{"metric":{"name":"q"}}}]})", false,
       true},
      {R"({"currentMetrics":[{"type":"External","external":{"metric":{"name":"r"},
           "current":{"averageValue":"1"}}}]})",
       false, false},
  };
  const Json base = ParseJson(kBase).value_or(Json());
  for (const auto& c : kCases) {
    Json other = base;
    other.merge_patch(ParseJson(c.patch).value_or(Json()));
    EXPECT_EQ(HpaStatus::FromJson(base) == HpaStatus::FromJson(other), c.same) << c.patch;
    EXPECT_EQ(HpaStatus::FromJson(base).SameButValues(HpaStatus::FromJson(other)), c.but_values)
        << c.patch;
    EXPECT_EQ(HpaStatus::FromJson(other).SameButValues(HpaStatus::FromJson(base)), c.but_values)
        << c.patch;
  }
  const Json empty = {{"currentReplicas", 0}, {"currentMetrics", Json::array()}};
  EXPECT_EQ(HpaStatus::FromJson(nullptr), HpaStatus::FromJson(empty));
}

TEST(Status, IsBuiltOfWhatIsKept) {
  const Json stored = {{"observedGeneration", 7}, {"currentReplicas", 0}, {"desiredReplicas", 3}};
  EXPECT_EQ(DumpJson(HpaStatus::FromJson(stored).ToJson()),
            R"({"currentMetrics":null,"desiredReplicas":3})");
}

TEST(Status, ATransitionIsAnotherValue) {
  const Json stored = {{"desiredReplicas", 3},
                       {"conditions",
                        {{{"type", "A"}, {"status", "True"}, {"lastTransitionTime", "then"}},
                         {{"type", "B"}, {"status", "True"}, {"lastTransitionTime", "then"}}}}};
  const HpaStatus before = HpaStatus::FromJson(stored);
  HpaStatus status = before;
  status.SetCondition("A", true, "Other", "reason", kNow);
  status.SetCondition("B", false, "No", "longer", kNow);
  status.SetCondition("C", false, "New", "one", kNow);
  EXPECT_NE(status, before);
  const Json built = status.ToJson();
  EXPECT_EQ(DumpJson(built["conditions"]),
            R"([{"lastTransitionTime":"then","message":"reason","reason":"Other","status":"True",)"
            R"("type":"A"},{"lastTransitionTime":"2026-01-01T00:00:00Z","message":"longer",)"
            R"("reason":"No","status":"False","type":"B"},{"lastTransitionTime":)"
            R"("2026-01-01T00:00:00Z","message":"one","reason":"New","status":"False",)"
            R"("type":"C"}])");
  EXPECT_EQ(status, HpaStatus::FromJson(built));
  status.RemoveCondition("C");
  EXPECT_NE(status, HpaStatus::FromJson(built));
}

}  // namespace
}  // namespace weir::autoscale
