#include "metricsapi/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "base/yaml_writer.h"

namespace weir::metricsapi {
namespace {

constexpr std::string_view kNoRoute = "the server could not find the requested resource";

Reply NoRoute() { return Refuse(404, "NotFound", kNoRoute, "{}"); }

bool IsServed(Api api, std::string_view version) {
  const std::vector<std::string_view> versions = VersionsOf(api);
  return std::find(versions.begin(), versions.end(), version) != versions.end();
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

bool IsWatch(const std::vector<std::pair<std::string, std::string>>& query) {
  const std::string watch = Parameter(query, "watch");
  return watch == "true" || watch == "1";
}

Reply NoWatch(std::string_view group, std::string_view resource) {
  return Refuse(
      405, "MethodNotAllowed",
      fmt::format("watch is not supported on resources of kind \"{}.{}\"", resource, group),
      fmt::format(R"({{"group":"{}","kind":"{}"}})", group, resource));
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
    if (IsWatch(query)) return NoWatch(kExternalGroup, "*");
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

// The paths of metrics.k8s.io, after the version. False where there is no such path.
bool RouteUsage(const std::vector<std::string>& parts, UsageRequest& request) {
  if (parts.size() <= 2 && parts[0] == "nodes") {
    request.nodes = true;
    if (parts.size() == 2) request.name = parts[1];
    return true;
  }
  if (parts.size() == 1 && parts[0] == "pods") return true;
  if (parts.size() < 3 || parts.size() > 4) return false;
  if (parts[0] != "namespaces" || parts[2] != "pods") return false;
  request.ns = parts[1];
  if (parts.size() == 4) request.name = parts[3];
  return true;
}

// Whether a table is what the client wants most.
bool WantsTable(std::string_view accept) {
  const std::string_view first = accept.substr(0, accept.find(','));
  bool table = false, json = false, version = false;
  for (const std::string& part : Split(first, ';')) {
    const std::string_view item = Trim(part);
    table = table || item == "as=Table";
    version = version || item == "v=v1";
    json = json || item == "application/json";
  }
  return table && json && version;
}

Parsed ReadUsage(UsageRequest request,
                 const std::vector<std::pair<std::string, std::string>>& query,
                 std::string_view accept) {
  request.table = WantsTable(accept);
  if (!request.name.empty()) return request;
  if (IsWatch(query)) return NoWatch(kResourceGroup, request.nodes ? "nodes" : "pods");
  request.label_selector = Parameter(query, "labelSelector");
  auto labels = kube::LabelSelector::Parse(request.label_selector);
  if (!labels) return Refuse(400, "BadRequest", labels.error().message);
  auto fields = kube::ParseFieldSelector(Parameter(query, "fieldSelector"));
  if (!fields) return Refuse(400, "BadRequest", fields.error().message);
  for (const kube::FieldRequirement& field : *fields) {
    if (field.key == "metadata.name" || field.key == "metadata.namespace") continue;
    return Refuse(400, "BadRequest",
                  fmt::format("{} is not a known field selector: only \"metadata.name\", "
                              "\"metadata.namespace\"",
                              Quote(field.key)));
  }
  request.fields = std::move(*fields);
  return request;
}

}  // namespace

std::string_view GroupOf(Api api) {
  switch (api) {
    case Api::kCustom:
      return kCustomGroup;
    case Api::kExternal:
      return kExternalGroup;
    case Api::kResource:
      return kResourceGroup;
  }
  return "";
}

std::optional<Api> ApiOfGroup(std::string_view group) {
  for (const Api api : {Api::kCustom, Api::kExternal, Api::kResource}) {
    if (GroupOf(api) == group) return api;
  }
  return std::nullopt;
}

std::vector<std::string_view> VersionsOf(Api api) {
  if (api == Api::kCustom) return {"v1beta2", "v1beta1"};
  return {"v1beta1"};
}

Reply PageNotFound() { return {404, "text/plain; charset=utf-8", "404 page not found\n"}; }

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
                    const std::vector<std::pair<std::string, std::string>>& query,
                    std::string_view accept) {
  std::vector<std::string> parts;
  for (const std::string& part : Split(path, '/')) {
    if (part.empty()) continue;
    const auto decoded = PercentDecode(part, false);
    if (!decoded) return NoRoute();
    parts.push_back(*decoded);
  }
  if (parts.size() < 2 || parts[0] != "apis") return NoRoute();
  const std::optional<Api> api = ApiOfGroup(parts[1]);
  if (!api) return NoRoute();
  if (parts.size() > 2 && !IsServed(*api, parts[2])) return PageNotFound();
  MetricRequest request;
  UsageRequest usage;
  request.external = *api == Api::kExternal;
  RouteKind route = RouteKind::kMetric;
  if (parts.size() > 3) {
    const std::vector<std::string> rest(parts.begin() + 3, parts.end());
    request.version = parts[2];
    if (*api == Api::kResource) {
      route = RouteUsage(rest, usage) ? RouteKind::kMetric : RouteKind::kNone;
    } else {
      route = Route(rest, request);
    }
    if (route == RouteKind::kNone) return NoRoute();
  }
  if (method != "GET") {
    return Refuse(405, "MethodNotAllowed",
                  "the server does not allow this method on the requested resource", "{}");
  }
  if (parts.size() == 2) return GroupDocument{*api};
  if (parts.size() == 3) return ListDocument{*api, parts[2]};
  if (*api == Api::kResource) return ReadUsage(std::move(usage), query, accept);
  if (route == RouteKind::kBad) return Refuse(400, "BadRequest", "invalid request path");
  if (const std::size_t point = request.resource.find('.'); point != std::string::npos) {
    request.group = request.resource.substr(point + 1);
    request.resource.resize(point);
  }
  return ReadSelectors(std::move(request), query);
}

Reply Negotiated(Reply reply, std::string_view accept) {
  if (reply.content_type != "application/json") return reply;
  for (const std::string& clause : Split(accept, ',')) {
    const std::string type = ToLower(Trim(clause.substr(0, clause.find(';'))));
    if (type == "application/json" || type == "*/*" || type == "application/*") return reply;
    if (type != "application/yaml") continue;
    const auto document = ParseJson(reply.body);
    if (!document) return reply;
    return {reply.status, "application/yaml", ToYaml(*document)};
  }
  return reply;
}

Reply GroupReply(Api api) {
  std::string preferred, versions;
  for (const std::string_view version : VersionsOf(api)) {
    const std::string item =
        fmt::format(R"({{"groupVersion":"{0}/{1}","version":"{1}"}})", GroupOf(api), version);
    if (preferred.empty()) preferred = item;
    versions += (versions.empty() ? "" : ",") + item;
  }
  return {200, "application/json",
          fmt::format(R"({{"kind":"APIGroup","apiVersion":"v1","name":"{}","versions":[{}],)"
                      R"("preferredVersion":{}}})"
                      "\n",
                      GroupOf(api), versions, preferred)};
}

Reply UsageListReply() {
  return {200, "application/json",
          R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":"metrics.k8s.io/v1beta1",)"
          R"("resources":[{"name":"nodes","singularName":"","namespaced":false,)"
          R"("kind":"NodeMetrics","verbs":["get","list"]},{"name":"pods","singularName":"",)"
          R"("namespaced":true,"kind":"PodMetrics","verbs":["get","list"]}]})"
          "\n"};
}

}  // namespace weir::metricsapi
