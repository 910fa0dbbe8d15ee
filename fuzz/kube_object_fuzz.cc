// An object of any kind on its way into the API server and out as a Table: whatever passes the
// check of its fields must be defaulted, prepared, validated, converted and printed without
// failing. The first byte chooses the kind, the rest is the object's JSON.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "kube/codec.h"
#include "kube/resource.h"
#include "kube/strategy.h"
#include "kube/table.h"

namespace {

using weir::Json;
namespace kube = weir::kube;

const kube::Registry& Kinds() {
  static const kube::Registry registry(true);
  return registry;
}

struct Choice {
  const char *group, *version, *plural;
};
constexpr Choice kChoices[] = {
    {"", "v1", "pods"},
    {"", "v1", "services"},
    {"", "v1", "configmaps"},
    {"", "v1", "secrets"},
    {"", "v1", "namespaces"},
    {"", "v1", "nodes"},
    {"", "v1", "events"},
    {"apps", "v1", "deployments"},
    {"apps", "v1", "replicasets"},
    {"autoscaling", "v1", "horizontalpodautoscalers"},
    {"autoscaling", "v2", "horizontalpodautoscalers"},
    {"autoscaling", "v2beta2", "horizontalpodautoscalers"},
    {"discovery.k8s.io", "v1", "endpointslices"},
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions"},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Choice& choice = kChoices[data[0] % std::size(kChoices)];
  const kube::Resource& resource = *Kinds().Find(choice.group, choice.version, choice.plural);
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  weir::Result<Json> object = weir::ParseJson(text);
  if (!object || !object->is_object() || !kube::CheckFields(resource, *object)) return 0;
  kube::ApplyDefaults(resource, *object);
  Json once = *object;
  kube::ApplyDefaults(resource, *object);
  WEIR_CHECK(once == *object);
  kube::PrepareForCreate(resource, *object);
  (void)kube::Validate(resource, "", nullptr, *object, {});
  Json changed = *object;
  kube::PrepareForUpdate(resource, "", *object, changed);
  (void)kube::Validate(resource, "", &*object, changed, {});
  (void)kube::Warnings(resource, *object);
  (void)kube::ToTable(resource, {&*object}, "1", kube::IncludeObject::kNone, true, weir::Time());
  if (resource.group == "autoscaling") {
    const kube::Resource& v2 = *Kinds().Find("autoscaling", "v2", choice.plural);
    (void)kube::Convert(kube::Convert(*object, resource, v2), v2, resource);
  }
  return 0;
}
