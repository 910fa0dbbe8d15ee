// Which EndpointSlices a Service has: its matching pods, grouped by what its ports mean for them.
// Follows pkg/controller/endpointslice. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace weir::controllers {

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kSliceManagerLabel = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceManager = "endpointslice-controller.k8s.io";
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

// Whether a pod counts differently for some Service after the change.
bool EndpointChanged(const Json& before, const Json& after);

}  // namespace weir::controllers
