#include "apiserver/request_info_plan.h"

#include <gtest/gtest.h>

namespace weir::apiserver {
namespace {

TEST(RequestInfoTest, ReadsMethodAndPath) {
  struct Case {
    const char* method;
    const char* path;
    QueryParameters query;
    const char* expected;  // verb group version ns resource name subresource, '-' for empty
  };
  const Case cases[] = {
      {"GET", "/api/v1/pods", {}, "list - v1 - pods - -"},
      {"GET", "/api/v1/pods/", {}, "list - v1 - pods - -"},
      {"GET", "/api/v1/pods", {{"watch", "true"}}, "watch - v1 - pods - -"},
      {"GET", "/api/v1/pods", {{"watch", ""}}, "watch - v1 - pods - -"},
      {"GET", "/api/v1/pods", {{"watch", "maybe"}}, "watch - v1 - pods - -"},
      {"GET", "/api/v1/pods", {{"watch", "0"}}, "list - v1 - pods - -"},
      {"GET", "/api/v1/namespaces/a/pods/p", {}, "get - v1 a pods p -"},
      {"GET", "/api/v1/namespaces/a/pods/p", {{"watch", "1"}}, "get - v1 a pods p -"},
      {"GET", "/api/v1/namespaces/a/pods/p/log", {}, "get - v1 a pods p log"},
      {"GET", "/api/v1/namespaces", {}, "list - v1 - namespaces - -"},
      {"GET", "/api/v1/namespaces/a", {}, "get - v1 a namespaces a -"},
      {"PUT", "/api/v1/namespaces/a/finalize", {}, "update - v1 a namespaces a finalize"},
      {"PATCH", "/api/v1/namespaces/a/status", {}, "patch - v1 a namespaces a status"},
      {"GET", "/apis/apps/v1/deployments", {}, "list apps v1 - deployments - -"},
      {"POST", "/apis/apps/v1/namespaces/a/deployments", {}, "create apps v1 a deployments - -"},
      {"DELETE",
       "/apis/apps/v1/namespaces/a/deployments",
       {},
       "deletecollection apps v1 a deployments - -"},
      {"DELETE",
       "/apis/apps/v1/namespaces/a/deployments/d",
       {},
       "delete apps v1 a deployments d -"},
      {"GET", "/api/v1/watch/namespaces/a/pods/p", {}, "watch - v1 a pods p -"},
      {"GET", "/api/v1/watch/pods", {}, "watch - v1 - pods - -"},
      {"HEAD", "/api/v1/namespaces/a", {}, "get - v1 a namespaces a -"},
      {"FOO", "/api/v1/pods", {}, "foo - v1 - pods - -"},
      {"GET", "/api/v1/namespaces/%C3%A4/pods/a%20b", {}, "get - v1 \xc3\xa4 pods a b -"},
      {"GET", "/api/v1", {}, "get - v1 - - - -"},
      {"GET", "/apis/apps", {}, "get apps - - - - -"},
      {"GET", "/apis", {}, "get - - - - - -"},
      {"GET", "/version", {}, "get - - - - - -"},
      {"GET", "//api/v1", {}, "get - - - - - -"},
  };
  const auto dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const Case& c : cases) {
    const auto info = ParseRequest(c.method, c.path, c.query);
    ASSERT_TRUE(info) << c.path;
    EXPECT_EQ(info->verb + " " + dash(info->group) + " " + dash(info->version) + " " +
                  dash(info->ns) + " " + dash(info->resource) + " " + dash(info->name) + " " +
                  dash(info->subresource),
              c.expected)
        << c.method << " " << c.path;
  }
}

TEST(RequestInfoTest, PathsThatAreTooDeepOrHaveEmptyElements) {
  for (const char* path : {"/apis/apps/v1/namespaces/a/deployments/d/scale/b", "/api/v1/pods//a",
                           "/api/v1/namespaces/a/configmaps/a%2Fb/c/d"}) {
    EXPECT_TRUE(ParseRequest("GET", path, {})->too_deep) << path;
  }
  EXPECT_FALSE(ParseRequest("GET", "/api/v1/namespaces/a/pods/p/log", {})->too_deep);
  EXPECT_FALSE(ParseRequest("GET", "/api/v1/namespaces/%zz/pods", {}));
}

TEST(RequestInfoTest, NamesThatNoObjectHas) {
  EXPECT_EQ(PathNameError(".."), "may not be '..'");
  EXPECT_EQ(PathNameError("."), "may not be '.'");
  EXPECT_EQ(PathNameError("a%b"), "may not contain '%'");
  EXPECT_EQ(PathNameError("a b"), "");
}

}  // namespace
}  // namespace weir::apiserver
