// OpenAPI v3 schemas of the types of the API: what `kubectl explain` prints, and the merge keys by
// which kubectl makes its patches. Descriptions are not upstream's: a type's says what it is, a
// field has none. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "kube/resource.h"
#include "kube/types.h"

namespace weir::kube {

// {"$ref": "#/components/schemas/NAME"}
Json SchemaReference(std::string_view name);

// Adds a type and all that it reaches to `schemas`, by their names in OpenAPI.
void AddSchemas(const Type& type, Json& schemas);

// Adds the schema of a resource's kind and of its list, and what they reach. Returns the kind's
// name in OpenAPI.
std::string AddKindSchemas(const Resource& resource, Json& schemas);

}  // namespace weir::kube
