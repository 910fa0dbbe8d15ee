// The walk over two objects that finds the fields in which they differ. Internal to kube. Pure.
#pragma once

#include <string>
#include <string_view>

#include "kube/managed_fields.h"
#include "kube/merge_type.h"

namespace weir::kube {

// Null pointers are values that are not there.
FieldChanges CompareValues(const MergeType& type, const Json* before, const Json* after);

// Of data/types.txt, "apps/v1.Deployment"; empty for custom resources.
std::string TypeNameOf(std::string_view api_version, std::string_view kind);

}  // namespace weir::kube
