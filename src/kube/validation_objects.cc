// Endpoints (pkg/apis/core/validation) and the kinds of access control (pkg/apis/rbac/validation).
#include <fmt/format.h>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

FieldErrors MetaErrors(const Json* old, const Json& object, bool namespaced, NameRule rule) {
  const Json& meta = GetObject(object, {"metadata"});
  FieldErrors errors = ValidateObjectMeta(meta, namespaced, rule, true, "metadata");
  if (old != nullptr) {
    Append(errors, ValidateObjectMetaUpdate(meta, GetObject(*old, {"metadata"}), "metadata"));
  }
  return errors;
}

void CheckAddress(FieldErrors& errors, const Json& address, const StrategyOptions& options,
                  const std::string& path) {
  const std::string ip = GetString(address, "ip"), field = Child(path, "ip");
  const Reasons reasons = IpErrors(ip);
  AddInvalid(errors, field, ip, reasons);
  if (reasons.empty()) {
    AddInvalid(errors, field, ip, SpecialIpErrors(ip, options.allow_loopback_endpoints));
  } else {
    errors.push_back(Invalid(field, ip, "must be a valid IP address"));
  }
  const std::string hostname = GetString(address, "hostname");
  if (!hostname.empty()) {
    AddInvalid(errors, Child(path, "hostname"), hostname, Dns1123LabelErrors(hostname));
  }
  const std::string node = GetString(address, "nodeName");
  if (!node.empty()) AddInvalid(errors, Child(path, "nodeName"), node, SubdomainErrors(node));
}

void CheckEndpointPort(FieldErrors& errors, const Json& port, bool needs_name,
                       const std::string& path) {
  const std::string name = GetString(port, "name");
  if (needs_name && name.empty()) errors.push_back(Required(Child(path, "name")));
  if (!name.empty()) AddInvalid(errors, Child(path, "name"), name, Dns1123LabelErrors(name));
  const std::int64_t number = GetInt(port, {"port"}, 0);
  AddInvalid(errors, Child(path, "port"), number, PortNumberErrors(number));
  CheckOneOf(errors, Child(path, "protocol"), GetString(port, "protocol"), {"SCTP", "TCP", "UDP"});
}

void CheckRules(FieldErrors& errors, const Json& rules, bool namespaced) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string path = Index("rules", i);
    const auto list = [&](std::string_view key) -> const Json& {
      return GetArray(rules[i], {key});
    };
    if (list("verbs").empty()) {
      errors.push_back(Required(Child(path, "verbs"), "verbs must contain at least one value"));
    }
    if (!list("nonResourceURLs").empty()) {
      const Json& urls = list("nonResourceURLs");
      if (namespaced) {
        errors.push_back(Invalid(Child(path, "nonResourceURLs"), urls,
                                 "namespaced rules cannot apply to non-resource URLs"));
      }
      const bool both = !list("apiGroups").empty() || !list("resources").empty() ||
                        !list("resourceNames").empty();
      if (both) {
        errors.push_back(Invalid(Child(path, "nonResourceURLs"), urls,
                                 "rules cannot apply to both regular resources and non-resource "
                                 "URLs"));
      }
      continue;
    }
    if (list("apiGroups").empty()) {
      errors.push_back(
          Required(Child(path, "apiGroups"), "resource rules must supply at least one api group"));
    }
    if (list("resources").empty()) {
      errors.push_back(
          Required(Child(path, "resources"), "resource rules must supply at least one resource"));
    }
  }
}

void CheckSubject(FieldErrors& errors, const Json& subject, bool namespaced,
                  const std::string& path) {
  const std::string name = GetString(subject, "name"), kind = GetString(subject, "kind");
  const std::string group = GetString(subject, "apiGroup");
  if (name.empty()) errors.push_back(Required(Child(path, "name")));
  if (kind == "ServiceAccount") {
    if (!name.empty()) AddInvalid(errors, Child(path, "name"), name, SubdomainErrors(name));
    if (!group.empty()) {
      errors.push_back(NotSupported(Child(path, "apiGroup"), group, {""}));
    }
    if (!namespaced && GetString(subject, "namespace").empty()) {
      errors.push_back(Required(Child(path, "namespace")));
    }
  } else if (kind == "User" || kind == "Group") {
    CheckOneOf(errors, Child(path, "apiGroup"), group, {"rbac.authorization.k8s.io"});
  } else {
    errors.push_back(NotSupported(Child(path, "kind"), kind, {"ServiceAccount", "User", "Group"}));
  }
}

void CheckAggregation(FieldErrors& errors, const Json* rule) {
  if (rule == nullptr || !rule->is_object()) return;
  const std::string path = "aggregationRule.clusterRoleSelectors";
  const Json& selectors = GetArray(*rule, {"clusterRoleSelectors"});
  if (selectors.empty()) {
    errors.push_back(
        Required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"));
  }
  for (std::size_t i = 0; i < selectors.size(); ++i) {
    FieldErrors own = ValidateLabelSelector(selectors[i], Index(path, i));
    const bool bad = !own.empty();
    Append(errors, std::move(own));
    if (bad) errors.push_back(InvalidText(Index(path, i), "null", "invalid label selector."));
  }
}

// Go's own names: the value printed is of the internal type.
std::string PrintedRoleRef(const Json& ref) {
  return fmt::format(R"({{"APIGroup":{},"Kind":{},"Name":{}}})", Quote(GetString(ref, "apiGroup")),
                     Quote(GetString(ref, "kind")), Quote(GetString(ref, "name")));
}

}  // namespace

FieldErrors ValidateEndpoints(const Json* old, const Json& object, const StrategyOptions& options) {
  FieldErrors errors = MetaErrors(old, object, true, NameRule::kSubdomain);
  const Json& subsets = GetArray(object, {"subsets"});
  for (std::size_t i = 0; i < subsets.size(); ++i) {
    const std::string path = Index("subsets", i);
    const Json& ready = GetArray(subsets[i], {"addresses"});
    const Json& waiting = GetArray(subsets[i], {"notReadyAddresses"});
    if (ready.empty() && waiting.empty()) {
      errors.push_back(Required(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    for (const auto& [key, list] :
         {std::pair("addresses", &ready), std::pair("notReadyAddresses", &waiting)}) {
      for (std::size_t a = 0; a < list->size(); ++a) {
        CheckAddress(errors, (*list)[a], options, Index(Child(path, key), a));
      }
    }
    const Json& ports = GetArray(subsets[i], {"ports"});
    for (std::size_t p = 0; p < ports.size(); ++p) {
      CheckEndpointPort(errors, ports[p], ports.size() > 1, Index(Child(path, "ports"), p));
    }
  }
  return errors;
}

FieldErrors ValidateRole(const Json* old, const Json& object, bool namespaced) {
  FieldErrors errors = MetaErrors(old, object, namespaced, NameRule::kAny);
  CheckRules(errors, GetArray(object, {"rules"}), namespaced);
  if (!namespaced) CheckAggregation(errors, Find(object, "aggregationRule"));
  return errors;
}

FieldErrors ValidateLease(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object, true, NameRule::kSubdomain);
  const auto seconds = GetInt(object, {"spec", "leaseDurationSeconds"});
  if (seconds && *seconds <= 0) {
    errors.push_back(Invalid("spec.leaseDurationSeconds", *seconds, "must be greater than 0"));
  }
  const auto transitions = GetInt(object, {"spec", "leaseTransitions"});
  if (transitions && *transitions < 0) {
    errors.push_back(
        Invalid("spec.leaseTransitions", *transitions, "must be greater than or equal to 0"));
  }
  return errors;
}

FieldErrors ValidateRoleBinding(const Json* old, const Json& object, bool namespaced) {
  FieldErrors errors = MetaErrors(old, object, namespaced, NameRule::kAny);
  const Json& ref = GetObject(object, {"roleRef"});
  CheckOneOf(errors, "roleRef.apiGroup", GetString(ref, "apiGroup"), {"rbac.authorization.k8s.io"});
  const std::string kind = GetString(ref, "kind");
  if (namespaced) {
    CheckOneOf(errors, "roleRef.kind", kind, {"Role", "ClusterRole"});
  } else {
    CheckOneOf(errors, "roleRef.kind", kind, {"ClusterRole"});
  }
  const std::string name = GetString(ref, "name");
  if (name.empty()) {
    errors.push_back(Required("roleRef.name"));
  } else {
    AddInvalid(errors, "roleRef.name", name, PathSegmentErrors(name));
  }
  const Json& subjects = GetArray(object, {"subjects"});
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    CheckSubject(errors, subjects[i], namespaced, Index("subjects", i));
  }
  if (old != nullptr && GetObject(*old, {"roleRef"}) != ref) {
    errors.push_back(InvalidText("roleRef", PrintedRoleRef(ref), "cannot change roleRef"));
  }
  return errors;
}

}  // namespace weir::kube
