#include "kubelet/hosts_plan.h"

#include "kube/selector.h"

namespace weir::kubelet {
namespace {

bool IsReady(const Json& pod) {
  if (Find(pod, {"metadata", "deletionTimestamp"}) != nullptr) return false;
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") == "Ready") return GetString(condition, "status") == "True";
  }
  return false;
}

// The ready pods that a headless Service selects.
std::vector<std::string> SelectedAddresses(const Json& service,
                                           const std::vector<ObjectPtr>& pods) {
  std::vector<std::string> addresses;
  const Json* labels = Find(service, {"spec", "selector"});
  if (labels == nullptr || !labels->is_object() || labels->empty()) return addresses;
  const auto selector = kube::LabelSelector::FromJson(Json{{"matchLabels", *labels}});
  if (!selector) return addresses;
  const bool unready_too = GetBool(service, {"spec", "publishNotReadyAddresses"}, false);
  for (const ObjectPtr& pod : pods) {
    if (GetString(*pod, {"metadata", "namespace"}) !=
        GetString(service, {"metadata", "namespace"})) {
      continue;
    }
    const std::string address = GetString(*pod, {"status", "podIP"});
    if (address.empty() || !(unready_too || IsReady(*pod))) continue;
    if (selector->Matches(GetObject(*pod, {"metadata", "labels"}))) addresses.push_back(address);
  }
  return addresses;
}

std::vector<std::string> Addresses(const Json& service, const std::vector<ObjectPtr>& pods) {
  const std::string cluster_ip = GetString(service, {"spec", "clusterIP"});
  if (cluster_ip == "None") return SelectedAddresses(service, pods);
  if (cluster_ip.empty()) return {};  // ExternalName
  return {cluster_ip};
}

}  // namespace

std::string HostsFile(const std::string& ns, const std::vector<ObjectPtr>& services,
                      const std::vector<ObjectPtr>& pods) {
  std::string text =
      "# Written by weir for the pods of this namespace; it is rewritten when Services change.\n"
      "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  for (const ObjectPtr& service : services) {
    const std::string name = GetString(*service, {"metadata", "name"});
    const std::string service_ns = GetString(*service, {"metadata", "namespace"});
    const std::string full = name + "." + service_ns;
    const std::string bare = service_ns == ns ? name + " " : "";
    for (const std::string& address : Addresses(*service, pods)) {
      text += address + "\t" + bare + full + " " + full + ".svc " + full + ".svc.cluster.local\n";
    }
  }
  for (const ObjectPtr& pod : pods) {
    const std::string address = GetString(*pod, {"status", "podIP"});
    if (address.empty() || GetString(*pod, {"metadata", "namespace"}) != ns) continue;
    text += address + "\t" +
            GetString(*pod, {"spec", "hostname"}, GetString(*pod, {"metadata", "name"})) + "\n";
  }
  return text;
}

}  // namespace weir::kubelet
