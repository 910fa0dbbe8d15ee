// Who controls an object, and whether it counts: apimachinery's controller references. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::controllers {

std::string Name(const Json& object);
std::string Namespace(const Json& object);
std::string Uid(const Json& object);
bool IsBeingDeleted(const Json& object);

// The owner reference with `controller: true`, or null.
const Json* ControllerRef(const Json& object);
bool IsControlledBy(const Json& object, std::string_view uid);
// The reference by which `owner` controls another object.
Json NewControllerRef(const Json& owner);
// The merge patch that adds such a reference. It names the object's uid, so that it never meets
// another object of the same name.
Json AdoptPatch(const Json& object, const Json& owner);
// The merge patch that takes the references to these owners away.
Json ReleasePatch(const Json& object, const std::vector<std::string>& owner_uids);

// Neither ended nor being deleted.
bool IsActivePod(const Json& pod);
bool IsPodReady(const Json& pod);

}  // namespace weir::controllers
