// What a decision of an autoscaler costs without I/O, by the number of pods and of metrics, as
// lines of JSON: {"kind", "pods", "metrics", "us"}. bench/hpa.py prints them.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include "autoscale/decide.h"

namespace {

using namespace weir;
using namespace weir::autoscale;

constexpr Time kNow{std::chrono::seconds(1767225600)};

Json MetricOf(const std::string& kind) {
  if (kind == "Utilization") {
    return {{"type", "Resource"},
            {"resource",
             {{"name", "cpu"}, {"target", {{"type", "Utilization"}, {"averageUtilization", 50}}}}}};
  }
  if (kind == "Pods") {
    return {{"type", "Pods"},
            {"pods",
             {{"metric", {{"name", "rps"}}},
              {"target", {{"type", "AverageValue"}, {"averageValue", "10"}}}}}};
  }
  return {{"type", "External"},
          {"external",
           {{"metric", {{"name", "queue"}}},
            {"target", {{"type", kind}, {kind == "Value" ? "value" : "averageValue", "10"}}}}}};
}

Subject MakeSubject(const std::string& kind, int metrics) {
  Json hpa = {{"metadata", {{"namespace", "shop"}, {"name", "web"}}}};
  hpa["spec"] = {
      {"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}}},
      {"minReplicas", 1},
      {"maxReplicas", 10000},
      {"metrics", Json::array()},
      {"behavior", Json::object()}};
  for (int i = 0; i < metrics; ++i) hpa["spec"]["metrics"].push_back(MetricOf(kind));
  return SubjectFromJson(hpa).value();
}

Observations Observe(const Subject& subject, const std::string& kind, int pods, int each) {
  Observations seen;
  seen.scale = {.spec_replicas = pods, .status_replicas = pods, .selector = "app=web"};
  MetricResult result;
  for (int i = 0; i < pods && kind != "AverageValue"; ++i) {
    Pod pod;
    pod.name = fmt::format("web-5d8c7b9f4c-{:05}", i);
    pod.labels = {{"app", "web"}, {"pod-template-hash", "5d8c7b9f4c"}};
    pod.phase = "Running";
    pod.ready = "True";
    pod.started = kNow - std::chrono::hours(1);
    pod.ready_since = *pod.started;
    pod.containers.push_back({.name = "app", .amounts = {{"cpu", kube::Quantity::FromMilli(500)}}});
    PodUsage usage;
    usage.pod = pod.name;
    usage.value = kube::Quantity::FromMilli(each + i);
    usage.containers.push_back(
        {.name = "app", .amounts = {{"cpu", kube::Quantity::FromMilli(each / 40)}}});
    usage.timestamp = kNow;
    seen.pods.push_back(std::make_shared<const Pod>(std::move(pod)));
    result.pods.push_back(std::move(usage));
  }
  result.values.push_back(kube::Quantity::FromMilli(std::int64_t{each} * pods));
  seen.metrics.assign(subject.spec.metrics.size(), result);
  return seen;
}

// Microseconds of CPU of a pass: which requests, the decision, its completion. What is seen differs
// from pass to pass, so that each has other values to tell.
double PassMicroseconds(const Subject& stored, const std::array<Observations, 2>& seen) {
  Subject subject = stored;
  History history;
  const Options options;
  std::vector<double> rounds;
  Time now = kNow;
  for (int round = 0; round < 15; ++round) {
    // CPU time: other programs may want the processor too.
    const std::clock_t begin = std::clock();
    int passes = 0;
    std::clock_t end = begin;
    do {
      for (int i = 0; i < 16; ++i, ++passes) {
        now += std::chrono::milliseconds(10);
        const Observations& now_seen = seen[static_cast<std::size_t>(i % 2)];
        const auto requests = Requests(subject, now_seen, options);
        Decision decision = Decide(subject, now_seen, history, now, options);
        Complete(decision, subject, std::nullopt, history, now, options);
        if (requests.size() != seen[0].metrics.size()) continue;
        // What the controller writes at once.
        if (decision.status_changed && !decision.values_only) {
          subject.status = std::move(decision.status);
        }
      }
      end = std::clock();
    } while (end - begin < CLOCKS_PER_SEC / 50);
    rounds.push_back(1e6 * static_cast<double>(end - begin) / CLOCKS_PER_SEC / passes);
  }
  std::ranges::sort(rounds);
  return rounds[rounds.size() / 2];
}

}  // namespace

int main() {
  for (const std::string kind : {"AverageValue", "Value", "Utilization", "Pods"}) {
    for (const int pods : {1, 10, 100, 1000}) {
      for (const int metrics : {1, 4}) {
        const Subject subject = MakeSubject(kind, metrics);
        const double us = PassMicroseconds(
            subject, {Observe(subject, kind, pods, 9'600), Observe(subject, kind, pods, 9'700)});
        fmt::print("{{\"kind\": \"{}\", \"pods\": {}, \"metrics\": {}, \"us\": {:.2f}}}\n", kind,
                   pods, metrics, us);
      }
    }
  }
  return 0;
}
