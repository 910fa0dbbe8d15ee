// Sets of the fields of an object, in the form in which managedFields keep them (FieldsV1): an
// object with a member for each step ("f:spec", `k:{"name":"c"}`, `v:"x"`, "i:0"), down to the
// fields. An empty object is a field of the set; "." says so where the object holds more. The
// operations of sigs.k8s.io/structured-merge-diff fieldpath.Set. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::kube {

// Whether the text has the form, at most as deep as objects may be.
bool IsFieldSet(const Json& set);
// Adds the field at the place itself to a set that may hold fields below it. A null `set` is none.
void MarkField(Json& set);
// `set` gets what `more` has; either may be null.
void UniteFields(Json& set, const Json& more);
// `set` loses what `less` has. A set without fields is an empty object at its root.
void SubtractFields(Json& set, const Json& less);
// What both have; null where they have nothing in common.
Json CommonFields(const Json& a, const Json& b);
// `set` loses the field at the path and all below it.
void CutFields(Json& set, const std::vector<std::string_view>& path);

}  // namespace weir::kube
