#include "kube/status.h"

#include <gtest/gtest.h>

namespace weir::kube {
namespace {

const Resource& Deployments() {
  static const Registry registry(false);
  return *registry.Find("apps", "v1", "deployments");
}

TEST(Status, SaysWhatUpstreamSays) {
  struct Case {
    Json got;
    std::string_view want;
  };
  const Case cases[] = {
      {StatusNotFound(Deployments(), "web"),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":404,
          "reason":"NotFound","message":"deployments.apps \"web\" not found",
          "details":{"name":"web","group":"apps","kind":"deployments"}})"},
      {StatusAlreadyExists(Deployments(), "web"),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":409,
          "reason":"AlreadyExists","message":"deployments.apps \"web\" already exists",
          "details":{"name":"web","group":"apps","kind":"deployments"}})"},
      {StatusConflict(Deployments(), "web", "why"),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":409,
          "reason":"Conflict",
          "message":"Operation cannot be fulfilled on deployments.apps \"web\": why",
          "details":{"name":"web","group":"apps","kind":"deployments"}})"},
      {StatusUnauthorized(),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":401,
          "reason":"Unauthorized","message":"Unauthorized"})"},
      {StatusMethodNotAllowed(),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":405,
          "reason":"MethodNotAllowed","details":{},
          "message":"the server does not allow this method on the requested resource"})"},
      {StatusBadRequest("no"),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":400,
          "reason":"BadRequest","message":"no"})"},
      {StatusForbidden("no", Json{{"kind", "pods"}}),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":403,
          "reason":"Forbidden","message":"no","details":{"kind":"pods"}})"},
      {StatusFailure(500, "", "broken"),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","code":500,
          "message":"broken"})"},
      {StatusDeleted(Deployments(), "web", "u"),
       R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success",
          "details":{"name":"web","group":"apps","kind":"deployments","uid":"u"}})"},
  };
  for (const Case& c : cases) EXPECT_EQ(c.got, *ParseJson(c.want)) << DumpJson(c.got);
}

TEST(Status, ListsEveryReasonAndSaysEachOnce) {
  const std::vector<FieldError> one = {{"FieldValueRequired", "spec.selector", "Required value"}};
  EXPECT_EQ(StatusInvalid(Deployments(), "web", one)["message"],
            "Deployment.apps \"web\" is invalid: spec.selector: Required value");
  std::vector<FieldError> three = one;
  three.push_back(one[0]);
  three.push_back({"FieldValueInvalid", "spec.replicas", "Invalid value: -1: no"});
  Json got = StatusInvalid(Deployments(), "web", three);
  EXPECT_EQ(got["message"],
            "Deployment.apps \"web\" is invalid: [spec.selector: Required value, spec.replicas: "
            "Invalid value: -1: no]");
  EXPECT_EQ(got["details"]["causes"].size(), 3U);
  EXPECT_EQ(got["details"]["kind"], "Deployment");
  EXPECT_EQ(got["details"]["causes"][2], (Json{{"reason", "FieldValueInvalid"},
                                               {"message", "Invalid value: -1: no"},
                                               {"field", "spec.replicas"}}));
  EXPECT_FALSE(StatusInvalid(Deployments(), "", one)["details"].contains("name"));
}

}  // namespace
}  // namespace weir::kube
