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

bool IsOurs(const Json& slice) {
  return GetString(slice, {"metadata", "labels", kSliceManagerLabel}) == kSliceManager;
}

}  // namespace

EndpointSliceController::EndpointSliceController(Context context)
    : context_(context),
      services_(context.informers.Get(client::refs::kServices)),
      slices_(context.informers.Get(client::refs::kEndpointSlices)),
      pods_(context.informers.Get(client::refs::kPods)),
      queue_(context.loop, "endpointslice", kWorkers,
             [this](std::string key) { return Reconcile(std::move(key)); }) {
  services_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
    queue_.Enqueue(client::KeyOf(after != nullptr ? *after : *before));
  });
  slices_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
    const Json& slice = after != nullptr ? *after : *before;
    if (!IsOurs(slice)) return;
    auto unseen = unseen_.find(ServiceKey(slice));
    if (unseen != unseen_.end()) unseen->second.erase(Name(slice));
    queue_.Enqueue(ServiceKey(slice));
  });
  pods_.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
    OnPod(before, after);
  });
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

std::vector<client::ObjectPtr> EndpointSliceController::SlicesOf(const Json& service) const {
  std::vector<client::ObjectPtr> out;
  for (const client::ObjectPtr& slice : slices_.List(Namespace(service))) {
    bool belongs = GetString(*slice, {"metadata", "labels", kServiceNameLabel}) == Name(service);
    if (belongs && IsOurs(*slice)) out.push_back(slice);
  }
  return out;
}

net::Task<Result<client::ReconcileResult>> EndpointSliceController::Reconcile(std::string key) {
  client::ObjectPtr service = services_.Get(key);
  if (service == nullptr) {
    unseen_.erase(key);  // the collector takes its slices
    co_return Done();
  }
  if (!WantsSlices(*service)) co_return Done();
  auto unseen = unseen_.find(key);
  if (unseen != unseen_.end() && !unseen->second.empty()) co_return Done();  // its event wakes us
  std::vector<const Json*> pods, slices;
  const std::vector<client::ObjectPtr> all_pods = pods_.List(Namespace(*service));
  const std::vector<client::ObjectPtr> all_slices = SlicesOf(*service);
  for (const client::ObjectPtr& pod : all_pods) {
    if (Selects(*service, *pod)) pods.push_back(pod.get());
  }
  for (const client::ObjectPtr& slice : all_slices) slices.push_back(slice.get());
  const Status applied = co_await Apply(service, PlanSlices(*service, pods, slices));
  if (!applied) co_return std::unexpected(applied.error());
  co_return Done();
}

net::Task<Status> EndpointSliceController::Apply(client::ObjectPtr service, SlicePlan plan) {
  const std::string ns = Namespace(*service), key = client::KeyOf(*service);
  std::vector<std::string> surplus;
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
