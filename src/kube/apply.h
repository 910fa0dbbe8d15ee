// Server-side apply: a configuration merged into an object by those who own its fields
// (structured-merge-diff merge.Updater.Apply and apimachinery's managers around it). Pure.
#pragma once

#include <string>
#include <vector>

#include "kube/managed_fields.h"

namespace weir::kube {

struct ApplyConflict {
  std::string manager;  // `"kubectl" with subresource "scale" using apps/v1`
  std::string path;     // `.spec.replicas`
};

struct Applied {
  Json object;  // without managedFields and defaults
  bool changed = true;
  Json managed;                          // its new managedFields
  std::vector<ApplyConflict> conflicts;  // where there are any, nothing is applied
};

// `live` is what is stored, in the resource's version, or null where there is none; `config` has
// the resource's apiVersion and kind. The error is a configuration that is not of the type.
Result<Applied> ApplyConfiguration(const Resource& resource, const Json* live, const Json& config,
                                   const FieldWrite& write, bool force,
                                   const ToVersion& to_version);

// `Apply failed with 1 conflict: conflict with "a": .data.k`.
std::string ConflictMessage(const std::vector<ApplyConflict>& conflicts);

}  // namespace weir::kube
