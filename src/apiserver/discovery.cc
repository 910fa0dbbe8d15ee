// Documents about the server itself: discovery, OpenAPI, version, health.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "apiserver/api.h"
#include "base/check.h"
#include "base/strings.h"
#include "kube/status.h"
#include "kube/typed_text.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kAggregatedType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
constexpr std::string_view kOpenApiV2Protobuf =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

// An OpenAPI v2 document with nothing but a title, in protobuf: swagger "2.0", info{"mini", "v1"}.
// It lets kubectl fall back to its built-in types.
std::string MinimalOpenApiV2() {
  return std::string(
      "\x0a\x03"
      "2.0"
      "\x12\x0a\x0a\x04"
      "mini"
      "\x12\x02"
      "v1",
      17);
}

// The document of a group that another handler serves, from its APIGroupDiscovery object.
Json GroupOfDiscovery(const Json& discovery) {
  const std::string name = GetString(discovery, {"metadata", "name"});
  Json versions = Json::array();
  for (const Json& version : GetArray(discovery, {"versions"})) {
    const std::string text = GetString(version, "version");
    versions.push_back({{"groupVersion", name + "/" + text}, {"version", text}});
  }
  Json group = {{"kind", "APIGroup"}, {"apiVersion", "v1"}, {"name", name}, {"versions", versions}};
  if (!versions.empty()) group["preferredVersion"] = versions[0];
  return group;
}

std::vector<std::string> GroupVersionsOf(const std::vector<Json>& groups) {
  std::vector<std::string> names;
  for (const Json& group : groups) {
    for (const Json& version : GetArray(group, {"versions"})) {
      names.push_back(GetString(group, {"metadata", "name"}) + "/" + GetString(version, "version"));
    }
  }
  return names;
}

// A document of discovery, its fields in their order.
Reply Typed(const Json& document, std::string_view type) {
  const kube::Type* found = kube::TypeTable::Get().Find(type);
  WEIR_CHECK(found != nullptr);
  return Reply::JsonText(200, kube::DumpTyped(document, *found));
}

// An answer without a body.
Reply Empty(int code) {
  Reply reply = Reply::PlainText(code, "");
  reply.content_type = kNoContentType;
  if (code == 406) reply.headers["vary"] = "Accept";
  return reply;
}

std::string ETag(std::string_view text) { return fmt::format("\"{:016X}\"", Fnv1a(text)); }

}  // namespace

std::vector<Json> Server::Impl::MountedGroups() const {
  std::vector<Json> groups;
  for (const auto& [name, discovery] : mounted_groups) {
    Json group = discovery();
    if (!group.is_null()) groups.push_back(std::move(group));
  }
  return groups;
}

bool Server::Impl::IsBuiltInGroup(std::string_view group) const {
  for (const std::string& version : registry.Versions(group)) {
    for (const kube::Resource* resource : registry.List(group, version)) {
      if (resource->crd_name.empty()) return true;
    }
  }
  return group.empty();
}

Json Server::Impl::Version() const {
  // Build metadata keeps the version's order: tools compare it with 1.36.3 and find it equal.
  const std::string suffix = options.upstream_exact ? "" : "+weir";
  return {{"major", "1"},
          {"minor", "36"},
          {"emulationMajor", "1"},
          {"emulationMinor", "36"},
          {"minCompatibilityMajor", "1"},
          {"minCompatibilityMinor", "35"},
          {"gitVersion", "v1.36.3" + suffix},
          {"gitCommit", ""},
          {"gitTreeState", "clean"},
          {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", ""},
          {"compiler", "gc"},
          {"platform", "linux/amd64"}};
}

Json Server::Impl::PathList() const {
  std::set<std::string> paths = {"/api",     "/api/v1", "/apis",    "/healthz",    "/livez",
                                 "/metrics", "/readyz", "/version", "/openapi/v2", "/openapi/v3"};
  for (const std::string& group : registry.Groups()) {
    if (group.empty()) continue;
    paths.insert("/apis/" + group);
    for (const std::string& version : registry.Versions(group)) {
      paths.insert("/apis/" + group + "/" + version);
    }
  }
  return {{"paths", paths}};
}

Reply Server::Impl::Health(const Call& call, std::string_view what, std::string_view check) const {
  if (!check.empty() && check != "ping") return PageNotFound();
  const bool ready = started && !stopping;
  const bool healthy = what != "readyz" || ready;
  if (check == "ping" || (!HasQuery(call.query, "verbose") && healthy)) {
    return Reply::PlainText(200, "ok");
  }
  std::string text = "[+]ping ok\n";
  if (what == "readyz") {
    text += ready ? "[+]shutdown ok\n" : "[-]shutdown failed: reason withheld\n";
  }
  text += fmt::format("{} check {}\n", what, healthy ? "passed" : "failed");
  return Reply::PlainText(healthy ? 200 : 500, std::move(text));
}

std::shared_ptr<const std::string> Server::Impl::OpenApiText(const std::string& path) {
  if (openapi_generation != registry.generation()) openapi_texts.clear();
  openapi_generation = registry.generation();
  const auto found = openapi_texts.find(path);
  if (found != openapi_texts.end()) return found->second;
  const Json document = registry.OpenApiDocument(path);
  if (document.is_null()) return nullptr;
  auto text = std::make_shared<const std::string>(DumpJson(document));
  openapi_texts[path] = text;
  return text;
}

Reply Server::Impl::OpenApi(const Call& call) {
  const std::string& path = call.info.path;
  const std::string accept = call.request.Header("accept");
  if (path == "/openapi/v2") {
    if (accept.contains("proto-openapi.spec.v2")) {
      Reply reply = Reply::JsonText(200, MinimalOpenApiV2());
      reply.content_type = kOpenApiV2Protobuf;
      return reply;
    }
    if (!NegotiateAnswer(accept, false)) {
      Reply reply = Empty(406);
      reply.headers["vary"] = "Accept\nAccept-Encoding";  // a header line each
      return reply;
    }
    return Reply::Document(200, {{"swagger", "2.0"},
                                 {"info", {{"title", "Kubernetes"}, {"version", "v1.36.3"}}},
                                 {"paths", Json::object()}});
  }
  if (path == "/openapi/v3") {
    Json index = registry.OpenApiIndex(GroupVersionsOf(MountedGroups()));
    return Reply::PlainText(200, DumpJson(index) + "\n");
  }
  constexpr std::string_view kPrefix = "/openapi/v3/";
  if (!path.starts_with(kPrefix)) return PageNotFound();
  // kubectl asks for protobuf and reads JSON as well.
  if (!accept.empty() && !accept.contains("proto-openapi.spec.v3") &&
      !NegotiateAnswer(accept, false)) {
    return Empty(406);
  }
  const auto text = OpenApiText(path.substr(kPrefix.size()));
  if (text == nullptr) return Empty(404);
  Reply reply = Reply::JsonText(200, *text);
  // What is asked for by its hash never changes: kubectl keeps it on disk.
  const Json index = registry.OpenApiIndex({});
  const std::string url =
      GetString(index, {"paths", path.substr(kPrefix.size()), "serverRelativeURL"});
  if (const std::string hash = QueryValue(call.query, "hash");
      !hash.empty() && url.ends_with("?hash=" + hash)) {
    reply.headers["cache-control"] = "public, immutable, max-age=31536000";
    reply.headers["vary"] = "Accept";
  }
  return reply;
}

Reply Server::Impl::AggregatedDiscovery(const Call& call, bool core) const {
  const Json document =
      core ? registry.AggregatedCore() : registry.AggregatedGroups(MountedGroups());
  std::string text = DumpJson(document);
  const std::string tag = ETag(text);
  Reply reply = Reply::JsonText(200, std::move(text));
  if (call.request.Header("if-none-match") == tag) {
    reply.code = 304;
    reply.text.clear();
  }
  reply.content_type = kAggregatedType;
  reply.headers["etag"] = tag;
  reply.headers["vary"] = "Accept";
  return reply;
}

// `parts`: the path's elements, "api" or "apis" first, without an empty one at the end.
Reply Server::Impl::Discovery(const Call& call, std::vector<std::string> parts) {
  const std::string accept = call.request.Header("accept");
  const bool core = parts[0] == "api";
  if (parts.size() == 1) {
    const Result<bool> aggregated = WantsAggregatedDiscovery(accept);
    if (!aggregated) return Reply::Error(NotAcceptable(aggregated.error()));
    if (*aggregated) return AggregatedDiscovery(call, core);
    if (core) return Typed(registry.ApiVersions(options.address), "meta/v1.APIVersions");
    return Typed(registry.ApiGroupList(MountedGroups()), "meta/v1.APIGroupList");
  }
  const std::string group = core ? "" : parts[1];
  if (!core && parts.size() == 2) {
    Json document = registry.ApiGroup(group);
    for (const Json& mounted : MountedGroups()) {
      if (GetString(mounted, {"metadata", "name"}) == group) document = GroupOfDiscovery(mounted);
    }
    if (document.is_null()) return PageNotFound();
    return Typed(document, "meta/v1.APIGroup");
  }
  const Json document = registry.ApiResourceList(group, parts.back());
  if (!document.is_null()) return Typed(document, "meta/v1.APIResourceList");
  return IsBuiltInGroup(group) ? Reply::Error(UnknownResource()) : PageNotFound();
}

Reply Server::Impl::ServePath(Call& call) {
  const std::string& path = call.info.path;
  for (const std::string_view what : {"healthz", "livez", "readyz"}) {
    const std::string base = "/" + std::string(what);
    if (path == base) return Health(call, what, "");
    if (path.starts_with(base + "/")) {
      const std::string_view check = std::string_view(path).substr(base.size() + 1);
      return check.empty() ? PageNotFound() : Health(call, what, check);
    }
  }
  const bool head = call.request.method == "HEAD";
  const std::string accept = call.request.Header("accept");
  if (path == "/version" || path == "/version/") {
    if (call.info.verb != "get") return Reply::Error(kube::StatusMethodNotAllowed());
    // Only JSON, as a watch.
    const auto accepted = NegotiateAnswer(accept, /*watch=*/true);
    if (accepted) return Reply::Document(200, Version());
    call.accepted.format = FormatOfError(accept);
    return Reply::Error(NotAcceptable(accepted.error()));
  }
  if (path == "/metrics" && metrics_handler) {
    Reply reply = Reply::PlainText(200, metrics_handler());
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return reply;
  }
  if (path == "/") return Reply::Document(200, PathList());
  if (path.starts_with("/openapi/")) return OpenApi(call);
  if (!call.info.is_api) return PageNotFound();

  std::vector<std::string> parts = Split(std::string_view(path).substr(1), '/');
  if (parts.back().empty()) parts.pop_back();
  if (std::ranges::any_of(parts, &std::string::empty)) return Reply::Error(UnknownResource());
  Reply reply = Discovery(call, parts);
  if (head && reply.code == 200) return Reply::Error(kube::StatusMethodNotAllowed());
  if (reply.code != 200 || !reply.content_type.empty()) return reply;
  auto accepted = NegotiateAnswer(accept, false);
  if (!accepted) return Reply::Error(NotAcceptable(accepted.error()));
  call.accepted = std::move(*accepted);
  return reply;
}

}  // namespace weir::apiserver
