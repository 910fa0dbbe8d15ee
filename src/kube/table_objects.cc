#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "kube/table_cells.h"

namespace weir::kube {
namespace {

std::string OrNone(std::string text, std::string_view none = "<none>") {
  return text.empty() ? std::string(none) : text;
}

std::string IntOrText(const Json* value) {
  if (value == nullptr || value->is_null()) return "N/A";
  return value->is_string() ? value->get<std::string>() : DumpJson(*value);
}

std::string Subjects(const Json& binding, std::string_view kind) {
  std::vector<std::string> out;
  for (const Json& subject : GetArray(binding, {"subjects"})) {
    if (GetString(subject, "kind") != kind) continue;
    const std::string name = GetString(subject, "name");
    out.push_back(kind == "ServiceAccount" ? GetString(subject, "namespace") + "/" + name : name);
  }
  return Join(out, ", ");
}

// RWO, ROX, RWX, RWOP in this order, each once.
std::string AccessModes(const Json& modes) {
  std::vector<std::string> out;
  for (auto [mode, text] :
       {std::pair("ReadWriteOnce", "RWO"), std::pair("ReadOnlyMany", "ROX"),
        std::pair("ReadWriteMany", "RWX"), std::pair("ReadWriteOncePod", "RWOP")}) {
    if (std::ranges::find(modes, Json(mode)) != modes.end()) out.emplace_back(text);
  }
  return Join(out, ",");
}

Json ClaimCells(const Json& claim, Time now) {
  const Json& spec = GetObject(claim, {"spec"});
  std::string phase = GetString(claim, {"status", "phase"});
  if (Find(claim, {"metadata", "deletionTimestamp"}) != nullptr) phase = "Terminating";
  const std::string volume = GetString(spec, "volumeName");
  std::string modes, capacity;
  if (!volume.empty()) {
    modes = AccessModes(GetArray(claim, {"status", "accessModes"}));
    capacity = GetString(claim, {"status", "capacity", "storage"}, "0");
  }
  std::string storage_class = GetString(spec, "storageClassName");
  return Json::array({GetString(claim, {"metadata", "name"}), phase, volume, capacity, modes,
                      storage_class,
                      OrNone(GetString(spec, "volumeAttributesClassName"), "<unset>"),
                      CreationAge(claim, now), OrNone(GetString(spec, "volumeMode"), "<unset>")});
}

// Each hard limit with what is used of it: those on limits, and all others.
Json QuotaCells(const Json& quota, Time now) {
  std::vector<std::string> requests, limits;
  const Json& used = GetObject(quota, {"status", "used"});
  for (const auto& [name, hard] : GetObject(quota, {"status", "hard"}).items()) {
    const std::string text =
        fmt::format("{}: {}/{}", name, GetString(used, name, "0"),
                    hard.is_string() ? hard.get<std::string>() : DumpJson(hard));
    (name.starts_with("limits.") ? limits : requests).push_back(text);
  }
  return Json::array({GetString(quota, {"metadata", "name"}), Join(requests, ", "),
                      Join(limits, ", "), CreationAge(quota, now)});
}

Json PodTemplateCells(const Json& object) {
  const Json& spec = GetObject(object, {"template", "spec"});
  return Json::array({GetString(object, {"metadata", "name"}), ContainerNames(spec),
                      ContainerImages(spec),
                      LabelsCell(GetObject(object, {"template", "metadata", "labels"}))});
}

Json IngressCells(const Json& ingress, Time now) {
  std::vector<std::string> hosts, addresses;
  for (const Json& rule : GetArray(ingress, {"spec", "rules"})) {
    if (!GetString(rule, "host").empty()) hosts.push_back(GetString(rule, "host"));
  }
  for (const Json& entry : GetArray(ingress, {"status", "loadBalancer", "ingress"})) {
    addresses.push_back(GetString(entry, "ip", GetString(entry, "hostname")));
  }
  std::string host_cell = OrNone(Join(hosts, ","), "*");
  if (hosts.size() > 3) host_cell = FirstThree(hosts, "*");
  const bool tls = !GetArray(ingress, {"spec", "tls"}).empty();
  return Json::array({GetString(ingress, {"metadata", "name"}),
                      OrNone(GetString(ingress, {"spec", "ingressClassName"})), host_cell,
                      Join(addresses, ","), tls ? "80, 443" : "80", CreationAge(ingress, now)});
}

Json IngressClassCells(const Json& object, Time now) {
  const Json& parameters = GetObject(object, {"spec", "parameters"});
  std::string text = "<none>";
  if (!parameters.empty()) {
    text = GetString(parameters, "kind");
    if (!GetString(parameters, "apiGroup").empty()) text += "." + GetString(parameters, "apiGroup");
    text += "/" + GetString(parameters, "name");
  }
  return Json::array({GetString(object, {"metadata", "name"}),
                      GetString(object, {"spec", "controller"}), text, CreationAge(object, now)});
}

Json BudgetCells(const Json& budget, Time now) {
  return Json::array(
      {GetString(budget, {"metadata", "name"}), IntOrText(Find(budget, {"spec", "minAvailable"})),
       IntOrText(Find(budget, {"spec", "maxUnavailable"})),
       GetInt(budget, {"status", "disruptionsAllowed"}, 0), CreationAge(budget, now)});
}

}  // namespace

Json ObjectCells(const std::string& kind, const Json& object, Time now) {
  const std::string name = GetString(object, {"metadata", "name"});
  if (kind == "RoleBinding" || kind == "ClusterRoleBinding") {
    return Json::array(
        {name,
         GetString(object, {"roleRef", "kind"}) + "/" + GetString(object, {"roleRef", "name"}),
         CreationAge(object, now), Subjects(object, "User"), Subjects(object, "Group"),
         Subjects(object, "ServiceAccount")});
  }
  if (kind == "Scale") {
    return Json::array({name, GetInt(object, {"spec", "replicas"}, 0),
                        GetInt(object, {"status", "replicas"}, 0), CreationAge(object, now)});
  }
  if (kind == "Lease") {
    return Json::array(
        {name, GetString(object, {"spec", "holderIdentity"}), CreationAge(object, now)});
  }
  if (kind == "PersistentVolumeClaim") return ClaimCells(object, now);
  if (kind == "ResourceQuota") return QuotaCells(object, now);
  if (kind == "PodTemplate") return PodTemplateCells(object);
  if (kind == "Ingress") return IngressCells(object, now);
  if (kind == "IngressClass") return IngressClassCells(object, now);
  if (kind == "PodDisruptionBudget") return BudgetCells(object, now);
  return nullptr;
}

}  // namespace weir::kube
