// Keeps each Service's EndpointSlices: one reconcile a Service (key namespace/name), woken by
// changes of it, of its slices and of pods that it selects. PlanSlices decides. Owned by the
// manager; loop thread only.
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
  net::Task<Status> Apply(client::ObjectPtr service, SlicePlan plan);
  void OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void EnqueueSelecting(const Json& pod);
  std::vector<client::ObjectPtr> SlicesOf(const Json& service) const;

  Context context_;
  client::Informer& services_;
  client::Informer& slices_;
  client::Informer& pods_;
  // Slices that were made and that the cache does not show yet, by Service: until it does, a pass
  // would make them again.
  std::map<std::string, std::set<std::string>> unseen_;
  client::Controller queue_;
};

}  // namespace weir::controllers
