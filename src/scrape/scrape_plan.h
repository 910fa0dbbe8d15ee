// Which targets follow from the cluster's objects, with the labels that prometheus-operator's
// relabelling gives them; and targets from a plain list of addresses. Pure functions.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/labels.h"
#include "scrape/monitor_plan.h"

namespace weir::scrape {

struct Target {
  std::string pool;  // `serviceMonitor/NAMESPACE/NAME/INDEX`, or the job of a static list
  std::string url;
  model::Labels labels;  // what each of its series gets
  std::shared_ptr<const ScrapeSettings> settings;

  // The same key is the same target, whatever its settings.
  std::string Key() const { return pool + " " + url + " " + labels.ToString(); }
};

using ObjectPtr = std::shared_ptr<const Json>;

struct ClusterObjects {
  std::vector<ObjectPtr> monitors;
  std::vector<ObjectPtr> services;
  std::vector<ObjectPtr> slices;  // EndpointSlices
  // The pod under "namespace/name", or null: of many pods few are targets.
  std::function<ObjectPtr(std::string_view key)> pod;
};

// A ServiceMonitor that is not scraped, and why.
struct Refusal {
  ObjectPtr monitor;
  std::string message;
};

struct TargetPlan {
  std::vector<Target> targets;  // in order of key, each once
  std::vector<Refusal> refusals;
};

TargetPlan PlanTargets(const ClusterObjects& objects);

// A list of addresses under one job, as Prometheus' static_configs.
struct StaticTargets {
  std::string job;
  std::vector<std::string> addresses;  // host:port
  model::Labels labels;
  std::string scheme = "http";
  std::string path = "/metrics";
  std::vector<std::pair<std::string, std::vector<std::string>>> params{};
  std::vector<RelabelRule> relabelings{};  // of the targets
  ScrapeSettings settings;
};
std::vector<Target> PlanStatic(const StaticTargets& list);

// The operator's and Prometheus' spelling of a Kubernetes label as a label name: every character
// but letters, digits and `_` becomes `_`.
std::string LabelNameOf(std::string_view key);

}  // namespace weir::scrape
