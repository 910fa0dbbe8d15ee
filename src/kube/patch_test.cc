#include "kube/patch.h"

#include <gtest/gtest.h>

namespace weir::kube {
namespace {

TEST(JsonPatch, AppliesOperations) {
  const Json document = *ParseJson(R"({"data":{"a":"1","b":"2"},"list":["x","y"],
      "annotations":{"e/a~b":"v"},"n":1})");
  struct Case {
    std::string_view operations, pointer, value;  // value: of the member `pointer` afterwards
  };
  constexpr Case kCases[] = {
      {R"([{"op":"add","path":"/data/c","value":"3"}])", "data", R"({"a":"1","b":"2","c":"3"})"},
      {R"([{"op":"add","path":"/data/c"}])", "data", R"({"a":"1","b":"2","c":null})"},
      {R"([{"op":"replace","path":"/data/a","value":"one"}])", "data", R"({"a":"one","b":"2"})"},
      {R"([{"op":"replace","path":"/data/new","value":"n"}])", "data",
       R"({"a":"1","b":"2","new":"n"})"},
      {R"([{"op":"remove","path":"/data/b"}])", "data", R"({"a":"1"})"},
      {R"([{"op":"copy","from":"/data/a","path":"/data/d"}])", "data",
       R"({"a":"1","b":"2","d":"1"})"},
      {R"([{"op":"move","from":"/data/a","path":"/data/e"}])", "data", R"({"b":"2","e":"1"})"},
      {R"([{"op":"test","path":"/data/a","value":"1"}])", "data", R"({"a":"1","b":"2"})"},
      {R"([{"op":"test","path":"/data/none","value":null}])", "n", "1"},
      {R"([{"op":"replace","path":"/annotations/e~1a~0b","value":"w"}])", "annotations",
       R"({"e/a~b":"w"})"},
      {R"([{"op":"add","path":"n","value":2},{"op":"add","path":"data/n","value":3}])", "n", "3"},
      {R"([{"op":"add","path":"/list/1","value":"m"}])", "list", R"(["x","m","y"])"},
      {R"([{"op":"add","path":"/list/2","value":"z"}])", "list", R"(["x","y","z"])"},
      {R"([{"op":"add","path":"/list/-","value":"z"}])", "list", R"(["x","y","z"])"},
      {R"([{"op":"remove","path":"/list/-1"}])", "list", R"(["x"])"},
      {R"([{"op":"replace","path":"/list/0","value":"q"}])", "list", R"(["q","y"])"},
      {"[]", "n", "1"},
  };
  for (const Case& c : kCases) {
    Json operations = *ParseJson(c.operations);
    // A path without a slash names nothing.
    if (c.operations.contains("\"path\":\"n\"")) {
      EXPECT_FALSE(JsonPatch(document, operations));
      operations.erase(0);
    }
    Result<Json> got = JsonPatch(document, operations);
    ASSERT_TRUE(got) << c.operations << ": " << got.error().message;
    EXPECT_EQ((*got)[std::string(c.pointer)], *ParseJson(c.value)) << c.operations;
  }
}

TEST(JsonPatch, Refuses) {
  const Json document = *ParseJson(R"({"data":{"a":"1"},"list":["x"],"n":1})");
  for (std::string_view operations : {
           R"([{"op":"test","path":"/data/a","value":"2"}])",
           R"([{"op":"test","path":"/data/none","value":"1"}])",
           R"([{"op":"test","path":"/n","value":1.0}])",
           R"([{"op":"remove","path":"/data/none"}])",
           R"([{"op":"add","path":"/none/a","value":"1"}])",
           R"([{"op":"add","path":"","value":{}}])",
           R"([{"op":"nope","path":"/data/a"}])",
           R"([{"path":"/data/a","value":"1"}])",
           R"([{"op":"add","value":"1"}])",
           R"([{"op":"move","path":"/data/x"}])",
           R"([{"op":"move","from":"/data/none","path":"/data/x"}])",
           R"([{"op":"replace","path":"/list/9","value":"x"}])",
           R"([{"op":"add","path":"/list/9","value":"x"}])",
           R"([{"op":"remove","path":"/list/1"}])",
           R"([{"op":"replace","path":"/list/a","value":"x"}])",
           R"([{"op":"add","path":"/list/0/deep","value":"x"}])",
           R"([{"op":"add","path":"/data/h","value":1},{"op":"test","path":"/n","value":2}])",
       }) {
    EXPECT_FALSE(JsonPatch(document, *ParseJson(operations))) << operations;
  }
  // Doubling by copies ends before the memory does.
  Json doubling = Json::array();
  for (int i = 0; i < 60; ++i) {
    doubling.push_back(
        {{"op", "copy"}, {"from", "/data"}, {"path", "/data/d" + std::to_string(i)}});
  }
  EXPECT_FALSE(JsonPatch(document, doubling));
}

TEST(MergePatch, FollowsRfc7386) {
  struct Case {
    std::string_view document, patch, want;
  };
  constexpr Case kCases[] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[1,2]})", R"({"a":[3]})", R"({"a":[3]})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
      {R"({"a":"b"})", R"({})", R"({"a":"b"})"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(MergePatch(*ParseJson(c.document), *ParseJson(c.patch)), *ParseJson(c.want))
        << c.patch;
  }
}

// A patch of a pod spec, where most of the merge keys are.
struct SpecCase {
  std::string_view document, patch, want;
};

void ExpectMerged(std::string_view type, const std::vector<SpecCase>& cases) {
  for (const SpecCase& c : cases) {
    Result<Json> got = StrategicMergePatch(*ParseJson(c.document), *ParseJson(c.patch), type);
    ASSERT_TRUE(got) << c.patch << ": " << got.error().message;
    EXPECT_EQ(*got, *ParseJson(c.want)) << c.patch << "\n" << DumpJson(*got);
  }
}

TEST(StrategicMergePatch, MergesListsByTheirKeys) {
  ExpectMerged(
      "core/v1.PodSpec",
      {
          {R"({"containers":[{"name":"a","image":"1","args":["x"]},{"name":"b"}]})",
           R"({"containers":[{"name":"a","image":"2"}]})",
           R"({"containers":[{"name":"a","image":"2","args":["x"]},{"name":"b"}]})"},
          // New elements come first.
          {R"({"containers":[{"name":"a"}]})", R"({"containers":[{"name":"n"}]})",
           R"({"containers":[{"name":"n"},{"name":"a"}]})"},
          {R"({"containers":[{"name":"a","env":[{"name":"A","value":"1"},{"name":"B"}]}]})",
           R"({"containers":[{"name":"a","env":[{"name":"B","value":"2"},{"name":"C"}]}]})",
           R"({"containers":[{"name":"a","env":[{"name":"A","value":"1"},
              {"name":"B","value":"2"},{"name":"C"}]}]})"},
          {R"({"containers":[{"name":"a","ports":[{"containerPort":80},{"containerPort":81}]}]})",
           R"({"containers":[{"name":"a","ports":[{"containerPort":80,"name":"h"},
              {"containerPort":82}]}]})",
           R"({"containers":[{"name":"a","ports":[{"containerPort":80,"name":"h"},
              {"containerPort":82},{"containerPort":81}]}]})"},
          // No key: lists are replaced, plain lists without a merge rule too.
          {R"({"tolerations":[{"key":"a"}]})", R"({"tolerations":[{"key":"b"}]})",
           R"({"tolerations":[{"key":"b"}]})"},
          {R"({"containers":[{"name":"a","args":["1","2"]}]})",
           R"({"containers":[{"name":"a","args":["9"]}]})",
           R"({"containers":[{"name":"a","args":["9"]}]})"},
          {R"({"nodeSelector":{"a":"b"}})", R"({"nodeSelector":{"a":null,"c":"d"}})",
           R"({"nodeSelector":{"c":"d"}})"},
          {R"({"containers":[{"name":"a","env":[{"name":"A"}]}]})",
           R"({"containers":[{"name":"a","env":null}]})", R"({"containers":[{"name":"a"}]})"},
          {R"({"containers":null})", R"({"containers":[{"name":"a","image":null}]})",
           R"({"containers":[{"name":"a"}]})"},
      });
  ExpectMerged("meta/v1.ObjectMeta", {
                                         {R"({"finalizers":["a","b"]})", R"({"finalizers":["c"]})",
                                          R"({"finalizers":["c","a","b"]})"},
                                         {R"({"finalizers":["a","b"]})", R"({"finalizers":["a"]})",
                                          R"({"finalizers":["a","b"]})"},
                                     });
}

TEST(StrategicMergePatch, FollowsDirectives) {
  ExpectMerged(
      "core/v1.PodSpec",
      {
          {R"({"containers":[{"name":"a"},{"name":"b"}]})",
           R"({"containers":[{"name":"a","$patch":"delete"},{"name":"none","$patch":"delete"}]})",
           R"({"containers":[{"name":"b"}]})"},
          {R"({"containers":[{"name":"a"},{"name":"b"}]})",
           R"({"containers":[{"$patch":"replace"},{"name":"z"}]})",
           R"({"containers":[{"name":"z"}]})"},
          {R"({"nodeSelector":{"a":"b"}})", R"({"nodeSelector":{"$patch":"replace","c":"d"}})",
           R"({"nodeSelector":{"c":"d"}})"},
          {R"({"nodeSelector":{"a":"b"}})", R"({"nodeSelector":{"$patch":"delete"}})",
           R"({"nodeSelector":{}})"},
          {R"({})", R"({"nodeSelector":{"$patch":"merge","a":"b"}})", R"({})"},
          // $setElementOrder.
          {R"({"containers":[{"name":"b"},{"name":"a"},{"name":"m"}]})",
           R"({"$setElementOrder/containers":[{"name":"m"},{"name":"a"},{"name":"b"}],
              "containers":[{"name":"a","image":"2"}]})",
           R"({"containers":[{"name":"m"},{"name":"a","image":"2"},{"name":"b"}]})"},
          {R"({"containers":[{"name":"m"},{"name":"a"},{"name":"b"}]})",
           R"({"$setElementOrder/containers":[{"name":"b"},{"name":"m"}]})",
           R"({"containers":[{"name":"a"},{"name":"b"},{"name":"m"}]})"},
          {R"({"containers":[{"name":"a","env":[{"name":"Z"}]}]})",
           R"({"containers":[{"name":"a","$setElementOrder/env":[{"name":"Y"},{"name":"Z"}],
              "env":[{"name":"Y"}]}]})",
           R"({"containers":[{"name":"a","env":[{"name":"Y"},{"name":"Z"}]}]})"},
          {R"({"containers":[{"name":"m"},{"name":"a"}]})",
           R"({"$setElementOrder/containers":[{"name":"m"}],
              "containers":[{"name":"a","$patch":"delete"}]})",
           R"({"containers":[{"name":"m"}]})"},
          {R"({})",
           R"({"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],
              "containers":[{"name":"b","$setElementOrder/env":[{"name":"X"}],
                "env":[{"name":"X"}]},{"name":"a"}]})",
           R"({"containers":[{"name":"b","env":[{"name":"X"}]},{"name":"a"}]})"},
          // $retainKeys.
          {R"({"volumes":[{"name":"v","emptyDir":{}}]})",
           R"({"volumes":[{"name":"v","$retainKeys":["name","configMap"],
              "configMap":{"name":"c"}}]})",
           R"({"volumes":[{"name":"v","configMap":{"name":"c"}}]})"},
          {R"({})", R"({"volumes":[{"name":"w","$retainKeys":["name","emptyDir"],
              "emptyDir":{}}]})",
           R"({"volumes":[{"name":"w","emptyDir":{}}]})"},
          {R"({"a":1})", R"({"$nope":1})", R"({"a":1,"$nope":1})"},
      });
  ExpectMerged(
      "meta/v1.ObjectMeta",
      {
          {R"({"finalizers":["a","b","c"]})",
           R"({"$deleteFromPrimitiveList/finalizers":["b","x"]})", R"({"finalizers":["a","c"]})"},
          {R"({"finalizers":["a","c"]})",
           R"({"$setElementOrder/finalizers":["c","a"],"finalizers":["a"]})",
           R"({"finalizers":["c","a"]})"},
      });
  ExpectMerged("apps/v1.DeploymentSpec",
               {{R"({"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}})",
                 R"({"strategy":{"$retainKeys":["type"],"rollingUpdate":null,"type":"Recreate"}})",
                 R"({"strategy":{"type":"Recreate"}})"}});
}

TEST(StrategicMergePatch, RefusesInUpstreamsWords) {
  const Json document = *ParseJson(
      R"({"containers":[{"name":"m","image":"nginx","env":[{"name":"Y","value":"2"}]}]})");
  struct Case {
    std::string_view patch, message;
    Code code;
  };
  constexpr Case kCases[] = {
      {R"({"containers":[{"image":"x"}]})",
       "map: map[image:x] does not contain declared merge key: name", Code::kInternal},
      {R"({"containers":[{"$patch":"delete"}]})",
       "map: map[$patch:delete] does not contain declared merge key: name", Code::kInternal},
      {R"({"containers":["x"]})",
       "list element types are not identical: [[map[env:[map[name:Y value:2]] image:nginx name:m]] "
       "[x]]",
       Code::kInternal},
      {R"({"$deleteFromPrimitiveList/containers":["x"]})",
       "list element types are not identical: [[map[env:[map[name:Y value:2]] image:nginx name:m]] "
       "[x]]",
       Code::kInternal},
      {R"({"containers":[{"name":"q","$patch":"nope"}]})",
       "unknown patch type: nope in map: map[$patch:nope name:q]", Code::kInternal},
      {R"({"$setElementOrder/containers":"x"})", "expected a []interface {}, but received a string",
       Code::kInternal},
      {R"({"$setElementOrder/containers":[{"name":"b"}],"containers":[{"name":"a","image":"x"}]})",
       "The order in patch list:\n[map[image:x name:a]]\n doesn't match $setElementOrder "
       "list:\n[map[name:b]]\n",
       Code::kInternal},
      {R"({"$retainKeys":"x"})", "invalid patch format of retainKeys", Code::kInvalid},
      {R"({"$retainKeys":["containers"],"hostname":"h"})", "invalid patch format of retainKeys",
       Code::kInvalid},
  };
  for (const Case& c : kCases) {
    Result<Json> got = StrategicMergePatch(document, *ParseJson(c.patch), "core/v1.PodSpec");
    ASSERT_FALSE(got) << c.patch << DumpJson(*got);
    EXPECT_EQ(got.error().message, c.message);
    EXPECT_EQ(got.error().code, c.code);
  }
}

TEST(GoFormat, PrintsAsPercentV) {
  EXPECT_EQ(GoFormat(*ParseJson(R"({"b":[1,"x",null,true,1.5],"a":{}})")),
            "map[a:map[] b:[1 x <nil> true 1.5]]");
}

}  // namespace
}  // namespace weir::kube
