#include "kube/apply.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kube/apply_values.h"
#include "kube/field_compare.h"
#include "kube/field_set.h"
#include "kube/managed_entries.h"

namespace weir::kube {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";
constexpr std::string_view kBeforeFirst = "before-first-apply";
// Whose applies take over what client-side apply has set.
constexpr std::string_view kKubectl = "kubectl";

Json WithoutManagedFields(Json object) {
  Erase(object, {"metadata", "managedFields"});
  return object;
}

std::string GroupVersionKind(const Resource& resource) {
  return fmt::format("{}, Kind={}",
                     resource.group.empty() ? "/" + resource.version : resource.ApiVersion(),
                     resource.kind);
}

std::unexpected<Error> NotOfTheType(const Resource& resource, const Json& config,
                                    const std::vector<std::string>& errors) {
  std::string why = errors[0];
  if (errors.size() > 1) {
    why = "errors:";
    for (const std::string& error : errors) why += "\n  " + error;
  }
  const auto text = [&config](std::string_view key) {
    return GetString(config, {"metadata", key});
  };
  return Fail(Code::kInvalid,
              fmt::format("failed to create typed patch object ({}/{}; {}): {}", text("namespace"),
                          text("name"), GroupVersionKind(resource), why));
}

std::string PrintedManager(const Json& entry) {
  std::string text = Quote(GetString(entry, "manager"));
  const std::string subresource = GetString(entry, "subresource");
  if (!subresource.empty()) text += " with subresource " + Quote(subresource);
  if (GetString(entry, "operation") == "Update") text += " using " + GetString(entry, "apiVersion");
  return text;
}

// What stands of an object that nobody has tracked.
Json FirstEntries(const Resource& resource, const Json& live, const FieldWrite& write,
                  const std::vector<FieldPath>& reset) {
  FieldChanges changes = CompareFields(resource, EmptyObject(resource), live);
  CutReset(reset, changes);
  Json set = std::move(changes.modified);
  UniteFields(set, changes.added);
  StripSystemFields(set);
  Json entries = Json::array();
  if (set.empty()) return entries;
  entries.push_back({{"manager", kBeforeFirst},
                     {"operation", "Update"},
                     {"apiVersion", resource.ApiVersion()},
                     {"fieldsType", "FieldsV1"},
                     {"fieldsV1", std::move(set)},
                     {"time", FormatRfc3339(write.now)}});
  return entries;
}

Json Difference(Json a, const Json& b) {
  SubtractFields(a, b);
  return a;
}

// What the manager applied last and does not any more goes, unless somebody else owns it too.
Json Pruned(const Resource& resource, const Json& merged, const Json& last, const Json& owned) {
  const MergeType type = MergeType::Of(resource);
  const auto fields = [&](const Json& object) {
    return WithNamedFields(type, FieldsOf(resource, object));
  };
  const Json named_last = WithNamedFields(type, last);
  const Json all = fields(merged);
  Json pruned = WithoutFields(type, merged, named_last);
  Json kept = fields(pruned);
  UniteFields(kept, WithNamedFields(type, owned));
  pruned = WithoutFields(type, merged, Difference(all, kept));
  // What hangs on nothing that was applied last stays.
  const Json gone = CommonFields(Difference(all, fields(pruned)), named_last);
  return gone.is_null() ? merged : WithoutFields(type, merged, gone);
}

// The fields that client-side apply has set and nobody has changed since.
Json FieldsOfClientSideApply(const Resource& resource, const Json& live) {
  const auto last = ParseJson(GetString(live, {"metadata", "annotations", kLastApplied}));
  if (!last || !last->is_object() || GetString(*last, "apiVersion") != resource.ApiVersion()) {
    return Json::object();
  }
  Json set = FieldsOf(resource, *last);
  const FieldChanges changes = CompareFields(resource, *last, live);
  for (const Json* other : {&changes.modified, &changes.added, &changes.removed}) {
    SubtractFields(set, *other);
  }
  return set;
}

// The annotation follows what kubectl applies.
void UpdateLastApplied(const Json& config, Json& object) {
  if (GetString(object, {"metadata", "annotations", kLastApplied}).empty()) return;
  Json last = WithoutManagedFields(config);
  Erase(last, {"metadata", "annotations", kLastApplied});
  object["metadata"]["annotations"][std::string(kLastApplied)] = DumpJson(last) + "\n";
}

// What an apply begins with.
struct Beginning {
  Json before;   // the object, without managedFields
  Json entries;  // of the others
  Json own;      // what the applier will own
  Json last;     // the fields that it owned so far
  Json owned;    // those of all, its new ones included
};

Beginning Begin(const Resource& resource, const Json* live, const Json& config,
                const FieldWrite& write, const std::vector<FieldPath>& reset) {
  Beginning out;
  out.before = live == nullptr ? EmptyObject(resource) : WithoutManagedFields(*live);
  Json entries = Json::array();
  if (live != nullptr) {
    const Json* stored = EntriesOf(*live);
    entries = AreEntries(stored) ? *stored : FirstEntries(resource, out.before, write, reset);
  }
  out.own = {{"manager", write.manager},
             {"operation", "Apply"},
             {"apiVersion", resource.ApiVersion()},
             {"fieldsType", "FieldsV1"}};
  if (!write.subresource.empty()) out.own["subresource"] = write.subresource;
  FieldChanges configured;
  configured.added = FieldsOf(resource, config);
  CutReset(reset, configured);
  out.owned = configured.added.is_null() ? Json::object() : configured.added;
  out.own["fieldsV1"] = out.owned;
  out.last = Json::object();
  out.entries = Json::array();
  for (Json& entry : entries) {
    Json& fields = entry["fieldsV1"];
    if (!fields.is_object()) fields = Json::object();
    if (SameManager(entry, out.own)) {
      out.last = std::move(fields);
      if (entry.contains("time")) out.own["time"] = entry["time"];
    } else {
      UniteFields(out.owned, fields);
      out.entries.push_back(std::move(entry));
    }
  }
  return out;
}

// What somebody else owns and the apply changes.
struct Conflict {
  std::size_t entry;
  Json fields;
};

// Takes removed fields from the entries, which may become fewer.
std::vector<Conflict> FindConflicts(const Resource& resource, const Json& before, const Json& after,
                                    const std::vector<FieldPath>& reset,
                                    const ToVersion& to_version, Json& entries) {
  ChangesByVersion known;
  std::vector<Conflict> conflicts;
  Json kept = Json::array();
  for (Json& entry : entries) {
    const FieldChanges* changes = ChangesIn(resource, GetString(entry, "apiVersion"), before, after,
                                            reset, to_version, known);
    if (changes == nullptr) continue;
    Json changed = changes->modified;
    UniteFields(changed, changes->added);
    Json common = CommonFields(entry["fieldsV1"], changed);
    SubtractFields(entry["fieldsV1"], changes->removed);
    kept.push_back(std::move(entry));
    if (!common.is_null()) conflicts.push_back({kept.size() - 1, std::move(common)});
  }
  entries = std::move(kept);
  return conflicts;
}

std::vector<ApplyConflict> Told(const std::vector<Conflict>& conflicts, const Json& entries,
                                const Json& allowed) {
  std::vector<ApplyConflict> told;
  for (const Conflict& conflict : conflicts) {
    for (std::string& path : PathsOf(Difference(conflict.fields, allowed))) {
      told.push_back({PrintedManager(entries[conflict.entry]), std::move(path)});
    }
  }
  std::ranges::sort(told, {}, [](const ApplyConflict& conflict) {
    return std::pair(conflict.manager, conflict.path);
  });
  return told;
}

}  // namespace

Result<Applied> ApplyConfiguration(const Resource& resource, const Json* live, const Json& config,
                                   const FieldWrite& write, bool force,
                                   const ToVersion& to_version) {
  const MergeType type = MergeType::Of(resource);
  if (const auto errors = TypeErrors(type, config); !errors.empty()) {
    return NotOfTheType(resource, config, errors);
  }
  const std::vector<FieldPath> reset = ResetFields(resource, write.subresource);
  Beginning begin = Begin(resource, live, config, write, reset);
  Applied out;
  out.object = MergeValues(type, &begin.before, &config).value_or(Json::object());
  if (!begin.last.empty()) out.object = Pruned(resource, out.object, begin.last, begin.owned);

  const std::vector<Conflict> conflicts =
      FindConflicts(resource, begin.before, out.object, reset, to_version, begin.entries);
  if (!conflicts.empty() && !force) {
    const bool takes_over = write.manager == kKubectl && live != nullptr;
    const Json allowed =
        takes_over ? FieldsOfClientSideApply(resource, begin.before) : Json::object();
    out.conflicts = Told(conflicts, begin.entries, allowed);
    if (!out.conflicts.empty()) return out;
  }
  for (const Conflict& conflict : conflicts) {
    SubtractFields(begin.entries[conflict.entry]["fieldsV1"], conflict.fields);
  }
  out.managed = Json::array();
  for (Json& entry : begin.entries) {
    if (!entry["fieldsV1"].empty()) out.managed.push_back(std::move(entry));
  }
  out.changed = out.object != begin.before;
  StripSystemFields(begin.own["fieldsV1"]);
  if (out.changed) begin.own["time"] = FormatRfc3339(write.now);
  if (!begin.own["fieldsV1"].empty()) out.managed.push_back(std::move(begin.own));
  SortEntries(out.managed);
  if (write.manager == kKubectl) {
    UpdateLastApplied(config, out.object);
    out.changed = out.object != begin.before;
  }
  return out;
}

std::string ConflictMessage(const std::vector<ApplyConflict>& conflicts) {
  if (conflicts.size() == 1) {
    return fmt::format("Apply failed with 1 conflict: conflict with {}: {}", conflicts[0].manager,
                       conflicts[0].path);
  }
  std::string text = fmt::format("Apply failed with {} conflicts: ", conflicts.size());
  const std::string* manager = nullptr;
  for (const ApplyConflict& conflict : conflicts) {
    if (manager == nullptr || *manager != conflict.manager) {
      if (manager != nullptr) text += "\n";
      text += fmt::format("conflicts with {}:", conflict.manager);
      manager = &conflict.manager;
    }
    text += "\n- " + conflict.path;
  }
  return text;
}

}  // namespace weir::kube
