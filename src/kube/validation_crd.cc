// CustomResourceDefinitions, and what every custom resource must fulfil beside its schema:
// apiextensions-apiserver's validation, as far as this cluster's kinds need it.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::int64_t kMaxInt32 = 2147483647;

// A version as upstream prints its internal struct: schemas and columns live elsewhere by then.
std::string PrintedVersions(const Json& versions) {
  std::vector<std::string> out;
  for (const Json& version : versions) {
    out.push_back(fmt::format(
        R"({{"Name":{},"Served":{},"Storage":{},"Deprecated":{},"DeprecationWarning":null,)"
        R"("Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,)"
        R"("SelectableFields":null}})",
        Quote(GetString(version, "name")), GetBool(version, {"served"}, false),
        GetBool(version, {"storage"}, false), GetBool(version, {"deprecated"}, false)));
  }
  return "[" + Join(out, ",") + "]";
}

void CheckSimplePath(FieldErrors& errors, const Json& object, std::string_view key,
                     std::string_view under, const std::string& path) {
  std::string text = GetString(object, key);
  if (text.empty()) {
    errors.push_back(Required(Child(path, key)));
  } else if (!text.starts_with('.')) {
    errors.push_back(Invalid(Child(path, key), text, "must be a simple json path starting with ."));
  } else if (!text.starts_with(fmt::format("{}.", under))) {
    errors.push_back(
        Invalid(Child(path, key), text, fmt::format("should be a json path under {}", under)));
  }
}

void CheckStructural(FieldErrors& errors, const Json& schema, bool root, const std::string& path) {
  std::string type = GetString(schema, "type");
  bool free_type = GetBool(schema, {"x-kubernetes-int-or-string"}, false) ||
                   GetBool(schema, {"x-kubernetes-preserve-unknown-fields"}, false);
  if (root && type != "object") {
    errors.push_back(type.empty()
                         ? Required(Child(path, "type"), "must not be empty at the root")
                         : Invalid(Child(path, "type"), type, "must be object at the root"));
  } else if (type.empty() && !free_type) {
    errors.push_back(
        Required(Child(path, "type"), "must not be empty for specified object fields"));
  }
  if (!type.empty()) {
    CheckOneOf(errors, Child(path, "type"), type,
               {"array", "boolean", "integer", "number", "object", "string"});
  }
  if (type == "array") {
    const Json* items = Find(schema, "items");
    if (items == nullptr) {
      errors.push_back(Required(Child(path, "items"), "must be specified"));
    } else {
      CheckStructural(errors, *items, false, Child(path, "items"));
    }
  }
  for (const auto& [name, property] : GetObject(schema, {"properties"}).items()) {
    if (root && name == "metadata") continue;
    CheckStructural(errors, property, false, MapKey(Child(path, "properties"), name));
  }
  if (const Json* initial = Find(schema, "default")) {
    for (FieldError& error : ValidateSchema(schema, *initial, "")) {
      error.field = Child(path, "default");
      errors.push_back(std::move(error));
    }
  }
}

void CheckVersion(FieldErrors& errors, const Json& spec, const Json& version, std::size_t index) {
  std::string at = Index("spec.versions", index);
  std::string name = GetString(version, "name");
  AddInvalid(errors, Child(at, "name"), name, Dns1035LabelErrors(name));
  // Upstream's internal form keeps what the only version says at the top of the spec.
  bool single = GetArray(spec, {"versions"}).size() == 1;
  std::string base = single ? "spec" : at;
  const Json* schema = Find(version, {"schema", "openAPIV3Schema"});
  if (schema == nullptr) {
    errors.push_back(Required(Child(at, "schema.openAPIV3Schema")));
  } else {
    CheckStructural(
        errors, *schema, true,
        single ? "spec.validation.openAPIV3Schema" : Child(at, "schema.openAPIV3Schema"));
  }
  if (const Json* scale = Find(version, {"subresources", "scale"})) {
    std::string path = Child(base, "subresources.scale");
    CheckSimplePath(errors, *scale, "specReplicasPath", ".spec", path);
    CheckSimplePath(errors, *scale, "statusReplicasPath", ".status", path);
  }
  const Json& columns = GetArray(version, {"additionalPrinterColumns"});
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string path = Index(Child(base, "additionalPrinterColumns"), i);
    if (GetString(columns[i], "name").empty()) errors.push_back(Required(Child(path, "name")));
    std::string type = GetString(columns[i], "type");
    static const std::vector<std::string_view> kTypes = {"boolean", "date", "integer", "number",
                                                         "string"};
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
      errors.push_back(
          Invalid(Child(path, "type"), type, "must be one of boolean,date,integer,number,string"));
    }
    std::string json_path = GetString(columns[i], "jsonPath");
    if (json_path.empty()) {
      errors.push_back(Required(Child(path, "JSONPath")));
    } else if (!json_path.starts_with('.')) {
      errors.push_back(Invalid(Child(path, "JSONPath"), json_path,
                               "must be a simple json path starting with ."));
    }
  }
}

void CheckVersions(FieldErrors& errors, const Json& object) {
  const Json& spec = GetObject(object, {"spec"});
  const Json& versions = GetArray(spec, {"versions"});
  std::set<std::string> names;
  int storage = 0;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    CheckVersion(errors, spec, versions[i], i);
    storage += GetBool(versions[i], {"storage"}, false) ? 1 : 0;
    std::string name = GetString(versions[i], "name");
    if (!names.insert(name).second) {
      errors.push_back(InvalidText("spec.versions", PrintedVersions(versions),
                                   "must contain unique version names"));
    }
  }
  if (storage != 1) {
    errors.push_back(InvalidText("spec.versions", PrintedVersions(versions),
                                 "must have exactly one version marked as storage version"));
  }
  if (!versions.empty()) {
    std::string first = GetString(versions[0], "name");
    AddInvalid(errors, "spec.version", first, Dns1035LabelErrors(first));
  }
}

void CheckNames(FieldErrors& errors, const Json& names) {
  for (std::string_view key : {"plural", "singular"}) {
    std::string name = GetString(names, key);
    if (name.empty()) continue;
    AddInvalid(errors, Child("spec.names", key), name, Dns1035LabelErrors(name));
  }
  if (GetString(names, "plural").empty()) errors.push_back(Required("spec.names.plural"));
  for (std::string_view key : {"kind", "listKind"}) {
    std::string name = GetString(names, key);
    std::string field = Child("spec.names", key);
    if (name.empty()) {
      errors.push_back(Required(field));
      continue;
    }
    for (const std::string& reason : Dns1035LabelErrors(ToLower(name))) {
      errors.push_back(
          Invalid(field, name, "may have mixed case, but should otherwise match: " + reason));
    }
  }
  for (std::string_view list : {"shortNames", "categories"}) {
    const Json& items = GetArray(names, {list});
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!items[i].is_string()) continue;
      AddInvalid(errors, Index(Child("spec.names", list), i), items[i],
                 Dns1035LabelErrors(items[i].get_ref<const std::string&>()));
    }
  }
}

void CheckStored(FieldErrors& errors, const Json& object) {
  const Json& stored = GetArray(object, {"status", "storedVersions"});
  const Json& versions = GetArray(object, {"spec", "versions"});
  if (stored.empty()) {
    errors.push_back(
        Invalid("status.storedVersions", nullptr, "must have at least one stored version"));
  }
  for (std::size_t i = 0; i < stored.size(); ++i) {
    bool known = std::any_of(versions.begin(), versions.end(), [&](const Json& version) {
      return stored[i] == Json(GetString(version, "name"));
    });
    if (known || !stored[i].is_string()) continue;
    errors.push_back(Invalid(
        Index("status.storedVersions", i), stored[i],
        fmt::format("missing from spec.versions; {} was previously a storage version, and must "
                    "remain in spec.versions until a storage migration ensures no data remains "
                    "persisted in {} and removes {} from status.storedVersions",
                    stored[i].get<std::string>(), stored[i].get<std::string>(),
                    stored[i].get<std::string>())));
  }
}

FieldErrors CrdMetaErrors(const Json* old, const Json& object) {
  const Json& meta = GetObject(object, {"metadata"});
  FieldErrors errors =
      old == nullptr ? ValidateObjectMeta(meta, false, NameRule::kAny, false, "metadata")
                     : ValidateObjectMetaUpdate(meta, GetObject(*old, {"metadata"}), "metadata");
  std::string name = GetString(meta, "name");
  std::string group = GetString(object, {"spec", "group"});
  if (old == nullptr && !name.empty() &&
      name != GetString(object, {"spec", "names", "plural"}) + "." + group) {
    errors.push_back(Invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
  }
  constexpr std::string_view kApproved = "api-approved.kubernetes.io";
  bool protected_group = group == "k8s.io" || group == "kubernetes.io" ||
                         group.ends_with(".k8s.io") || group.ends_with(".kubernetes.io");
  if (protected_group && GetString(meta, {"annotations", kApproved}).empty()) {
    errors.push_back(Required(MapKey("metadata.annotations", kApproved),
                              "protected groups must have approval annotation "
                              "\"api-approved.kubernetes.io\", see "
                              "https://github.com/kubernetes/enhancements/pull/1111"));
  }
  return errors;
}

}  // namespace

FieldErrors ValidateCrd(const Json* old, const Json& object) {
  FieldErrors errors = CrdMetaErrors(old, object);
  const Json& spec = GetObject(object, {"spec"});
  std::string group = GetString(spec, "group");
  if (group.empty()) {
    errors.push_back(Required("spec.group"));
  } else {
    Reasons reasons = SubdomainErrors(group);
    AddInvalid(errors, "spec.group", group, reasons);
    if (reasons.empty() && group.find('.') == std::string::npos) {
      errors.push_back(Invalid("spec.group", group, "should be a domain with at least one dot"));
    }
  }
  std::string scope = GetString(spec, "scope");
  if (scope.empty()) {
    errors.push_back(Required("spec.scope"));
  } else {
    CheckOneOf(errors, "spec.scope", scope, {"Cluster", "Namespaced"});
  }
  CheckVersions(errors, object);
  CheckNames(errors, GetObject(spec, {"names"}));
  std::string strategy = GetString(spec, {"conversion", "strategy"});
  if (!strategy.empty()) {
    CheckOneOf(errors, "spec.conversion.strategy", strategy, {"None", "Webhook"});
  }
  CheckStored(errors, object);
  if (old != nullptr) {
    for (std::string_view key : {"group", "scope"}) {
      CheckImmutable(errors, Find(spec, key), Find(*old, {"spec", key}), Child("spec", key));
    }
    for (std::string_view key : {"plural", "kind"}) {
      CheckImmutable(errors, Find(spec, {"names", key}), Find(*old, {"spec", "names", key}),
                     Child("spec.names", key));
    }
  }
  return errors;
}

namespace {

// The replicas that a scale path names must be a count, whatever the schema says.
void CheckScaleReplicas(FieldErrors& errors, const Resource& resource, const Json& object) {
  std::string path = GetString(resource.scale_paths, "specReplicasPath");
  if (path.empty()) return;
  const Json* at = &object;
  for (const std::string& step : Split(path.substr(1), '.')) {
    if (!at->is_object()) {
      errors.push_back(Invalid(
          path, 0,
          fmt::format("{} accessor error: {} is of the type {}, expected map[string]interface{{}}",
                      path, at->is_string() ? at->get<std::string>() : DumpJson(*at),
                      at->type_name())));
      return;
    }
    at = Find(*at, step);
    if (at == nullptr) return;
  }
  if (!at->is_number_integer()) return;
  std::int64_t replicas = at->get<std::int64_t>();
  if (replicas < 0) {
    errors.push_back(Invalid(path, replicas, "should be a non-negative integer"));
  } else if (replicas > kMaxInt32) {
    errors.push_back(
        Invalid(path, replicas, fmt::format("should be less than or equal to {}", kMaxInt32)));
  }
}

}  // namespace

FieldErrors ValidateCustom(const Resource& resource, std::string_view subresource,
                           const Json& object) {
  FieldErrors errors;
  std::string kind = GetString(object, "kind");
  if (kind != resource.kind) {
    errors.push_back(Invalid("kind", kind, "must be " + resource.kind));
    return errors;
  }
  if (resource.schema != nullptr) {
    const Json& schema = *resource.schema;
    const Json& properties = GetObject(schema, {"properties"});
    if (subresource == "status") {
      const Json* status = Find(object, "status");
      const Json* status_schema = Find(properties, "status");
      if (status != nullptr && status_schema != nullptr) {
        errors = ValidateSchema(*status_schema, *status, "status");
      }
    } else {
      errors = ValidateSchema(schema, object, "");
    }
  }
  CheckScaleReplicas(errors, resource, object);
  return errors;
}

}  // namespace weir::kube
