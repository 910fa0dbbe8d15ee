#include "base/strings.h"
#include "kube/defaults.h"
#include "kube/quantity.h"

namespace weir::kube {
namespace {

// The tag `latest`, said or implied, is pulled each time; anything pinned is not.
std::string_view PullPolicy(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return "IfNotPresent";
  std::size_t slash = image.rfind('/');
  std::string_view last = slash == std::string_view::npos ? image : image.substr(slash + 1);
  std::size_t colon = last.find(':');
  if (colon == std::string_view::npos || last.substr(colon + 1) == "latest") return "Always";
  return "IfNotPresent";
}

void DefaultHttpGet(Json& handler) {
  auto it = handler.find("httpGet");
  if (it == handler.end() || !it->is_object()) return;
  if (GetString(*it, "path").empty()) (*it)["path"] = "/";
  if (GetString(*it, "scheme").empty()) (*it)["scheme"] = "HTTP";
  Default(*it, "port", 0);
}

void DefaultPort(Json& handler, std::string_view kind) {
  auto it = handler.find(kind);
  if (it != handler.end() && it->is_object()) Default(*it, "port", 0);
}

void DefaultProbe(Json& container, std::string_view key) {
  auto it = container.find(key);
  if (it == container.end() || !it->is_object()) return;
  DefaultHttpGet(*it);
  DefaultPort(*it, "tcpSocket");
  if (auto grpc = it->find("grpc"); grpc != it->end() && grpc->is_object()) {
    Default(*grpc, "port", 0);
    Default(*grpc, "service", "");
  }
  // Zero is as good as absent for these.
  for (auto [field, value] : {std::pair{"timeoutSeconds", 1}, std::pair{"periodSeconds", 10},
                              std::pair{"successThreshold", 1}, std::pair{"failureThreshold", 3}}) {
    if (GetInt(*it, {field}, 0) == 0) (*it)[field] = value;
  }
}

void DefaultLifecycle(Json& container) {
  auto lifecycle = container.find("lifecycle");
  if (lifecycle == container.end() || !lifecycle->is_object()) return;
  for (std::string_view hook : {"postStart", "preStop"}) {
    if (auto it = lifecycle->find(hook); it != lifecycle->end() && it->is_object()) {
      DefaultHttpGet(*it);
      DefaultPort(*it, "tcpSocket");
    }
  }
  // 1.36 drops it: the feature is off.
  bool dropped = lifecycle->erase("stopSignal") > 0;
  if (dropped && lifecycle->empty()) container.erase("lifecycle");
}

void DefaultFieldRef(Json& holder) {
  auto it = holder.find("fieldRef");
  if (it == holder.end() || !it->is_object()) return;
  if (GetString(*it, "apiVersion").empty()) (*it)["apiVersion"] = "v1";
}

// Limits stand for the requests that are not said.
void DefaultRequests(Json& resources) {
  auto limits = resources.find("limits");
  if (limits == resources.end() || !limits->is_object() || limits->empty()) return;
  Json wanted = *limits;
  Json& requests = Ensure(resources, {"requests"});
  if (!requests.is_object()) requests = Json::object();
  for (const auto& [name, amount] : wanted.items()) Default(requests, name, amount);
}

void DefaultContainer(Json& container, bool host_network, bool pod) {
  if (!container.is_object()) return;
  if (GetString(container, "imagePullPolicy").empty()) {
    container["imagePullPolicy"] = PullPolicy(GetString(container, "image"));
  }
  if (GetString(container, "terminationMessagePath").empty()) {
    container["terminationMessagePath"] = "/dev/termination-log";
  }
  if (GetString(container, "terminationMessagePolicy").empty()) {
    container["terminationMessagePolicy"] = "File";
  }
  Default(container, "resources", Json::object());
  Json& resources = container["resources"];
  for (std::string_view list : {"limits", "requests"}) {
    if (auto it = resources.find(list); it != resources.end()) CanonicalizeQuantities(*it);
  }
  if (pod) DefaultRequests(resources);
  if (auto ports = container.find("ports"); ports != container.end() && ports->is_array()) {
    for (Json& port : *ports) {
      if (!port.is_object()) continue;
      if (GetString(port, "protocol").empty()) port["protocol"] = "TCP";
      std::int64_t number = GetInt(port, {"containerPort"}, 0);
      if (host_network && pod && number != 0) Default(port, "hostPort", number);
    }
  }
  if (auto env = container.find("env"); env != container.end() && env->is_array()) {
    for (Json& variable : *env) {
      auto from = variable.find("valueFrom");
      if (from == variable.end() || !from->is_object()) continue;
      DefaultFieldRef(*from);
      if (auto ref = from->find("resourceFieldRef"); ref != from->end() && ref->is_object()) {
        Default(*ref, "divisor", "0");
      }
    }
  }
  for (std::string_view probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    DefaultProbe(container, probe);
  }
  DefaultLifecycle(container);
}

void DefaultDownwardItems(Json& source) {
  auto items = source.find("items");
  if (items == source.end() || !items->is_array()) return;
  for (Json& item : *items) DefaultFieldRef(item);
}

void DefaultVolume(Json& volume) {
  if (!volume.is_object()) return;
  bool only_name = volume.empty() || (volume.size() == 1 && volume.contains("name"));
  if (only_name) volume["emptyDir"] = Json::object();
  for (std::string_view kind : {"secret", "configMap", "downwardAPI", "projected"}) {
    auto it = volume.find(kind);
    if (it == volume.end() || !it->is_object()) continue;
    Default(*it, "defaultMode", 420);
    if (kind == "downwardAPI") DefaultDownwardItems(*it);
    auto sources = it->find("sources");
    if (sources == it->end() || !sources->is_array()) continue;
    for (Json& source : *sources) {
      if (auto token = source.find("serviceAccountToken"); token != source.end()) {
        Default(*token, "expirationSeconds", 3600);
      }
      if (auto api = source.find("downwardAPI"); api != source.end()) DefaultDownwardItems(*api);
    }
  }
  if (auto it = volume.find("hostPath"); it != volume.end() && it->is_object()) {
    Default(*it, "type", "");
  }
  if (auto it = volume.find("emptyDir"); it != volume.end() && it->is_object()) {
    CanonicalizeQuantity(*it, "sizeLimit");
  }
}

}  // namespace

void Default(Json& object, std::string_view key, Json value) {
  if (!object.is_object()) object = Json::object();
  auto it = object.find(key);
  if (it == object.end()) {
    object[std::string(key)] = std::move(value);
  } else if (it->is_null()) {
    *it = std::move(value);
  }
}

void CanonicalizeQuantity(Json& object, std::string_view key) {
  auto it = object.find(key);
  if (it == object.end()) return;
  std::string text = it->is_string() ? it->get<std::string>() : DumpJson(*it);
  Result<Quantity> quantity = Quantity::Parse(text);
  if (quantity) *it = quantity->ToString();
}

void CanonicalizeQuantities(Json& resource_list) {
  if (!resource_list.is_object()) return;
  for (auto& [name, amount] : resource_list.items()) {
    std::string text = amount.is_string() ? amount.get<std::string>() : DumpJson(amount);
    Result<Quantity> quantity = Quantity::Parse(text);
    // Upstream keeps no more than thousandths of what a container asks for.
    if (quantity) amount = quantity->RoundedUpToMilli().ToString();
  }
}

void DefaultPodSpec(Json& spec, bool pod) {
  if (!spec.is_object()) spec = Json::object();
  bool host_network = GetBool(spec, {"hostNetwork"}, false);
  if (GetString(spec, "restartPolicy").empty()) spec["restartPolicy"] = "Always";
  if (GetString(spec, "dnsPolicy").empty()) spec["dnsPolicy"] = "ClusterFirst";
  Default(spec, "terminationGracePeriodSeconds", 30);
  Default(spec, "securityContext", Json::object());
  if (GetString(spec, "schedulerName").empty()) spec["schedulerName"] = "default-scheduler";
  // The old name of the field follows the new one.
  std::string account = GetString(spec, "serviceAccountName");
  if (account.empty()) account = GetString(spec, "serviceAccount");
  if (!account.empty()) {
    spec["serviceAccountName"] = account;
    spec["serviceAccount"] = account;
  }
  if (pod) Default(spec, "enableServiceLinks", true);
  for (std::string_view list : {"containers", "initContainers"}) {
    auto it = spec.find(list);
    if (it == spec.end() || !it->is_array()) continue;
    for (Json& container : *it) DefaultContainer(container, host_network, pod);
  }
  if (auto it = spec.find("volumes"); it != spec.end() && it->is_array()) {
    for (Json& volume : *it) DefaultVolume(volume);
  }
}

}  // namespace weir::kube
