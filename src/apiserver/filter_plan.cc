#include "apiserver/filter_plan.h"

#include <fmt/format.h>

#include <utility>

#include "base/strings.h"
#include "kube/status.h"
#include "kube/strategy.h"
#include "kube/typed_text.h"

namespace weir::apiserver {
namespace {

// Kinds that have a conversion of field labels of their own refuse the others in other words.
bool HasOwnFieldLabels(const kube::Resource& resource) {
  if (!resource.crd_name.empty()) return true;
  for (const std::string_view name : {"pods", "events", "events.events.k8s.io", "nodes", "secrets",
                                      "services", "namespaces", "replicationcontrollers"}) {
    if (resource.GroupResource() == name) return true;
  }
  return false;
}

std::string UnknownField(const kube::Resource& resource, const std::string& key) {
  if (resource.GroupResource() == "jobs.batch") {
    return fmt::format("field label {} not supported for Job", Quote(key));
  }
  if (HasOwnFieldLabels(resource)) return "field label not supported: " + key;
  return fmt::format(
      "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
      Quote(key));
}

// Events of events.k8s.io are kept as those of the core group, whose fields have other names.
// Empty: the resource does not know the field.
std::string StoredKey(const kube::Resource& resource, const std::string& key) {
  if (resource.GroupResource() != "events.events.k8s.io") return key;
  constexpr std::string_view kRegarding = "regarding.";
  if (key.starts_with(kRegarding)) return "involvedObject." + key.substr(kRegarding.size());
  if (key == "reportingController") return "reportingComponent";
  const bool older =
      key.starts_with("involvedObject.") || key == "source" || key == "reportingComponent";
  return older ? std::string() : key;
}

}  // namespace

Answer<Filter> Filter::Make(const kube::Resource& resource, kube::LabelSelector labels,
                            std::vector<kube::FieldRequirement> fields) {
  for (kube::FieldRequirement& field : fields) {
    std::string value;
    std::string key = StoredKey(resource, field.key);
    if (!kube::FieldValue(resource, Json::object(), key, &value)) {
      return std::unexpected(kube::StatusBadRequest(UnknownField(resource, field.key)));
    }
    field.key = std::move(key);
  }
  Filter filter;
  filter.labels_ = std::move(labels);
  filter.fields_ = std::move(fields);
  return filter;
}

bool Filter::Matches(const kube::Resource& resource, const Json& object) const {
  for (const kube::FieldRequirement& field : fields_) {
    std::string value;
    kube::FieldValue(resource, object, field.key, &value);
    if ((value == field.value) != field.equal) return false;
  }
  if (labels_.empty()) return true;
  return labels_.Matches(GetObject(object, {"metadata", "labels"}));
}

std::optional<std::string> Filter::name() const {
  for (const kube::FieldRequirement& field : fields_) {
    if (field.key == "metadata.name" && field.equal) return field.value;
  }
  return std::nullopt;
}

std::optional<Selected> Select(const Filter& filter, const kube::Resource& resource,
                               const kubestore::Event& event) {
  using kubestore::EventType;
  if (filter.everything()) return Selected{event.type, event.object};
  const bool before = event.previous != nullptr && filter.Matches(resource, event.previous->value);
  const bool after =
      event.type != EventType::kDeleted && filter.Matches(resource, event.object->value);
  if (after) return Selected{before ? EventType::kModified : EventType::kAdded, event.object};
  if (!before) return std::nullopt;
  if (event.type == EventType::kDeleted) return Selected{EventType::kDeleted, event.object};
  kubestore::Object last;
  last.value = event.previous->value;
  last.value["metadata"]["resourceVersion"] = std::to_string(event.version);
  last.body = kube::DumpObject(last.value);
  return Selected{EventType::kDeleted, std::make_shared<const kubestore::Object>(std::move(last))};
}

}  // namespace weir::apiserver
