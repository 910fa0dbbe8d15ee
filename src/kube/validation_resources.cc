// resources of a container: ValidateContainerResourceRequirements of pkg/apis/core/validation.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kube/names.h"
#include "kube/quantity.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::array<std::string_view, 12> kStandard = {
    "cpu",     "memory",     "ephemeral-storage",      "storage",
    "pods",    "services",   "resourcequotas",         "replicationcontrollers",
    "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports"};

bool IsHugePages(std::string_view name) { return name.starts_with("hugepages-"); }

bool IsContainerResource(std::string_view name) {
  return name == "cpu" || name == "memory" || name == "ephemeral-storage" || IsHugePages(name);
}

// Without a prefix, or with Kubernetes' own.
bool IsNative(std::string_view name) {
  return name.find('/') == std::string_view::npos ||
         name.find("kubernetes.io/") != std::string_view::npos;
}

bool IsExtended(std::string_view name) {
  if (IsNative(name) || name.starts_with("requests.")) return false;
  return QualifiedNameErrors(fmt::format("requests.{}", name)).empty();
}

bool MayOvercommit(std::string_view name) { return IsNative(name) && !IsHugePages(name); }

void CheckName(FieldErrors& errors, const std::string& name, const std::string& path) {
  AddInvalid(errors, path, name, QualifiedNameErrors(name));
  if (name.find('/') == std::string::npos) {
    bool standard = std::find(kStandard.begin(), kStandard.end(), name) != kStandard.end() ||
                    name.starts_with("requests.") || name.starts_with("limits.") ||
                    IsHugePages(name);
    if (!standard) {
      errors.push_back(Invalid(path, name, "must be a standard resource type or fully qualified"));
    }
    if (!IsContainerResource(name)) {
      errors.push_back(Invalid(path, name, "must be a standard resource for containers"));
    }
  } else if (!IsNative(name) && !IsExtended(name)) {
    errors.push_back(Invalid(path, name, "doesn't follow extended resource name standard"));
  }
}

void CheckAmount(FieldErrors& errors, const std::string& name, const Quantity& amount,
                 const std::string& path) {
  std::string text = amount.ToString();
  if (amount.Sign() < 0) {
    errors.push_back(Invalid(path, text, "must be greater than or equal to 0"));
  }
  if (IsExtended(name) && amount.MilliValue() % 1000 != 0) {
    errors.push_back(Invalid(path, text, "must be an integer"));
  }
  if (!IsHugePages(name)) return;
  std::string page_text = name.substr(std::string_view("hugepages-").size());
  Result<Quantity> page = Quantity::Parse(page_text);
  if (!page || page->Value() <= 0 || amount.Value() % page->Value() == 0) return;
  errors.push_back(
      Invalid(path, text, fmt::format("{} is not positive integer multiple of {}", text, name)));
}

Result<Quantity> AmountOf(const Json& value) {
  if (value.is_string()) return Quantity::Parse(value.get_ref<const std::string&>());
  return Quantity::Parse(DumpJson(value));
}

void CheckLimit(FieldErrors& errors, const std::string& name, const Quantity& request,
                const Json& limits, const std::string& path) {
  const Json* limit_value = Find(limits, name);
  if (limit_value == nullptr) {
    if (!MayOvercommit(name)) {
      errors.push_back(
          Required(Child(path, "limits"), "Limit must be set for non overcommitable resources"));
    }
    return;
  }
  Result<Quantity> limit = AmountOf(*limit_value);
  if (!limit) return;
  int order = request.Compare(*limit);
  std::string_view relation;
  if (order != 0 && !MayOvercommit(name)) {
    relation = "equal to";
  } else if (order > 0) {
    relation = "less than or equal to";
  } else {
    return;
  }
  errors.push_back(
      Invalid(Child(path, "requests"), request.ToString(),
              fmt::format("must be {} {} limit of {}", relation, name, limit->ToString())));
}

}  // namespace

FieldErrors ValidateResources(const Json& resources, const std::string& path) {
  FieldErrors errors;
  const Json& limits = GetObject(resources, {"limits"});
  bool huge = false, plain = false;
  for (std::string_view part : {"limits", "requests"}) {
    for (const auto& [name, value] : GetObject(resources, {part}).items()) {
      std::string at = MapKey(Child(path, part), name);
      Result<Quantity> amount = AmountOf(value);
      if (!amount) continue;  // decoding has refused it
      CheckName(errors, name, at);
      CheckAmount(errors, name, *amount, at);
      if (part == "requests") CheckLimit(errors, name, *amount, limits, path);
      huge = huge || IsHugePages(name);
      plain = plain || name == "cpu" || name == "memory";
    }
  }
  if (huge && !plain) errors.push_back(Forbidden(path, "HugePages require cpu or memory"));
  const Json& claims = GetArray(resources, {"claims"});
  for (std::size_t i = 0; i < claims.size(); ++i) {
    std::string name = GetString(claims[i], "name");
    if (name.empty()) {
      errors.push_back(Required(Child(Index(Child(path, "claims"), i), "name")));
      continue;
    }
    errors.push_back(NotFoundValue(Index(Child(path, "claims"), i), name,
                                   "must be one of the names in pod.spec.resourceClaims which is "
                                   "empty"));
  }
  return errors;
}

}  // namespace weir::kube
