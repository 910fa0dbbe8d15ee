#include "controllers/hpa_metrics_plan.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/strings.h"
#include "base/yaml.h"
#include "kube/json_text.h"
#include "kube/selector.h"

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
    const auto time = ParseRfc3339(GetString(item, "timestamp"));
    if (time) result.timestamp = std::min(result.timestamp.value_or(*time), *time);
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
    case MetricsApi::kResource: {
      const bool refusal = kind == "Status" && GetString(answer, "status") != "Success";
      return refusal ? GetString(answer, "message") : "";
    }
    case MetricsApi::kCustom:
      if (kind == "MetricValueList") return "";
      return "the custom metrics API server didn't return MetricValueList, the type is *v1." + kind;
  }
  return "";
}

// The document in an answer of 2xx. Errors as apimachinery's serializers say them; those of custom
// metrics read YAML too and want a kind.
Result<Json> ReadDocument(const MetricRequest& request, const RawAnswer& answer) {
  const bool custom = request.api == MetricsApi::kCustom;
  const std::string no_kind = "Object 'Kind' is missing in '" + answer.body + "'";
  if (answer.body.empty()) {
    if (custom) return Fail(Code::kInvalid, no_kind);
    return Fail(Code::kInvalid,
                "0-length response with status code: " + std::to_string(answer.status) +
                    " and content type: " + answer.content_type);
  }
  constexpr std::string_view kContext = "couldn't get version/kind; json parse error: ";
  std::string text = answer.body;
  Result<kube::JsonText> value = kube::ParseJsonText(text);
  if (!value && custom) {
    const Result<Json> yaml = ParseYamlDocument(answer.body);
    if (yaml) {
      text = DumpJson(*yaml);
      value = kube::ParseJsonText(text);
    }
  }
  if (!value) return Fail(Code::kInvalid, std::string(kContext) + value.error().message);
  if (value->kind != kube::JsonText::Kind::kObject && value->kind != kube::JsonText::Kind::kNull) {
    return Fail(Code::kInvalid,
                std::string(kContext) + "json: cannot unmarshal " + std::string(value->KindName()) +
                    " into Go value of type struct { APIVersion string "
                    R"("json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" })");
  }
  Json document = kube::ToJson(*value);
  if (custom && GetString(document, "kind").empty()) return Fail(Code::kInvalid, no_kind);
  return document;
}

// What client-go says of an HTTP status that came without a Status object.
std::string StatusText(int status, const std::string& text) {
  switch (status) {
    case 400:
      return "the server rejected our request for an unknown reason";
    case 401:
      return "the server has asked for the client to provide credentials";
    case 403:
    case 415:
      return text;
    case 404:
      return "the server could not find the requested resource";
    case 405:
      return "the server does not allow this method on the requested resource";
    case 406:
      return text == "unknown" ? "the server was unable to respond with a content type that the "
                                 "client supports"
                               : text;
    case 409:
      return "the server reported a conflict";
    case 422:
      return "the server rejected our request due to an error in our request";
    case 429:
      return "the server has received too many requests and has asked us to try again later";
    case 503:
      return "the server is currently unable to handle the request";
    case 504:
      return "the server was unable to return a response in the time allotted, but may still be "
             "processing the request";
    default:
      break;
  }
  if (status >= 500) {
    return "an error on the server (" + Quote(text) + ") has prevented the request from succeeding";
  }
  return "the server responded with the status code " + std::to_string(status) +
         " but did not return more information";
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

std::string FailureText(const RawAnswer& answer, const std::string& subject) {
  const Result<Json> document = ParseJson(answer.body);
  if (document && document->is_object() && GetString(*document, "status") == "Failure") {
    const std::string kind = GetString(*document, "kind");
    if (kind.empty() || kind == "Status") return GetString(*document, "message");
  }
  const bool is_text = answer.content_type.empty() || answer.content_type.starts_with("text/");
  const std::string text = is_text ? std::string(Trim(answer.body)) : "unknown";
  return StatusText(answer.status, text) + (subject.empty() ? "" : " (get " + subject + ")");
}

std::optional<std::string> ScaleError(const Json& scale) {
  const std::string selector = GetString(scale, {"status", "selector"});
  const Result<kube::LabelSelector> parsed = kube::LabelSelector::Parse(selector);
  if (parsed) return std::nullopt;
  return "received an object from a /scale endpoint which was not convertible to autoscaling "
         "Scale: failed to parse target selector: couldn't parse the selector string " +
         Quote(selector) + ": " + parsed.error().message;
}

MetricResult ReadMetricAnswer(const MetricRequest& request, const std::string& subject,
                              const RawAnswer& raw) {
  MetricResult result;
  if (raw.status < 200 || raw.status > 206) {
    result.error = FailureText(raw, subject);
    return result;
  }
  const Result<Json> document = ReadDocument(request, raw);
  if (!document) {
    result.error = document.error().message;
    return result;
  }
  const Json& answer = *document;
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
