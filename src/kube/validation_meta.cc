#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::int64_t kAnnotationBytes = 256 * 1024;

Reasons CheckName(NameRule rule, std::string_view name) {
  switch (rule) {
    case NameRule::kSubdomain:
      return SubdomainErrors(name);
    case NameRule::kLabel:
      return Dns1123LabelErrors(name);
    case NameRule::kAny:
      return PathSegmentErrors(name);
  }
  return {};
}

FieldErrors ValidateOwnerReferences(const Json* owners, const std::string& path) {
  FieldErrors errors;
  if (owners == nullptr || !owners->is_array()) return errors;
  static const std::vector<std::string_view> kOrder = {
      "apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"};
  const Json* controller = nullptr;
  for (const Json& owner : *owners) {
    std::string api_version = GetString(owner, "apiVersion");
    std::string version = api_version.substr(api_version.find('/') + 1);
    if (version.empty()) {
      errors.push_back(
          Invalid(Child(path, "apiVersion"), api_version, "version must not be empty"));
    }
    for (std::string_view key : {"kind", "name", "uid"}) {
      if (GetString(owner, key).empty()) {
        errors.push_back(Invalid(Child(path, key), "", "must not be empty"));
      }
    }
    if (api_version == "v1" && GetString(owner, "kind") == "Event") {
      errors.push_back(InvalidText(path, PrintedOrdered(owner, kOrder),
                                   "/v1, Kind=Event is disallowed from being an owner"));
    }
    if (!GetBool(owner, {"controller"}, false)) continue;
    if (controller != nullptr) {
      errors.push_back(InvalidText(
          path, PrintedOrdered(*owners, kOrder),
          fmt::format("Only one reference can have Controller set to true. Found \"true\" in "
                      "references for {}/{} and {}/{}",
                      GetString(*controller, "kind"), GetString(*controller, "name"),
                      GetString(owner, "kind"), GetString(owner, "name"))));
    } else {
      controller = &owner;
    }
  }
  return errors;
}

// What the built-in groups ask of finalizers beyond what all ask.
FieldErrors UnqualifiedFinalizers(const Json* finalizers, const std::string& path) {
  FieldErrors errors;
  if (finalizers == nullptr || !finalizers->is_array()) return errors;
  for (std::size_t i = 0; i < finalizers->size(); ++i) {
    const Json& item = (*finalizers)[i];
    if (!item.is_string()) continue;
    const auto& text = item.get_ref<const std::string&>();
    bool standard = text == "kubernetes" || text == "orphan" || text == "foregroundDeletion";
    if (standard || text.find('/') != std::string::npos) continue;
    errors.push_back(
        Invalid(Index(path, i), item,
                "name is neither a standard finalizer name nor is it fully qualified"));
  }
  return errors;
}

FieldErrors ValidateFinalizers(const Json* finalizers, bool core, const std::string& path) {
  FieldErrors errors;
  if (finalizers == nullptr || !finalizers->is_array()) return errors;
  bool orphan = false, foreground = false;
  for (const Json& item : *finalizers) {
    if (!item.is_string()) continue;
    AddInvalid(errors, path, item, QualifiedNameErrors(item.get_ref<const std::string&>()));
    orphan = orphan || item == "orphan";
    foreground = foreground || item == "foregroundDeletion";
  }
  if (orphan && foreground) {
    errors.push_back(
        Invalid(path, *finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
  if (core) Append(errors, UnqualifiedFinalizers(finalizers, path));
  return errors;
}

}  // namespace

FieldErrors ValidateLabels(const Json* labels, const std::string& path) {
  FieldErrors errors;
  if (labels == nullptr || !labels->is_object()) return errors;
  for (const auto& [key, value] : labels->items()) {
    AddInvalid(errors, path, key, QualifiedNameErrors(key));
    if (!value.is_string()) continue;
    AddInvalid(errors, path, value, LabelValueErrors(value.get_ref<const std::string&>()));
  }
  return errors;
}

FieldErrors ValidateAnnotations(const Json* annotations, const std::string& path) {
  FieldErrors errors;
  if (annotations == nullptr || !annotations->is_object()) return errors;
  std::size_t bytes = 0;
  for (const auto& [key, value] : annotations->items()) {
    AddInvalid(errors, path, key, QualifiedNameErrors(ToLower(key)));
    bytes += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
  }
  if (bytes > kAnnotationBytes) errors.push_back(TooLong(path, kAnnotationBytes));
  return errors;
}

FieldErrors ValidateObjectMeta(const Json& meta, bool namespaced, NameRule rule, bool core,
                               const std::string& path) {
  FieldErrors errors;
  std::string generate_name = GetString(meta, "generateName");
  if (!generate_name.empty()) {
    // What is appended ends the name, so that a hyphen at the end of the prefix is fine.
    std::string stem = generate_name;
    if (stem.size() > 1 && stem.back() == '-') stem.back() = 'a';
    AddInvalid(errors, Child(path, "generateName"), generate_name, CheckName(rule, stem));
  }
  std::string name = GetString(meta, "name");
  if (name.empty()) {
    errors.push_back(Required(Child(path, "name"), "name or generateName is required"));
  } else {
    AddInvalid(errors, Child(path, "name"), name, CheckName(rule, name));
  }
  std::string ns = GetString(meta, "namespace");
  if (namespaced && ns.empty()) {
    errors.push_back(Required(Child(path, "namespace")));
  } else if (namespaced) {
    AddInvalid(errors, Child(path, "namespace"), ns, Dns1123LabelErrors(ns));
  } else if (!ns.empty()) {
    errors.push_back(Forbidden(Child(path, "namespace"), "not allowed on this type"));
  }
  CheckNonNegative(errors, Child(path, "generation"), Find(meta, "generation"));
  Append(errors, ValidateLabels(Find(meta, "labels"), Child(path, "labels")));
  Append(errors, ValidateAnnotations(Find(meta, "annotations"), Child(path, "annotations")));
  Append(errors,
         ValidateOwnerReferences(Find(meta, "ownerReferences"), Child(path, "ownerReferences")));
  Append(errors, ValidateFinalizers(Find(meta, "finalizers"), core, Child(path, "finalizers")));
  return errors;
}

FieldErrors ValidateObjectMetaUpdate(const Json& meta, const Json& old, const std::string& path) {
  FieldErrors errors = ValidateAnyMetaUpdate(meta, old, path);
  Append(errors, UnqualifiedFinalizers(Find(meta, "finalizers"), Child(path, "finalizers")));
  return errors;
}

FieldErrors ValidateAnyMetaUpdate(const Json& meta, const Json& old, const std::string& path) {
  FieldErrors errors;
  if (Find(old, "deletionTimestamp") != nullptr) {
    // Nobody may hold up a deletion that is under way.
    const Json& before = GetArray(old, {"finalizers"});
    std::vector<std::string> added;
    for (const Json& item : GetArray(meta, {"finalizers"})) {
      if (std::find(before.begin(), before.end(), item) == before.end() && item.is_string()) {
        added.push_back(Quote(item.get_ref<const std::string&>()));
      }
    }
    if (!added.empty()) {
      errors.push_back(Forbidden(
          Child(path, "finalizers"),
          fmt::format("no new finalizers can be added if the object is being deleted, found new "
                      "finalizers []string{{{}}}",
                      Join(added, ", "))));
    }
  }
  for (std::string_view key : {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
                               "deletionGracePeriodSeconds"}) {
    CheckImmutable(errors, Find(meta, key), Find(old, key), Child(path, key));
  }
  std::int64_t generation = GetInt(meta, {"generation"}, 0);
  if (generation < GetInt(old, {"generation"}, 0)) {
    errors.push_back(Invalid(Child(path, "generation"), generation, "must not be decremented"));
  }
  Append(errors, ValidateLabels(Find(meta, "labels"), Child(path, "labels")));
  Append(errors, ValidateAnnotations(Find(meta, "annotations"), Child(path, "annotations")));
  Append(errors,
         ValidateOwnerReferences(Find(meta, "ownerReferences"), Child(path, "ownerReferences")));
  return errors;
}

bool SameOrEmpty(const Json* a, const Json* b) {
  auto empty = [](const Json* value) {
    return value == nullptr || value->is_null() ||
           ((value->is_object() || value->is_array()) && value->empty()) ||
           (value->is_string() && value->get_ref<const std::string&>().empty());
  };
  if (empty(a) || empty(b)) return empty(a) && empty(b);
  return *a == *b;
}

void CheckImmutable(FieldErrors& errors, const Json* value, const Json* old, std::string field) {
  if (SameOrEmpty(value, old)) return;
  errors.push_back(
      Invalid(std::move(field), value == nullptr ? Json("") : *value, "field is immutable"));
}

std::string PrintedSelector(const Json& selector) {
  Json full = selector;
  if (auto it = full.find("matchExpressions"); it != full.end() && it->is_array()) {
    for (Json& expression : *it) {  // these two have no omitempty
      if (!expression.contains("key")) expression["key"] = "";
      if (!expression.contains("operator")) expression["operator"] = "";
    }
  }
  return PrintedOrdered(full, {"matchLabels", "matchExpressions", "key", "operator", "values"});
}

FieldErrors ValidateLabelSelector(const Json& selector, const std::string& path) {
  FieldErrors errors = ValidateLabels(Find(selector, "matchLabels"), Child(path, "matchLabels"));
  const Json& expressions = GetArray(selector, {"matchExpressions"});
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    std::string at = Index(Child(path, "matchExpressions"), i);
    std::string op = GetString(expressions[i], "operator");
    const Json& values = GetArray(expressions[i], {"values"});
    if (op == "In" || op == "NotIn") {
      if (values.empty()) {
        errors.push_back(
            Required(Child(at, "values"), "must be specified when `operator` is 'In' or 'NotIn'"));
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (!values.empty()) {
        errors.push_back(
            Forbidden(Child(at, "values"),
                      "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
    } else {
      errors.push_back(Invalid(Child(at, "operator"), op, "not a valid selector operator"));
    }
    std::string key = GetString(expressions[i], "key");
    AddInvalid(errors, Child(at, "key"), key, QualifiedNameErrors(key));
    for (std::size_t v = 0; v < values.size(); ++v) {
      if (!values[v].is_string()) continue;
      AddInvalid(errors, Index(Child(at, "values"), v), values[v],
                 LabelValueErrors(values[v].get_ref<const std::string&>()));
    }
  }
  return errors;
}

FieldErrors ValidatePortNumberOrName(const Json* port, const std::string& path) {
  FieldErrors errors;
  if (port != nullptr && port->is_string()) {
    AddInvalid(errors, path, *port, PortNameErrors(port->get_ref<const std::string&>()));
  } else {
    std::int64_t number =
        port != nullptr && port->is_number_integer() ? port->get<std::int64_t>() : 0;
    AddInvalid(errors, path, number, PortNumberErrors(number));
  }
  return errors;
}

}  // namespace weir::kube
