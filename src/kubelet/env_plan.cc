#include "kubelet/env_plan.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kube/quantity.h"

namespace weir::kubelet {
namespace {

void AddNeed(std::vector<ObjectNeed>& needs, const std::string& kind, const std::string& name) {
  const ObjectNeed need{kind, name};
  if (!name.empty() && std::ranges::find(needs, need) == needs.end()) needs.push_back(need);
}

std::unexpected<Error> NoObject(const ObjectNeed& need) {
  return Fail(Code::kNotFound, ToLower(need.kind) + " \"" + need.name + "\" not found");
}

std::string Namespace(const Json& pod) { return GetString(pod, {"metadata", "namespace"}); }

// Names that a process can have in its environment at all.
bool IsEnvName(std::string_view name) {
  return !name.empty() && name.find('=') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

Status AddEnvFrom(const Json& source, const NeededObjects& objects, EnvMap& env) {
  const std::string prefix = GetString(source, "prefix");
  for (const auto& [field, kind] :
       {std::pair{"configMapRef", "ConfigMap"}, std::pair{"secretRef", "Secret"}}) {
    const Json* ref = Find(source, field);
    if (ref == nullptr) continue;
    const ObjectNeed need{kind, GetString(*ref, "name")};
    const auto object = objects.find(need);
    if (object == objects.end()) {
      if (GetBool(*ref, {"optional"}, false)) continue;
      return NoObject(need);
    }
    for (auto& [key, value] : KeyValues(need, object->second)) {
      if (IsEnvName(prefix + key)) env[prefix + key] = value;
    }
  }
  return {};
}

// A key of a ConfigMap or Secret; nullopt where it is optional and absent.
Result<std::optional<std::string>> RefValue(const Json& pod, const Json& ref,
                                            const std::string& kind, const NeededObjects& objects) {
  const ObjectNeed need{kind, GetString(ref, "name")};
  const std::string key = GetString(ref, "key");
  const bool optional = GetBool(ref, {"optional"}, false);
  const auto object = objects.find(need);
  if (object == objects.end()) {
    if (optional) return std::nullopt;
    return NoObject(need);
  }
  auto value = KeyValue(need, object->second, key);
  if (!value && !optional) {
    return Fail(Code::kNotFound, "couldn't find key " + key + " in " + kind + " " + Namespace(pod) +
                                     "/" + need.name);
  }
  return value;
}

Result<std::string> ResourceValue(const Json& pod, const Json& container, const PodFacts& facts,
                                  const Json& ref) {
  const std::string resource = GetString(ref, "resource");  // limits.cpu
  const std::size_t dot = resource.find('.');
  if (dot == std::string::npos) {
    return Fail(Code::kInvalid, "unsupported container resource : " + resource);
  }
  const std::string kind = resource.substr(0, dot);
  const std::string name = resource.substr(dot + 1);
  const std::string of = GetString(ref, "containerName");
  const Json* source = &container;
  for (const Json& other : GetArray(pod, {"spec", "containers"})) {
    if (!of.empty() && GetString(other, "name") == of) source = &other;
  }
  const Json* amount = Find(*source, {"resources", kind, name});
  if (amount == nullptr && kind == "limits") amount = Find(facts.allocatable, name);
  const auto value = kube::Quantity::Parse(amount == nullptr     ? "0"
                                           : amount->is_string() ? amount->get<std::string>()
                                                                 : DumpJson(*amount));
  if (!value) return std::unexpected(value.error());
  const auto divisor = kube::Quantity::Parse(GetString(ref, "divisor", "1"));
  if (!divisor) return std::unexpected(divisor.error());
  // Rounded up, as upstream does; a divisor of 0 is 1.
  const std::int64_t unit = divisor->Sign() <= 0 ? 1000 : divisor->MilliValue();
  const std::int64_t milli = value->MilliValue();
  return std::to_string(milli / unit + (milli % unit > 0 ? 1 : 0));
}

// The value of one entry of env; nullopt where the variable is left out.
Result<std::optional<std::string>> EntryValue(const Json& pod, const Json& container,
                                              const Json& entry, const PodFacts& facts,
                                              const NeededObjects& objects, const EnvMap& env) {
  const Json* from = Find(entry, "valueFrom");
  if (from == nullptr || from->is_null()) {
    return ExpandVariables(GetString(entry, "value"), env);
  }
  if (const Json* ref = Find(*from, "fieldRef")) {
    auto value = FieldValue(pod, facts, GetString(*ref, "fieldPath"));
    if (!value) return std::unexpected(value.error());
    return *std::move(value);
  }
  if (const Json* ref = Find(*from, "resourceFieldRef")) {
    auto value = ResourceValue(pod, container, facts, *ref);
    if (!value) return std::unexpected(value.error());
    return *std::move(value);
  }
  if (const Json* ref = Find(*from, "configMapKeyRef")) {
    return RefValue(pod, *ref, "ConfigMap", objects);
  }
  if (const Json* ref = Find(*from, "secretKeyRef")) {
    return RefValue(pod, *ref, "Secret", objects);
  }
  return Fail(Code::kInvalid, "env " + GetString(entry, "name") +
                                  ": expected fieldRef, resourceFieldRef, configMapKeyRef or "
                                  "secretKeyRef in valueFrom");
}

// WEB_SERVER for web-server.
std::string VariableName(std::string_view name) {
  std::string text(name);
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '-') c = '_';
  }
  return text;
}

// The Kubernetes names of a Service's ports, and Docker's.
void AddService(const Json& service, const std::string& prefix, EnvMap& env) {
  const std::string address = GetString(service, {"spec", "clusterIP"});
  env[prefix + "_SERVICE_HOST"] = address;
  bool first = true;
  for (const Json& port : GetArray(service, {"spec", "ports"})) {
    const std::string number = std::to_string(GetInt(port, {"port"}, 0));
    const std::string protocol = GetString(port, "protocol", "TCP");
    const std::string url = ToLower(protocol) + "://" + address + ":" + number;
    const std::string name = GetString(port, "name");
    if (std::exchange(first, false)) {
      env[prefix + "_SERVICE_PORT"] = number;
      env[prefix + "_PORT"] = url;
    }
    if (!name.empty()) env[prefix + "_SERVICE_PORT_" + VariableName(name)] = number;
    const std::string link = prefix + "_PORT_" + number + "_" + VariableName(protocol);
    env[link] = url;
    env[link + "_PROTO"] = ToLower(protocol);
    env[link + "_PORT"] = number;
    env[link + "_ADDR"] = address;
  }
}

// labels['key'] or annotations['key'].
std::optional<std::string> Subscript(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix) || !path.ends_with("']")) return std::nullopt;
  path.remove_prefix(prefix.size());
  path.remove_suffix(2);
  return std::string(path);
}

}  // namespace

std::vector<ObjectNeed> NeedsOfContainer(const Json& container) {
  std::vector<ObjectNeed> needs;
  for (const Json& source : GetArray(container, {"envFrom"})) {
    AddNeed(needs, "ConfigMap", GetString(source, {"configMapRef", "name"}));
    AddNeed(needs, "Secret", GetString(source, {"secretRef", "name"}));
  }
  for (const Json& entry : GetArray(container, {"env"})) {
    AddNeed(needs, "ConfigMap", GetString(entry, {"valueFrom", "configMapKeyRef", "name"}));
    AddNeed(needs, "Secret", GetString(entry, {"valueFrom", "secretKeyRef", "name"}));
  }
  return needs;
}

std::vector<ObjectNeed> NeedsOfVolumes(const Json& pod) {
  std::vector<ObjectNeed> needs;
  for (const Json& volume : GetArray(pod, {"spec", "volumes"})) {
    AddNeed(needs, "ConfigMap", GetString(volume, {"configMap", "name"}));
    AddNeed(needs, "Secret", GetString(volume, {"secret", "secretName"}));
    for (const Json& source : GetArray(volume, {"projected", "sources"})) {
      AddNeed(needs, "ConfigMap", GetString(source, {"configMap", "name"}));
      AddNeed(needs, "Secret", GetString(source, {"secret", "name"}));
      if (const Json* token = Find(source, "serviceAccountToken")) {
        const ObjectNeed need = {kTokenKind, GetString(*token, "audience")};
        if (std::ranges::find(needs, need) == needs.end()) needs.push_back(need);
      }
    }
  }
  return needs;
}

EnvMap ServiceVariables(const Json& pod, const std::vector<ObjectPtr>& services) {
  const bool links = GetBool(pod, {"spec", "enableServiceLinks"}, true);
  std::map<std::string, const Json*> chosen;
  for (const ObjectPtr& service : services) {
    const std::string address = GetString(*service, {"spec", "clusterIP"});
    if (address.empty() || address == "None") continue;
    const std::string name = GetString(*service, {"metadata", "name"});
    const std::string ns = Namespace(*service);
    if (ns == Namespace(pod) && links) {
      chosen[name] = service.get();
    } else if (ns == "default" && name == "kubernetes") {
      chosen.try_emplace(name, service.get());
    }
  }
  EnvMap env;
  for (const auto& [name, service] : chosen) AddService(*service, VariableName(name), env);
  return env;
}

Result<EnvMap> BuildEnv(const Json& pod, const Json& container, const PodFacts& facts,
                        const NeededObjects& objects, EnvMap base) {
  EnvMap env = std::move(base);
  for (const Json& source : GetArray(container, {"envFrom"})) {
    if (auto ok = AddEnvFrom(source, objects, env); !ok) return std::unexpected(ok.error());
  }
  for (const Json& entry : GetArray(container, {"env"})) {
    const std::string name = GetString(entry, "name");
    auto value = EntryValue(pod, container, entry, facts, objects, env);
    if (!value) return std::unexpected(value.error());
    const std::optional<std::string>& text = *value;
    if (text && IsEnvName(name)) env[name] = *text;
  }
  return env;
}

std::string ExpandVariables(std::string_view text, const EnvMap& variables) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] != '$' || i + 1 == text.size()) {
      out.push_back(text[i++]);
      continue;
    }
    if (text[i + 1] == '$') {
      out.push_back('$');
      i += 2;
      continue;
    }
    const std::size_t end = text[i + 1] == '(' ? text.find(')', i + 2) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out.push_back(text[i++]);
      continue;
    }
    const auto value = variables.find(std::string(text.substr(i + 2, end - i - 2)));
    out.append(value == variables.end() ? text.substr(i, end + 1 - i)
                                        : std::string_view(value->second));
    i = end + 1;
  }
  return out;
}

Result<std::string> FieldValue(const Json& pod, const PodFacts& facts, std::string_view path) {
  for (const std::string_view map : {"labels", "annotations"}) {
    const std::string prefix = "metadata." + std::string(map) + "['";
    if (const auto key = Subscript(path, prefix)) return GetString(pod, {"metadata", map, *key});
  }
  if (path == "metadata.name") return GetString(pod, {"metadata", "name"});
  if (path == "metadata.namespace") return Namespace(pod);
  if (path == "metadata.uid") return GetString(pod, {"metadata", "uid"});
  if (path == "spec.nodeName") return facts.node_name;
  if (path == "spec.serviceAccountName") {
    return GetString(pod, {"spec", "serviceAccountName"}, "default");
  }
  if (path == "status.podIP" || path == "status.podIPs") return facts.pod_ip;
  if (path == "status.hostIP" || path == "status.hostIPs") return facts.host_ip;
  return Fail(Code::kInvalid, "unsupported fieldPath: " + std::string(path));
}

std::optional<std::string> KeyValue(const ObjectNeed& need, const Json& object,
                                    std::string_view key) {
  const bool secret = need.kind == "Secret";
  if (const Json* value = Find(object, {"data", key}); value != nullptr && value->is_string()) {
    return secret ? Base64Decode(value->get<std::string>()) : value->get<std::string>();
  }
  const Json* value = Find(object, {"binaryData", key});
  if (secret || value == nullptr || !value->is_string()) return std::nullopt;
  return Base64Decode(value->get<std::string>());
}

EnvMap KeyValues(const ObjectNeed& need, const Json& object) {
  EnvMap values;
  for (const std::string_view field : {"data", "binaryData"}) {
    for (const auto& item : GetObject(object, {field}).items()) {
      if (auto value = KeyValue(need, object, item.key())) values[item.key()] = *std::move(value);
    }
  }
  return values;
}

}  // namespace weir::kubelet
