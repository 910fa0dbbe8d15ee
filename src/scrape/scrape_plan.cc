#include "scrape/scrape_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "scrape/meta_plan.h"

namespace weir::scrape {
namespace {

constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";

using Params = std::vector<std::pair<std::string, std::vector<std::string>>>;

std::string LabelOf(const Json& object, std::string_view key) {
  return GetString(object, {"metadata", "labels", key});
}

std::string NamespacedName(std::string_view ns, std::string_view name) {
  return fmt::format("{}/{}", ns, name);
}

// IPv6 addresses stand in brackets.
std::string JoinHostPort(const std::string& host, std::int64_t port) {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

// `__param_x` overrides the first value of parameter x, as in Prometheus' target URLs.
std::string UrlOf(const model::Labels& labels, const Params& params) {
  std::map<std::string, std::vector<std::string>> values;
  for (const auto& [name, list] : params) values[name] = list;
  constexpr std::string_view kParam = "__param_";
  for (const model::Label& label : labels) {
    if (!label.name.starts_with(kParam)) continue;
    std::vector<std::string>& list = values[label.name.substr(kParam.size())];
    if (list.empty()) list.emplace_back();
    list[0] = label.value;
  }
  std::string query;
  for (const auto& [name, list] : values) {
    for (const std::string& value : list) {
      query += query.empty() ? "?" : "&";
      query += PercentEncode(name) + "=" + PercentEncode(value);
    }
  }
  std::string path(labels.Get("__metrics_path__"));
  if (!path.starts_with('/')) path.insert(path.begin(), '/');
  return fmt::format("{}://{}{}{}", labels.Get("__scheme__"), labels.Get("__address__"), path,
                     query);
}

// The end of Prometheus' target building: the URL from the internal labels, `instance` from the
// address where no rule set it, and labels that begin with `__` left out. nullopt without address.
std::optional<Target> Finish(std::string pool, const model::Labels& labels, const Params& params,
                             std::shared_ptr<const ScrapeSettings> settings) {
  if (!labels.Has("__address__")) return std::nullopt;
  Target target{std::move(pool), UrlOf(labels, params), {}, std::move(settings)};
  std::vector<model::Label> kept;
  for (const model::Label& label : labels) {
    if (!label.name.starts_with("__")) kept.push_back(label);
  }
  target.labels = model::Labels(std::move(kept));
  if (!target.labels.Has("instance")) target.labels.Set("instance", labels.Get("__address__"));
  return target;
}

class Planner {
 public:
  explicit Planner(const ClusterObjects& objects) : objects_(objects) {
    if (objects.monitors.empty()) return;
    for (const ObjectPtr& slice : objects.slices) {
      slices_[NamespacedName(GetString(*slice, {"metadata", "namespace"}),
                             LabelOf(*slice, kServiceNameLabel))]
          .push_back(slice.get());
    }
  }

  TargetPlan Plan() {
    TargetPlan plan;
    std::map<std::string, Target> targets;
    for (const ObjectPtr& object : objects_.monitors) {
      const Result<Monitor> monitor = ParseMonitor(*object);
      if (!monitor) {
        plan.refusals.push_back({object, monitor.error().message});
        continue;
      }
      std::map<std::string, Target> found = TargetsOf(*monitor);
      if (monitor->target_limit > 0 && found.size() > monitor->target_limit) {
        plan.refusals.push_back(
            {object, fmt::format("spec.targetLimit: {} targets are more than {}", found.size(),
                                 monitor->target_limit)});
        continue;
      }
      targets.merge(found);
    }
    for (auto& [key, target] : targets) plan.targets.push_back(std::move(target));
    return plan;
  }

 private:
  std::map<std::string, Target> TargetsOf(const Monitor& monitor) {
    std::map<std::string, Target> found;
    for (const ObjectPtr& service : objects_.services) {
      const std::string ns = GetString(*service, {"metadata", "namespace"});
      const bool wanted = monitor.any_namespace ||
                          std::find(monitor.namespaces.begin(), monitor.namespaces.end(), ns) !=
                              monitor.namespaces.end();
      if (!wanted || !monitor.selector.Matches(GetObject(*service, {"metadata", "labels"}))) {
        continue;
      }
      const std::vector<DiscoveredAddress> addresses = Discover(*service, ns);
      for (std::size_t i = 0; i < monitor.endpoints.size(); ++i) {
        for (const DiscoveredAddress& address : addresses) {
          if (auto target = TargetOf(monitor, i, address)) {
            std::string key = target->Key();
            found.emplace(std::move(key), std::move(*target));
          }
        }
      }
    }
    return found;
  }

  // Every address and port that the Service's slices name, and the declared ports of their pods
  // that they do not name (those have no endpoint port, only a container port).
  std::vector<DiscoveredAddress> Discover(const Json& service, const std::string& ns) const {
    std::vector<DiscoveredAddress> found;
    auto slices = slices_.find(NamespacedName(ns, GetString(service, {"metadata", "name"})));
    if (slices == slices_.end()) return found;
    std::map<const Json*, std::set<std::int64_t>> served;  // ports by pod
    std::map<const Json*, DiscoveredAddress> by_pod;
    for (const Json* slice : slices->second) {
      for (const Json& endpoint : GetArray(*slice, {"endpoints"})) {
        DiscoveredAddress address{&service, slice, &endpoint, nullptr, PodOf(endpoint, ns), {}};
        if (address.pod != nullptr) by_pod.emplace(address.pod, address);
        for (const Json& port : GetArray(*slice, {"ports"})) {
          address.port = &port;
          address.container_port = ContainerPortOf(address.pod, GetInt(port, {"port"}, 0));
          if (address.pod != nullptr) served[address.pod].insert(GetInt(port, {"port"}, 0));
          found.push_back(address);
        }
      }
    }
    for (const auto& [pod, first] : by_pod) {
      for (const ContainerPort& port : ContainerPorts(*pod)) {
        if (served[pod].contains(port.number)) continue;
        DiscoveredAddress address = first;
        address.container_port = port;
        found.push_back(std::move(address));
      }
    }
    return found;
  }

  const Json* PodOf(const Json& endpoint, const std::string& ns) const {
    if (GetString(endpoint, {"targetRef", "kind"}) != "Pod") return nullptr;
    // Its owner is the cache, which does not change while a plan is made.
    return objects_.pod(NamespacedName(ns, GetString(endpoint, {"targetRef", "name"}))).get();
  }

  static std::optional<ContainerPort> ContainerPortOf(const Json* pod, std::int64_t number) {
    if (pod == nullptr) return std::nullopt;
    for (ContainerPort& port : ContainerPorts(*pod)) {
      if (port.number == number) return std::move(port);
    }
    return std::nullopt;
  }

  static bool PortMatches(const MonitorEndpoint& endpoint, const DiscoveredAddress& address) {
    if (!endpoint.port.empty()) {
      return address.port != nullptr && GetString(*address.port, "name") == endpoint.port;
    }
    if (!endpoint.target_port) return true;
    if (!address.container_port) return false;
    if (const auto number = ParseInt(*endpoint.target_port)) {
      return address.container_port->number == *number;
    }
    return address.container_port->name == *endpoint.target_port;
  }

  static std::string AddressOf(const DiscoveredAddress& address) {
    if (address.port == nullptr) {
      WEIR_CHECK(address.container_port.has_value());
      return JoinHostPort(GetString(*address.pod, {"status", "podIP"}),
                          address.container_port->number);
    }
    const Json& addresses = GetArray(*address.endpoint, {"addresses"});
    if (addresses.empty() || !addresses[0].is_string()) return {};
    return JoinHostPort(addresses[0].get<std::string>(), GetInt(*address.port, {"port"}, 0));
  }

  static std::optional<Target> TargetOf(const Monitor& monitor, std::size_t index,
                                        const DiscoveredAddress& address) {
    const MonitorEndpoint& endpoint = monitor.endpoints[index];
    if (!PortMatches(endpoint, address)) return std::nullopt;
    if (address.pod != nullptr && endpoint.filter_running) {
      const std::string phase = GetString(*address.pod, {"status", "phase"});
      if (phase == "Failed" || phase == "Succeeded") return std::nullopt;
    }
    const std::string host_port = AddressOf(address);
    if (host_port.empty() || host_port.starts_with(':')) return std::nullopt;
    model::Labels labels = OperatorLabels(monitor, endpoint, address);
    labels.Set("__address__", host_port);
    labels.Set("__scheme__", endpoint.scheme);
    labels.Set("__metrics_path__", endpoint.path);
    for (const auto& [name, values] : endpoint.params) {
      if (!values.empty()) labels.Set("__param_" + name, values.front());
    }
    if (!endpoint.relabelings.empty()) {
      for (const model::Label& meta : MetaLabels(address)) labels.Set(meta.name, meta.value);
      if (!Relabel(endpoint.relabelings, labels)) return std::nullopt;
    }
    return Finish(fmt::format("serviceMonitor/{}/{}/{}", monitor.ns, monitor.name, index), labels,
                  endpoint.params, endpoint.settings);
  }

  // What the operator's generated rules set before the monitor's own relabelings run.
  static model::Labels OperatorLabels(const Monitor& monitor, const MonitorEndpoint& endpoint,
                                      const DiscoveredAddress& address) {
    model::Labels labels;
    const Json& service = *address.service;
    const std::string target_name = GetString(*address.endpoint, {"targetRef", "name"});
    const std::string target_kind = GetString(*address.endpoint, {"targetRef", "kind"});
    if (target_kind == "Node") labels.Set("node", target_name);
    if (target_kind == "Pod") labels.Set("pod", target_name);
    labels.Set("namespace", GetString(service, {"metadata", "namespace"}));
    labels.Set("service", GetString(service, {"metadata", "name"}));
    if (address.pod != nullptr) labels.Set("pod", GetString(*address.pod, {"metadata", "name"}));
    if (address.container_port) labels.Set("container", address.container_port->container);
    for (const std::string& key : monitor.target_labels) {
      if (std::string value = LabelOf(service, key); !value.empty()) {
        labels.Set(LabelNameOf(key), value);
      }
    }
    for (const std::string& key : monitor.pod_target_labels) {
      if (address.pod == nullptr) break;
      if (std::string value = LabelOf(*address.pod, key); !value.empty()) {
        labels.Set(LabelNameOf(key), value);
      }
    }
    const std::string job =
        monitor.job_label.empty() ? std::string() : LabelOf(service, monitor.job_label);
    labels.Set("job", job.empty() ? GetString(service, {"metadata", "name"}) : job);
    labels.Set("endpoint",
               endpoint.port.empty() ? endpoint.target_port.value_or("") : endpoint.port);
    return labels;
  }

  const ClusterObjects& objects_;
  std::map<std::string, std::vector<const Json*>> slices_;  // by namespace/service
};

}  // namespace

std::string LabelNameOf(std::string_view key) {
  std::string name(key);
  for (char& c : name) {
    const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!kept) c = '_';
  }
  return name;
}

TargetPlan PlanTargets(const ClusterObjects& objects) { return Planner(objects).Plan(); }

std::vector<Target> PlanStatic(const StaticTargets& list) {
  const auto settings = std::make_shared<const ScrapeSettings>(list.settings);
  std::map<std::string, Target> targets;
  for (const std::string& address : list.addresses) {
    model::Labels labels = list.labels;
    if (!labels.Has("job")) labels.Set("job", list.job);
    labels.Set("__address__", address);
    labels.Set("__scheme__", list.scheme);
    labels.Set("__metrics_path__", list.path);
    for (const auto& [name, values] : list.params) {
      if (!values.empty()) labels.Set("__param_" + name, values.front());
    }
    if (!Relabel(list.relabelings, labels)) continue;
    if (auto target = Finish(list.job, labels, list.params, settings)) {
      std::string key = target->Key();
      targets.emplace(std::move(key), std::move(*target));
    }
  }
  std::vector<Target> planned;
  planned.reserve(targets.size());
  for (auto& [key, target] : targets) planned.push_back(std::move(target));
  return planned;
}

}  // namespace weir::scrape
