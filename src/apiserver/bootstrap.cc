// What every cluster has from the beginning.
#include <utility>

#include "apiserver/api.h"
#include "apiserver/bootstrap_roles.h"
#include "base/check.h"
#include "base/strings.h"
#include "kube/codec.h"
#include "kube/managed_fields.h"
#include "kube/strategy.h"

namespace weir::apiserver {

Status Server::Impl::CreateIfMissing(Json object) {
  const std::string version = GetString(object, "apiVersion");
  const std::size_t slash = version.find('/');
  const kube::Resource* resource =
      slash == std::string::npos
          ? registry.FindKind("", version, GetString(object, "kind"))
          : registry.FindKind(version.substr(0, slash), version.substr(slash + 1),
                              GetString(object, "kind"));
  WEIR_CHECK(resource != nullptr);
  Json& metadata = object["metadata"];
  const kubestore::Key key{resource->GroupResource(), GetString(metadata, "namespace"),
                           GetString(metadata, "name")};
  if (store.Get(key) != nullptr) return {};
  metadata["uid"] = random.Uuid();
  metadata["creationTimestamp"] = FormatRfc3339(clock.Now());
  kube::ApplyDefaults(*resource, object);
  const kube::FieldWrite write{"kube-apiserver", "", clock.Now()};
  Json managed = kube::TrackUpdate(*resource, nullptr, object, write, nullptr);
  kube::PrepareForCreate(*resource, object);
  kube::Complete(*resource, object);
  object["metadata"]["managedFields"] = std::move(managed);
  const auto stored = store.Create(key, std::move(object), nullptr);
  if (!stored) return Fail(stored.error().code, stored.error().message);
  return {};
}

Status Server::Impl::BootstrapAccess() {
  for (Json& wanted : BootstrapRoles(k_embedded_roles_txt)) {
    const kubestore::Key key{ToLower(GetString(wanted, "kind")) + "s." + std::string(kRbacGroup),
                             GetString(wanted, {"metadata", "namespace"}),
                             GetString(wanted, {"metadata", "name"})};
    const auto stored = store.Get(key);
    if (stored == nullptr) {
      if (Status status = CreateIfMissing(std::move(wanted)); !status) return status;
      continue;
    }
    Json changed = Reconciled(stored->value, wanted);
    if (changed.is_null()) continue;
    const auto written = store.Update(key, std::move(changed), 0, nullptr);
    if (!written) return Fail(written.error().code, written.error().message);
  }
  return {};
}

Status Server::Impl::Bootstrap() {
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    Json space = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
    if (Status status = CreateIfMissing(std::move(space)); !status) return status;
  }
  const std::string address = FirstAddress(range);
  Json service = {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata",
       {{"name", "kubernetes"},
        {"namespace", "default"},
        {"labels", {{"component", "apiserver"}, {"provider", "kubernetes"}}}}},
      {"spec",
       {{"clusterIP", address},
        {"clusterIPs", Json::array({address})},
        {"ports",
         Json::array(
             {{{"name", "https"}, {"protocol", "TCP"}, {"port", 443}, {"targetPort", 6443}}})}}}};
  return CreateIfMissing(std::move(service));
}

}  // namespace weir::apiserver
