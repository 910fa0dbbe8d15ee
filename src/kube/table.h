// meta.k8s.io/v1 Table: what `kubectl get` prints. Pure function.
#pragma once

#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "kube/resource.h"

namespace weir::kube {

enum class IncludeObject { kNone, kMetadata, kObject };

// `with_columns` false leaves columnDefinitions out (events of a watch after the first).
// `resource_version` goes into the Table's metadata. Objects are in the requested version.
Json ToTable(const Resource& resource, const std::vector<const Json*>& objects,
             std::string_view resource_version, IncludeObject include, bool with_columns, Time now);

}  // namespace weir::kube
