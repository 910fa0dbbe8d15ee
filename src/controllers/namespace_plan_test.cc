#include "controllers/namespace_plan.h"

#include <gtest/gtest.h>

namespace weir::controllers {
namespace {

const Time kNow = *ParseRfc3339("2026-01-01T12:00:00Z");

std::string Condition(const Json& ns, std::string_view type) {
  for (const Json& condition : GetArray(ns, {"status", "conditions"})) {
    if (GetString(condition, "type") != type) continue;
    return GetString(condition, "status") + " " + GetString(condition, "reason") + ": " +
           GetString(condition, "message");
  }
  return {};
}

TEST(NamespacePlanTest, TellsWhatRemains) {
  Remaining remaining;
  CountRemaining(remaining, "secrets", "", *ParseJson(R"({"items":[]})"));
  EXPECT_TRUE(remaining.empty());
  CountRemaining(remaining, "configmaps", "",
                 *ParseJson(R"({"items":[{"metadata":{"finalizers":["example.com/keep"]}}]})"));
  Json ns = WithDeletionConditions(Json::object(), remaining, kNow);
  EXPECT_EQ(Condition(ns, "NamespaceContentRemaining"),
            "True SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource "
            "instances");
  EXPECT_EQ(Condition(ns, "NamespaceFinalizersRemaining"),
            "True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: "
            "example.com/keep in 1 resource instances");
  EXPECT_EQ(Condition(ns, "NamespaceDeletionContentFailure"),
            "False ContentDeleted: All content successfully deleted, may be waiting on "
            "finalization");
  // Said again later, it is the same.
  EXPECT_EQ(WithDeletionConditions(ns, remaining, kNow + std::chrono::hours(1)), ns);
}

TEST(NamespacePlanTest, Finalizes) {
  Json ns = *ParseJson(R"({"spec":{"finalizers":["kubernetes","example.com/x"]}})");
  EXPECT_TRUE(HoldsKubernetesFinalizer(ns));
  EXPECT_EQ(Finalized(ns), *ParseJson(R"({"spec":{"finalizers":["example.com/x"]}})"));
  EXPECT_FALSE(HoldsKubernetesFinalizer(Finalized(ns)));
}

TEST(NamespacePlanTest, EventsExpire) {
  Json list = *ParseJson(R"({"items":[
      {"metadata":{"namespace":"a","name":"new"},"lastTimestamp":"2026-01-01T11:59:00Z"},
      {"metadata":{"namespace":"a","name":"old"},"lastTimestamp":"2026-01-01T10:59:00Z"},
      {"metadata":{"namespace":"b","name":"series","creationTimestamp":"2026-01-01T09:00:00Z"},
       "eventTime":"2026-01-01T11:30:00.000000Z"}]})");
  const auto expired = [&](std::size_t most) {
    std::vector<EventSeen> events;
    AddEvents(list, kNow, events);
    std::string names;
    for (const EventSeen& event : ExpiredEvents(events, std::chrono::hours(1), most, kNow)) {
      names += event.ns + "/" + event.name + " ";
    }
    return names;
  };
  EXPECT_EQ(expired(10), "a/old ");
  EXPECT_EQ(expired(1), "a/old b/series ");
}

}  // namespace
}  // namespace weir::controllers
