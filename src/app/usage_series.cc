#include "app/usage_series.h"

#include <string>

#include "model/labels.h"

namespace weir::app {

// The rate is taken over few samples (one comes each second), so that a burst is seen soon. A node
// uses what its pods use.
const std::string_view kUsageRules = R"(
resourceRules:
  cpu:
    containerQuery: sum(rate(container_cpu_usage_seconds_total{<<.LabelMatchers>>}[5s])) by (<<.GroupBy>>)
    nodeQuery: sum(rate(container_cpu_usage_seconds_total{<<.LabelMatchers>>}[5s])) by (<<.GroupBy>>)
    resources: &resources
      overrides:
        namespace: {resource: namespace}
        node: {resource: node}
        pod: {resource: pod}
    containerLabel: container
  memory:
    containerQuery: sum(container_memory_working_set_bytes{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    nodeQuery: sum(container_memory_working_set_bytes{<<.LabelMatchers>>}) by (<<.GroupBy>>)
    resources: *resources
    containerLabel: container
  window: 5s
)";

Status AppendUsage(model::Appender& batch, const std::vector<kubelet::Kubelet::Usage>& usage,
                   std::string_view node, Time now) {
  const std::int64_t at = ToUnixMillis(now);
  for (const kubelet::Kubelet::Usage& used : usage) {
    model::Labels labels({{"container", used.container},
                          {"namespace", used.ns},
                          {"node", std::string(node)},
                          {"pod", used.pod}});
    labels.Set(model::kMetricName, "container_cpu_usage_seconds_total");
    if (Status appended = batch.Append(labels, at, used.cpu_seconds); !appended) return appended;
    labels.Set(model::kMetricName, "container_memory_working_set_bytes");
    const auto bytes = static_cast<double>(used.memory_bytes);
    if (Status appended = batch.Append(labels, at, bytes); !appended) return appended;
  }
  return batch.Commit();
}

}  // namespace weir::app
