#include "apiserver/accept_plan.h"

#include <gtest/gtest.h>

namespace weir::apiserver {
namespace {

std::string Describe(const Result<Accepted>& result) {
  if (!result) return result.error().code == Code::kNotFound ? "unknown" : "refused";
  std::string text = result->format == Format::kYaml ? "yaml" : "json";
  switch (result->form) {
    case Form::kObject:
      break;
    case Form::kTable:
      text += " Table." + result->meta_version;
      break;
    case Form::kPartialMetadata:
      text += " Partial." + result->meta_version;
      break;
    case Form::kPartialMetadataList:
      text += " PartialList." + result->meta_version;
      break;
  }
  return text;
}

TEST(AcceptTest, ChoosesAsRecorded) {
  struct Case {
    const char* accept;
    const char* expected;
  };
  const Case cases[] = {
      {"", "json"},
      {"*/*", "json"},
      {"application/*", "unknown"},
      {"application/json", "json"},
      {"application/json;charset=utf-8", "json"},
      {"APPLICATION/JSON", "unknown"},
      {"text/html,application/xhtml+xml,*/*;q=0.8", "json"},
      {"application/yaml;q=0.5,application/json;q=0.9", "json"},
      {"application/yaml;q=0.9,application/json;q=0.5", "yaml"},
      {"application/json;stream=watch", "json"},
      {"text/html", "unknown"},
      {"nonsense", "unknown"},
      {"application/cbor", "unknown"},
      {"application/vnd.kubernetes.protobuf,application/json", "json"},
      {"application/vnd.kubernetes.protobuf", "refused"},
      {"application/json;as=Table;v=v1;g=meta.k8s.io", "json Table.v1"},
      {"application/json;as=Table;v=v1beta1;g=meta.k8s.io", "json Table.v1beta1"},
      {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta."
       "k8s.io,application/json",
       "json Table.v1"},
      {"application/json;as=Table;v=v2;g=meta.k8s.io,application/json", "json"},
      {"application/json;as=Table;v=v2;g=meta.k8s.io", "refused"},
      {"application/json;as=Table;v=v1;g=nope", "refused"},
      {"application/json;as=Nope;v=v1;g=meta.k8s.io", "refused"},
      {"application/yaml;as=Table;v=v1;g=meta.k8s.io", "yaml Table.v1"},
      {"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", "json Partial.v1"},
      {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "json PartialList.v1"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Describe(NegotiateAnswer(c.accept, false)), c.expected) << c.accept;
  }
  EXPECT_EQ(Describe(NegotiateAnswer("application/yaml", true)), "refused");
}

TEST(AcceptTest, TheTwoRefusalsDifferInDetails) {
  const Json unknown = NotAcceptable(NegotiateAnswer("text/html", false).error());
  EXPECT_EQ(GetInt(unknown, {"code"}), 406);
  EXPECT_TRUE(unknown.contains("details"));
  EXPECT_EQ(GetString(unknown, "message"),
            "406: Not Acceptable\n\nAvailable representations: application/json, "
            "application/yaml, application/vnd.kubernetes.protobuf");
  const Json refused = NotAcceptable(NegotiateAnswer("application/json;as=Nope", false).error());
  EXPECT_FALSE(refused.contains("details"));
  EXPECT_EQ(FormatOfError("application/yaml"), Format::kYaml);
  EXPECT_EQ(FormatOfError("text/html"), Format::kJson);
}

TEST(AcceptTest, AggregatedDiscovery) {
  const char* v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const char* v2beta1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
  EXPECT_TRUE(*WantsAggregatedDiscovery(v2));
  EXPECT_TRUE(*WantsAggregatedDiscovery(std::string(v2) + "," + v2beta1 + ",application/json"));
  EXPECT_FALSE(*WantsAggregatedDiscovery(std::string(v2beta1) + ",application/json"));
  EXPECT_FALSE(*WantsAggregatedDiscovery("application/json"));
  EXPECT_FALSE(*WantsAggregatedDiscovery(""));
  EXPECT_FALSE(WantsAggregatedDiscovery(v2beta1));
}

TEST(AcceptTest, Pretty) {
  EXPECT_TRUE(IsPretty("1", "kubectl/v1.33"));
  EXPECT_TRUE(IsPretty("true", ""));
  EXPECT_FALSE(IsPretty("0", "curl/8"));
  EXPECT_FALSE(IsPretty("nope", "curl/8"));
  EXPECT_TRUE(IsPretty("", "curl/8"));
  EXPECT_TRUE(IsPretty("", "Mozilla/5.0 (X11)"));
  EXPECT_FALSE(IsPretty("", "kubectl/v1.33"));
}

}  // namespace
}  // namespace weir::apiserver
