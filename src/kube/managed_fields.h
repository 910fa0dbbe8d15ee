// Who set which field of an object: metadata.managedFields, kept at every write as upstream does
// (k8s.io/apimachinery pkg/util/managedfields above structured-merge-diff). Pure functions.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"
#include "kube/resource.h"

namespace weir::kube {

// The fields that differ between two objects, as sets (field_set.h); null where there are none.
struct FieldChanges {
  Json added, modified, removed;
};
FieldChanges CompareFields(const Resource& resource, const Json& before, const Json& after);

// The set of the fields that an applied configuration has.
Json FieldsOf(const Resource& resource, const Json& object);

// A write as managedFields names it.
struct FieldWrite {
  std::string manager;  // empty: "unknown"
  std::string subresource;
  Time now;
};

// What an object looks like in another version of its group; null where that is not served.
using ToVersion = std::function<Json(const Json& object, const std::string& api_version)>;

// The managedFields of `object` after a create, update or patch; an empty array where none are
// kept. `before` is what is stored, null on create; both are in the resource's version, with
// defaults. Entries that the object itself brings count before those that are stored.
Json TrackUpdate(const Resource& resource, const Json* before, const Json& object,
                 const FieldWrite& write, const ToVersion& to_version);

// The name under which a client writes: the fieldManager parameter, or its User-Agent up to the
// slash.
std::string ManagerName(std::string_view field_manager, std::string_view user_agent);

}  // namespace weir::kube
