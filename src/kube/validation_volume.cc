// Volumes of a pod: validateVolumeSource of pkg/apis/core/validation.
#include <fmt/format.h>

#include <array>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/quantity.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

void CheckMode(FieldErrors& errors, const Json& source, std::string_view key,
               const std::string& path) {
  std::optional<std::int64_t> mode = GetInt(source, {key});
  if (mode && (*mode < 0 || *mode > 0777)) {
    errors.push_back(Invalid(Child(path, key), *mode,
                             "must be a number between 0 and 0777 (octal), both inclusive"));
  }
}

void CheckRelativePath(FieldErrors& errors, const std::string& text, const std::string& path) {
  if (text.starts_with('/')) errors.push_back(Invalid(path, text, "must be a relative path"));
  for (const std::string& part : Split(text, '/')) {
    if (part != "..") continue;
    errors.push_back(Invalid(path, text, "must not contain '..'"));
    break;
  }
  if (text.starts_with("..") && !text.starts_with("../") && text != "..") {
    errors.push_back(Invalid(path, text, "must not start with '..'"));
  }
}

void CheckItems(FieldErrors& errors, const Json& source, const std::string& path) {
  const Json& items = GetArray(source, {"items"});
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string at = Index(Child(path, "items"), i);
    if (GetString(items[i], "key").empty()) errors.push_back(Required(Child(at, "key")));
    std::string target = GetString(items[i], "path");
    if (target.empty()) errors.push_back(Required(Child(at, "path")));
    CheckRelativePath(errors, target, Child(at, "path"));
    CheckMode(errors, items[i], "mode", at);
  }
}

constexpr std::array<std::string_view, 5> kVolumeFields = {"metadata.annotations",
                                                           "metadata.labels", "metadata.name",
                                                           "metadata.namespace", "metadata.uid"};

void CheckDownwardItems(FieldErrors& errors, const Json& source, const std::string& path) {
  const Json& items = GetArray(source, {"items"});
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string target = GetString(items[i], "path");
    if (target.empty()) errors.push_back(Required(Child(path, "path")));
    CheckRelativePath(errors, target, Child(path, "path"));
    const Json* field = Find(items[i], "fieldRef");
    const Json* resource = Find(items[i], "resourceFieldRef");
    if (field != nullptr) {
      static const std::vector<std::string_view> kSupported(kVolumeFields.begin(),
                                                            kVolumeFields.end());
      Append(errors, ValidateFieldRef(*field, Child(path, "fieldRef"), kSupported));
      if (resource != nullptr) {
        errors.push_back(Invalid(path, "resource",
                                 "fieldRef and resourceFieldRef can not be specified "
                                 "simultaneously"));
      }
    } else if (resource != nullptr) {
      Append(errors, ValidateResourceFieldRef(*resource, Child(path, "resourceFieldRef"), true));
    } else {
      errors.push_back(Required(path, "one of fieldRef and resourceFieldRef is required"));
    }
    CheckMode(errors, items[i], "mode", path);
  }
}

void CheckHostPath(FieldErrors& errors, const Json& source, const std::string& path) {
  std::string target = GetString(source, "path");
  if (target.empty()) {
    errors.push_back(Required(Child(path, "path")));
    return;
  }
  for (const std::string& part : Split(target, '/')) {
    if (part != "..") continue;
    errors.push_back(Invalid(Child(path, "path"), target, "must not contain '..'"));
    break;
  }
  CheckOneOf(errors, Child(path, "type"), GetString(source, "type"),
             {"", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File",
              "FileOrCreate", "Socket"});
}

void CheckProjected(FieldErrors& errors, const Json& source, const std::string& path) {
  CheckMode(errors, source, "defaultMode", path);
  const Json& sources = GetArray(source, {"sources"});
  for (std::size_t i = 0; i < sources.size(); ++i) {
    std::string at = Index(Child(path, "sources"), i);
    for (std::string_view kind : {"secret", "configMap"}) {
      const Json* part = Find(sources[i], kind);
      if (part == nullptr) continue;
      if (GetString(*part, "name").empty()) {
        errors.push_back(Required(Child(Child(at, kind), "name")));
      }
      CheckItems(errors, *part, Child(at, kind));
    }
    if (const Json* part = Find(sources[i], "downwardAPI")) {
      CheckDownwardItems(errors, *part, Child(at, "downwardAPI"));
    }
    if (const Json* part = Find(sources[i], "serviceAccountToken")) {
      if (GetString(*part, "path").empty()) errors.push_back(Required(Child(at, "path")));
    }
  }
}

void CheckSource(FieldErrors& errors, std::string_view kind, const Json& source,
                 const std::string& path) {
  if (kind == "emptyDir") {
    Result<Quantity> limit = Quantity::Parse(GetString(source, "sizeLimit", "0"));
    if (limit && limit->Sign() < 0) {
      errors.push_back(
          Forbidden(Child(path, "sizeLimit"), "SizeLimit field must be a valid resource quantity"));
    }
  } else if (kind == "hostPath") {
    CheckHostPath(errors, source, path);
  } else if (kind == "secret" || kind == "configMap") {
    std::string_view key = kind == "secret" ? "secretName" : "name";
    if (GetString(source, key).empty()) errors.push_back(Required(Child(path, key)));
    CheckMode(errors, source, "defaultMode", path);
    CheckItems(errors, source, path);
  } else if (kind == "persistentVolumeClaim") {
    if (GetString(source, "claimName").empty())
      errors.push_back(Required(Child(path, "claimName")));
  } else if (kind == "downwardAPI") {
    CheckMode(errors, source, "defaultMode", path);
    CheckDownwardItems(errors, source, path);
  } else if (kind == "projected") {
    CheckProjected(errors, source, path);
  }
}

// In the order in which upstream looks at them; kinds that it deprecated long ago come last.
constexpr std::array<std::string_view, 11> kKinds = {
    "emptyDir",    "hostPath",  "secret",    "nfs", "iscsi",    "persistentVolumeClaim",
    "downwardAPI", "configMap", "projected", "csi", "ephemeral"};

}  // namespace

FieldErrors ValidateVolumes(const Json& volumes, const std::string& path,
                            std::set<std::string, std::less<>>* names) {
  FieldErrors errors;
  std::set<std::string, std::less<>> seen;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const Json& volume = volumes[i];
    std::string at = Index(path, i);
    FieldErrors own;
    int kinds = 0;
    for (std::string_view kind : kKinds) {
      const Json* source = Find(volume, kind);
      if (source == nullptr) continue;
      if (kinds++ > 0) {
        own.push_back(Forbidden(Child(at, kind), "may not specify more than 1 volume type"));
      } else {
        CheckSource(own, kind, *source, Child(at, kind));
      }
    }
    if (kinds == 0 && volume.size() <= 1) {
      own.push_back(Required(at, "must specify a volume type"));
    }
    std::string name = GetString(volume, "name");
    if (name.empty()) {
      own.push_back(Required(Child(at, "name")));
    } else {
      AddInvalid(own, Child(at, "name"), name, Dns1123LabelErrors(name));
    }
    if (!name.empty() && !seen.insert(name).second) {
      own.push_back(Duplicate(Child(at, "name"), name));
    }
    if (own.empty()) names->insert(name);
    Append(errors, std::move(own));
  }
  return errors;
}

}  // namespace weir::kube
