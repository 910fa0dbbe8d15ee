// JSON as Go's encoder writes it: fields in the order of their type. Pure functions, any thread.
#pragma once

#include <string>

#include "base/json.h"
#include "kube/types.h"

namespace weir::kube {

// One line of JSON: the type's fields first, in its order, then what the type does not know, by
// name. Maps are in the order of their keys.
std::string DumpTyped(const Json& value, const Type& type);

}  // namespace weir::kube
