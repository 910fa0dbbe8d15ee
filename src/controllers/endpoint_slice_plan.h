// Which EndpointSlices a Service has: its matching pods, grouped by what its ports mean for them,
// or what Endpoints made by hand say; and which Endpoints, the older form of the same. Follows
// pkg/controller/endpointslice, endpointslicemirroring and endpoint. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace weir::controllers {

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kSliceManagerLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceManager = "endpointslice-controller.k8s.io";
inline constexpr std::string_view kMirrorManager = "endpointslicemirroring-controller.k8s.io";
inline constexpr std::size_t kEndpointsPerSlice = 100;

// Whether slices are made for the Service at all: it has a selector and addresses.
bool WantsSlices(const Json& service);

struct SlicePlan {
  std::vector<Json> create;
  std::vector<Json> update;
  std::vector<const Json*> remove;
};
// `pods`: all of the namespace that the selector matches; `slices`: the Service's present ones.
SlicePlan PlanSlices(const Json& service, const std::vector<const Json*>& pods,
                     const std::vector<const Json*>& slices);

// As PlanSlices for the slices that mirror `endpoints`, which may be null: Endpoints that somebody
// made for a Service without a selector.
SlicePlan PlanMirror(const Json& service, const Json* endpoints,
                     const std::vector<const Json*>& slices);

// The Endpoints that the Service shall have; nullopt where the present ones (null: none) are so.
std::optional<Json> PlanEndpoints(const Json& service, const std::vector<const Json*>& pods,
                                  const Json* present);

// Whether a pod counts differently for some Service after the change.
bool EndpointChanged(const Json& before, const Json& after);

}  // namespace weir::controllers
