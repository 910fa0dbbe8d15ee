#include "metricsapi/request.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace weir::metricsapi {
namespace {

constexpr std::string_view kNoRoute = "the server could not find the requested resource";

Reply NoRoute() { return Refuse(404, "NotFound", kNoRoute, "{}"); }

bool IsServed(bool external, std::string_view version) {
  return version == "v1beta1" || (version == "v1beta2" && !external);
}

std::string Parameter(const std::vector<std::pair<std::string, std::string>>& query,
                      std::string_view key) {
  for (const auto& [name, value] : query) {
    if (name == key) return value;
  }
  return {};
}

// The path's parts after the version. Route() says what they ask for.
enum class RouteKind { kNone, kBad, kMetric };

RouteKind Route(const std::vector<std::string>& parts, MetricRequest& request) {
  if (request.external) {
    if (parts.size() != 3 || parts[0] != "namespaces") return RouteKind::kNone;
    request.ns = parts[1];
    request.metric = parts[2];
    return RouteKind::kMetric;
  }
  if (parts.size() == 3) {
    // It has the form of a root-scoped object, but the words after `namespaces` belong to it.
    if (parts[0] == "namespaces") return RouteKind::kBad;
    request.resource = parts[0];
    request.name = parts[1];
    request.metric = parts[2];
    return RouteKind::kMetric;
  }
  if (parts.size() == 4 && parts[0] == "namespaces" && parts[2] == "metrics") {
    request.resource = "namespaces";
    request.name = parts[1];
    request.metric = parts[3];
    return RouteKind::kMetric;
  }
  if (parts.size() == 5 && parts[0] == "namespaces") {
    request.ns = parts[1];
    request.resource = parts[2];
    request.name = parts[3];
    request.metric = parts[4];
    return RouteKind::kMetric;
  }
  return RouteKind::kNone;
}

// A field selector may name the object again, and no other.
Status CheckFieldSelector(const MetricRequest& request, const std::string& text) {
  if (text.empty() || request.external || request.wildcard()) return {};
  auto fields = kube::ParseFieldSelector(text);
  if (!fields) return std::unexpected(fields.error());
  for (const kube::FieldRequirement& field : *fields) {
    if (field.key == "metadata.name" && field.equal && field.value != request.name) {
      return Fail(Code::kInvalid, "fieldSelector metadata.name doesn't match requested name");
    }
  }
  return {};
}

Parsed ReadSelectors(MetricRequest request,
                     const std::vector<std::pair<std::string, std::string>>& query) {
  const std::string labels = Parameter(query, "labelSelector");
  auto label_selector = kube::LabelSelector::Parse(labels);
  if (!label_selector) return Refuse(400, "BadRequest", label_selector.error().message);
  if (Status fields = CheckFieldSelector(request, Parameter(query, "fieldSelector")); !fields) {
    return Refuse(400, "BadRequest", fields.error().message);
  }
  if (request.external) {
    const std::string watch = Parameter(query, "watch");
    if (watch == "true" || watch == "1") {
      return Refuse(405, "MethodNotAllowed",
                    "watch is not supported on resources of kind \"*.external.metrics.k8s.io\"",
                    R"({"group":"external.metrics.k8s.io","kind":"*"})");
    }
    request.metric_selector = std::move(*label_selector);
    return request;
  }
  request.object_selector = labels;
  auto metric_selector = kube::LabelSelector::Parse(Parameter(query, "metricLabelSelector"));
  // Upstream does not call this the client's fault.
  if (!metric_selector) return Refuse(500, "", metric_selector.error().message);
  request.metric_selector = std::move(*metric_selector);
  return request;
}

}  // namespace

Reply Refuse(int code, std::string_view reason, std::string_view message,
             std::string_view details) {
  std::string body = fmt::format(
      R"({{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":{})",
      DumpJson(Json(message)));
  if (!reason.empty()) body += fmt::format(R"(,"reason":"{}")", reason);
  if (!details.empty()) body += fmt::format(R"(,"details":{})", details);
  return {code, "application/json", fmt::format("{},\"code\":{}}}\n", body, code)};
}

Parsed ParseRequest(std::string_view method, std::string_view path,
                    const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::string> parts;
  for (const std::string& part : Split(path, '/')) {
    if (part.empty()) continue;
    const auto decoded = PercentDecode(part, false);
    if (!decoded) return NoRoute();
    parts.push_back(*decoded);
  }
  if (parts.size() < 2 || parts[0] != "apis") return NoRoute();
  MetricRequest request;
  request.external = parts[1] == kExternalGroup;
  if (!request.external && parts[1] != kCustomGroup) return NoRoute();
  if (parts.size() > 2 && !IsServed(request.external, parts[2])) {
    return Reply{404, "text/plain; charset=utf-8", "404 page not found\n"};
  }
  RouteKind route = RouteKind::kMetric;
  if (parts.size() > 3) {
    request.version = parts[2];
    route = Route({parts.begin() + 3, parts.end()}, request);
    if (route == RouteKind::kNone) return NoRoute();
  }
  if (method != "GET") {
    return Refuse(405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource", "{}");
  }
  if (parts.size() == 2) return GroupDocument{request.external};
  if (parts.size() == 3) return ListDocument{request.external, parts[2]};
  if (route == RouteKind::kBad) return Refuse(400, "BadRequest", "invalid request path");
  if (const std::size_t point = request.resource.find('.'); point != std::string::npos) {
    request.group = request.resource.substr(point + 1);
    request.resource.resize(point);
  }
  return ReadSelectors(std::move(request), query);
}

Reply GroupReply(bool external) {
  const std::string_view group = external ? kExternalGroup : kCustomGroup;
  const auto version = [group](std::string_view v) {
    return fmt::format(R"({{"groupVersion":"{}/{}","version":"{}"}})", group, v, v);
  };
  const std::string preferred = version(external ? "v1beta1" : "v1beta2");
  const std::string versions = external ? preferred : preferred + "," + version("v1beta1");
  return {200, "application/json",
          fmt::format(R"({{"kind":"APIGroup","apiVersion":"v1","name":"{}","versions":[{}],)"
                      R"("preferredVersion":{}}})"
                      "\n",
                      group, versions, preferred)};
}

}  // namespace weir::metricsapi
