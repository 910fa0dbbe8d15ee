// What the API server does to an object between decoding and storing, kind by kind: defaults,
// what create and update may set, validation, conversion between versions. Pure functions.
// Source of the rules: k8s.io/kubernetes pkg/apis/*/v1/defaults.go, pkg/registry/*/strategy.go,
// validation.go as 1.36 has them, held against recorded answers.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "kube/resource.h"

namespace weir::kube {

// One reason why an object is refused; field.Error of apimachinery.
struct FieldError {
  std::string type;    // FieldValueRequired, FieldValueInvalid, FieldValueNotSupported,
                       // FieldValueForbidden, FieldValueDuplicate, FieldValueNotFound, ...
  std::string field;   // spec.template.spec.containers[0].image
  std::string detail;  // `Invalid value: -1: must be greater than ...`: without the path
};

struct StrategyOptions {
  bool upstream_exact = false;
  // Lets an EndpointSlice hold loopback addresses, which upstream refuses from everybody: for this
  // cluster's own endpoint controller, whose pods live on 127.0.0.0/8.
  bool allow_loopback_endpoints = false;
  // An Event came through events.k8s.io, which demands more of it than the core group.
  bool events_group = false;
};

// Fills in defaults, in place. Idempotent.
void ApplyDefaults(const Resource& resource, Json& object);

// Before create: clears status (where the kind has a status subresource), sets generation 1 where
// the kind has one. Before update through the main resource or `subresource` ("" or "status"):
// keeps the other half of `old`, raises generation when the spec (or, for kinds that say so,
// anything but metadata and status) changed.
void PrepareForCreate(const Resource& resource, Json& object);
void PrepareForUpdate(const Resource& resource, std::string_view subresource, const Json& old,
                      Json& object);

// All reasons, in upstream's order; `old` is null on create. Includes metadata (names, labels,
// annotations, owner references) and immutable fields.
std::vector<FieldError> Validate(const Resource& resource, std::string_view subresource,
                                 const Json* old, const Json& object,
                                 const StrategyOptions& options);
// Warnings that accompany a successful answer (`metadata.name: this is used in Pod names ...`).
std::vector<std::string> Warnings(const Resource& resource, const Json& object);

// The same object in another served version of its group (HorizontalPodAutoscaler v1, v2beta2, v2;
// custom resources: apiVersion alone). Equal versions copy.
Json Convert(const Json& object, const Resource& from, const Resource& to);

// The Scale of a kind that has a scale subresource, and the object with a Scale's replicas set.
Result<Json> ToScale(const Resource& resource, const Json& object);
Status SetScale(const Resource& resource, const Json& scale, Json& object);

// Whether a fieldSelector key is known for the resource, and its value ("metadata.name",
// "spec.nodeName", "status.phase", "involvedObject.name", ...).
bool FieldValue(const Resource& resource, const Json& object, std::string_view key,
                std::string* value);

}  // namespace weir::kube
