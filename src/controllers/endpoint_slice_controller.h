// Keeps each Service's EndpointSlices and Endpoints: one reconcile a Service (key namespace/name),
// woken by changes of it, of these and of pods that it selects. PlanSlices, PlanMirror and
// PlanEndpoints decide. Owned by the manager; loop thread only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/controller.h"
#include "controllers/context.h"
#include "controllers/endpoint_slice_plan.h"

namespace weir::controllers {

class EndpointSliceController {
 public:
  explicit EndpointSliceController(Context context);
  EndpointSliceController(const EndpointSliceController&) = delete;
  EndpointSliceController& operator=(const EndpointSliceController&) = delete;

  void Start() { queue_.Start(); }
  net::Task<void> Stop() { return queue_.Stop(); }

 private:
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  net::Task<Status> Apply(std::string key, SlicePlan plan);
  void OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void EnqueueSelecting(const Json& pod);
  std::vector<client::ObjectPtr> SlicesOf(const std::string& key, std::string_view manager) const;
  std::vector<client::ObjectPtr> PodsOf(const Json& service) const;
  net::Task<Status> WriteEndpoints(client::ObjectPtr service);
  net::Task<Status> RemoveEndpoints(std::string key);

  Context context_;
  client::Informer& services_;
  client::Informer& slices_;
  client::Informer& endpoints_;
  client::Informer& pods_;
  // Slices that were made and that the cache does not show yet, by Service: until it does, a pass
  // would make them again.
  std::map<std::string, std::set<std::string>> unseen_;
  // Services that were deleted: their Endpoints go with them, whoever made those.
  std::set<std::string> deleted_;
  client::Controller queue_;
  std::vector<client::Informer::Registration> listening_;
};

}  // namespace weir::controllers
