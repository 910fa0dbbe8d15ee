// A container's environment: validateEnv and its sources of pkg/apis/core/validation.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/quantity.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

// The field labels that ConvertDownwardAPIFieldLabel knows.
constexpr std::array<std::string_view, 15> kFieldLabels = {"metadata.annotations",
                                                           "metadata.labels",
                                                           "metadata.name",
                                                           "metadata.namespace",
                                                           "metadata.uid",
                                                           "spec.nodeName",
                                                           "spec.restartPolicy",
                                                           "spec.schedulerName",
                                                           "spec.host",
                                                           "spec.serviceAccountName",
                                                           "status.hostIP",
                                                           "status.hostIPs",
                                                           "status.phase",
                                                           "status.podIP",
                                                           "status.podIPs"};

const std::vector<std::string_view>& EnvFieldPaths() {
  static const std::vector<std::string_view> kPaths = {"metadata.name",
                                                       "metadata.namespace",
                                                       "metadata.uid",
                                                       "spec.nodeName",
                                                       "spec.serviceAccountName",
                                                       "status.hostIP",
                                                       "status.hostIPs",
                                                       "status.podIP",
                                                       "status.podIPs"};
  return kPaths;
}

// `metadata.labels['key']` as {path, key}; nullopt without a subscript.
std::optional<std::pair<std::string, std::string>> Subscript(std::string_view text) {
  std::size_t open = text.find("['");
  if (open == std::string_view::npos || !text.ends_with("']") || open + 4 > text.size()) {
    return std::nullopt;
  }
  return std::pair(std::string(text.substr(0, open)),
                   std::string(text.substr(open + 2, text.size() - open - 4)));
}

void CheckKeyRef(FieldErrors& errors, const Json& ref, const std::string& path) {
  std::string name = GetString(ref, "name");
  AddInvalid(errors, Child(path, "name"), name, SubdomainErrors(name));
  std::string key = GetString(ref, "key");
  if (key.empty()) {
    errors.push_back(Required(Child(path, "key")));
  } else {
    AddInvalid(errors, Child(path, "key"), key, ConfigKeyErrors(key));
  }
}

void CheckValueFrom(FieldErrors& errors, const Json& variable, const std::string& path) {
  const Json* from = Find(variable, "valueFrom");
  if (from == nullptr) return;
  int sources = 0;
  if (const Json* ref = Find(*from, "fieldRef")) {
    ++sources;
    Append(errors, ValidateFieldRef(*ref, Child(path, "fieldRef"), EnvFieldPaths()));
  }
  if (const Json* ref = Find(*from, "resourceFieldRef")) {
    ++sources;
    Append(errors, ValidateResourceFieldRef(*ref, Child(path, "resourceFieldRef"), false));
  }
  for (std::string_view kind : {"configMapKeyRef", "secretKeyRef"}) {
    const Json* ref = Find(*from, kind);
    if (ref == nullptr) continue;
    ++sources;
    CheckKeyRef(errors, *ref, Child(path, kind));
  }
  if (Find(*from, "fileKeyRef") != nullptr) ++sources;
  if (sources == 0) {
    errors.push_back(Invalid(path, "",
                             "must specify one of: `fieldRef`, `resourceFieldRef`, "
                             "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"));
  } else if (!GetString(variable, "value").empty()) {
    errors.push_back(Invalid(path, "", "may not be specified when `value` is not empty"));
  } else if (sources > 1) {
    errors.push_back(Invalid(path, "", "may not have more than one field specified at a time"));
  }
}

void CheckDivisor(FieldErrors& errors, const Json& ref, const std::string& resource,
                  const std::string& path) {
  std::string text = GetString(ref, "divisor", "0");
  if (text == "0") return;
  Result<Quantity> divisor = Quantity::Parse(text);
  if (!divisor) return;
  std::string name = resource.substr(resource.find('.') + 1);
  std::vector<std::string_view> allowed = {"1",   "1k",  "1M",  "1G",  "1T",  "1P", "1E",
                                           "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};
  std::string_view kind = name == "memory" ? "memory" : "local ephemeral storage";
  if (name == "cpu") {
    allowed = {"1m", "1"};
    kind = "cpu";
  }
  std::string printed = divisor->ToString();
  if (std::find(allowed.begin(), allowed.end(), printed) != allowed.end()) return;
  std::string list;
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (i > 0) list += name == "cpu" ? " and " : ", ";
    list += allowed[i];
  }
  errors.push_back(Invalid(
      Child(path, "divisor"), resource,
      fmt::format("only divisor's values {} are supported with the {} resource", list, kind)));
}

}  // namespace

FieldErrors ValidateFieldRef(const Json& ref, const std::string& path,
                             const std::vector<std::string_view>& supported) {
  FieldErrors errors;
  std::string version = GetString(ref, "apiVersion");
  std::string field = GetString(ref, "fieldPath");
  if (version.empty()) return {Required(Child(path, "apiVersion"))};
  if (field.empty()) return {Required(Child(path, "fieldPath"))};
  if (auto subscript = Subscript(field)) {
    const auto& [base, key] = *subscript;
    if (base == "metadata.annotations") {
      AddInvalid(errors, path, key, QualifiedNameErrors(ToLower(key)));
    } else if (base == "metadata.labels") {
      AddInvalid(errors, path, key, QualifiedNameErrors(key));
    } else {
      errors.push_back(Invalid(path, base, "does not support subscript"));
    }
    return errors;
  }
  if (version != "v1") {
    return {Invalid(Child(path, "fieldPath"), field,
                    "error converting fieldPath: unsupported pod version: " + version)};
  }
  if (std::find(kFieldLabels.begin(), kFieldLabels.end(), field) == kFieldLabels.end()) {
    return {Invalid(Child(path, "fieldPath"), field,
                    "error converting fieldPath: field label not supported: " + field)};
  }
  CheckOneOf(errors, Child(path, "fieldPath"), field, supported);
  return errors;
}

FieldErrors ValidateResourceFieldRef(const Json& ref, const std::string& path, bool volume) {
  if (volume && GetString(ref, "containerName").empty()) {
    return {Required(Child(path, "containerName"))};
  }
  std::string resource = GetString(ref, "resource");
  if (resource.empty()) return {Required(Child(path, "resource"))};
  FieldErrors errors;
  bool hugepages =
      resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
  if (!hugepages) {
    CheckOneOf(errors, Child(path, "resource"), resource,
               {"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
                "requests.ephemeral-storage", "requests.memory"});
  }
  if (errors.empty()) CheckDivisor(errors, ref, resource, path);
  return errors;
}

FieldErrors ValidateEnv(const Json& env, const std::string& path) {
  FieldErrors errors;
  for (std::size_t i = 0; i < env.size(); ++i) {
    std::string at = Index(path, i);
    std::string name = GetString(env[i], "name");
    if (name.empty()) {
      errors.push_back(Required(Child(at, "name")));
    } else {
      AddInvalid(errors, Child(at, "name"), name, EnvVarNameErrors(name));
    }
    CheckValueFrom(errors, env[i], Child(at, "valueFrom"));
  }
  return errors;
}

FieldErrors ValidateEnvFrom(const Json& env_from, const std::string& path) {
  FieldErrors errors;
  for (std::size_t i = 0; i < env_from.size(); ++i) {
    std::string at = Index(path, i);
    std::string prefix = GetString(env_from[i], "prefix");
    if (!prefix.empty()) AddInvalid(errors, Child(at, "prefix"), prefix, EnvVarNameErrors(prefix));
    int sources = 0;
    for (std::string_view kind : {"configMapRef", "secretRef"}) {
      const Json* ref = Find(env_from[i], kind);
      if (ref == nullptr) continue;
      ++sources;
      std::string field = Child(Child(at, kind), "name");
      std::string name = GetString(*ref, "name");
      if (name.empty()) {
        errors.push_back(Required(field));
      } else {
        AddInvalid(errors, field, name, SubdomainErrors(name));
      }
    }
    // Upstream names the list here, not the element.
    if (sources == 0) {
      errors.push_back(Invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    } else if (sources > 1) {
      errors.push_back(Invalid(path, "", "may not have more than one field specified at a time"));
    }
  }
  return errors;
}

}  // namespace weir::kube
