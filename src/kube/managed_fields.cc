#include "kube/managed_fields.h"

#include <algorithm>
#include <utility>

#include "kube/field_set.h"
#include "kube/managed_entries.h"

namespace weir::kube {
namespace {

constexpr std::size_t kMaxManagerBytes = 128;

// Asks for all entries to be forgotten: [] or [{}].
bool IsReset(const Json* entries) {
  if (entries == nullptr || !entries->is_array()) return false;
  return entries->empty() || (entries->size() == 1 && (*entries)[0].empty());
}

// What the write begins with.
Json StartingEntries(const Json* before, const Json& object, const FieldWrite& write) {
  if (write.subresource.empty()) {
    const Json* own = EntriesOf(object);
    if (IsReset(own)) return Json::array();
    if (AreEntries(own)) return *own;
  }
  const Json* stored = before == nullptr ? nullptr : EntriesOf(*before);
  return AreEntries(stored) ? *stored : Json::array();
}

}  // namespace

Json TrackUpdate(const Resource& resource, const Json* before, const Json& object,
                 const FieldWrite& write, const ToVersion& to_version) {
  Json entries = StartingEntries(before, object, write);
  // An object that nobody has tracked from its beginning stays so.
  if (entries.empty() && before != nullptr) return entries;
  const Json nothing = before == nullptr ? EmptyObject(resource) : Json();
  const Json& was = before == nullptr ? nothing : *before;
  const std::vector<FieldPath> reset = ResetFields(resource, write.subresource);
  const std::string own = resource.ApiVersion();
  ChangesByVersion known;
  ChangesIn(resource, own, was, object, reset, to_version, known);
  Json kept = Json::array();
  for (Json& entry : entries) {
    const FieldChanges* changes =
        ChangesIn(resource, GetString(entry, "apiVersion"), was, object, reset, to_version, known);
    if (changes == nullptr) continue;
    Json& fields = entry["fieldsV1"];
    if (!fields.is_object()) fields = Json::object();
    for (const Json* taken : {&changes->modified, &changes->added, &changes->removed}) {
      SubtractFields(fields, *taken);
    }
    if (!fields.empty()) kept.push_back(std::move(entry));
  }
  Json set = std::move(known[own].modified);
  UniteFields(set, known[own].added);
  StripSystemFields(set);
  if (set.empty()) return kept;

  Json entry = {{"manager", write.manager.empty() ? "unknown" : write.manager},
                {"operation", "Update"},
                {"apiVersion", own},
                {"fieldsType", "FieldsV1"},
                {"time", FormatRfc3339(write.now)}};
  if (!write.subresource.empty()) entry["subresource"] = write.subresource;
  const auto same =
      std::ranges::find_if(kept, [&entry](const Json& other) { return SameManager(entry, other); });
  if (same != kept.end()) {
    UniteFields((*same)["fieldsV1"], set);
    (*same)["time"] = entry["time"];
  } else {
    entry["fieldsV1"] = std::move(set);
    kept.push_back(std::move(entry));
  }
  SortEntries(kept);
  CapEntries(kept);
  return kept;
}

std::string ManagerName(std::string_view field_manager, std::string_view user_agent) {
  std::string_view name =
      field_manager.empty() ? user_agent.substr(0, user_agent.find('/')) : field_manager;
  std::string out;
  for (const char c : name.substr(0, kMaxManagerBytes)) {
    if (c >= ' ' && c != '\x7f') out += c;
  }
  return out;
}

}  // namespace weir::kube
