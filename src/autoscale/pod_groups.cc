#include "autoscale/pod_groups.h"

#include <algorithm>
#include <optional>

namespace weir::autoscale {
namespace {

// Custom metrics without a window are taken over this long, as upstream's metrics client does.
constexpr Duration kDefaultWindow = std::chrono::seconds(60);

std::optional<std::int64_t> UsageOf(const PodUsage& usage, const std::string& resource,
                                    const std::string& container, Numbers numbers) {
  std::int64_t sum = 0;
  bool found = false;
  for (const Container& measured : usage.containers) {
    if (!container.empty() && measured.name != container) continue;
    const auto amount = measured.amounts.find(resource);
    if (amount == measured.amounts.end()) return std::nullopt;
    sum = numbers.Add(sum, numbers.Milli(amount->second));
    found = true;
    if (!container.empty()) break;
  }
  if (!found) return std::nullopt;
  return sum;
}

// The start-up rules for CPU: a pod that has just started burns CPU that tells nothing about load.
bool IsUnready(const Pod& pod, const PodMetric& metric, Time now, const Options& options) {
  if (pod.ready.empty() || !pod.started) return true;
  const bool not_ready = pod.ready == "False";
  if (*pod.started + options.cpu_initialization_period > now) {
    return not_ready || metric.timestamp < pod.ready_since + metric.window;
  }
  return not_ready && *pod.started + options.initial_readiness_delay > pod.ready_since;
}

// What all containers of a pod reserve together: those that run at the same time added up, or what
// one init container needs beside the restartable ones before it, whichever is more
// (resourcehelpers.PodRequests). None where no container asks for the resource.
std::optional<std::int64_t> SumOfContainers(const Pod& pod, const std::string& resource,
                                            Numbers numbers) {
  bool found = false;
  const auto milli = [&](const Container& container) -> std::int64_t {
    const auto amount = container.amounts.find(resource);
    if (amount == container.amounts.end()) return 0;
    found = true;
    return numbers.Milli(amount->second);
  };
  std::int64_t sum = 0;
  for (const Container& container : pod.containers) sum = numbers.Add(sum, milli(container));
  std::int64_t restartable = 0;
  std::int64_t highest_init = 0;
  for (const Container& container : pod.init_containers) {
    const std::int64_t own = milli(container);
    if (container.restartable) restartable = numbers.Add(restartable, own);
    const std::int64_t needed = numbers.Add(restartable, container.restartable ? 0 : own);
    highest_init = std::max(highest_init, needed);
  }
  if (!found) return std::nullopt;
  return std::max(numbers.Add(sum, restartable), highest_init);
}

// The resources that a pod can ask for as a whole.
bool IsPodLevel(const Amounts::value_type& amount) {
  const std::string& name = amount.first;
  return name == "cpu" || name == "memory" || name.starts_with("hugepages-");
}

Result<std::int64_t> RequestOf(const Pod& pod, const std::string& resource,
                               const std::string& container, Numbers numbers) {
  if (container.empty() && std::ranges::any_of(pod.requests, IsPodLevel)) {
    const auto amount = pod.requests.find(resource);
    if (amount != pod.requests.end() && IsPodLevel(*amount)) return numbers.Milli(amount->second);
    const std::optional<std::int64_t> sum = SumOfContainers(pod, resource, numbers);
    if (sum) return *sum;
    return Fail(Code::kInvalid,
                "missing pod-level request for " + resource + " in Pod " + pod.name);
  }
  std::vector<const Container*> containers;
  containers.reserve(pod.containers.size() + pod.init_containers.size());
  for (const Container& one : pod.containers) containers.push_back(&one);
  for (const Container& one : pod.init_containers) {
    if (one.restartable) containers.push_back(&one);
  }
  std::int64_t sum = 0;
  for (const Container* one : containers) {
    if (!container.empty() && one->name != container) continue;
    const auto amount = one->amounts.find(resource);
    if (amount == one->amounts.end()) {
      return Fail(Code::kInvalid, "missing request for " + resource + " in container " + one->name +
                                      " of Pod " + pod.name);
    }
    sum = numbers.Add(sum, numbers.Milli(amount->second));
    if (!container.empty()) return sum;
  }
  if (!container.empty()) {
    return Fail(Code::kInvalid, "container " + container + " not found in Pod " + pod.name);
  }
  return sum;
}

}  // namespace

std::vector<const Pod*> SelectPods(const Observations& seen, const kube::LabelSelector& selector) {
  std::vector<const Pod*> pods;
  for (const PodPtr& pod : seen.pods) {
    if (selector.Matches(pod->labels)) pods.push_back(pod.get());
  }
  return pods;
}

PodMetrics ValuesByPod(const MetricSpec& metric, const MetricResult& result, Numbers numbers) {
  PodMetrics metrics;
  for (const PodUsage& usage : result.pods) {
    if (metric.type == MetricType::kPods) {
      const Duration window = usage.window.count() == 0 ? kDefaultWindow : usage.window;
      metrics[usage.pod] = {numbers.Milli(usage.value), usage.timestamp, window};
      continue;
    }
    const std::optional<std::int64_t> milli =
        UsageOf(usage, metric.name, metric.container, numbers);
    if (milli) metrics[usage.pod] = {*milli, usage.timestamp, usage.window};
  }
  return metrics;
}

PodGroups GroupPods(const std::vector<const Pod*>& pods, const PodMetrics& metrics, bool cpu,
                    Time now, const Options& options) {
  PodGroups groups;
  for (const Pod* pod : pods) {
    if (pod->deleted || pod->phase == "Failed") {
      groups.ignored.insert(pod->name);
      continue;
    }
    if (pod->phase == "Pending") {
      groups.unready.insert(pod->name);
      continue;
    }
    const auto metric = metrics.find(pod->name);
    if (metric == metrics.end()) {
      groups.missing.insert(pod->name);
    } else if (cpu && IsUnready(*pod, metric->second, now, options)) {
      groups.unready.insert(pod->name);
    } else {
      ++groups.ready;
    }
  }
  return groups;
}

Result<std::map<std::string, std::int64_t>> RequestsByPod(const std::vector<const Pod*>& pods,
                                                          const std::string& resource,
                                                          const std::string& container,
                                                          Numbers numbers) {
  std::map<std::string, std::int64_t> requests;
  for (const Pod* pod : pods) {
    const Result<std::int64_t> request = RequestOf(*pod, resource, container, numbers);
    if (!request) return std::unexpected(request.error());
    requests[pod->name] = *request;
  }
  return requests;
}

}  // namespace weir::autoscale
