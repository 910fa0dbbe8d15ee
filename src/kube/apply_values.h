// Values checked against, merged with and cut by what structured-merge-diff knows of their type:
// the walks of server-side apply. Internal to kube. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "kube/merge_type.h"

namespace weir::kube {

// Why the value is not of the type, in upstream's words ("`.spec.a: field not declared in
// schema`").
std::vector<std::string> TypeErrors(const MergeType& type, const Json& value);

// `config` merged into `live`; either may be null pointer, which is absent. nullopt: nothing.
std::optional<Json> MergeValues(const MergeType& type, const Json* live, const Json* config);

// The value without the fields of the set.
Json WithoutFields(const MergeType& type, const Json& value, const Json& set);

// The set, and the fields of structs on the way to its fields as fields of it.
Json WithNamedFields(const MergeType& type, const Json& set);

// `.spec.containers[name="c"].image` of each field of the set, in order.
std::vector<std::string> PathsOf(const Json& set);

}  // namespace weir::kube
