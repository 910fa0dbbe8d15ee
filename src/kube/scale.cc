// The scale subresource: a kind's replicas as an autoscaling/v1 Scale and back.
#include <fmt/format.h>

#include "base/strings.h"
#include "kube/selector.h"
#include "kube/strategy.h"

namespace weir::kube {
namespace {

// The steps of a simple path, `.spec.replicas`.
std::vector<std::string> Steps(std::string_view path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.empty()) return {};
  return Split(path, '.');
}

const Json* Follow(const Json& object, std::string_view path) {
  const Json* at = &object;
  for (const std::string& step : Steps(path)) {
    at = Find(*at, step);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string PathOf(const Resource& resource, std::string_view key, std::string_view built_in) {
  if (resource.crd_name.empty()) return std::string(built_in);
  return GetString(resource.scale_paths, key);
}

Result<std::string> SelectorText(const Resource& resource, const Json& object) {
  if (!resource.crd_name.empty()) {
    std::string path = PathOf(resource, "labelSelectorPath", {});
    const Json* value = path.empty() ? nullptr : Follow(object, path);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  }
  const Json* selector = Find(object, {"spec", "selector"});
  if (selector == nullptr) return std::string();
  const bool plain = resource.kind == "ReplicationController";
  Result<LabelSelector> parsed =
      LabelSelector::FromJson(plain ? Json{{"matchLabels", *selector}} : *selector);
  if (!parsed) return std::unexpected(parsed.error());
  return parsed->ToString();
}

}  // namespace

Result<Json> ToScale(const Resource& resource, const Json& object) {
  if (resource.FindSubresource("scale") == nullptr) {
    return Fail(Code::kNotFound, fmt::format("{} has no scale", resource.GroupResource()));
  }
  Result<std::string> selector = SelectorText(resource, object);
  if (!selector) return std::unexpected(selector.error());
  Json meta = Json::object();
  for (std::string_view key :
       {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const Json* value = Find(object, {"metadata", key})) meta[std::string(key)] = *value;
  }
  Json spec = Json::object();
  const Json* replicas = Follow(object, PathOf(resource, "specReplicasPath", ".spec.replicas"));
  if (replicas != nullptr && replicas->is_number_integer() && *replicas != 0) {
    spec["replicas"] = *replicas;
  }
  Json status = {{"replicas", 0}};
  const Json* current = Follow(object, PathOf(resource, "statusReplicasPath", ".status.replicas"));
  if (current != nullptr && current->is_number_integer()) status["replicas"] = *current;
  if (!selector->empty()) status["selector"] = *selector;
  return Json{{"apiVersion", "autoscaling/v1"},
              {"kind", "Scale"},
              {"metadata", std::move(meta)},
              {"spec", std::move(spec)},
              {"status", std::move(status)}};
}

Status SetScale(const Resource& resource, const Json& scale, Json& object) {
  if (resource.FindSubresource("scale") == nullptr) {
    return Fail(Code::kNotFound, fmt::format("{} has no scale", resource.GroupResource()));
  }
  std::int64_t replicas = GetInt(scale, {"spec", "replicas"}, 0);
  if (replicas < 0) {
    return Fail(Code::kInvalid, fmt::format("spec.replicas: Invalid value: {}: must be greater "
                                            "than or equal to 0",
                                            replicas));
  }
  std::vector<std::string> steps = Steps(PathOf(resource, "specReplicasPath", ".spec.replicas"));
  if (steps.empty()) return Fail(Code::kInvalid, "the resource names no specReplicasPath");
  Json* at = &object;
  for (const std::string& step : steps) at = &Ensure(*at, {step});
  *at = replicas;
  return {};
}

}  // namespace weir::kube
