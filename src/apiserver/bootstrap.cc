// What every cluster has from the beginning.
#include <utility>

#include "apiserver/api.h"
#include "kube/codec.h"
#include "kube/strategy.h"

namespace weir::apiserver {

Status Server::Impl::CreateIfMissing(std::string_view plural, const std::string& ns, Json object) {
  const kube::Resource* resource = registry.Find("", "v1", plural);
  const kubestore::Key key{std::string(plural), ns, GetString(object, {"metadata", "name"})};
  if (store.Get(key) != nullptr) return {};
  object["apiVersion"] = resource->ApiVersion();
  object["kind"] = resource->kind;
  Json& metadata = object["metadata"];
  if (!ns.empty()) metadata["namespace"] = ns;
  metadata["uid"] = random.Uuid();
  metadata["creationTimestamp"] = FormatRfc3339(clock.Now());
  kube::ApplyDefaults(*resource, object);
  kube::PrepareForCreate(*resource, object);
  kube::Complete(*resource, object);
  const auto stored = store.Create(key, std::move(object), nullptr);
  if (!stored) return Fail(stored.error().code, stored.error().message);
  return {};
}

Status Server::Impl::Bootstrap() {
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    Json space = {{"metadata", {{"name", name}}}};
    if (Status status = CreateIfMissing("namespaces", "", std::move(space)); !status) {
      return status;
    }
  }
  const std::string address = FirstAddress(range);
  Json service = {
      {"metadata",
       {{"name", "kubernetes"},
        {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
      {"spec",
       {{"clusterIP", address},
        {"clusterIPs", Json::array({address})},
        {"ports",
         Json::array(
             {{{"name", "https"}, {"protocol", "TCP"}, {"port", 443}, {"targetPort", 6443}}})}}}};
  return CreateIfMissing("services", "default", std::move(service));
}

}  // namespace weir::apiserver
