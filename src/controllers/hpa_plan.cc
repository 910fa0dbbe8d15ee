#include "controllers/hpa_plan.h"

#include <algorithm>
#include <limits>

#include "base/strings.h"

namespace weir::controllers {
namespace {

using autoscale::MetricsApi;
using autoscale::MetricSpec;
using autoscale::MetricType;

std::int32_t Int32At(const Json& object, JsonPath path) {
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(GetInt(object, path, 0), std::numeric_limits<std::int32_t>::min(),
                               std::numeric_limits<std::int32_t>::max()));
}

const Json& Part(const Json& object, std::string_view key) {
  static const Json kNothing;
  const Json* part = object.is_object() ? Find(object, key) : nullptr;
  return part != nullptr ? *part : kNothing;
}

std::string ReadyStatus(const Json& pod) {
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") == "Ready") return GetString(condition, "status");
  }
  return "";
}

}  // namespace

std::vector<MetricRef> MetricsOf(const autoscale::HpaSpec& spec, const ResourceNameFn& name) {
  std::vector<MetricRef> refs;
  for (const MetricSpec& metric : spec.metrics) {
    switch (metric.type) {
      case MetricType::kResource:
      case MetricType::kContainerResource:
        refs.push_back({MetricsApi::kResource, "", ""});
        break;
      case MetricType::kPods:
        refs.push_back({MetricsApi::kCustom, metric.name, "pods"});
        break;
      case MetricType::kObject: {
        const Result<std::string> group =
            autoscale::GroupOf(GetString(metric.described_object, "apiVersion"));
        refs.push_back({MetricsApi::kCustom, metric.name,
                        name(group.value_or(""), GetString(metric.described_object, "kind"))});
        break;
      }
      case MetricType::kExternal:
        refs.push_back({MetricsApi::kExternal, metric.name, ""});
        break;
      case MetricType::kUnknown:
        break;
    }
  }
  return refs;
}

bool Concerns(const MetricRef& changed, const MetricRef& read) {
  if (changed.api != read.api) return false;
  if (!changed.metric.empty() && changed.metric != read.metric) return false;
  return changed.resource.empty() || read.resource.empty() || changed.resource == read.resource;
}

bool ReadsPods(const autoscale::HpaSpec& spec) {
  return std::ranges::any_of(spec.metrics, [](const MetricSpec& metric) {
    const bool of_total =
        metric.type == MetricType::kObject || metric.type == MetricType::kExternal;
    return !of_total || !metric.target.average_value;
  });
}

bool WantsPass(const Json& before, const Json& after) {
  return Part(before, "spec") != Part(after, "spec") ||
         Part(Part(before, "metadata"), "annotations") !=
             Part(Part(after, "metadata"), "annotations") ||
         Part(Part(before, "metadata"), "uid") != Part(Part(after, "metadata"), "uid");
}

bool ReadsOtherwise(const Json& before, const Json& after) {
  const Json& old_spec = Part(before, "spec");
  const Json& spec = Part(after, "spec");
  return Part(old_spec, "metrics") != Part(spec, "metrics") ||
         Part(old_spec, "scaleTargetRef") != Part(spec, "scaleTargetRef") ||
         Part(Part(before, "metadata"), "uid") != Part(Part(after, "metadata"), "uid");
}

bool PodCountsDifferently(const Json& before, const Json& after) {
  const auto facts = [](const Json& pod) {
    return std::tuple(GetString(pod, {"status", "phase"}), ReadyStatus(pod),
                      GetString(pod, {"metadata", "deletionTimestamp"}).empty());
  };
  return facts(before) != facts(after);
}

Write WorthWriting(const autoscale::Decision& decision, const StatusWrite& when) {
  if (!decision.status_changed) return Write::kNot;
  if (when.upstream_exact || !decision.values_only) return Write::kNow;
  if (!when.values_due) return Write::kNot;
  return when.others_wait ? Write::kLater : Write::kNow;
}

bool PutOffFailures(autoscale::Decision& decision) {
  // FailedGetScale, FailedGetObjectMetric and so on: what reading gave.
  const std::size_t taken = std::erase_if(decision.events, [](const autoscale::Event& event) {
    return event.reason.starts_with("FailedGet");
  });
  return taken > 0 && !decision.settled;
}

Duration NextPass(const autoscale::Decision& decision, Time now, Duration sync_period) {
  if (!decision.look_again) return sync_period;
  return std::clamp<Duration>(*decision.look_again - now, std::chrono::milliseconds(1),
                              sync_period);
}

std::string ScalePath(std::string_view group, std::string_view version, std::string_view plural,
                      std::string_view ns, std::string_view name) {
  std::string path = group.empty() ? "/api/" : "/apis/" + std::string(group) + "/";
  path += std::string(version) + "/namespaces/" + PercentEncode(ns) + "/" + std::string(plural);
  return path + "/" + PercentEncode(name) + "/scale";
}

autoscale::Scale ReadScale(const Json& scale) {
  return {.spec_replicas = Int32At(scale, {"spec", "replicas"}),
          .status_replicas = Int32At(scale, {"status", "replicas"}),
          .selector = GetString(scale, {"status", "selector"})};
}

}  // namespace weir::controllers
