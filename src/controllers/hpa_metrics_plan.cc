#include "controllers/hpa_metrics_plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/strings.h"

namespace weir::controllers {
namespace {

using autoscale::MetricRequest;
using autoscale::MetricResult;
using autoscale::MetricsApi;

constexpr std::array<std::string_view, 2> kKnownVersions = {"v1beta2", "v1beta1"};

// Longer ones are nonsense, and sums with them might not fit.
constexpr std::chrono::seconds kLongestWindow = std::chrono::hours(24);

bool IsKnown(std::string_view version) {
  return version == kKnownVersions[0] || version == kKnownVersions[1];
}

// null and absent are 0, as an unset Quantity is.
Result<kube::Quantity> ReadQuantity(const Json& item, std::string_view key) {
  const Json* value = Find(item, key);
  if (value == nullptr || value->is_null()) return kube::Quantity();
  return kube::Quantity::Parse(value->is_string() ? value->get<std::string>() : DumpJson(*value));
}

Duration ReadWindow(const Json& item) {
  // metrics.k8s.io has a duration's text; custom.metrics.k8s.io seconds, under a name of each
  // version.
  const Result<Duration> text = ParseGoDuration(GetString(item, "window"));
  if (text) return std::clamp<Duration>(*text, Duration(0), kLongestWindow);
  const std::int64_t seconds = GetInt(item, {"windowSeconds"}, GetInt(item, {"window"}, 0));
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongestWindow.count()));
}

Result<autoscale::PodUsage> ReadPodMetrics(const Json& item) {
  autoscale::PodUsage usage;
  usage.pod = GetString(item, {"metadata", "name"});
  usage.timestamp = ParseRfc3339(GetString(item, "timestamp")).value_or(Time());
  usage.window = ReadWindow(item);
  for (const Json& json : GetArray(item, {"containers"})) {
    autoscale::Container container;
    container.name = GetString(json, "name");
    const Json& amounts = GetObject(json, {"usage"});
    for (const auto& [name, value] : amounts.items()) {
      Result<kube::Quantity> amount = ReadQuantity(amounts, name);
      if (!amount) return std::unexpected(amount.error());
      container.amounts.emplace(name, *std::move(amount));
    }
    usage.containers.push_back(std::move(container));
  }
  return usage;
}

Status ReadItem(const MetricRequest& request, const Json& item, MetricResult& result) {
  if (request.api == MetricsApi::kResource) {
    Result<autoscale::PodUsage> usage = ReadPodMetrics(item);
    if (!usage) return std::unexpected(usage.error());
    result.pods.push_back(*std::move(usage));
    return {};
  }
  Result<kube::Quantity> value = ReadQuantity(item, "value");
  if (!value) return std::unexpected(value.error());
  if (request.api == MetricsApi::kExternal || request.object != "*") {
    result.values.push_back(*std::move(value));
    return {};
  }
  autoscale::PodUsage usage;
  usage.pod = GetString(item, {"describedObject", "name"});
  usage.value = *std::move(value);
  usage.timestamp = ParseRfc3339(GetString(item, "timestamp")).value_or(Time());
  usage.window = ReadWindow(item);
  result.pods.push_back(std::move(usage));
  return {};
}

// Why the document as a whole is no answer; empty where it is one.
std::string WrongDocument(const MetricRequest& request, const Json& answer) {
  const std::string kind = GetString(answer, "kind");
  switch (request.api) {
    case MetricsApi::kExternal:
      return "";  // upstream takes any document for a list
    case MetricsApi::kResource:
      return kind == "Status" ? GetString(answer, "message") : "";
    case MetricsApi::kCustom:
      if (kind == "MetricValueList") return "";
      return "the custom metrics API server didn't return MetricValueList, the type is *v1." + kind;
  }
  return "";
}

}  // namespace

Result<std::string> CustomMetricsVersion(const Json& api_group) {
  const std::string preferred = GetString(api_group, {"preferredVersion", "version"});
  if (IsKnown(preferred)) return preferred;
  for (const Json& version : GetArray(api_group, {"versions"})) {
    const std::string name = GetString(version, "version");
    if (IsKnown(name)) return name;
  }
  return Fail(Code::kNotFound, "no known available metric versions found");
}

std::string MetricPath(const MetricRequest& request, const std::string& resource,
                       const std::string& version) {
  std::string path;
  std::vector<std::pair<std::string, std::string_view>> parameters;
  const std::string in_namespace =
      request.ns.empty() ? "" : "/namespaces/" + PercentEncode(request.ns);
  switch (request.api) {
    case MetricsApi::kResource:
      path = "/apis/metrics.k8s.io/v1beta1" + in_namespace + "/pods";
      break;
    case MetricsApi::kExternal:
      path = "/apis/external.metrics.k8s.io/v1beta1" + in_namespace + "/" +
             PercentEncode(request.metric);
      break;
    case MetricsApi::kCustom:
      path = "/apis/custom.metrics.k8s.io/" + version + in_namespace;
      if (request.ns.empty()) {
        // A namespace describes itself: the API has a path of its own for that.
        path += "/namespaces/" + PercentEncode(request.object) + "/metrics";
      } else {
        path +=
            "/" + resource + "/" + (request.object == "*" ? "*" : PercentEncode(request.object));
      }
      path += "/" + PercentEncode(request.metric);
      break;
  }
  if (!request.label_selector.empty()) {
    parameters.emplace_back("labelSelector", request.label_selector);
  }
  if (!request.metric_label_selector.empty()) {
    parameters.emplace_back("metricLabelSelector", request.metric_label_selector);
  }
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    path += separator + name + "=" + PercentEncode(value);
    separator = '&';
  }
  return path;
}

std::string MetricSubject(const MetricRequest& request, const std::string& resource) {
  switch (request.api) {
    case MetricsApi::kResource:
      return "pods.metrics.k8s.io";
    case MetricsApi::kExternal:
      return request.metric + ".external.metrics.k8s.io";
    case MetricsApi::kCustom:
      return resource + ".custom.metrics.k8s.io " + request.object;
  }
  return "";
}

std::string MetricErrorText(const Error& error, const std::string& subject) {
  const std::string suffix = " (get " + subject + ")";
  if (error.message == "404 page not found") {
    return "the server could not find the requested resource" + suffix;
  }
  if (error.message == "service unavailable" || error.message == "the API server answered 503") {
    return "the server is currently unable to handle the request" + suffix;
  }
  return error.message;
}

MetricResult ReadMetricAnswer(const MetricRequest& request, const Json& answer) {
  MetricResult result;
  const std::string wrong = WrongDocument(request, answer);
  if (!wrong.empty()) {
    result.error = wrong;
    return result;
  }
  const Json& items = GetArray(answer, {"items"});
  for (const Json& item : items) {
    const Status read = ReadItem(request, item, result);
    if (!read) {
      result = {};
      result.error = read.error().message;
      return result;
    }
  }
  const bool one_object = request.api == MetricsApi::kCustom && request.object != "*";
  if (one_object && items.size() != 1) {
    result = {};
    result.error = "the custom metrics API server returned " + std::to_string(items.size()) +
                   " results when we asked for exactly one";
  }
  return result;
}

}  // namespace weir::controllers
