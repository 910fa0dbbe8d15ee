#include "autoscale/observations.h"

#include <utility>

namespace weir::autoscale {
namespace {

Amounts ReadAmounts(const Json& json) {
  Amounts amounts;
  for (const auto& [name, value] : json.items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : DumpJson(value);
    Result<kube::Quantity> quantity = kube::Quantity::Parse(text);
    if (quantity) amounts.emplace(name, *std::move(quantity));
  }
  return amounts;
}

std::vector<Container> ReadContainers(const Json& list) {
  std::vector<Container> containers;
  for (const Json& json : list) {
    containers.push_back({.name = GetString(json, "name"),
                          .amounts = ReadAmounts(GetObject(json, {"resources", "requests"})),
                          .restartable = GetString(json, "restartPolicy") == "Always"});
  }
  return containers;
}

}  // namespace

Pod PodFromJson(const Json& json) {
  Pod pod;
  pod.name = GetString(json, {"metadata", "name"});
  pod.labels = GetObject(json, {"metadata", "labels"});
  pod.phase = GetString(json, {"status", "phase"});
  pod.deleted = !GetString(json, {"metadata", "deletionTimestamp"}).empty();
  pod.started = ParseRfc3339(GetString(json, {"status", "startTime"}));
  for (const Json& condition : GetArray(json, {"status", "conditions"})) {
    if (GetString(condition, "type") != "Ready") continue;
    pod.ready = GetString(condition, "status");
    pod.ready_since = ParseRfc3339(GetString(condition, "lastTransitionTime")).value_or(Time());
  }
  pod.containers = ReadContainers(GetArray(json, {"spec", "containers"}));
  pod.init_containers = ReadContainers(GetArray(json, {"spec", "initContainers"}));
  pod.requests = ReadAmounts(GetObject(json, {"spec", "resources", "requests"}));
  return pod;
}

}  // namespace weir::autoscale
