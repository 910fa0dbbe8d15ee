// JSON as Go's encoder writes it: fields in the order of their type, and `<`, `>` and `&` escaped.
// Pure functions, any thread.
#pragma once

#include <string>

#include "base/json.h"
#include "kube/types.h"

namespace weir::kube {

// The type's fields first, in its order, then what the type does not know, by name. Maps are in the
// order of their keys. `indent`: blanks for each level; 0: one line.
std::string DumpTyped(const Json& value, const Type& type, int indent = 0);

// An object by its own apiVersion and kind, and so each object inside it whose type is left open.
// What is of no known kind is in the order of its keys, as custom resources are.
std::string DumpObject(const Json& value, int indent = 0);

}  // namespace weir::kube
