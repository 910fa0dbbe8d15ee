#include "client/client.h"

#include <fmt/format.h>

#include <utility>

#include "base/strings.h"
#include "client/line_splitter.h"

namespace weir::client {
namespace {

constexpr Duration kTimeout = std::chrono::seconds(30);
constexpr std::size_t kWatchLineBytesMax = 16U << 20U;
constexpr std::size_t kErrorBodyBytesMax = 1U << 20U;

Code CodeOf(int status) {
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return Code::kInvalid;
    case 401:
    case 403:
      return Code::kForbidden;
    case 404:
    case 410:
      return Code::kNotFound;
    case 409:
      return Code::kConflict;
    case 408:
    case 504:
      return Code::kTimeout;
    case 429:
    case 503:
      return Code::kUnavailable;
    default:
      return Code::kInternal;
  }
}

// The error that an answer of 400 or above stands for: the message of its Status, or its text.
Error ErrorOf(int status, std::string_view body) {
  const Result<Json> parsed = ParseJson(body);
  std::string message;
  if (parsed && parsed->is_object()) message = GetString(*parsed, "message");
  if (message.empty()) message = Trim(body.substr(0, 1024));
  if (message.empty()) message = fmt::format("the API server answered {}", status);
  return Error{CodeOf(status), std::move(message)};
}

Result<Json> DocumentOf(const Result<net::HttpResponse>& response) {
  if (!response) return std::unexpected(response.error());
  if (response->status >= 400) return std::unexpected(ErrorOf(response->status, response->body));
  Result<Json> document = ParseJson(response->body);
  if (!document) return Prefixed("the API server's answer", document.error());
  return document;
}

std::string_view ContentTypeOf(PatchType type) {
  switch (type) {
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kStrategic:
      return "application/strategic-merge-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";
  }
  std::unreachable();
}

net::HttpRequest NewRequest(std::string method, std::string target, const std::string& agent) {
  net::HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.emplace("accept", "application/json");
  request.headers.emplace("user-agent", agent);
  return request;
}

std::string WithQuery(std::string path,
                      const std::vector<std::pair<std::string, std::string>>& parameters) {
  const std::string query = net::BuildQuery(parameters);
  if (query.empty()) return path;
  return path + (path.find('?') == std::string::npos ? "?" : "&") + query;
}

std::vector<std::pair<std::string, std::string>> Selectors(const ListOptions& options) {
  std::vector<std::pair<std::string, std::string>> parameters;
  if (!options.label_selector.empty()) {
    parameters.emplace_back("labelSelector", options.label_selector);
  }
  if (!options.field_selector.empty()) {
    parameters.emplace_back("fieldSelector", options.field_selector);
  }
  return parameters;
}

// What one watch request has come to. Lines go to the caller's function one by one.
struct WatchState {
  std::function<bool(WatchEvent)> on_event;
  LineSplitter splitter{kWatchLineBytesMax};
  int status = 0;
  std::string error_body;
  Status result;

  // False ends the watch.
  bool TakeLine(std::string_view line) {
    Result<Json> event = ParseJson(line);
    if (!event) {
      result = Prefixed("watch event", event.error());
      return false;
    }
    const std::string type = GetString(*event, "type");
    Json object = std::move(Ensure(*event, {"object"}));
    if (!object.is_object()) object = Json::object();
    if (type == "ERROR") {
      const std::int64_t code = GetInt(object, {"code"}, 500);
      result = std::unexpected(ErrorOf(static_cast<int>(code), DumpJson(object)));
      return false;
    }
    if (type == "ADDED") return on_event({WatchType::kAdded, std::move(object)});
    if (type == "MODIFIED") return on_event({WatchType::kModified, std::move(object)});
    if (type == "DELETED") return on_event({WatchType::kDeleted, std::move(object)});
    if (type == "BOOKMARK") return on_event({WatchType::kBookmark, std::move(object)});
    result = Fail(Code::kInternal, fmt::format("watch event of unknown type {}", Quote(type)));
    return false;
  }

  bool TakeChunk(std::string_view piece) {
    if (status >= 400) {
      error_body += piece.substr(0, kErrorBodyBytesMax - error_body.size());
      return true;
    }
    const auto line = [this](std::string_view text) { return TakeLine(text); };
    switch (splitter.Feed(piece, line)) {
      case LineSplitter::Outcome::kMore:
        return true;
      case LineSplitter::Outcome::kStopped:
        return false;
      case LineSplitter::Outcome::kTooLong:
        result =
            Fail(Code::kInternal, fmt::format("watch event above {} bytes", kWatchLineBytesMax));
        return false;
    }
    std::unreachable();
  }
};

}  // namespace

std::string ResourceRef::Path(std::string_view ns, std::string_view name,
                              std::string_view subresource) const {
  std::string path = group.empty() ? "/api/" + version : "/apis/" + group + "/" + version;
  if (!ns.empty()) path += "/namespaces/" + PercentEncode(ns);
  path += "/" + plural;
  if (!name.empty()) path += "/" + PercentEncode(name);
  if (!subresource.empty()) path += "/" + std::string(subresource);
  return path;
}

Client::Client(Transport& transport, std::string agent)
    : transport_(transport), agent_(std::move(agent)) {}

net::Task<Result<Json>> Client::GetPath(std::string path) {
  net::HttpRequest request = NewRequest("GET", std::move(path), agent_);
  co_return DocumentOf(co_await transport_.Do(std::move(request), kTimeout));
}

net::Task<Result<net::HttpResponse>> Client::GetRaw(std::string path) {
  net::HttpRequest request = NewRequest("GET", std::move(path), agent_);
  co_return co_await transport_.Do(std::move(request), kTimeout);
}

net::Task<Result<Json>> Client::Send(std::string method, std::string path, Json body) {
  net::HttpRequest request = NewRequest(std::move(method), std::move(path), agent_);
  request.headers.emplace("content-type", "application/json");
  request.body = DumpJson(body);
  co_return DocumentOf(co_await transport_.Do(std::move(request), kTimeout));
}

net::Task<Result<Json>> Client::Get(ResourceRef ref, std::string ns, std::string name,
                                    std::string subresource) {
  return GetPath(ref.Path(ns, name, subresource));
}

net::Task<Result<Json>> Client::List(ResourceRef ref, std::string ns, ListOptions options) {
  return GetPath(WithQuery(ref.Path(ns), Selectors(options)));
}

net::Task<Result<Json>> Client::Create(ResourceRef ref, std::string ns, Json object) {
  return Send("POST", WithQuery(ref.Path(ns), {{"fieldManager", agent_}}), std::move(object));
}

net::Task<Result<Json>> Client::Update(ResourceRef ref, std::string ns, std::string name,
                                       Json object, std::string subresource) {
  return Send("PUT", WithQuery(ref.Path(ns, name, subresource), {{"fieldManager", agent_}}),
              std::move(object));
}

net::Task<Result<Json>> Client::Patch(ResourceRef ref, std::string ns, std::string name,
                                      PatchType type, Json patch, std::string subresource) {
  std::vector<std::pair<std::string, std::string>> parameters{{"fieldManager", agent_}};
  if (type == PatchType::kApply) {
    parameters.emplace_back("force", "true");
    parameters.emplace_back("fieldValidation", "Strict");
  }
  std::string target = WithQuery(ref.Path(ns, name, subresource), parameters);
  net::HttpRequest request = NewRequest("PATCH", std::move(target), agent_);
  request.headers.emplace("content-type", ContentTypeOf(type));
  request.body = DumpJson(patch);
  co_return DocumentOf(co_await transport_.Do(std::move(request), kTimeout));
}

net::Task<Status> Client::Delete(ResourceRef ref, std::string ns, std::string name,
                                 DeleteOptions options) {
  Json body = {{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (options.grace_period_seconds) body["gracePeriodSeconds"] = *options.grace_period_seconds;
  if (!options.propagation_policy.empty()) body["propagationPolicy"] = options.propagation_policy;
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  const Result<Json> answer = co_await Send("DELETE", ref.Path(ns, name), std::move(body));
  if (!answer) co_return std::unexpected(answer.error());
  co_return Status();
}

net::Task<Status> Client::Watch(ResourceRef ref, std::string ns, ListOptions options,
                                std::string resource_version,
                                std::function<bool(WatchEvent)> on_event) {
  auto parameters = Selectors(options);
  parameters.emplace_back("watch", "1");
  parameters.emplace_back("allowWatchBookmarks", "true");
  if (!resource_version.empty()) parameters.emplace_back("resourceVersion", resource_version);
  net::HttpRequest request = NewRequest("GET", WithQuery(ref.Path(ns), parameters), agent_);
  WatchState state;
  state.on_event = std::move(on_event);
  auto head = [&state](const net::HttpResponse& response) {
    state.status = response.status;
    return true;
  };
  auto chunk = [&state](std::string_view piece) { return state.TakeChunk(piece); };
  const Status streamed = co_await transport_.Stream(std::move(request), kTimeout, head, chunk);
  if (!state.result) co_return state.result;
  if (!streamed) co_return streamed;
  if (state.status >= 400) co_return std::unexpected(ErrorOf(state.status, state.error_body));
  co_return Status();
}

}  // namespace weir::client
