#include "controllers/namespace_controller.h"

#include <optional>
#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr int kWorkers = 4;
// What no event tells of (custom kinds, events) is looked at again after so long.
constexpr Duration kLookAgain = std::chrono::seconds(1);
constexpr std::string_view kRootCaName = "kube-root-ca.crt";
constexpr std::string_view kRootCaWords =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters.";

client::ResourceRef RefOf(const ServedKind& kind) {
  return {kind.group, kind.version, kind.plural};
}

// Somebody was faster, or the namespace is ending: either is fine.
Status Tolerant(const Result<Json>& result) {
  if (result) return {};
  Code code = result.error().code;
  if (code == Code::kConflict || code == Code::kForbidden || code == Code::kNotFound) return {};
  return std::unexpected(result.error());
}

}  // namespace

NamespaceController::NamespaceController(Context context, std::string root_ca)
    : context_(context),
      root_ca_(std::move(root_ca)),
      namespaces_(context.informers.Get(client::refs::kNamespaces)),
      accounts_(context.informers.Get(client::refs::kServiceAccounts)),
      config_maps_(context.informers.Get(client::refs::kConfigMaps)),
      definitions_(context.informers.Get(client::refs::kCrds)),
      queue_(context.loop, "namespace", kWorkers,
             [this](std::string name) { return Reconcile(std::move(name)); }) {
  listening_.push_back(
      namespaces_.AddListener([this](const client::ObjectPtr&, const client::ObjectPtr& after) {
        if (after != nullptr) queue_.Enqueue(Name(*after));
      }));
  for (const ServedKind& kind : BuiltInKinds()) {
    if (!kind.namespaced) continue;
    client::Informer& objects = context_.informers.Get(RefOf(kind));
    listening_.push_back(objects.AddListener(
        [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
          if (after == nullptr) queue_.Enqueue(Namespace(*before));
        }));
  }
  if (root_ca_.empty()) return;
  listening_.push_back(config_maps_.AddListener(
      [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        bool changed = before != nullptr && after != nullptr && Name(*after) == kRootCaName;
        if (changed) queue_.Enqueue(Namespace(*after));
      }));
}

net::Task<Result<client::ReconcileResult>> NamespaceController::Reconcile(std::string name) {
  client::ObjectPtr ns = namespaces_.Get(name);
  if (ns == nullptr) co_return Done();
  if (IsBeingDeleted(*ns)) co_return co_await Empty(ns);
  const Status furnished = co_await Furnish(std::move(name));
  if (!furnished) co_return std::unexpected(furnished.error());
  co_return Done();
}

net::Task<Status> NamespaceController::Furnish(std::string name) {
  if (accounts_.Get(name, "default") == nullptr) {
    Json account = {{"apiVersion", "v1"},
                    {"kind", "ServiceAccount"},
                    {"metadata", {{"name", "default"}, {"namespace", name}}}};
    Result<Json> created =
        co_await context_.client.Create(client::refs::kServiceAccounts, name, std::move(account));
    const Status status = Tolerant(created);
    if (!status) co_return status;
  }
  if (root_ca_.empty()) co_return Status();
  co_return co_await PutRootCa(std::move(name));
}

net::Task<Status> NamespaceController::PutRootCa(std::string name) {
  const client::ObjectPtr before = config_maps_.Get(name, kRootCaName);
  Json wanted = {{"ca.crt", root_ca_}};
  if (before != nullptr && GetObject(*before, {"data"}) == wanted) co_return Status();
  Json map = {{"apiVersion", "v1"},
              {"kind", "ConfigMap"},
              {"metadata",
               {{"name", kRootCaName},
                {"namespace", name},
                {"annotations", {{"kubernetes.io/description", kRootCaWords}}}}},
              {"data", std::move(wanted)}};
  if (before == nullptr) {
    Result<Json> created =
        co_await context_.client.Create(client::refs::kConfigMaps, name, std::move(map));
    co_return Tolerant(created);
  }
  Result<Json> updated = co_await context_.client.Update(client::refs::kConfigMaps, name,
                                                         std::string(kRootCaName), std::move(map));
  co_return Tolerant(updated);
}

std::vector<ServedKind> NamespaceController::Kinds() const {
  std::vector<ServedKind> kinds;
  for (const ServedKind& kind : BuiltInKinds()) {
    if (kind.namespaced) kinds.push_back(kind);
  }
  for (const auto& [name, definition] : definitions_.objects()) {
    std::optional<ServedKind> kind = CustomKind(*definition);
    if (kind && kind->namespaced) kinds.push_back(std::move(*kind));
  }
  kinds.push_back({"", "v1", "events", "Event"});
  return kinds;
}

net::Task<Result<client::ReconcileResult>> NamespaceController::Empty(client::ObjectPtr ns) {
  if (!HoldsKubernetesFinalizer(*ns)) co_return Done();
  const std::string name = Name(*ns);
  Remaining remaining;
  const std::vector<ServedKind> kinds = Kinds();
  for (const ServedKind& kind : kinds) {
    const Status emptied = co_await EmptyKind(name, kind, &remaining);
    if (!emptied) co_return std::unexpected(emptied.error());
  }
  client::ReconcileResult result;
  if (remaining.empty()) {
    Json finalized = Finalized(*ns);
    Erase(finalized, {"metadata", "resourceVersion"});
    Result<Json> written = co_await context_.client.Update(client::refs::kNamespaces, "", name,
                                                           std::move(finalized), "finalize");
    if (!written && written.error().code != Code::kNotFound) {
      co_return std::unexpected(written.error());
    }
    co_return result;
  }
  Json reported = WithDeletionConditions(*ns, remaining, context_.clock.Now());
  if (reported != *ns) {
    Result<Json> written = co_await context_.client.Update(client::refs::kNamespaces, "", name,
                                                           std::move(reported), "status");
    const Status status = Tolerant(written);
    if (!status) co_return std::unexpected(status.error());
  }
  result.requeue_after = kLookAgain;
  co_return result;
}

net::Task<Status> NamespaceController::EmptyKind(std::string name, ServedKind kind,
                                                 Remaining* remaining) {
  const client::ResourceRef ref = RefOf(kind);
  Result<Json> list = co_await context_.client.List(ref, name);
  if (!list && list.error().code == Code::kNotFound) co_return Status();  // no such kind any more
  if (!list) co_return std::unexpected(list.error());
  if (GetArray(*list, {"items"}).empty()) co_return Status();
  Json options = {
      {"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"propagationPolicy", "Background"}};
  Result<Json> deleted =
      co_await context_.client.Send("DELETE", ref.Path(name), std::move(options));
  if (!deleted && deleted.error().code != Code::kNotFound) {
    co_return std::unexpected(deleted.error());
  }
  list = co_await context_.client.List(ref, name);
  if (!list) co_return std::unexpected(list.error());
  CountRemaining(*remaining, kind.plural, kind.group, *list);
  co_return Status();
}

}  // namespace weir::controllers
