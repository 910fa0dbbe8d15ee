// What the API server remarks about an object that it accepts: pkg/api/*/warnings.go.
#include <fmt/format.h>

#include <map>
#include <set>

#include "base/strings.h"
#include "kube/field_error.h"
#include "kube/quantity.h"
#include "kube/strategy.h"
#include "kube/syntax.h"

namespace weir::kube {
namespace {

using Texts = std::vector<std::string>;

// Names end up in hostnames.
void WarnOfName(Texts& out, const Json& object) {
  Reasons reasons = Dns1123LabelErrors(GetString(object, {"metadata", "name"}));
  if (GetString(object, {"metadata", "name"}).empty() || reasons.empty()) return;
  out.push_back(
      fmt::format("metadata.name: this is used in Pod names and hostnames, which can "
                  "result in surprising behavior; a DNS label is recommended: [{}]",
                  Join(reasons, " ")));
}

void WarnOfFractions(Texts& out, const Json& container, const std::string& path) {
  for (std::string_view part : {"limits", "requests"}) {
    for (const auto& [name, amount] : GetObject(container, {"resources", part}).items()) {
      if (name != "memory" && name != "ephemeral-storage") continue;
      std::string text = amount.is_string() ? amount.get<std::string>() : DumpJson(amount);
      Result<Quantity> quantity = Quantity::Parse(text);
      if (!quantity || quantity->MilliValue() % 1000 == 0) continue;
      out.push_back(fmt::format("{}: fractional byte value {} is invalid, must be an integer",
                                MapKey(Child(Child(path, "resources"), part), name),
                                Quote(quantity->ToString())));
    }
  }
}

void WarnOfContainers(Texts& out, const Json& spec, const std::string& base) {
  for (std::string_view list : {"initContainers", "containers"}) {
    const Json& containers = GetArray(spec, {list});
    for (std::size_t c = 0; c < containers.size(); ++c) {
      std::string path = Index(Child(base, list), c);
      std::set<std::string> names;
      const Json& env = GetArray(containers[c], {"env"});
      for (std::size_t e = 0; e < env.size(); ++e) {
        std::string name = GetString(env[e], "name");
        if (names.insert(name).second) continue;
        out.push_back(fmt::format(
            "{}: hides previous definition of {}, which may be dropped when using apply",
            Index(Child(path, "env"), e), Quote(name)));
      }
      std::map<std::pair<std::string, std::int64_t>, std::size_t> seen;
      const Json& ports = GetArray(containers[c], {"ports"});
      for (std::size_t p = 0; p < ports.size(); ++p) {
        if (GetInt(ports[p], {"hostPort"}, 0) != 0) continue;
        auto [it, fresh] = seen.emplace(
            std::pair(GetString(ports[p], "protocol"), GetInt(ports[p], {"containerPort"}, 0)), p);
        if (fresh) continue;
        out.push_back(fmt::format("{}: duplicate port definition with {}",
                                  Index(Child(path, "ports"), p),
                                  Index(Child(path, "ports"), it->second)));
      }
      WarnOfFractions(out, containers[c], path);
    }
  }
}

void WarnOfService(Texts& out, const Json& object) {
  const Json& spec = GetObject(object, {"spec"});
  std::string type = GetString(spec, "type");
  if (!GetString(spec, "externalName").empty() && type != "ExternalName") {
    out.emplace_back("spec.externalName is ignored when spec.type is not \"ExternalName\"");
  }
  if (GetString(spec, "clusterIP") != "None") return;
  if (GetString(spec, "sessionAffinity", "None") != "None") {
    out.emplace_back("spec.SessionAffinity is ignored for headless services");
  }
  if (!GetString(spec, "loadBalancerIP").empty()) {
    out.emplace_back("spec.loadBalancerIP is ignored for headless services");
  }
}

}  // namespace

std::vector<std::string> Warnings(const Resource& resource, const Json& object) {
  Texts out;
  if (resource.group.empty() && resource.kind == "Pod") {
    WarnOfName(out, object);
    WarnOfContainers(out, GetObject(object, {"spec"}), "spec");
  } else if (resource.group == "apps" && resource.kind != "ControllerRevision") {
    WarnOfName(out, object);
    WarnOfContainers(out, GetObject(object, {"spec", "template", "spec"}), "spec.template.spec");
  } else if (resource.group == "batch" && resource.kind == "Job") {
    WarnOfName(out, object);
    WarnOfContainers(out, GetObject(object, {"spec", "template", "spec"}), "spec.template.spec");
  } else if (resource.group == "batch") {
    WarnOfName(out, object);
    WarnOfContainers(out, GetObject(object, {"spec", "jobTemplate", "spec", "template", "spec"}),
                     "spec.jobTemplate.spec.template.spec");
  } else if (resource.group.empty() && resource.kind == "Service") {
    WarnOfService(out, object);
  }
  return out;
}

}  // namespace weir::kube
