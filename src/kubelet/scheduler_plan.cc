#include "kubelet/scheduler_plan.h"

#include <algorithm>

#include "kube/quantity.h"

namespace weir::kubelet {
namespace {

std::int64_t Milli(const Json* value) {
  if (value == nullptr) return 0;
  const auto quantity =
      kube::Quantity::Parse(value->is_string() ? value->get<std::string>() : DumpJson(*value));
  return quantity ? quantity->MilliValue() : 0;
}

std::string Unschedulable(const std::string& reason) {
  return "0/1 nodes are available: 1 " + reason +
         ". no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not "
         "helpful for scheduling.";
}

bool SelectorMatches(const Json& pod, const Json& node) {
  for (const auto& item : GetObject(pod, {"spec", "nodeSelector"}).items()) {
    const Json* label = Find(node, {"metadata", "labels", item.key()});
    if (label == nullptr || *label != item.value()) return false;
  }
  return true;
}

bool IsOver(const Json& pod) {
  const std::string phase = GetString(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

bool Exceeds(const Json& pod, const Json& node, const std::vector<ObjectPtr>& bound,
             std::string_view resource) {
  const std::int64_t wanted = RequestedMilli(pod, resource);
  if (wanted == 0) return false;
  std::int64_t used = 0;
  for (const ObjectPtr& other : bound) {
    if (!IsOver(*other)) used += RequestedMilli(*other, resource);
  }
  return used + wanted > Milli(Find(node, {"status", "allocatable", resource}));
}

}  // namespace

std::int64_t RequestedMilli(const Json& pod, std::string_view resource) {
  std::int64_t sum = 0;
  for (const Json& container : GetArray(pod, {"spec", "containers"})) {
    sum += Milli(Find(container, {"resources", "requests", resource}));
  }
  std::int64_t largest = 0;
  for (const Json& container : GetArray(pod, {"spec", "initContainers"})) {
    const std::int64_t request = Milli(Find(container, {"resources", "requests", resource}));
    if (GetString(container, "restartPolicy") == "Always") {
      sum += request;
    } else {
      largest = std::max(largest, request);
    }
  }
  return std::max(sum, largest);
}

Placement PlanPlacement(const Json& pod, const Json& node, const std::vector<ObjectPtr>& bound) {
  Placement placement;
  placement.wanted =
      GetString(pod, {"spec", "nodeName"}).empty() && !IsOver(pod) &&
      Find(pod, {"metadata", "deletionTimestamp"}) == nullptr &&
      GetArray(pod, {"spec", "schedulingGates"}).empty() &&
      GetString(pod, {"spec", "schedulerName"}, "default-scheduler") == "default-scheduler";
  if (!placement.wanted) return placement;
  const auto running =
      std::ranges::count_if(bound, [](const ObjectPtr& other) { return !IsOver(*other); });
  const std::int64_t room = Milli(Find(node, {"status", "allocatable", "pods"})) / 1000;
  if (GetBool(node, {"spec", "unschedulable"}, false)) {
    placement.message = Unschedulable("node(s) were unschedulable");
  } else if (!SelectorMatches(pod, node)) {
    placement.message = Unschedulable("node(s) didn't match Pod's node affinity/selector");
  } else if (running >= room) {
    placement.message = Unschedulable("Too many pods");
  } else if (Exceeds(pod, node, bound, "cpu")) {
    placement.message = Unschedulable("Insufficient cpu");
  } else if (Exceeds(pod, node, bound, "memory")) {
    placement.message = Unschedulable("Insufficient memory");
  } else {
    placement.fits = true;
  }
  return placement;
}

}  // namespace weir::kubelet
