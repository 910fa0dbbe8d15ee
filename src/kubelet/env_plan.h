// The environment of a container: values, $(VAR) expansion, references to fields, ConfigMaps and
// Secrets. Pure; the objects referred to are handed in. Rules of upstream's
// makeEnvironmentVariables (pkg/kubelet) and third_party/forked/golang/expansion.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kubelet/pod_state.h"

namespace weir::kubelet {

using EnvMap = std::map<std::string, std::string>;

// A token of a ServiceAccount, as a pod's volume asks for one: a TokenRequest, not an object.
inline constexpr const char* kTokenKind = "TokenRequest";

// A ConfigMap, a Secret or a token that a pod needs.
struct ObjectNeed {
  std::string kind;  // ConfigMap, Secret or TokenRequest
  std::string name;  // of a token: the audience it is for, empty for the API server
  auto operator<=>(const ObjectNeed&) const = default;
};
// The objects at hand; one that is not there does not exist.
using NeededObjects = std::map<ObjectNeed, Json>;

// What a container's env and envFrom, and a pod's volumes, refer to, without repetition.
std::vector<ObjectNeed> NeedsOfContainer(const Json& container);
std::vector<ObjectNeed> NeedsOfVolumes(const Json& pod);

// What is known of a pod beside its object.
struct PodFacts {
  std::string pod_ip;
  std::string host_ip;
  std::string node_name;
  Json allocatable;  // of the node, for resourceFieldRef without a limit
};

// By which variables a container finds Services (pkg/kubelet/envvars): those of the pod's namespace
// unless enableServiceLinks is false, and always default/kubernetes. Services without an address
// of their own have none. `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, `WEB_PORT_80_TCP_ADDR` and so on.
EnvMap ServiceVariables(const Json& pod, const std::vector<ObjectPtr>& services);

// `base` first, then envFrom, then env, each replacing what came before. Errors are kNotFound in
// upstream's words: `configmap "a" not found`, `couldn't find key b in Secret ns/a`.
Result<EnvMap> BuildEnv(const Json& pod, const Json& container, const PodFacts& facts,
                        const NeededObjects& objects, EnvMap base);

// `$(NAME)` replaced where the variable is known, `$$` is a single `$`, all else literally.
std::string ExpandVariables(std::string_view text, const EnvMap& variables);

// A fieldRef's value: metadata.name, metadata.labels['x'], status.podIP and so on.
Result<std::string> FieldValue(const Json& pod, const PodFacts& facts, std::string_view path);

// The decoded value of a key of a ConfigMap (data, binaryData) or Secret; nullopt without the key.
std::optional<std::string> KeyValue(const ObjectNeed& need, const Json& object,
                                    std::string_view key);
// All keys with their decoded values.
EnvMap KeyValues(const ObjectNeed& need, const Json& object);

}  // namespace weir::kubelet
