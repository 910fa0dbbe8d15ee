// Services and EndpointSlices: pkg/apis/core/validation and pkg/apis/discovery/validation.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

bool IsHeadless(const Json& spec) { return GetString(spec, "clusterIP") == "None"; }

void CheckServicePorts(FieldErrors& errors, const Json& ports) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const Json& port = ports[i];
    std::string at = Index("spec.ports", i);
    std::string name = GetString(port, "name");
    if (name.empty()) {
      if (ports.size() > 1) errors.push_back(Required(Child(at, "name")));
    } else {
      AddInvalid(errors, Child(at, "name"), name, Dns1123LabelErrors(name));
      if (!names.insert(name).second) errors.push_back(Duplicate(Child(at, "name"), name));
    }
    std::int64_t number = GetInt(port, {"port"}, 0);
    AddInvalid(errors, Child(at, "port"), number, PortNumberErrors(number));
    CheckOneOf(errors, Child(at, "protocol"), GetString(port, "protocol"), {"SCTP", "TCP", "UDP"});
    Append(errors, ValidatePortNumberOrName(Find(port, "targetPort"), Child(at, "targetPort")));
    if (const Json* protocol = Find(port, "appProtocol"); protocol && protocol->is_string()) {
      AddInvalid(errors, Child(at, "appProtocol"), *protocol,
                 QualifiedNameErrors(protocol->get_ref<const std::string&>()));
    }
  }
}

void CheckDuplicatePorts(FieldErrors& errors, const Json& ports) {
  std::set<std::pair<std::string, std::int64_t>> seen;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    std::string protocol = GetString(ports[i], "protocol");
    std::int64_t number = GetInt(ports[i], {"port"}, 0);
    if (seen.emplace(protocol, number).second) continue;
    // Upstream prints the key of its set, a ServicePort with these two fields alone.
    errors.push_back(DuplicateText(
        Index("spec.ports", i),
        fmt::format(R"({{"Name":"","Protocol":{},"AppProtocol":null,"Port":{},"TargetPort":0,)"
                    R"("NodePort":0}})",
                    Quote(protocol), number)));
  }
}

void CheckAffinity(FieldErrors& errors, const Json& spec) {
  std::string affinity = GetString(spec, "sessionAffinity");
  CheckOneOf(errors, "spec.sessionAffinity", affinity, {"ClientIP", "None"});
  if (affinity != "ClientIP") return;
  std::int64_t seconds =
      GetInt(spec, {"sessionAffinityConfig", "clientIP", "timeoutSeconds"}, 10800);
  if (seconds <= 0 || seconds > 86400) {
    errors.push_back(Invalid("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds,
                             "must be greater than 0 and less than 86400"));
  }
}

void CheckFamilies(FieldErrors& errors, const Json& spec) {
  std::set<std::string> seen;
  const Json& families = GetArray(spec, {"ipFamilies"});
  for (std::size_t i = 0; i < families.size(); ++i) {
    std::string family = families[i].is_string() ? families[i].get<std::string>() : "";
    CheckOneOf(errors, Index("spec.ipFamilies", i), family, {"IPv4", "IPv6"});
    if (!seen.insert(family).second) {
      errors.push_back(Duplicate(Index("spec.ipFamilies", i), family));
    }
  }
  std::string policy = GetString(spec, "ipFamilyPolicy");
  if (!policy.empty()) {
    CheckOneOf(errors, "spec.ipFamilyPolicy", policy,
               {"PreferDualStack", "RequireDualStack", "SingleStack"});
  }
}

void CheckClusterIps(FieldErrors& errors, const Json& spec) {
  const Json& ips = GetArray(spec, {"clusterIPs"});
  std::string first = GetString(spec, "clusterIP");
  if (first.empty() && !ips.empty()) {
    errors.push_back(
        Invalid("spec.clusterIPs", ips, "must be empty when `clusterIP` is not specified"));
  } else if (!ips.empty() && ips[0] != first) {
    errors.push_back(Invalid("spec.clusterIPs", ips, "first value must match `clusterIP`"));
  }
  bool broken = false;
  std::size_t v4 = 0;
  for (std::size_t i = 0; i < ips.size(); ++i) {
    std::string ip = ips[i].is_string() ? ips[i].get<std::string>() : "";
    if (i == 0 && ip == "None") {
      if (ips.size() > 1) {
        errors.push_back(
            Invalid("spec.clusterIPs", ips, "'None' must be the first and only value"));
      }
      continue;
    }
    Reasons reasons = IpErrors(ip);
    broken = broken || !reasons.empty();
    v4 += IsIpv4(ip) ? 1 : 0;
    AddInvalid(errors, Index("spec.clusterIPs", i), ip, reasons);
  }
  if (ips.size() > 2) {
    errors.push_back(Invalid("spec.clusterIPs", ips, "may only hold up to 2 values"));
  }
  if (!broken && ips.size() == 2 && v4 != 1) {
    errors.push_back(
        Invalid("spec.clusterIPs", ips, "may specify no more than one IP for each IP family"));
  }
}

void CheckType(FieldErrors& errors, const Json& spec, const std::string& type) {
  if (type == "LoadBalancer" || type == "NodePort") {
    if (IsHeadless(spec)) {
      errors.push_back(Invalid("spec.clusterIPs[0]", "None",
                               fmt::format("may not be set to 'None' for {} services", type)));
    }
  } else if (type == "ExternalName") {
    constexpr std::string_view kUnset = "may not be set for ExternalName services";
    for (std::string_view key : {"clusterIPs", "ipFamilies", "ipFamilyPolicy"}) {
      if (!SameOrEmpty(Find(spec, key), nullptr)) {
        errors.push_back(Forbidden(Child("spec", key), kUnset));
      }
    }
    std::string name = GetString(spec, "externalName");
    if (name.ends_with('.')) name.pop_back();
    if (name.empty()) {
      errors.push_back(Required("spec.externalName"));
    } else {
      AddInvalid(errors, "spec.externalName", name, SubdomainErrors(name));
    }
  }
}

void CheckExternal(FieldErrors& errors, const Json& spec, const std::string& type) {
  const Json& ranges = GetArray(spec, {"loadBalancerSourceRanges"});
  constexpr std::string_view kRanges = "spec.LoadBalancerSourceRanges";  // so upstream spells it
  if (!ranges.empty() && type != "LoadBalancer") {
    errors.push_back(
        Forbidden(std::string(kRanges), "may only be used when `type` is 'LoadBalancer'"));
  } else {
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      if (!ranges[i].is_string()) continue;
      AddInvalid(errors, Index(kRanges, i), ranges[i],
                 CidrErrors(ranges[i].get_ref<const std::string&>()));
    }
  }
  std::string policy = GetString(spec, "externalTrafficPolicy");
  bool reachable = type == "NodePort" || type == "LoadBalancer" ||
                   (type == "ClusterIP" && !GetArray(spec, {"externalIPs"}).empty());
  if (!policy.empty() && !reachable) {
    errors.push_back(Invalid("spec.externalTrafficPolicy", policy,
                             "may only be set for externally-accessible services"));
  } else if (reachable) {
    CheckOneOf(errors, "spec.externalTrafficPolicy", policy, {"Cluster", "Local"});
  }
  std::int64_t health = GetInt(spec, {"healthCheckNodePort"}, 0);
  if (health != 0 && (type != "LoadBalancer" || policy != "Local")) {
    errors.push_back(Invalid(
        "spec.healthCheckNodePort", health,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
  }
  std::string internal = GetString(spec, "internalTrafficPolicy");
  if (!internal.empty()) {
    CheckOneOf(errors, "spec.internalTrafficPolicy", internal, {"Cluster", "Local"});
  }
}

// What upstream's address allocator refuses in a cluster of one family.
void CheckSingleStack(FieldErrors& errors, const Json& spec) {
  bool selectorless_headless = IsHeadless(spec) && GetObject(spec, {"selector"}).empty();
  if (selectorless_headless) return;
  if (GetString(spec, "ipFamilyPolicy") == "RequireDualStack") {
    errors.push_back(Invalid("spec.ipFamilyPolicy", "RequireDualStack",
                             "this cluster is not configured for dual-stack services"));
  }
  const Json& families = GetArray(spec, {"ipFamilies"});
  for (std::size_t i = 0; i < families.size(); ++i) {
    if (families[i] != "IPv6") continue;
    errors.push_back(
        Invalid(Index("spec.ipFamilies", i), "IPv6", "not configured on this cluster"));
  }
}

FieldErrors ValidateServiceFull(const Json& object) {
  FieldErrors errors =
      ValidateObjectMeta(GetObject(object, {"metadata"}), true, NameRule::kLabel, true, "metadata");
  const Json& spec = GetObject(object, {"spec"});
  std::string type = GetString(spec, "type");
  const Json& ports = GetArray(spec, {"ports"});
  if (ports.empty() && !IsHeadless(spec) && type != "ExternalName") {
    errors.push_back(Required("spec.ports"));
  }
  CheckType(errors, spec, type);
  CheckServicePorts(errors, ports);
  Append(errors, ValidateLabels(Find(spec, "selector"), "spec.selector"));
  CheckAffinity(errors, spec);
  if (type != "ExternalName") {
    CheckFamilies(errors, spec);
    CheckClusterIps(errors, spec);
  }
  const Json& external = GetArray(spec, {"externalIPs"});
  for (std::size_t i = 0; i < external.size(); ++i) {
    std::string ip = external[i].is_string() ? external[i].get<std::string>() : "";
    Reasons reasons = IpErrors(ip);
    if (reasons.empty()) reasons = SpecialIpErrors(ip, false);
    AddInvalid(errors, Index("spec.externalIPs", i), ip, reasons);
  }
  CheckOneOf(errors, "spec.type", type, {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  if (type == "ClusterIP") {
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (GetInt(ports[i], {"nodePort"}, 0) == 0) continue;
      errors.push_back(Forbidden(Child(Index("spec.ports", i), "nodePort"),
                                 "may not be used when `type` is 'ClusterIP'"));
    }
  }
  CheckDuplicatePorts(errors, ports);
  CheckExternal(errors, spec, type);
  if (errors.empty() && type != "ExternalName") CheckSingleStack(errors, spec);
  return errors;
}

void CheckSliceEndpoints(FieldErrors& errors, const Json& slice, const StrategyOptions& options) {
  std::string type = GetString(slice, "addressType");
  const Json& endpoints = GetArray(slice, {"endpoints"});
  if (endpoints.size() > 1000) {
    errors.push_back(TooMany("endpoints", endpoints.size(), 1000));
    return;
  }
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    std::string at = Index("endpoints", i);
    const Json& addresses = GetArray(endpoints[i], {"addresses"});
    if (addresses.empty()) {
      errors.push_back(Required(Child(at, "addresses"), "must contain at least 1 address"));
    } else if (addresses.size() > 100) {
      errors.push_back(TooMany(Child(at, "addresses"), addresses.size(), 100));
    }
    for (std::size_t a = 0; a < addresses.size(); ++a) {
      std::string ip = addresses[a].is_string() ? addresses[a].get<std::string>() : "";
      std::string field = Index(Child(at, "addresses"), a);
      if (type == "FQDN") {
        AddInvalid(errors, field, ip, SubdomainErrors(ip));
        continue;
      }
      if (type != "IPv4" && type != "IPv6") continue;
      Reasons reasons = IpErrors(ip);
      AddInvalid(errors, field, ip, reasons);
      if (!reasons.empty()) continue;
      if (type == "IPv4" ? !IsIpv4(ip) : !IsIpv6(ip)) {
        errors.push_back(
            Invalid(Child(at, "addresses"), ip, fmt::format("must be an {} address", type)));
      }
      AddInvalid(errors, field, ip, SpecialIpErrors(ip, options.allow_loopback_endpoints));
    }
    std::string hostname = GetString(endpoints[i], "hostname");
    if (!hostname.empty()) {
      AddInvalid(errors, Child(at, "hostname"), hostname, Dns1123LabelErrors(hostname));
    }
    std::string node = GetString(endpoints[i], "nodeName");
    if (!node.empty()) AddInvalid(errors, Child(at, "nodeName"), node, SubdomainErrors(node));
  }
}

void CheckSlicePorts(FieldErrors& errors, const Json& ports) {
  if (ports.size() > 20000) {
    errors.push_back(TooMany("ports", ports.size(), 20000));
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    std::string at = Index("ports", i);
    std::string name = GetString(ports[i], "name");
    if (!name.empty()) AddInvalid(errors, Child(at, "name"), name, Dns1123LabelErrors(name));
    if (!names.insert(name).second) errors.push_back(Duplicate(Child(at, "name"), name));
    CheckOneOf(errors, Child(at, "protocol"), GetString(ports[i], "protocol"),
               {"SCTP", "TCP", "UDP"});
  }
}

}  // namespace

FieldErrors ValidateService(const Json* old, const Json& object) {
  if (old == nullptr) return ValidateServiceFull(object);
  FieldErrors errors = ValidateObjectMetaUpdate(GetObject(object, {"metadata"}),
                                                GetObject(*old, {"metadata"}), "metadata");
  std::string before = GetString(*old, {"spec", "clusterIP"});
  bool external = GetString(*old, {"spec", "type"}) == "ExternalName" ||
                  GetString(object, {"spec", "type"}) == "ExternalName";
  if (!external && !before.empty() && GetString(object, {"spec", "clusterIP"}) != before) {
    // A headless Service that asks for an address fails in upstream's allocator first.
    if (before == "None") {
      FieldErrors allocation;
      CheckSingleStack(allocation, GetObject(object, {"spec"}));
      if (!allocation.empty()) return allocation;
    }
    errors.push_back(Invalid("spec.clusterIPs[0]", GetArray(object, {"spec", "clusterIPs"}),
                             "may not change once set"));
    return errors;
  }
  Append(errors, ValidateServiceFull(object));
  return errors;
}

FieldErrors ValidateServiceStatus(const Json& object) {
  FieldErrors errors;
  if (GetString(object, {"spec", "type"}) != "LoadBalancer" &&
      !GetArray(object, {"status", "loadBalancer", "ingress"}).empty()) {
    errors.push_back(Forbidden("status.loadBalancer.ingress",
                               "may only be used when `spec.type` is 'LoadBalancer'"));
  }
  return errors;
}

FieldErrors ValidateEndpointSlice(const Json* old, const Json& object,
                                  const StrategyOptions& options) {
  FieldErrors errors = ValidateObjectMeta(GetObject(object, {"metadata"}), true,
                                          NameRule::kSubdomain, true, "metadata");
  std::string type = GetString(object, "addressType");
  if (type.empty()) {
    errors.push_back(Required("addressType"));
  } else {
    CheckOneOf(errors, "addressType", type, {"FQDN", "IPv4", "IPv6"});
  }
  CheckSlicePorts(errors, GetArray(object, {"ports"}));
  CheckSliceEndpoints(errors, object, options);
  if (old != nullptr) {
    CheckImmutable(errors, Find(object, "addressType"), Find(*old, "addressType"), "addressType");
  }
  return errors;
}

}  // namespace weir::kube
