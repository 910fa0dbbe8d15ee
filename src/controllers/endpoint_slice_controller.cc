#include "controllers/endpoint_slice_controller.h"

#include <utility>

#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr int kWorkers = 5;

bool Selects(const Json& service, const Json& pod) {
  const Json& selector = GetObject(service, {"spec", "selector"});
  if (selector.empty()) return false;
  const Json& labels = GetObject(pod, {"metadata", "labels"});
  for (const auto& [key, value] : selector.items()) {
    const Json* label = Find(labels, key);
    if (label == nullptr || *label != value) return false;
  }
  return true;
}

std::string ServiceKey(const Json& slice) {
  return Namespace(slice) + "/" + GetString(slice, {"metadata", "labels", kServiceNameLabel});
}

std::string ManagerOf(const Json& slice) {
  return GetString(slice, {"metadata", "labels", kSliceManagerLabel});
}

bool IsManaged(const Json& endpoints) {
  return !GetString(endpoints, {"metadata", "labels", "endpoints.kubernetes.io/managed-by"})
              .empty();
}

bool IsOurs(const Json& slice) {
  return ManagerOf(slice) == kSliceManager || ManagerOf(slice) == kMirrorManager;
}

std::vector<const Json*> Plain(const std::vector<client::ObjectPtr>& objects) {
  std::vector<const Json*> out;
  out.reserve(objects.size());
  for (const client::ObjectPtr& object : objects) out.push_back(object.get());
  return out;
}

}  // namespace

EndpointSliceController::EndpointSliceController(Context context)
    : context_(context),
      services_(context.informers.Get(client::refs::kServices)),
      slices_(context.informers.Get(client::refs::kEndpointSlices)),
      endpoints_(context.informers.Get(client::refs::kEndpoints)),
      pods_(context.informers.Get(client::refs::kPods)),
      queue_(context.loop, "endpointslice", kWorkers,
             [this](std::string key) { return Reconcile(std::move(key)); }) {
  listening_.push_back(services_.AddListener(
      [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        const std::string key = client::KeyOf(after != nullptr ? *after : *before);
        if (after == nullptr) deleted_.insert(key);
        if (after != nullptr) deleted_.erase(key);
        queue_.Enqueue(key);
      }));
  listening_.push_back(
      slices_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        const Json& slice = after != nullptr ? *after : *before;
        if (!IsOurs(slice)) return;
        auto unseen = unseen_.find(ServiceKey(slice));
        if (unseen != unseen_.end()) unseen->second.erase(Name(slice));
        queue_.Enqueue(ServiceKey(slice));
      }));
  listening_.push_back(endpoints_.AddListener(
      [this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        queue_.Enqueue(client::KeyOf(after != nullptr ? *after : *before));
      }));
  listening_.push_back(
      pods_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnPod(before, after);
      }));
}

void EndpointSliceController::OnPod(const client::ObjectPtr& before,
                                    const client::ObjectPtr& after) {
  if (before != nullptr && after != nullptr && !EndpointChanged(*before, *after)) return;
  if (before != nullptr) EnqueueSelecting(*before);
  if (after != nullptr) EnqueueSelecting(*after);
}

void EndpointSliceController::EnqueueSelecting(const Json& pod) {
  for (const client::ObjectPtr& service : services_.List(Namespace(pod))) {
    if (Selects(*service, pod)) queue_.Enqueue(client::KeyOf(*service));
  }
}

std::vector<client::ObjectPtr> EndpointSliceController::SlicesOf(const std::string& key,
                                                                 std::string_view manager) const {
  std::vector<client::ObjectPtr> out;
  for (const client::ObjectPtr& slice : slices_.List(client::SplitKey(key).first)) {
    if (ServiceKey(*slice) == key && ManagerOf(*slice) == manager) out.push_back(slice);
  }
  return out;
}

std::vector<client::ObjectPtr> EndpointSliceController::PodsOf(const Json& service) const {
  std::vector<client::ObjectPtr> out;
  for (const client::ObjectPtr& pod : pods_.List(Namespace(service))) {
    if (Selects(service, *pod)) out.push_back(pod);
  }
  return out;
}

net::Task<Result<client::ReconcileResult>> EndpointSliceController::Reconcile(std::string key) {
  client::ObjectPtr service = services_.Get(key);
  if (service == nullptr) {
    unseen_.erase(key);  // the collector takes its slices
    const Status removed = co_await RemoveEndpoints(key);
    if (!removed) co_return std::unexpected(removed.error());
    co_return Done();
  }
  auto unseen = unseen_.find(key);
  if (unseen != unseen_.end() && !unseen->second.empty()) co_return Done();  // its event wakes us
  if (WantsSlices(*service)) {
    const std::vector<client::ObjectPtr> pods = PodsOf(*service);
    const std::vector<client::ObjectPtr> slices = SlicesOf(key, kSliceManager);
    const Status applied = co_await Apply(key, PlanSlices(*service, Plain(pods), Plain(slices)));
    if (!applied) co_return std::unexpected(applied.error());
    const Status written = co_await WriteEndpoints(service);
    if (!written) co_return std::unexpected(written.error());
  }
  const client::ObjectPtr endpoints = endpoints_.Get(key);
  const std::vector<client::ObjectPtr> mirrors = SlicesOf(key, kMirrorManager);
  const Status mirrored =
      co_await Apply(key, PlanMirror(*service, endpoints.get(), Plain(mirrors)));
  if (!mirrored) co_return std::unexpected(mirrored.error());
  co_return Done();
}

// Of a Service that is gone. Endpoints that somebody makes before their Service stay.
net::Task<Status> EndpointSliceController::RemoveEndpoints(std::string key) {
  const auto [ns, name] = client::SplitKey(key);
  for (const client::ObjectPtr& mirror : SlicesOf(key, kMirrorManager)) {
    const Status deleted =
        co_await context_.client.Delete(client::refs::kEndpointSlices, ns, Name(*mirror));
    if (!deleted && deleted.error().code != Code::kNotFound) co_return deleted;
  }
  const client::ObjectPtr endpoints = endpoints_.Get(key);
  const bool goes = endpoints != nullptr && (deleted_.contains(key) || IsManaged(*endpoints));
  if (goes) {
    const Status deleted = co_await context_.client.Delete(client::refs::kEndpoints, ns, name);
    if (!deleted && deleted.error().code != Code::kNotFound) co_return deleted;
  }
  deleted_.erase(key);
  co_return Status();
}

net::Task<Status> EndpointSliceController::WriteEndpoints(client::ObjectPtr service) {
  const std::string ns = Namespace(*service), name = Name(*service);
  const client::ObjectPtr present = endpoints_.Get(ns, name);
  const std::vector<client::ObjectPtr> pods = PodsOf(*service);
  std::optional<Json> wanted = PlanEndpoints(*service, Plain(pods), present.get());
  if (!wanted) co_return Status();
  if (present == nullptr) {
    const Result<Json> made =
        co_await context_.client.Create(client::refs::kEndpoints, ns, std::move(*wanted));
    // It is there where the cache does not show it yet.
    if (!made && made.error().code != Code::kConflict) co_return std::unexpected(made.error());
    co_return Status();
  }
  const Result<Json> made =
      co_await context_.client.Update(client::refs::kEndpoints, ns, name, std::move(*wanted));
  // A newer version wakes the key again.
  const bool newer = !made && made.error().code == Code::kConflict;
  if (!made && !newer && made.error().code != Code::kNotFound) {
    co_return std::unexpected(made.error());
  }
  co_return Status();
}

net::Task<Status> EndpointSliceController::Apply(std::string key, SlicePlan plan) {
  const std::string ns = client::SplitKey(key).first;
  std::vector<std::string> surplus;
  surplus.reserve(plan.remove.size());
  for (const Json* slice : plan.remove) surplus.push_back(Name(*slice));
  for (Json& slice : plan.create) {
    Result<Json> created =
        co_await context_.client.Create(client::refs::kEndpointSlices, ns, std::move(slice));
    if (!created) co_return std::unexpected(created.error());
    // The answer may come after the cache's event or before it.
    if (slices_.Get(ns, Name(*created)) == nullptr) unseen_[key].insert(Name(*created));
  }
  for (Json& slice : plan.update) {
    const std::string name = Name(slice);
    Result<Json> updated =
        co_await context_.client.Update(client::refs::kEndpointSlices, ns, name, std::move(slice));
    if (!updated && updated.error().code != Code::kNotFound) {
      co_return std::unexpected(updated.error());
    }
  }
  for (const std::string& name : surplus) {
    const Status deleted = co_await context_.client.Delete(client::refs::kEndpointSlices, ns, name);
    if (!deleted && deleted.error().code != Code::kNotFound) co_return deleted;
  }
  co_return Status();
}

}  // namespace weir::controllers
