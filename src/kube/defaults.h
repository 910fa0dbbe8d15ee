// The parts of ApplyDefaults, kind by kind: pkg/apis/*/v1/defaults.go and what the decoding of Go
// types fills in. Internal to kube. Pure functions, in place, idempotent.
#pragma once

#include <string_view>

#include "base/json.h"

namespace weir::kube {

// Sets the key unless it is there.
void Default(Json& object, std::string_view key, Json value);
// Writes the amounts of a resource list (limits, requests) canonically.
void CanonicalizeQuantities(Json& resource_list);
void CanonicalizeQuantity(Json& object, std::string_view key);

// `pod`: also what only a pod has, not a template.
void DefaultPodSpec(Json& spec, bool pod);
void DefaultService(Json& object);
// Deployment, ReplicaSet, StatefulSet, DaemonSet and (of the core group) ReplicationController.
void DefaultAppsWorkload(std::string_view kind, Json& object);
void DefaultJob(Json& object);
void DefaultCronJob(Json& object);
void DefaultVolumeClaim(Json& object);
// v2 and v2beta2, and what v1 has in common with them.
void DefaultHpa(std::string_view version, Json& object);
// {scaleUp, scaleDown} as far as they say nothing themselves.
void DefaultHpaBehavior(Json& behavior);
// What the schema's `default`s say.
void DefaultFromSchema(const Json& schema, Json& value);

}  // namespace weir::kube
