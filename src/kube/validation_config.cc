// ConfigMaps, Secrets, Namespaces, Nodes and Events: pkg/apis/core/validation.
#include <fmt/format.h>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/syntax.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

constexpr std::size_t kMaxDataBytes = 1U << 20U;

FieldErrors MetaErrors(const Json* old, const Json& object, bool namespaced, NameRule rule) {
  const Json& meta = GetObject(object, {"metadata"});
  FieldErrors errors;
  if (old != nullptr) {
    errors = ValidateObjectMetaUpdate(meta, GetObject(*old, {"metadata"}), "metadata");
  }
  Append(errors, ValidateObjectMeta(meta, namespaced, rule, true, "metadata"));
  return errors;
}

// Once immutable, always so, and the data with it.
void CheckImmutableData(FieldErrors& errors, const Json& old, const Json& object,
                        std::initializer_list<std::string_view> keys) {
  if (!GetBool(old, {"immutable"}, false)) return;
  constexpr std::string_view kWords = "field is immutable when `immutable` is set";
  if (!GetBool(object, {"immutable"}, false)) errors.push_back(Forbidden("immutable", kWords));
  for (std::string_view key : keys) {
    if (!SameOrEmpty(Find(object, key), Find(old, key))) {
      errors.push_back(Forbidden(std::string(key), kWords));
    }
  }
}

std::size_t DecodedSize(const Json& base64) {
  if (!base64.is_string()) return 0;
  const auto& text = base64.get_ref<const std::string&>();
  return text.size() / 4 * 3 - (text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0);
}

void CheckDockerJson(FieldErrors& errors, const Json& object, std::string_view key) {
  std::string field = MapKey("data", key);
  const Json* value = Find(object, {"data", key});
  if (value == nullptr) {
    errors.push_back(Required(field));
    return;
  }
  std::string text = Base64Decode(GetString(object, {"data", key})).value_or("");
  Result<Json> parsed = ParseJson(text);
  if (parsed) return;
  std::string_view trimmed = Trim(text);
  std::string why =
      trimmed.empty()
          ? "unexpected end of JSON input"
          : fmt::format("invalid character '{}' looking for beginning of value", trimmed.front());
  errors.push_back(Invalid(field, "<secret contents redacted>", why));
}

void CheckSecretType(FieldErrors& errors, const Json& object) {
  std::string type = GetString(object, "type");
  auto present = [&](std::string_view key) { return Find(object, {"data", key}) != nullptr; };
  auto require = [&](std::string_view key) {
    if (!present(key)) errors.push_back(Required(MapKey("data", key)));
  };
  if (type == "kubernetes.io/service-account-token") {
    constexpr std::string_view kName = "kubernetes.io/service-account.name";
    if (GetString(object, {"metadata", "annotations", kName}).empty()) {
      errors.push_back(Required(MapKey("metadata.annotations", kName)));
    }
  } else if (type == "kubernetes.io/dockercfg") {
    CheckDockerJson(errors, object, ".dockercfg");
  } else if (type == "kubernetes.io/dockerconfigjson") {
    CheckDockerJson(errors, object, ".dockerconfigjson");
  } else if (type == "kubernetes.io/basic-auth") {
    if (!present("username") && !present("password")) {
      require("username");
      require("password");
    }
  } else if (type == "kubernetes.io/ssh-auth") {
    if (GetString(object, {"data", "ssh-privatekey"}).empty()) {
      errors.push_back(Required("data[ssh-privatekey]"));
    }
  } else if (type == "kubernetes.io/tls") {
    require("tls.crt");
    require("tls.key");
  }
}

void CheckTaints(FieldErrors& errors, const Json& taints) {
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < taints.size(); ++i) {
    std::string at = Index("metadata.taints", i);  // so upstream places them
    std::string key = GetString(taints[i], "key");
    std::string value = GetString(taints[i], "value");
    std::string effect = GetString(taints[i], "effect");
    AddInvalid(errors, Child(at, "key"), key, QualifiedNameErrors(key));
    AddInvalid(errors, Child(at, "value"), value, LabelValueErrors(value));
    if (effect.empty()) {
      errors.push_back(Required(Child(at, "effect")));
    } else {
      CheckOneOf(errors, Child(at, "effect"), effect,
                 {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    }
    if (seen.emplace(key, effect).second) continue;
    errors.push_back(
        DuplicateText(at,
                      fmt::format(R"({{"Key":{},"Value":{},"Effect":{},"TimeAdded":null}})",
                                  Quote(key), Quote(value), Quote(effect)),
                      "taints must be unique by key and effect pair"));
  }
}

}  // namespace

FieldErrors ValidateConfigMap(const Json* old, const Json& object) {
  FieldErrors errors;
  if (old != nullptr) {
    errors = ValidateObjectMetaUpdate(GetObject(object, {"metadata"}),
                                      GetObject(*old, {"metadata"}), "metadata");
    CheckImmutableData(errors, *old, object, {"data", "binaryData"});
  }
  Append(errors, ValidateObjectMeta(GetObject(object, {"metadata"}), true, NameRule::kSubdomain,
                                    true, "metadata"));
  std::size_t bytes = 0;
  const Json& binary = GetObject(object, {"binaryData"});
  for (const auto& [key, value] : GetObject(object, {"data"}).items()) {
    AddInvalid(errors, MapKey("data", key), key, ConfigKeyErrors(key));
    if (binary.contains(key)) {
      errors.push_back(Invalid(MapKey("data", key), key, "duplicate of key present in binaryData"));
    }
    if (value.is_string()) bytes += value.get_ref<const std::string&>().size();
  }
  for (const auto& [key, value] : binary.items()) {
    AddInvalid(errors, MapKey("binaryData", key), key, ConfigKeyErrors(key));
    bytes += DecodedSize(value);
  }
  if (bytes > kMaxDataBytes) errors.push_back(TooLong("[]", std::int64_t{kMaxDataBytes}));
  return errors;
}

FieldErrors ValidateSecret(const Json* old, const Json& object) {
  FieldErrors errors;
  if (old != nullptr) {
    errors = ValidateObjectMetaUpdate(GetObject(object, {"metadata"}),
                                      GetObject(*old, {"metadata"}), "metadata");
    CheckImmutable(errors, Find(object, "type"), Find(*old, "type"), "type");
    CheckImmutableData(errors, *old, object, {"data"});
  }
  Append(errors, ValidateObjectMeta(GetObject(object, {"metadata"}), true, NameRule::kSubdomain,
                                    true, "metadata"));
  std::size_t bytes = 0;
  for (const auto& [key, value] : GetObject(object, {"data"}).items()) {
    AddInvalid(errors, MapKey("data", key), key, ConfigKeyErrors(key));
    bytes += DecodedSize(value);
  }
  if (bytes > kMaxDataBytes) errors.push_back(TooLong("data", std::int64_t{kMaxDataBytes}));
  CheckSecretType(errors, object);
  return errors;
}

FieldErrors ValidateNamespace(const Json* old, const Json& object) {
  FieldErrors errors = MetaErrors(old, object, false, NameRule::kLabel);
  for (const Json& item : GetArray(object, {"spec", "finalizers"})) {
    if (!item.is_string()) continue;
    const auto& text = item.get_ref<const std::string&>();
    AddInvalid(errors, "spec.finalizers", item, QualifiedNameErrors(text));
    if (text == "kubernetes" || text.find('/') != std::string::npos) continue;
    errors.push_back(Invalid("spec.finalizers", item,
                             "name is neither a standard finalizer name nor is it fully "
                             "qualified"));
  }
  return errors;
}

FieldErrors ValidateNode(const Json& object) {
  FieldErrors errors = MetaErrors(nullptr, object, false, NameRule::kSubdomain);
  CheckTaints(errors, GetArray(object, {"spec", "taints"}));
  std::string cidr = GetString(object, {"spec", "podCIDR"});
  if (!cidr.empty()) AddInvalid(errors, "spec.podCIDRs[0]", cidr, CidrErrors(cidr));
  return errors;
}

namespace {

bool IsTime(const Json* value) { return value != nullptr && value->is_string(); }

FieldErrors CheckSubject(const Json& object, bool timed) {
  const std::string ns = GetString(object, {"metadata", "namespace"});
  const std::string involved = GetString(object, {"involvedObject", "namespace"});
  // The events of what has no namespace live in default.
  bool fits = involved.empty() ? ns.empty() || ns == "default" : involved == ns;
  if (timed) fits = !involved.empty() ? involved == ns : ns == "default" || ns == "kube-system";
  if (fits) return {};
  return {Invalid("involvedObject.namespace", involved, "does not match event.namespace")};
}

// What says when and by whom, where an event says so in the newer way.
FieldErrors CheckReporter(const Json& object, bool events_group) {
  FieldErrors errors;
  const std::string controller = GetString(object, "reportingComponent");
  const std::string name = events_group ? "reportingController" : "reportingComponent";
  if (controller.empty()) errors.push_back(Required(name));
  AddInvalid(errors, name, controller, QualifiedNameErrors(controller));
  for (std::string_view key : {"reportingInstance", "action", "reason"}) {
    if (GetString(object, key).empty()) errors.push_back(Required(std::string(key)));
  }
  return errors;
}

// events.k8s.io takes none of the older fields.
FieldErrors CheckNewEvent(const Json& object, bool timed) {
  FieldErrors errors;
  if (!timed) errors.push_back(Required("eventTime"));
  const std::string type = GetString(object, "type");
  if (type != "Normal" && type != "Warning") {
    errors.push_back(Invalid("type", "", "has invalid value: " + type));
  }
  constexpr std::string_view kUnset = "needs to be unset";
  for (std::string_view key : {"firstTimestamp", "lastTimestamp"}) {
    if (IsTime(Find(object, key))) errors.push_back(Invalid(std::string(key), "", kUnset));
  }
  if (GetInt(object, {"count"}, 0) != 0) errors.push_back(Invalid("count", "", kUnset));
  if (!GetObject(object, {"source"}).empty()) errors.push_back(Invalid("source", "", kUnset));
  return errors;
}

}  // namespace

FieldErrors ValidateEvent(const Json* old, const Json& object, const StrategyOptions& options) {
  const bool timed = IsTime(Find(object, "eventTime"));
  FieldErrors errors = CheckSubject(object, timed);
  if (timed) Append(errors, CheckReporter(object, options.events_group));
  Append(errors, MetaErrors(old, object, true, NameRule::kSubdomain));
  if (options.events_group && old == nullptr) Append(errors, CheckNewEvent(object, timed));
  return errors;
}

}  // namespace weir::kube
