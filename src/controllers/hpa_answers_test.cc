// What a metrics API answers, and what the autoscaler then says: tests/hpa/api/answers.jsonl, and
// the recordings of a real cluster where $WEIR_UPSTREAM_DIR/goldens/data has them. The format is in
// docs/formats/hpa-scenario.md.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "controllers/hpa_testing.h"
#include "platform/system.h"

namespace weir::controllers {
namespace {

constexpr const char* kOwn = WEIR_SOURCE_DIR "/tests/hpa/api/answers.jsonl";
constexpr const char* kCustomGroup = "/apis/custom.metrics.k8s.io";

std::vector<Json> ReadLines(const std::string& path) {
  std::vector<Json> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(ParseJson(line).value_or(Json()));
  return lines;
}

// The metric as a spec has it, with a target of 10, and where it is asked for.
struct Asked {
  Json metric;
  std::string path;
};

Asked AskFor(const std::string& type, const std::string& name) {
  const Json ten = {{"type", "AverageValue"}, {"averageValue", "10"}};
  const std::string custom = std::string(kCustomGroup) + "/v1beta2/namespaces/shop/";
  if (type == "External") {
    return {{{"type", type}, {"external", {{"metric", {{"name", name}}}, {"target", ten}}}},
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/" + name};
  }
  if (type == "Pods") {
    return {{{"type", type}, {"pods", {{"metric", {{"name", name}}}, {"target", ten}}}},
            custom + "pods/*/" + name};
  }
  if (type == "Object") {
    const Json service = {{"apiVersion", "v1"}, {"kind", "Service"}, {"name", "web"}};
    const Json target = {{"type", "Value"}, {"value", "10"}};
    Json object = {{"metric", {{"name", name}}}, {"describedObject", service}, {"target", target}};
    return {{{"type", type}, {"object", std::move(object)}}, custom + "services/web/" + name};
  }
  const Json target = {{"type", "AverageValue"}, {"averageValue", "100m"}};
  return {{{"type", type}, {"resource", {{"name", "cpu"}, {"target", target}}}},
          "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"};
}

// The body of an answer; three are recorded in words.
std::string BodyOf(const Json& line) {
  std::string body = GetString(line, {"answer", "body"});
  if (GetString(line, "type") != "Resource") return body;
  const std::string name = GetString(line, "metric");
  Json items = Json::array();
  if (name == "ghost" || name == "nocontainers") {
    Json item = {{"metadata", {{"name", "ghost"}}}, {"containers", Json::array()}};
    item["timestamp"] = "2026-01-01T00:00:00Z";
    item["window"] = "30s";
    if (name == "ghost") {
      item["containers"].push_back({{"name", "busybox"}, {"usage", {{"cpu", "1"}}}});
    }
    items.push_back(std::move(item));
  } else if (name != "empty") {
    return body;
  }
  return DumpJson(Json{{"kind", "PodMetricsList"}, {"items", std::move(items)}});
}

class AnswerCase : public HpaFixture {
 public:
  void Play(const Json& line) {
    const Asked asked = AskFor(GetString(line, "type"), GetString(line, "metric"));
    Prepare(line, asked.path);
    Json hpa = HpaOf(asked.metric);
    hpa["spec"]["minReplicas"] = 1;
    hpa["spec"]["maxReplicas"] = 3;
    HpaOptions options;
    options.upstream_exact = true;
    options.sync_period = std::chrono::milliseconds(5);
    Begin(std::move(hpa), options);
    if (late_pod_) {
      ASSERT_TRUE(Passes(1));
      api_.Push("/api/v1/pods", "ADDED", Pod());
    }
    // Long enough for a change of scale to be seen.
    const std::uint64_t passes = controller_->counters().reconciles;
    ASSERT_TRUE(Passes(passes + 6));
    Check(line);
    End();
  }

 private:
  void TestBody() override {}

  static Json Pod() {
    return *ParseJson(R"({"metadata":{"name":"web-1","namespace":"shop","resourceVersion":"1",
                                      "labels":{"app":"web"}},
        "spec":{"containers":[{"name":"app"}]},
        "status":{"phase":"Running","startTime":"2025-12-31T00:00:00Z","conditions":[
          {"type":"Ready","status":"True","lastTransitionTime":"2025-12-31T00:00:00Z"}]}})");
  }

  void Prepare(const Json& line, const std::string& path) {
    api_.documents[std::string(kScale)] = ScaleOf(1, 1);
    // Some were recorded before the target's pod was seen.
    late_pod_ = DumpJson(*Find(line, "events")).find("no pods returned") != std::string::npos;
    Json pods = Json::array();
    if (!late_pod_) pods.push_back(Pod());
    api_.documents["/api/v1/pods"] = {{"metadata", {{"resourceVersion", "1"}}}, {"items", pods}};
    api_.documents[kCustomGroup] = *ParseJson(R"({"kind":"APIGroup","versions":[
        {"version":"v1beta2"},{"version":"v1beta1"}],"preferredVersion":{"version":"v1beta2"}})");
    if (Find(line, "answer")->is_string()) {  // registered, and nothing listens there
      api_.raw[path] = net::HttpResponse::Text(503, "service unavailable\n");
      api_.raw[kCustomGroup] = api_.raw[path];
      return;
    }
    net::HttpResponse answer;
    answer.status = static_cast<int>(GetInt(line, {"answer", "status"}, 200));
    answer.headers["content-type"] = GetString(line, {"answer", "contentType"});
    answer.body = BodyOf(line);
    api_.raw[path] = answer;
  }

  void Check(const Json& line) {
    Json active;
    for (const Json& condition : GetArray(Status(), {"conditions"})) {
      if (GetString(condition, "type") != "ScalingActive") continue;
      active = {GetString(condition, "status"), GetString(condition, "reason"),
                GetString(condition, "message")};
    }
    EXPECT_EQ(InNamespace(*Find(line, "ScalingActive")), DumpJson(active));
    EXPECT_EQ(DumpJson(*Find(line, "currentMetrics")),
              DumpJson(GetArray(Status(), {"currentMetrics"})));
    EXPECT_EQ(GetInt(line, {"desiredReplicas"}), GetInt(Status(), {"desiredReplicas"}));
    Json events = Json::array();
    for (const std::string& event : api_.events) {
      // "Warning FailedGetScale the message", recorded as "Warning FailedGetScale: the message".
      const std::size_t reason_end = event.find(' ', event.find(' ') + 1);
      events.push_back(event.substr(0, reason_end) + ":" + event.substr(reason_end));
    }
    EXPECT_EQ(InNamespace(*Find(line, "events")), DumpJson(events));
  }

  // As text, with the namespace's name put in.
  static std::string InNamespace(const Json& expected) {
    std::string text = DumpJson(expected);
    for (std::size_t at = text.find("NS"); at != std::string::npos; at = text.find("NS", at)) {
      text.replace(at, 2, "shop");
    }
    return text;
  }

  bool late_pod_ = false;
};

void PlayAll(const std::string& path, std::size_t at_least) {
  const std::vector<Json> lines = ReadLines(path);
  EXPECT_GE(lines.size(), at_least);
  for (const Json& line : lines) {
    SCOPED_TRACE(GetString(line, "type") + " " + GetString(line, "metric"));
    AnswerCase one;
    one.Play(line);
  }
}

TEST(HpaAnswers, AreReadAsTheirLinesSay) { PlayAll(kOwn, 30); }

TEST(HpaAnswers, AreReadAsARealClusterReadsThem) {
  const std::string path =
      platform::GetEnv("WEIR_UPSTREAM_DIR") + "/goldens/data/hpa-api-answers.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no recordings below WEIR_UPSTREAM_DIR";
  PlayAll(path, 77);
}

}  // namespace
}  // namespace weir::controllers
