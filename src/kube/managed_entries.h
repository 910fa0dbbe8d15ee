// The entries of metadata.managedFields, as updates and applies both handle them. Internal to kube.
// Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kube/managed_fields.h"

namespace weir::kube {

using FieldPath = std::vector<std::string_view>;

// What a write through `subresource` cannot set (GetResetFields of the registries).
std::vector<FieldPath> ResetFields(const Resource& resource, std::string_view subresource);
void CutReset(const std::vector<FieldPath>& reset, FieldChanges& changes);
// Takes out what nobody owns.
void StripSystemFields(Json& set);

// Null where the object has none.
const Json* EntriesOf(const Json& object);
// Whether they are entries, all of the form.
bool AreEntries(const Json* entries);
// Whether both stand for the same manager doing the same.
bool SameManager(const Json& a, const Json& b);
void SortEntries(Json& entries);
// Puts the oldest updates of each version together while there are too many of them.
void CapEntries(Json& entries);

// The object that a create begins with, in Go's form.
Json EmptyObject(const Resource& resource);

using ChangesByVersion = std::map<std::string, FieldChanges>;
// What differs between the two in a version of the resource's group, looked up in `known` first;
// null for versions that are not served.
const FieldChanges* ChangesIn(const Resource& resource, const std::string& version,
                              const Json& before, const Json& after,
                              const std::vector<FieldPath>& reset, const ToVersion& to_version,
                              ChangesByVersion& known);

}  // namespace weir::kube
