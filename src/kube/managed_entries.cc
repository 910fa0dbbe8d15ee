#include "kube/managed_entries.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "kube/codec.h"
#include "kube/field_compare.h"
#include "kube/field_set.h"

namespace weir::kube {
namespace {

// The most entries of updates; older ones are put together.
constexpr std::size_t kMaxUpdateManagers = 10;
constexpr std::string_view kOldManagers = "ancient-changes";

bool IsEntry(const Json& entry) {
  const std::string operation = GetString(entry, "operation");
  return (operation == "Apply" || operation == "Update") &&
         !GetString(entry, "apiVersion").empty() && GetString(entry, "fieldsType") == "FieldsV1" &&
         (!entry.contains("fieldsV1") || IsFieldSet(entry["fieldsV1"]));
}

}  // namespace

std::vector<FieldPath> ResetFields(const Resource& resource, std::string_view subresource) {
  if (resource.FindSubresource("status") == nullptr) return {};
  if (subresource != "status") return {{"f:status"}};
  if (resource.group == "apps") return {{"f:spec"}, {"f:metadata", "f:labels"}};
  if (resource.GroupResource() == "pods") {
    return {{"f:spec"}, {"f:metadata", "f:deletionTimestamp"}, {"f:metadata", "f:ownerReferences"}};
  }
  return {{"f:spec"}};
}

void StripSystemFields(Json& set) {
  for (const char* step : {"f:apiVersion", "f:kind"}) CutFields(set, {step});
  for (const char* step :
       {"f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid", "f:clusterName",
        "f:generation", "f:managedFields", "f:resourceVersion"}) {
    CutFields(set, {"f:metadata", step});
  }
  const auto metadata = set.is_object() ? set.find("f:metadata") : set.end();
  if (!set.is_object() || metadata == set.end()) return;
  metadata->erase(".");
  if (metadata->empty()) set.erase("f:metadata");
}

const Json* EntriesOf(const Json& object) { return Find(object, {"metadata", "managedFields"}); }

bool AreEntries(const Json* entries) {
  return entries != nullptr && entries->is_array() && !entries->empty() &&
         std::ranges::all_of(*entries, IsEntry);
}

bool SameManager(const Json& a, const Json& b) {
  const bool applied = GetString(a, "operation") == "Apply";
  for (const std::string_view key : {"manager", "operation", "apiVersion", "subresource"}) {
    if (key == "apiVersion" && applied) continue;
    if (GetString(a, key) != GetString(b, key)) return false;
  }
  return true;
}

void SortEntries(Json& entries) {
  const auto key = [](const Json& entry) {
    return std::tuple(GetString(entry, "operation"), GetString(entry, "time"),
                      GetString(entry, "manager"), GetString(entry, "apiVersion"),
                      GetString(entry, "subresource"));
  };
  std::ranges::sort(entries.get_ref<Json::array_t&>(),
                    [&key](const Json& a, const Json& b) { return key(a) < key(b); });
}

void CapEntries(Json& entries) {
  std::vector<std::size_t> updates;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (GetString(entries[i], "operation") == "Update") updates.push_back(i);
  }
  if (updates.size() <= kMaxUpdateManagers) return;
  std::size_t left = updates.size();
  std::map<std::string, std::size_t> first;  // of each version
  std::vector<std::size_t> gone;
  for (const std::size_t i : updates) {  // sorted by time
    if (left <= kMaxUpdateManagers) break;
    const auto [it, fresh] = first.emplace(GetString(entries[i], "apiVersion"), i);
    if (fresh) continue;
    Json& bucket = entries[it->second];
    bucket["manager"] = kOldManagers;
    bucket.erase("subresource");
    UniteFields(bucket["fieldsV1"], entries[i]["fieldsV1"]);
    bucket["time"] = GetString(entries[i], "time");
    gone.push_back(i);
    --left;
  }
  for (auto it = gone.rbegin(); it != gone.rend(); ++it) entries.erase(*it);
}

void CutReset(const std::vector<FieldPath>& reset, FieldChanges& changes) {
  for (const FieldPath& path : reset) {
    for (Json* set : {&changes.added, &changes.modified, &changes.removed}) CutFields(*set, path);
  }
}

Json EmptyObject(const Resource& resource) {
  Json nothing = {
      {"apiVersion", resource.ApiVersion()}, {"kind", resource.kind}, {"metadata", Json::object()}};
  Complete(resource, nothing);
  return nothing;
}

const FieldChanges* ChangesIn(const Resource& resource, const std::string& version,
                              const Json& before, const Json& after,
                              const std::vector<FieldPath>& reset, const ToVersion& to_version,
                              ChangesByVersion& known) {
  auto it = known.find(version);
  if (it != known.end()) return &it->second;
  Resource other = resource;
  const bool own = version == resource.ApiVersion();
  const Json was = own ? Json() : to_version(before, version);
  const Json is = own ? Json() : to_version(after, version);
  if (!own) {
    if (was.is_null() || is.is_null()) return nullptr;
    other.version = version.substr(version.find('/') + 1);
    other.type = TypeNameOf(version, resource.kind);
  }
  FieldChanges changes = CompareFields(other, own ? before : was, own ? after : is);
  CutReset(reset, changes);
  return &known.emplace(version, std::move(changes)).first->second;
}

}  // namespace weir::kube
