#include "controllers/hpa_plan.h"

#include <gtest/gtest.h>

#include "controllers/hpa_metrics_plan.h"

namespace weir::controllers {
namespace {

using autoscale::MetricRequest;
using autoscale::MetricResult;
using autoscale::MetricsApi;

Json Parse(std::string_view text) {
  const Result<Json> json = ParseJson(text);
  EXPECT_TRUE(json) << text;
  return json.value_or(Json());
}

MetricRequest External() {
  MetricRequest request;
  request.api = MetricsApi::kExternal;
  request.ns = "shop";
  request.metric = "queue";
  return request;
}

MetricRequest Object() {
  MetricRequest request;
  request.api = MetricsApi::kCustom;
  request.ns = "shop";
  request.kind = "Service";
  request.object = "web";
  request.metric = "hits";
  return request;
}

MetricRequest Pods() {
  MetricRequest request = Object();
  request.kind = "Pod";
  request.object = "*";
  request.label_selector = "app in (a,b)";
  return request;
}

MetricRequest Namespace() {
  MetricRequest request = Object();
  request.ns = "";
  request.object = "shop";
  return request;
}

MetricRequest Usage() {
  MetricRequest request;
  request.api = MetricsApi::kResource;
  request.ns = "shop";
  request.label_selector = "app=web";
  return request;
}

TEST(MetricPath, IsThatOfEachApi) {
  MetricRequest selected = Object();
  selected.metric_label_selector = "key=jobs";
  const struct {
    MetricRequest request;
    std::string resource;
    std::string path;
  } kCases[] = {
      {External(), "", "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue"},
      {selected, "services",
       "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/services/web/"
       "hits?metricLabelSelector=key%3Djobs"},
      {Pods(), "pods",
       "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/"
       "hits?labelSelector=app%20in%20%28a%2Cb%29"},
      {Namespace(), "", "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/metrics/hits"},
      {Usage(), "", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?labelSelector=app%3Dweb"},
  };
  for (const auto& c : kCases) EXPECT_EQ(MetricPath(c.request, c.resource, "v1beta2"), c.path);
}

TEST(CustomMetricsVersion, IsThePreferredKnownOne) {
  const struct {
    std::string group;
    std::string version;  // empty: none
  } kCases[] = {
      {R"({"preferredVersion":{"version":"v1beta1"},"versions":[{"version":"v1beta2"}]})",
       "v1beta1"},
      {R"({"preferredVersion":{"version":"v1"},"versions":[{"version":"v1"},{"version":"v1beta2"}]})",
       "v1beta2"},
      {R"({"preferredVersion":{"version":"v1"},"versions":[{"version":"v1"}]})", ""},
      {"{}", ""},
  };
  for (const auto& c : kCases) {
    const Result<std::string> version = CustomMetricsVersion(Parse(c.group));
    EXPECT_EQ(version.value_or(""), c.version);
    if (!version) {
      EXPECT_EQ(version.error().message, "no known available metric versions found");
    }
  }
}

TEST(FailureText, NamesTheSubjectWhereTheAnswerWasNoStatus) {
  const struct {
    RawAnswer answer;
    std::string text;
  } kCases[] = {
      {{404, "text/plain; charset=utf-8", "404 page not found\n"},
       "the server could not find the requested resource (get queue.external.metrics.k8s.io)"},
      {{503, "text/plain", "service unavailable\n"},
       "the server is currently unable to handle the request (get queue.external.metrics.k8s.io)"},
      {{502, "text/html", "<html>"},
       "an error on the server (\"<html>\") has prevented the request from succeeding (get "
       "queue.external.metrics.k8s.io)"},
      {{500, "application/json", "{}"},
       "an error on the server (\"unknown\") has prevented the request from succeeding (get "
       "queue.external.metrics.k8s.io)"},
      {{418, "text/plain", "no coffee"},
       "the server responded with the status code 418 but did not return more information (get "
       "queue.external.metrics.k8s.io)"},
      {{403, "", "go away\n"}, "go away (get queue.external.metrics.k8s.io)"},
      {{404, "application/json", R"({"kind":"Status","status":"Failure","message":"no metric"})"},
       "no metric"},
      {{500, "application/json", R"({"status":"Failure","message":"a status by default"})"},
       "a status by default"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(FailureText(c.answer, MetricSubject(External(), "")), c.text);
  }
  EXPECT_EQ(FailureText({404, "text/plain", "404 page not found\n"}, ""),
            "the server could not find the requested resource");
  EXPECT_EQ(MetricSubject(Pods(), "pods"), "pods.custom.metrics.k8s.io *");
}

TEST(ScaleError, IsASelectorThatCannotBeRead) {
  EXPECT_EQ(ScaleError(Parse(R"({"status":{"selector":"app=web"}})")), std::nullopt);
  EXPECT_EQ(ScaleError(Parse(R"({"status":{}})")), std::nullopt);
  EXPECT_EQ(ScaleError(Parse(R"({"status":{"selector":"a b"}})")).value_or(""),
            "received an object from a /scale endpoint which was not convertible to autoscaling "
            "Scale: failed to parse target selector: couldn't parse the selector string \"a b\": "
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
}

TEST(ReadMetricAnswer, ReadsOrSaysWhatIsWrong) {
  const struct {
    MetricRequest request;
    std::string answer;
    std::string values;  // milli values or pod=milli, in order
    std::string error;
  } kCases[] = {
      {External(), R"({"items":[{"value":"10"},{"value":20},{"value":null}]})", "10000 20000 0",
       ""},
      {External(), R"({"items":[]})", "", ""},
      {External(), R"({"kind":"Status","message":"all well"})", "", ""},
      {External(), "", "",
       "0-length response with status code: 200 and content type: application/json"},
      {External(), "no json", "",
       "couldn't get version/kind; json parse error: invalid character 'o' in literal null "
       "(expecting 'u')"},
      {Object(), "", "", "Object 'Kind' is missing in ''"},
      {Object(), "no json", "",
       "couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value "
       "of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
       "\"json:\\\"kind,omitempty\\\"\" }"},
      {Object(), "kind: MetricValueList\nitems: [{value: 3}]\n", "3000", ""},
      {External(), R"({"items":[{"value":"10"},{"value":"ten"}]})", "",
       "quantities must match the regular expression "
       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
      {Object(), R"({"kind":"MetricValueList","items":[{"value":"2500m"}]})", "2500", ""},
      {Object(), R"({"kind":"MetricValueList","items":[]})", "",
       "the custom metrics API server returned 0 results when we asked for exactly one"},
      {Object(), R"({"kind":"MetricValueList","items":[{"value":"1"},{"value":"1"}]})", "",
       "the custom metrics API server returned 2 results when we asked for exactly one"},
      {Object(), R"({"kind":"Status","message":"all well"})", "",
       "the custom metrics API server didn't return MetricValueList, the type is *v1.Status"},
      {Pods(),
       R"({"kind":"MetricValueList","items":[{"describedObject":{"name":"p0"},"value":"7"}]})",
       "p0=7000", ""},
      {Usage(), R"({"kind":"Status","message":"all well"})", "", "all well"},
      {Usage(),
       R"({"items":[{"metadata":{"name":"p0"},"window":"30s","timestamp":"2026-01-01T00:00:10Z",
           "containers":[{"name":"app","usage":{"cpu":"250m"}}]}]})",
       "p0:app:cpu=250@30s", ""},
  };
  for (const auto& c : kCases) {
    const MetricResult result =
        ReadMetricAnswer(c.request, "it", {200, "application/json", c.answer});
    std::string values;
    for (const kube::Quantity& value : result.values) {
      values += (values.empty() ? "" : " ") + std::to_string(value.MilliValue());
    }
    for (const autoscale::PodUsage& pod : result.pods) {
      if (pod.containers.empty()) {
        values += pod.pod + "=" + std::to_string(pod.value.MilliValue());
        continue;
      }
      const autoscale::Container& container = pod.containers.front();
      values += pod.pod + ":" + container.name +
                ":cpu=" + std::to_string(container.amounts.at("cpu").MilliValue()) + "@" +
                FormatGoDuration(pod.window);
    }
    EXPECT_EQ(values, c.values) << c.answer;
    EXPECT_EQ(result.error.value_or(""), c.error) << c.answer;
  }
}

TEST(Concerns, ComparesWhatBothName) {
  const MetricRef items{MetricsApi::kCustom, "items", "services"};
  const struct {
    MetricRef changed;
    bool concerns;
  } kCases[] = {
      {{MetricsApi::kCustom, "items", "services"}, true},
      {{MetricsApi::kCustom, "items", ""}, true},
      {{MetricsApi::kCustom, "items", "pods"}, false},
      {{MetricsApi::kCustom, "other", "services"}, false},
      {{MetricsApi::kExternal, "items", ""}, false},
  };
  for (const auto& c : kCases) EXPECT_EQ(Concerns(c.changed, items), c.concerns);
}

TEST(MetricsOf, NamesEachMetricAsItsApiDoes) {
  const Result<autoscale::HpaSpec> spec = autoscale::ParseSpec(Parse(R"({"metrics":[
      {"type":"External","external":{"metric":{"name":"queue"},"target":{"averageValue":"1"}}},
      {"type":"Object","object":{"metric":{"name":"hits"},"target":{"value":"1"},
       "describedObject":{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","name":"a"}}},
      {"type":"Pods","pods":{"metric":{"name":"rps"},"target":{"averageValue":"1"}}},
      {"type":"Resource","resource":{"name":"cpu","target":{"averageUtilization":1}}}]})"));
  ASSERT_TRUE(spec);
  const std::vector<MetricRef> refs =
      MetricsOf(*spec, [](const std::string& group, const std::string& kind) {
        return kind == "Ingress" ? "ingresses." + group : "";
      });
  const std::vector<MetricRef> want = {{MetricsApi::kExternal, "queue", ""},
                                       {MetricsApi::kCustom, "hits", "ingresses.networking.k8s.io"},
                                       {MetricsApi::kCustom, "rps", "pods"},
                                       {MetricsApi::kResource, "", ""}};
  EXPECT_EQ(refs, want);
  EXPECT_TRUE(ReadsPods(*spec));
}

TEST(WantsPass, LooksPastTheStatus) {
  const Json base = Parse(R"({"metadata":{"uid":"1"},"spec":{"maxReplicas":3}})");
  const struct {
    std::string after;
    bool wants;
  } kCases[] = {
      {R"({"metadata":{"uid":"1","resourceVersion":"2"},"spec":{"maxReplicas":3},"status":{}})",
       false},
      {R"({"metadata":{"uid":"1"},"spec":{"maxReplicas":4}})", true},
      {R"({"metadata":{"uid":"1","annotations":{"weir.dev/paused":"true"}},
           "spec":{"maxReplicas":3}})",
       true},
      {R"({"metadata":{"uid":"2"},"spec":{"maxReplicas":3}})", true},
  };
  for (const auto& c : kCases) EXPECT_EQ(WantsPass(base, Parse(c.after)), c.wants) << c.after;
}

TEST(ReadsOtherwise, LooksAtTargetAndMetricsAlone) {
  const Json base = Parse(R"({"metadata":{"uid":"1"},"spec":{"maxReplicas":3,
      "scaleTargetRef":{"name":"web"},"metrics":[{"type":"External"}]}})");
  const struct {
    std::string patch;
    bool otherwise;
  } kCases[] = {
      {R"({"spec":{"maxReplicas":4}})", false},
      {R"({"metadata":{"annotations":{"a":"b"}}})", false},
      {R"({"status":{"currentReplicas":1}})", false},
      {R"({"spec":{"metrics":[{"type":"Pods"}]}})", true},
      {R"({"spec":{"scaleTargetRef":{"name":"api"}}})", true},
      {R"({"metadata":{"uid":"2"}})", true},
  };
  for (const auto& c : kCases) {
    Json after = base;
    after.merge_patch(Parse(c.patch));
    EXPECT_EQ(ReadsOtherwise(base, after), c.otherwise) << c.patch;
  }
}

TEST(PutOffFailures, LeavesOutWhatReadingGave) {
  const struct {
    bool settled;
    std::vector<std::string> reasons;
    std::vector<std::string> left;
    bool put_off;
  } kCases[] = {
      {false, {"FailedGetScale"}, {}, true},
      {false, {"TargetTypeMismatch", "FailedGetObjectMetric"}, {"TargetTypeMismatch"}, true},
      // One metric failed, another decided.
      {true, {"FailedGetPodsMetric"}, {}, false},
      // No time mends these.
      {false, {"AmbiguousSelector"}, {"AmbiguousSelector"}, false},
      {false, {"InvalidMetricSourceType"}, {"InvalidMetricSourceType"}, false},
      {true, {}, {}, false},
  };
  for (const auto& c : kCases) {
    autoscale::Decision decision;
    decision.settled = c.settled;
    for (const std::string& reason : c.reasons) decision.events.push_back({"Warning", reason, ""});
    EXPECT_EQ(PutOffFailures(decision), c.put_off);
    std::vector<std::string> left;
    for (const autoscale::Event& event : decision.events) left.push_back(event.reason);
    EXPECT_EQ(left, c.left);
  }
}

TEST(WorthWriting, HoldsBackValuesAlone) {
  const struct {
    bool changed, values_only, exact, due, others;
    Write write;
  } kCases[] = {
      {false, false, false, true, false, Write::kNot},
      {true, false, false, false, false, Write::kNow},
      {true, false, false, false, true, Write::kNow},
      {true, true, false, false, false, Write::kNot},
      {true, true, false, false, true, Write::kNot},
      {true, true, false, true, false, Write::kNow},
      {true, true, false, true, true, Write::kLater},
      {true, true, true, false, true, Write::kNow},
  };
  for (const auto& c : kCases) {
    autoscale::Decision decision;
    decision.status_changed = c.changed;
    decision.values_only = c.values_only;
    const StatusWrite when{.upstream_exact = c.exact, .values_due = c.due, .others_wait = c.others};
    EXPECT_EQ(WorthWriting(decision, when), c.write);
  }
}

TEST(NextPass, ComesWhenAWindowOrALimitLetsMoreThrough) {
  constexpr Duration kPeriod = std::chrono::seconds(15);
  const Time now{std::chrono::seconds(1000)};
  autoscale::Decision decision;
  EXPECT_EQ(NextPass(decision, now, kPeriod), kPeriod);
  decision.look_again = now + std::chrono::seconds(4);
  EXPECT_EQ(NextPass(decision, now, kPeriod), std::chrono::seconds(4));
  decision.look_again = now + std::chrono::seconds(400);
  EXPECT_EQ(NextPass(decision, now, kPeriod), kPeriod);
  decision.look_again = now - std::chrono::seconds(1);
  EXPECT_EQ(NextPass(decision, now, kPeriod), std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace weir::controllers
