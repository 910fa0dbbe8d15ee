#include "apiserver/options_plan.h"

#include <gtest/gtest.h>

namespace weir::apiserver {
namespace {

template <class T>
std::string MessageOf(const Answer<T>& answer) {
  return answer ? "" : GetString(answer.error(), "message");
}

TEST(OptionsTest, Lists) {
  struct Case {
    QueryParameters query;
    bool watch;
    const char* message;
  };
  const Case cases[] = {
      {{}, false, ""},
      {{{"limit", "-1"}}, false, ""},
      {{{"limit", "x"}}, false, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      {{{"limit", "99999999999999999999"}},
       false,
       "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
      {{{"timeoutSeconds", "x"}}, true, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      {{{"labelSelector", "a=b=c"}}, false, "found '=', expected: ',' or 'end of string'"},
      {{{"fieldSelector", "metadata.name"}},
       false,
       "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
      {{{"resourceVersion", "1"}, {"resourceVersionMatch", "NotOlderThan"}}, false, ""},
      {{{"resourceVersion", "0"}, {"resourceVersionMatch", "Exact"}},
       false,
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
       "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""},
      {{{"resourceVersion", "1"}, {"resourceVersionMatch", "Nope"}},
       false,
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: "
       "\"Nope\": supported values: \"Exact\", \"NotOlderThan\", \"\""},
      {{{"resourceVersionMatch", "NotOlderThan"}},
       true,
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
       "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"},
      {{{"sendInitialEvents", "true"}},
       true,
       "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
       "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"},
      {{{"sendInitialEvents", "true"}, {"resourceVersionMatch", "Exact"}},
       true,
       "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: "
       "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, "
       "resourceVersionMatch: Unsupported value: \"Exact\": supported values: "
       "\"NotOlderThan\"]"},
      {{{"sendInitialEvents", "true"}, {"resourceVersionMatch", "NotOlderThan"}}, true, ""},
      {{{"sendInitialEvents", "true"}, {"resourceVersionMatch", "NotOlderThan"}},
       false,
       "ListOptions.meta.k8s.io \"\" is invalid: [resourceVersionMatch: Forbidden: "
       "resourceVersionMatch is forbidden unless resourceVersion is provided, sendInitialEvents: "
       "Forbidden: sendInitialEvents is forbidden for list]"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(MessageOf(ParseListOptions(c.query, c.watch)), c.message);
  }
  const auto options = ParseListOptions(
      {{"limit", "5"}, {"allowWatchBookmarks", "x"}, {"timeoutSeconds", "7"}}, true);
  EXPECT_EQ(options->limit, 5);
  EXPECT_TRUE(options->bookmarks);  // any text but false and 0
  EXPECT_EQ(options->timeout_seconds, 7);
}

TEST(OptionsTest, Writes) {
  EXPECT_TRUE(ParseWriteOptions({{"dryRun", "All"}, {"dryRun", "All"}}, "CreateOptions")->dry_run);
  EXPECT_FALSE(ParseWriteOptions({}, "CreateOptions")->dry_run);
  EXPECT_EQ(ParseWriteOptions({{"fieldValidation", "Strict"}}, "")->field_validation,
            FieldValidation::kStrict);
  EXPECT_EQ(ParseWriteOptions({{"fieldValidation", ""}}, "")->field_validation,
            FieldValidation::kWarn);
  EXPECT_EQ(MessageOf(ParseWriteOptions({{"dryRun", "true"}}, "CreateOptions")),
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"true\"]: "
            "supported values: \"All\"");
  EXPECT_EQ(MessageOf(ParseWriteOptions({{"fieldValidation", "Nope"}}, "PatchOptions")),
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: "
            "\"Nope\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
  EXPECT_EQ(
      MessageOf(ParseWriteOptions({{"fieldManager", std::string(129, 'x')}}, "CreateOptions")),
      "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 "
      "bytes");
}

TEST(OptionsTest, Deletes) {
  struct Case {
    const char* body;
    QueryParameters query;
    const char* message;
  };
  const Case cases[] = {
      {"{}", {}, ""},
      {R"({"dryRun":["All"]})", {}, ""},
      {R"({"dryRun":["x"]})",
       {},
       "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"x\"]: supported "
       "values: \"All\""},
      {"{}",
       {{"propagationPolicy", "Nope"}},
       "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Nope\": "
       "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""},
      {R"({"propagationPolicy":"Orphan","orphanDependents":true})",
       {},
       "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": "
       "orphanDependents and deletionPropagation cannot be both set"},
      {"{}", {{"gracePeriodSeconds", "x"}}, "strconv.ParseInt: parsing \"x\": invalid syntax"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(MessageOf(ParseDeleteOptions(*ParseJson(c.body), c.query)), c.message) << c.body;
  }
  const auto body = ParseDeleteOptions(
      *ParseJson(R"({"gracePeriodSeconds":5,"preconditions":{"uid":"u","resourceVersion":"7"}})"),
      {});
  EXPECT_EQ(body->grace_period_seconds, 5);
  EXPECT_EQ(body->uid, "u");
  EXPECT_EQ(body->resource_version, "7");
  EXPECT_EQ(ParseDeleteOptions(Json::object(), {{"gracePeriodSeconds", "3"}})->grace_period_seconds,
            3);
}

TEST(OptionsTest, ResourceVersions) {
  EXPECT_EQ(*ParseResourceVersion("17"), 17);
  EXPECT_EQ(ParseResourceVersion("x").error().message,
            "strconv.ParseUint: parsing \"x\": invalid syntax");
  EXPECT_EQ(ParseResourceVersion("-1").error().message,
            "strconv.ParseUint: parsing \"-1\": invalid syntax");
}

}  // namespace
}  // namespace weir::apiserver
