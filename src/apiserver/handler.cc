// From the request to the answer: who asks, for what, whether they may, who serves it.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "apiserver/api.h"
#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

// kube-apiserver's limit of a request's body.
constexpr std::size_t kMaxBodyBytes = 3U << 20U;
constexpr std::size_t kTokenKeySize = 32;

// The verb as metrics name it: clients may send any method.
std::string KnownVerb(const std::string& verb) {
  static constexpr std::string_view kVerbs[] = {"get",    "list",  "watch",  "create",
                                                "update", "patch", "delete", "deletecollection",
                                                "post",   "put"};
  return std::ranges::find(kVerbs, verb) == std::end(kVerbs) ? "other" : verb;
}

bool IsCollectionVerb(std::string_view verb) {
  return verb == "list" || verb == "watch" || verb == "create" || verb == "deletecollection";
}

std::unexpected<Json> MethodNotAllowed() { return std::unexpected(kube::StatusMethodNotAllowed()); }

}  // namespace

Server::Server(net::Loop& loop, env::Clock& clock, env::Random& random, kubestore::Store& store,
               Options options)
    : impl_(std::make_unique<Impl>(loop, clock, random, store, std::move(options))) {}

Server::~Server() = default;

Status Server::Start() {
  auto range = ParseServiceRange(impl_->options.service_network, impl_->options.node_port_first,
                                 impl_->options.node_port_last);
  if (!range) return Fail(range.error().code, range.error().message);
  impl_->range = std::move(*range);
  std::string& token_key = impl_->options.token_key;
  while (token_key.size() < kTokenKeySize) token_key += impl_->random.Uuid();
  if (Status status = impl_->RegisterStored(); !status) return status;
  if (Status status = impl_->Bootstrap(); !status) return status;
  if (Status status = impl_->BootstrapAccess(); !status) return status;
  impl_->StartPolicy();
  impl_->store.DropHistory();
  impl_->started = true;
  return {};
}

net::Task<void> Server::Stop() {
  impl_->stopping = true;
  const auto watchers = impl_->watchers;  // a copy: they leave the map as they end
  for (const auto& [id, wake] : watchers) wake();
  while (!impl_->watchers.empty()) {
    const bool notified = co_await impl_->watch_ended.Wait();
    if (!notified) co_return;
  }
}

net::Task<void> Server::Handle(net::HttpRequest request, net::Peer peer,
                               net::ResponseWriter& writer) {
  co_await impl_->Serve(std::move(request), std::move(peer), writer);
}

void Server::Mount(std::string prefix, MountedHandler handler) {
  impl_->mounts.push_back({std::move(prefix), std::move(handler)});
}

void Server::MountGroup(std::string group, std::function<Json()> discovery) {
  impl_->mounted_groups.emplace_back(std::move(group), std::move(discovery));
}

void Server::SetLogHandler(LogHandler handler) { impl_->log_handler = std::move(handler); }

void Server::SetOwnResource(std::string group_resource, ObjectsFn in_memory) {
  impl_->own_resources[std::move(group_resource)] = std::move(in_memory);
}

void Server::SetMetricsHandler(std::function<std::string()> handler) {
  impl_->metrics_handler = std::move(handler);
}

const kube::Registry& Server::registry() const { return impl_->registry; }
const Metrics& Server::metrics() const { return impl_->metrics; }

const Server::Impl::MountPoint* Server::Impl::FindMount(std::string_view path) const {
  const MountPoint* best = nullptr;
  for (const MountPoint& mount : mounts) {
    if (!path.starts_with(mount.prefix)) continue;
    if (best == nullptr || mount.prefix.size() > best->prefix.size()) best = &mount;
  }
  return best;
}

void Server::Impl::Count(const Call& call, int code, Duration latency) {
  std::string resource;
  if (call.resource != nullptr) {
    resource = call.resource->GroupResource();
    if (!call.info.subresource.empty()) resource += "/" + call.info.subresource;
  }
  const std::string verb = KnownVerb(call.info.verb);
  ++metrics.requests[{verb, std::move(resource), code}];
  if (verb != "watch") metrics.latency[verb].Observe(latency);
}

net::Task<void> Server::Impl::Serve(net::HttpRequest request, net::Peer peer,
                                    net::ResponseWriter& writer) {
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->query = net::ParseQuery(call->request.Query());
  call->pretty = IsPretty(QueryValue(call->query, "pretty"), call->request.Header("user-agent"));
  auto info = ParseRequest(call->request.method, call->request.Path(), call->query);
  if (!info) {
    co_await SendNow(call, Reply::PlainText(400, "400 Bad Request"), writer);
    co_return;
  }
  call->info = std::move(*info);
  auto user = WhoAsks(*call, peer);
  Reply refusal;
  if (!user) {
    refusal = Reply::Error(user.error());
  } else if (Json forbidden = Forbidden(*call, std::move(*user)); !forbidden.is_null()) {
    refusal = Reply::Error(std::move(forbidden));
  } else if (call->request.oversized || call->request.body.size() > kMaxBodyBytes) {
    refusal = Reply::Error(
        kube::StatusFailure(413, "RequestEntityTooLarge",
                            fmt::format("Request entity too large: limit is {}", kMaxBodyBytes)));
  } else if (stopping) {
    refusal =
        Reply::Error(kube::StatusFailure(503, "ServiceUnavailable", "the server is stopping"));
  } else {
    co_await Route(call, writer);
    co_return;
  }
  co_await SendNow(call, std::move(refusal), writer);
}

Json Server::Impl::Forbidden(Call& call, User user) const {
  call.user = std::move(user);
  const Attributes attributes = AttributesOf(call.info);
  const Decision decision = policy.Authorize(call.user, attributes);
  return decision.allowed ? Json() : ForbiddenStatus(call.user, attributes, decision.reason);
}

net::Task<void> Server::Impl::Route(std::shared_ptr<Call> call, net::ResponseWriter& writer) {
  if (const MountPoint* mount = FindMount(call->info.path); mount != nullptr) {
    const MountedHandler handler = mount->handler;  // a copy: Mount may move the list
    auto request = std::move(call->request);
    co_await handler(std::move(request), call->user, writer);
    co_return;
  }
  if (call->info.is_resource) {
    co_await ServeResource(call, writer);
    co_return;
  }
  co_await SendNow(call, ServePath(*call), writer);
}

Answer<void> Server::Impl::Resolve(Call& call) const {
  const RequestInfo& info = call.info;
  const kube::Resource* resource = registry.Find(info.group, info.version, info.resource);
  if (resource == nullptr || info.too_deep) return std::unexpected(UnknownResource());
  const bool is_namespace = info.group.empty() && info.resource == "namespaces";
  const bool scoped = !info.ns.empty() && !is_namespace;
  if (scoped && !resource->namespaced) return std::unexpected(UnknownResource());
  if (resource->namespaced && info.ns.empty() && !info.name.empty()) {
    return std::unexpected(UnknownResource());
  }
  call.resource = resource;
  call.deprecation = resource->deprecation;
  call.stored = registry.Find(resource->storage_group, resource->storage_version, info.resource);
  if (call.stored == nullptr) call.stored = resource;  // a version that is kept but not served

  if (call.request.method == "HEAD") return MethodNotAllowed();
  if (!info.subresource.empty()) {
    const kube::Subresource* sub = resource->FindSubresource(info.subresource);
    if (sub == nullptr && !resource->crd_name.empty()) {
      return std::unexpected(kube::StatusNotFound(*resource, info.name));
    }
    if (sub == nullptr) return std::unexpected(UnknownResource());
    if (std::ranges::find(sub->verbs, info.verb) == sub->verbs.end()) return MethodNotAllowed();
    return {};
  }
  if (!resource->HasVerb(info.verb)) return MethodNotAllowed();
  // A legacy watch path may name an object; any other collection verb may not, and POST needs none.
  const bool of_collection = IsCollectionVerb(info.verb);
  if (of_collection == !info.name.empty() && !info.legacy_watch) return MethodNotAllowed();
  const bool across_namespaces = resource->namespaced && info.ns.empty();
  if (across_namespaces && info.verb != "list" && info.verb != "watch") return MethodNotAllowed();
  return {};
}

net::Task<void> Server::Impl::ServeResource(std::shared_ptr<Call> call,
                                            net::ResponseWriter& writer) {
  const Answer<void> resolved = Resolve(*call);
  if (!resolved) {
    const bool unknown = call->resource == nullptr;
    Reply refusal = unknown && !IsBuiltInGroup(call->info.group) ? PageNotFound()
                                                                 : Reply::Error(resolved.error());
    co_await SendNow(call, std::move(refusal), writer);
    co_return;
  }
  if (const std::string error = PathNameError(call->info.name); !error.empty()) {
    const std::string message = "Name parameter invalid: " + Quote(call->info.name) + ": " + error;
    co_await SendNow(call, Reply::Error(kube::StatusBadRequest(message)), writer);
    co_return;
  }
  if (call->info.verb == "get" && call->info.subresource == "log") {
    co_await Logs(call, writer);
    co_return;
  }
  if (call->info.subresource == "portforward") {
    co_await PortForward(call, writer);
    co_return;
  }
  const bool watch = call->info.verb == "watch";
  auto accepted = NegotiateAnswer(call->request.Header("accept"), watch);
  if (!accepted) {
    call->accepted.format = FormatOfError(call->request.Header("accept"));
    co_await SendNow(call, Reply::Error(NotAcceptable(accepted.error())), writer);
    co_return;
  }
  call->accepted = std::move(*accepted);
  call->pretty = call->pretty || call->accepted.pretty;
  if (watch) {
    co_await Watch(call, writer);
    co_return;
  }
  const Duration begun = clock.Monotonic();
  Reply reply = Dispatch(*call);
  const std::shared_ptr<Durable> durable = std::move(reply.durable);
  if (durable != nullptr) {
    const Status written = co_await durable->Wait();
    if (!written) {
      reply = Reply::Error(kube::StatusFailure(
          500, "InternalError", "the write could not be stored: " + written.error().message));
    }
  }
  Count(*call, reply.code, clock.Monotonic() - begun);
  co_await Send(call, std::move(reply), writer);
}

Reply Server::Impl::Dispatch(Call& call) {
  const RequestInfo& info = call.info;
  const std::string& sub = info.subresource;
  if (sub == "scale") return ServeScale(call);
  if (sub == "finalize") return FinalizeNamespace(call);
  if (sub == "binding") return Bind(call);
  if (sub == "eviction") return Evict(call);
  if (sub == "token") return RequestToken(call);
  if (sub == "exec" || sub == "attach") return RefuseStream(call);
  if (!sub.empty() && sub != "status") {
    return Reply::Error(NotServed(info.ResourceAndSubresource()));
  }
  if (info.group == "authorization.k8s.io" || info.group == "authentication.k8s.io") {
    return Review(call);
  }
  if (info.verb == "get") return Get(call);
  if (info.verb == "list") return List(call);
  if (IsOwn(call)) return Reply::Error(kube::StatusMethodNotAllowed());
  if (info.verb == "create") return Create(call);
  if (info.verb == "update") return Update(call);
  if (info.verb == "patch") return Patch(call);
  if (info.verb == "delete") return Delete(call);
  if (info.verb == "deletecollection") return DeleteCollection(call);
  return Reply::Error(kube::StatusMethodNotAllowed());
}

net::Task<void> Server::Impl::Send(std::shared_ptr<Call> call, Reply reply,
                                   net::ResponseWriter& writer) {
  if (!call->deprecation.empty()) reply.warnings.insert(reply.warnings.begin(), call->deprecation);
  net::HttpResponse response = Render(std::move(reply), call->accepted.format, call->pretty);
  if (call->request.method == "HEAD") response.body.clear();
  // A failed send means that the client has gone: nothing is left to do for it.
  const Status sent = co_await writer.Send(std::move(response));
  if (!sent) spdlog::debug("apiserver: {}: {}", call->info.path, sent.error().message);
}

net::Task<void> Server::Impl::SendNow(std::shared_ptr<Call> call, Reply reply,
                                      net::ResponseWriter& writer) {
  Count(*call, reply.code, Duration(0));
  co_await Send(call, std::move(reply), writer);
}

}  // namespace weir::apiserver
