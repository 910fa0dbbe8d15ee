// CustomResourceDefinitions: they add kinds to the registry, and their objects go with them.
#include <spdlog/spdlog.h>

#include <utility>

#include "apiserver/api.h"
#include "apiserver/crd_plan.h"
#include "apiserver/delete_plan.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kDefinitions = "customresourcedefinitions.apiextensions.k8s.io";

}  // namespace

void Server::Impl::Register(Json& definition) {
  const std::string name = GetString(definition, {"metadata", "name"});
  const std::string group = GetString(definition, {"spec", "group"});
  NamesInUse in_use;
  for (const std::string& version : registry.Versions(group)) {
    for (const kube::Resource* resource : registry.List(group, version)) {
      if (resource->crd_name == name) continue;
      in_use.resources.insert({resource->plural, resource->singular});
      in_use.resources.insert(resource->short_names.begin(), resource->short_names.end());
      in_use.kinds.insert({resource->kind, resource->list_kind});
    }
  }
  SetDefinitionStatus(in_use, clock.Now(), definition);
  // A definition whose names were changed to taken ones goes on under what it had before.
  if (!IsEstablished(definition)) return;
  if (const Status added = registry.AddCustom(definition); !added) {
    spdlog::warn("apiserver: CustomResourceDefinition {}: {}", name, added.error().message);
  }
}

void Server::Impl::Establish(const kubestore::Object& stored, const kubestore::Key& key,
                             const std::shared_ptr<Durable>& durable) {
  Json established = stored.value;
  Register(established);
  const auto updated = store.Update(key, std::move(established), 0, durable->Expect());
  if (!updated) spdlog::warn("apiserver: {}: {}", key.name, updated.error().message);
}

void Server::Impl::FinishDefinition(const std::string& crd_name,
                                    const std::shared_ptr<Durable>& durable) {
  const kubestore::Key key{std::string(kDefinitions), "", crd_name};
  const auto definition = store.Get(key);
  if (definition == nullptr) {
    registry.RemoveCustom(crd_name);
    return;
  }
  if (GetString(definition->value, {"metadata", "deletionTimestamp"}).empty()) return;
  // The kind's objects are stored under the definition's name: plural.group.
  kube::Resource kind;
  kind.crd_name = crd_name;
  for (const auto& object : store.List(crd_name, "")) {
    const auto plan = PlanDelete(kind, object->value, DeleteOptions(), clock.Now());
    if (!plan) continue;
    const kubestore::Key of_object{crd_name, GetString(object->value, {"metadata", "namespace"}),
                                   GetString(object->value, {"metadata", "name"})};
    if (plan->action == DeletePlan::Action::kRemove) {
      (void)store.Delete(of_object, 0, durable->Expect());
    } else if (plan->action == DeletePlan::Action::kUpdate) {
      (void)store.Update(of_object, plan->object, 0, durable->Expect());
    }
  }
  if (!store.List(crd_name, "").empty()) return;  // objects that finalizers keep
  registry.RemoveCustom(crd_name);
  (void)store.Delete(key, 0, durable->Expect());
}

Status Server::Impl::RegisterStored() {
  auto durable = std::make_shared<Durable>(loop);
  for (const auto& definition : store.List(kDefinitions, "")) {
    const std::string name = GetString(definition->value, {"metadata", "name"});
    if (!IsEstablished(definition->value)) continue;
    if (const Status added = registry.AddCustom(definition->value); !added) {
      spdlog::warn("apiserver: CustomResourceDefinition {}: {}", name, added.error().message);
    }
    FinishDefinition(name, durable);
  }
  return {};
}

}  // namespace weir::apiserver
