#include "kube/codec.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "base/yaml.h"
#include "kube/decode.h"
#include "kube/json_text.h"
#include "kube/types.h"

namespace weir::kube {
namespace {

// Upstream names the source line that made its scheme; clients print the text as it is.
constexpr std::string_view kScheme = "pkg/api/legacyscheme/scheme.go:30";

constexpr std::string_view kMetadataType = "meta/v1.PartialObjectMetadata";
constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";

std::unexpected<Error> Invalid(std::string message) {
  return Fail(Code::kInvalid, std::move(message));
}

// apiVersion and kind as the body says them, or as the path does where it does not.
struct KindName {
  std::string api_version;
  std::string kind;

  std::string_view Version() const {
    return std::string_view(api_version).substr(api_version.find('/') + 1);
  }
};

std::string CannotBeHandled(const KindName& name, const Resource& resource, std::string_view why) {
  return name.kind + " in version " + Quote(name.Version()) + " cannot be handled as a " +
         resource.kind + ": " + std::string(why);
}

// The beginning of a body that is not even of any kind.
std::string Summary(std::string_view body) {
  constexpr std::size_t kMost = 30;
  constexpr std::string_view kHex = "0123456789abcdef";
  if (body.empty()) return "<empty>";
  std::string out;
  for (char c : body.substr(0, kMost)) {
    if (body[0] == '{') {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    }
  }
  return body.size() > kMost ? out + " ..." : out;
}

std::unexpected<Error> Unrecognized(const Resource& resource, std::string_view body,
                                    std::string_view why) {
  return Invalid("the object provided is unrecognized (must be of type " + resource.kind +
                 "): " + std::string(why) + " (" + Summary(body) + ")");
}

std::string NotRegistered(const KindName& name) {
  return "no kind " + Quote(name.kind) + " is registered for version " + Quote(name.api_version) +
         " in scheme " + Quote(kScheme);
}

// serializer/json's MetaFactory: the kind without a look at the rest. `null` has none.
Result<KindName> Interpret(const JsonText& value) {
  constexpr std::string_view kPrefix = "couldn't get version/kind; json parse error: json: ";
  if (value.kind == JsonText::Kind::kNull) return KindName();
  if (value.kind != JsonText::Kind::kObject) {
    return Invalid(std::string(kPrefix) + "cannot unmarshal " + std::string(value.KindName()) +
                   " into Go value of type struct { APIVersion string "
                   R"("json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" })");
  }
  KindName out;
  for (const JsonMember& member : value.members) {
    if (member.name != "apiVersion" && member.name != "kind") continue;
    std::string& target = member.name == "kind" ? out.kind : out.api_version;
    if (member.value.kind == JsonText::Kind::kNull) continue;
    if (member.value.kind != JsonText::Kind::kString) {
      return Invalid(std::string(kPrefix) + "cannot unmarshal " +
                     std::string(member.value.KindName()) + " into Go struct field ." +
                     member.name + " of type string");
    }
    target = Unquote(member.value);
  }
  if (std::ranges::count(out.api_version, '/') > 1) {
    return Invalid("unexpected GroupVersion string: " + out.api_version);
  }
  return out;
}

void SetDefaults(KindName& name, const Resource& resource) {
  if (name.kind.empty()) name.kind = resource.kind;
  if (name.api_version.empty()) name.api_version = resource.ApiVersion();
}

// Whether upstream's scheme has the kind: every type of ours, their lists, and what older versions
// of these groups had, which upstream still can read.
bool IsRegistered(const KindName& name) {
  const TypeTable& table = TypeTable::Get();
  std::string_view kind = name.kind;
  if (table.FindKind(name.api_version, kind) != nullptr) return true;
  if (name.api_version == "v1" && kind == "List") return true;
  if (kind.ends_with("List")) {
    kind.remove_suffix(4);
    if (table.FindKind(name.api_version, kind) != nullptr) return true;
  }
  struct Old {
    std::string_view versions;
    std::string_view kinds;
  };
  constexpr Old kOld[] = {
      {"apps/v1beta1", "ControllerRevision Deployment Scale StatefulSet"},
      {"apps/v1beta2", "ControllerRevision DaemonSet Deployment ReplicaSet Scale StatefulSet"},
      {"extensions/v1beta1", "DaemonSet Deployment Ingress NetworkPolicy ReplicaSet Scale"},
      {"autoscaling/v2beta1", "HorizontalPodAutoscaler"},
      {"apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"},
  };
  for (const Old& old : kOld) {
    std::vector<std::string> kinds = Split(old.kinds, ' ');
    if (old.versions == name.api_version && std::ranges::find(kinds, kind) != kinds.end()) {
      return true;
    }
  }
  return false;
}

// `core.ConfigMap`: the internal type that a resource's objects are converted to.
std::string InternalName(const Resource& resource) {
  std::string group = resource.group.empty() ? "core" : resource.group;
  return group.substr(0, group.find('.')) + "." + resource.kind;
}

// A body of another kind is read as what it says it is, and refused only then.
Status CheckKind(const KindName& name, const Resource& resource) {
  if (name.kind != resource.kind) {
    return Invalid("converting (" + std::string(name.Version()) + "." + name.kind + ") to (" +
                   InternalName(resource) + "): unknown conversion");
  }
  return {};
}

Status CheckVersion(const KindName& name, const Resource& resource) {
  if (name.api_version == resource.ApiVersion()) return {};
  return Invalid("the API version in the data (" + name.api_version +
                 ") does not match the expected API version (" + resource.ApiVersion() + ")");
}

// The paths of members that came twice, in order.
void FindDuplicates(const JsonText& value, const std::string& path,
                    std::vector<std::string>& errors) {
  std::vector<std::string_view> seen;
  for (const JsonMember& member : value.members) {
    std::string where = path.empty() ? member.name : path + "." + member.name;
    if (std::ranges::find(seen, member.name) != seen.end()) {
      errors.push_back("duplicate field \"" + where + "\"");
    }
    seen.push_back(member.name);
    FindDuplicates(member.value, where, errors);
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    FindDuplicates(value.items[i], path + "[" + std::to_string(i) + "]", errors);
  }
}

// A custom resource: its metadata is typed, the rest is its schema's.
Result<TypedObject> DecodeCustom(const JsonText& value, const Resource& resource, Wording wording) {
  TypedObject out;
  out.object = ToJson(value);
  for (const JsonMember& member : value.members) {
    if (member.name != "metadata") continue;
    JsonText alone;
    alone.kind = JsonText::Kind::kObject;
    alone.members.push_back(member);
    Result<TypedObject> typed = DecodeTyped(alone, *TypeTable::Get().Find(kMetadataType), wording);
    if (!typed) return typed;
    out.object["metadata"] = std::move(typed->object["metadata"]);
    out.strict_errors = std::move(typed->strict_errors);
  }
  JsonText rest = value;
  for (JsonMember& member : rest.members) {
    if (member.name == "metadata") member.value = JsonText();
  }
  std::vector<std::string> duplicates;
  FindDuplicates(rest, "", duplicates);
  out.strict_errors.insert(out.strict_errors.end(), duplicates.begin(), duplicates.end());
  if (resource.schema != nullptr) {
    std::vector<std::string> unknown = Prune(*resource.schema, out.object);
    out.strict_errors.insert(out.strict_errors.end(), unknown.begin(), unknown.end());
  }
  return out;
}

Result<Decoded> DecodeCustomBody(const JsonText& value, std::string_view text,
                                 std::string_view body, const Resource& resource,
                                 const KindName& name) {
  if (name.kind.empty()) {
    return Unrecognized(resource, body, "Object 'Kind' is missing in '" + std::string(text) + "'");
  }
  Result<TypedObject> typed = DecodeCustom(value, resource, Wording::kJson);
  if (!typed) return Invalid(CannotBeHandled(name, resource, typed.error().message));
  // Another kind is Validate's business, as upstream answers it with 422.
  if (Status version = CheckVersion(name, resource); !version) {
    return std::unexpected(version.error());
  }
  return Decoded{std::move(typed->object), std::move(typed->strict_errors)};
}

Result<Decoded> DecodeTypedBody(const JsonText& value, const Resource& resource, KindName name) {
  SetDefaults(name, resource);
  auto refuse = [&](std::string_view why) { return Invalid(CannotBeHandled(name, resource, why)); };
  if (!IsRegistered(name)) return refuse(NotRegistered(name));
  TypedObject typed;
  if (const Type* type = TypeTable::Get().FindKind(name.api_version, name.kind)) {
    Result<TypedObject> decoded = DecodeTyped(value, *type, Wording::kJson);
    if (!decoded) return refuse(decoded.error().message);
    typed = std::move(*decoded);
  }
  if (Status kind = CheckKind(name, resource); !kind) return refuse(kind.error().message);
  if (Status version = CheckVersion(name, resource); !version) {
    return std::unexpected(version.error());
  }
  typed.object["apiVersion"] = name.api_version;
  typed.object["kind"] = name.kind;
  return Decoded{std::move(typed.object), std::move(typed.strict_errors)};
}

Result<Decoded> DecodeText(std::string_view text, std::string_view body, const Resource& resource) {
  Result<JsonText> value = ParseJsonText(text);
  if (!value) {
    return Unrecognized(resource, body,
                        "couldn't get version/kind; json parse error: " + value.error().message);
  }
  Result<KindName> name = Interpret(*value);
  if (!name) return Unrecognized(resource, body, name.error().message);
  if (resource.type.empty()) return DecodeCustomBody(*value, text, body, resource, *name);
  return DecodeTypedBody(*value, resource, std::move(*name));
}

// Custom resources have no protobuf form upstream.
Result<Decoded> DecodeProtobufBody(std::string_view body, const Resource& resource) {
  Result<Json> object = DecodeProtobuf(body);
  if (!object) return Unrecognized(resource, body, object.error().message);
  KindName name{GetString(*object, "apiVersion"), GetString(*object, "kind")};
  if (Status kind = CheckKind(name, resource); !kind) {
    return Invalid(CannotBeHandled(name, resource, kind.error().message));
  }
  if (Status version = CheckVersion(name, resource); !version) {
    return std::unexpected(version.error());
  }
  return Decoded{std::move(*object), {}};
}

// The first document of a YAML stream.
Result<YamlDocument> FirstYaml(std::string_view body) {
  Result<std::vector<YamlDocument>> documents = ParseYaml(body);
  if (!documents) return Invalid("yaml: " + documents.error().message);
  return documents->empty() ? YamlDocument{} : std::move(documents->front());
}

std::string_view MediaType(std::string_view content_type) {
  return Trim(content_type.substr(0, content_type.find(';')));
}

}  // namespace

Result<Decoded> DecodeBody(std::string_view content_type, std::string_view body,
                           const Resource& resource) {
  std::string_view media = MediaType(content_type);
  if (media.empty() || media == "application/json") return DecodeText(body, body, resource);
  if (media == "application/yaml") {
    Result<YamlDocument> document = FirstYaml(body);
    if (!document) return Unrecognized(resource, body, document.error().message);
    Result<Decoded> decoded = DecodeText(DumpJson(document->value), body, resource);
    if (decoded) decoded->repeated_keys = std::move(document->repeated_keys);
    return decoded;
  }
  if (media == kProtobuf && !resource.type.empty()) return DecodeProtobufBody(body, resource);
  return Fail(Code::kNotFound,
              "the body of the request was in an unknown format - accepted media types include: "
              "application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

Result<Json> DecodeOptions(std::string_view content_type, std::string_view body,
                           std::string_view type) {
  const Type* found = TypeTable::Get().Find(type);
  if (found == nullptr) return Invalid("no type " + Quote(type));
  if (body.empty()) return Json::object();
  std::string_view media = MediaType(content_type);
  if (media == kProtobuf) return DecodeProtobuf(body);
  std::string converted;
  if (media == "application/yaml") {
    Result<YamlDocument> document = FirstYaml(body);
    if (!document) return std::unexpected(document.error());
    converted = DumpJson(document->value);
    body = converted;
  }
  Result<JsonText> value = ParseJsonText(body);
  if (!value) {
    return Invalid("couldn't get version/kind; json parse error: " + value.error().message);
  }
  Result<KindName> name = Interpret(*value);
  if (!name) return std::unexpected(name.error());
  if (!name->kind.empty() && name->kind != found->BareName()) return Invalid(NotRegistered(*name));
  Result<TypedObject> typed = DecodeTyped(*value, *found, Wording::kJson);
  if (!typed) return std::unexpected(typed.error());
  return std::move(typed->object);
}

Result<std::vector<std::string>> CheckFields(const Resource& resource, Json& object,
                                             Wording wording) {
  std::string text = DumpJson(object);
  Result<JsonText> value = ParseJsonText(text);
  if (!value) return std::unexpected(value.error());
  Result<KindName> name = Interpret(*value);
  if (!name) return std::unexpected(name.error());
  SetDefaults(*name, resource);
  TypedObject typed;
  if (resource.type.empty()) {
    Result<TypedObject> decoded = DecodeCustom(*value, resource, wording);
    if (!decoded) return std::unexpected(decoded.error());
    typed = std::move(*decoded);
  } else {
    if (!IsRegistered(*name)) return Invalid(NotRegistered(*name));
    const Type* type = TypeTable::Get().FindKind(name->api_version, name->kind);
    if (type == nullptr) type = TypeTable::Get().Find(resource.type);
    Result<TypedObject> decoded = DecodeTyped(*value, *type, wording);
    if (!decoded) return std::unexpected(decoded.error());
    if (Status kind = CheckKind(*name, resource); !kind) return std::unexpected(kind.error());
    typed = std::move(*decoded);
    typed.object["apiVersion"] = name->api_version;
    typed.object["kind"] = name->kind;
  }
  object = std::move(typed.object);
  return std::move(typed.strict_errors);
}

void Complete(const Resource& resource, Json& object, Stage stage) {
  if (resource.type.empty()) {
    auto metadata = object.find("metadata");
    if (metadata == object.end()) return;
    CompleteTyped(*TypeTable::Get().Find("meta/v1.ObjectMeta"), stage, *metadata);
  } else {
    CompleteTyped(*TypeTable::Get().Find(resource.type), stage, object);
  }
}

std::string StrictError(const std::vector<std::string>& strict_errors) {
  return strict_errors.empty() ? "" : "strict decoding error: " + Join(strict_errors, ", ");
}

std::string StrictErrorOf(const Decoded& decoded) {
  std::vector<std::string> errors;
  if (!decoded.repeated_keys.empty()) {
    errors.push_back("yaml: unmarshal errors:\n  " + Join(decoded.repeated_keys, "\n  "));
  }
  errors.insert(errors.end(), decoded.strict_errors.begin(), decoded.strict_errors.end());
  return StrictError(errors);
}

std::string CannotHandle(const Resource& resource, std::string_view why) {
  return CannotBeHandled({resource.ApiVersion(), resource.kind}, resource, why);
}

}  // namespace weir::kube
