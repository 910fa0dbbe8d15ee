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

// What stands for the object's kind, and where it is stored.
std::pair<const kube::Resource*, kubestore::Key> Server::Impl::PlaceOf(const Json& object) const {
  const std::string version = GetString(object, "apiVersion");
  const std::size_t slash = version.find('/');
  const kube::Resource* resource =
      slash == std::string::npos
          ? registry.FindKind("", version, GetString(object, "kind"))
          : registry.FindKind(version.substr(0, slash), version.substr(slash + 1),
                              GetString(object, "kind"));
  WEIR_CHECK(resource != nullptr);
  return {resource,
          {resource->GroupResource(), GetString(object, {"metadata", "namespace"}),
           GetString(object, {"metadata", "name"})}};
}

// An object that is there gets this one's value of the field.
Status Server::Impl::CreateOrSet(Json object, JsonPath field) {
  const kubestore::Key key = PlaceOf(object).second;
  const auto stored = store.Get(key);
  if (stored == nullptr) return CreateIfMissing(std::move(object));
  Json changed = stored->value;
  Ensure(changed, field) = *Find(object, field);
  const auto written = store.Update(key, std::move(changed), 0, nullptr);
  if (!written) return Fail(written.error().code, written.error().message);
  return {};
}

Status Server::Impl::CreateIfMissing(Json object) {
  const auto [resource, key] = PlaceOf(object);
  Json& metadata = object["metadata"];
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
  return BootstrapKubernetes();
}

// Service `kubernetes` and where it leads: this server's own port, which may be another than the
// last time. As upstream's reconciler makes them; its slice is no mirror of its Endpoints.
Status Server::Impl::BootstrapKubernetes() {
  const std::size_t colon = options.address.rfind(':');
  const std::int64_t port = ParseInt(options.address.substr(colon + 1)).value_or(6443);
  const std::string host = options.address.substr(0, colon);
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
             {{{"name", "https"}, {"protocol", "TCP"}, {"port", 443}, {"targetPort", port}}})}}}};
  if (Status status = CreateOrSet(std::move(service), {"spec", "ports"}); !status) return status;
  const Json ports = Json::array({{{"name", "https"}, {"port", port}, {"protocol", "TCP"}}});
  Json endpoints = {
      {"apiVersion", "v1"},
      {"kind", "Endpoints"},
      {"metadata",
       {{"name", "kubernetes"},
        {"namespace", "default"},
        {"labels", {{"endpointslice.kubernetes.io/skip-mirror", "true"}}}}},
      {"subsets", Json::array({{{"addresses", Json::array({{{"ip", host}}})}, {"ports", ports}}})}};
  if (Status status = CreateOrSet(std::move(endpoints), {"subsets"}); !status) return status;
  Json slice = {
      {"apiVersion", "discovery.k8s.io/v1"},
      {"kind", "EndpointSlice"},
      {"metadata",
       {{"name", "kubernetes"},
        {"namespace", "default"},
        {"labels", {{"kubernetes.io/service-name", "kubernetes"}}}}},
      {"addressType", "IPv4"},
      {"endpoints",
       Json::array({{{"addresses", Json::array({host})}, {"conditions", {{"ready", true}}}}})},
      {"ports", ports}};
  return CreateOrSet(std::move(slice), {"ports"});
}

}  // namespace weir::apiserver
