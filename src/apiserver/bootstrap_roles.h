// The roles and bindings that every cluster begins with, from data/roles.txt
// (docs/formats/roles.md). Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::apiserver {

extern const std::string_view k_embedded_roles_txt;

// The objects, with apiVersion and kind. Our own data file is the only input, so that a mistake in
// it stops the program with its line.
std::vector<Json> BootstrapRoles(std::string_view text);

// What a stored role lacks of its bootstrap form (rules, labels) or a binding (subjects) added to
// it; null where it lacks nothing, or asks to be left alone.
Json Reconciled(const Json& stored, const Json& wanted);

}  // namespace weir::apiserver
