#include "autoscale/status.h"

#include <gtest/gtest.h>

namespace weir::autoscale {
namespace {

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
    EXPECT_EQ(SameStatus(base, other), c.same) << c.patch;
    EXPECT_EQ(SameStatus(other, base), c.same) << c.patch;
    EXPECT_EQ(SameButValues(base, other), c.but_values) << c.patch;
    EXPECT_EQ(SameButValues(other, base), c.but_values) << c.patch;
  }
  EXPECT_TRUE(SameStatus(nullptr, Json::object({{"currentReplicas", 0}, {"currentMetrics", {}}})));
}

TEST(Status, IsBuiltOfWhatIsKept) {
  const Time now{std::chrono::seconds(1767225600)};
  Json stored = {{"observedGeneration", 7}, {"currentReplicas", 0}, {"desiredReplicas", 3}};
  StatusBuilder copied(stored, now);
  StatusBuilder taken(std::move(stored), now);
  const Json built = std::move(taken).Build();
  EXPECT_EQ(DumpJson(built), R"({"currentMetrics":null,"desiredReplicas":3})");
  EXPECT_EQ(std::move(copied).Build(), built);
}

}  // namespace
}  // namespace weir::autoscale
