#include "kube/openapi_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/strings.h"

namespace weir::kube {
namespace {

constexpr std::string_view kApiExtensions =
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.";
constexpr std::string_view kMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.";

Json OneOf(std::string_view a, std::string_view b) {
  return Json::array({{{"type", a}}, {{"type", b}}});
}

// A scalar that has a schema of its own, to which fields refer.
struct NamedScalar {
  std::string name;
  Json schema;
};

NamedScalar NameOfOpen(const Type& owner) {
  if (owner.name == "meta/v1.ManagedFieldsEntry") {
    return {std::string(kMeta) + "FieldsV1", {{"type", "object"}}};
  }
  if (owner.name.starts_with("apiextensions/")) {
    return {std::string(kApiExtensions) + "JSON", Json::object()};
  }
  return {"io.k8s.apimachinery.pkg.runtime.RawExtension", {{"type", "object"}}};
}

// Empty name: the scalar is written where it is used.
NamedScalar ScalarSchema(Scalar scalar, const Type& owner) {
  const Json date_time = {{"type", "string"}, {"format", "date-time"}};
  switch (scalar) {
    case Scalar::kQuantity:
      return {"io.k8s.apimachinery.pkg.api.resource.Quantity",
              {{"oneOf", OneOf("string", "number")}}};
    case Scalar::kIntOrString:
      return {"io.k8s.apimachinery.pkg.util.intstr.IntOrString",
              {{"format", "int-or-string"}, {"oneOf", OneOf("integer", "string")}}};
    case Scalar::kTime:
      return {std::string(kMeta) + "Time", date_time};
    case Scalar::kMicroTime:
      return {std::string(kMeta) + "MicroTime", date_time};
    case Scalar::kDuration:
      return {std::string(kMeta) + "Duration", {{"type", "string"}}};
    case Scalar::kAny:
      return NameOfOpen(owner);
    case Scalar::kSchemaOrList:
      return {std::string(kApiExtensions) + "JSONSchemaPropsOrArray", Json::object()};
    case Scalar::kSchemaOrBool:
      return {std::string(kApiExtensions) + "JSONSchemaPropsOrBool", Json::object()};
    case Scalar::kSchemaOrStrings:
      return {std::string(kApiExtensions) + "JSONSchemaPropsOrStringArray", Json::object()};
    case Scalar::kString:
      return {"", {{"type", "string"}}};
    case Scalar::kBool:
      return {"", {{"type", "boolean"}}};
    case Scalar::kInt32:
      return {"", {{"type", "integer"}, {"format", "int32"}}};
    case Scalar::kInt64:
      return {"", {{"type", "integer"}, {"format", "int64"}}};
    case Scalar::kDouble:
      return {"", {{"type", "number"}, {"format", "double"}}};
    case Scalar::kBytes:
      return {"", {{"type", "string"}, {"format", "byte"}}};
    case Scalar::kMessage:
      break;
  }
  return {};
}

// Go's zero of a plain scalar; null where OpenAPI tells none.
Json ZeroOf(Scalar scalar) {
  switch (scalar) {
    case Scalar::kString:
      return "";
    case Scalar::kBool:
      return false;
    case Scalar::kInt32:
    case Scalar::kInt64:
    case Scalar::kDouble:
      return 0;
    default:
      return nullptr;
  }
}

class Schemas {
 public:
  explicit Schemas(Json& schemas) : schemas_(schemas) {}

  void Add(const Type& type) {
    const TypeTable& table = TypeTable::Get();
    const std::string name = table.OpenApiName(type);
    if (schemas_.contains(name)) return;
    schemas_[name] = Json::object();  // before its fields, which may lead back to it
    Json properties = Json::object();
    std::vector<std::string> required;
    for (const Field& field : type.fields) {
      properties[std::string(field.name)] = OfField(type, field);
      if (field.required) required.emplace_back(field.name);
    }
    Json schema = {{"type", "object"}, {"description", Description(type)}};
    if (!properties.empty()) schema["properties"] = std::move(properties);
    if (!required.empty()) {
      std::ranges::sort(required);
      schema["required"] = required;
    }
    if (type.atomic) schema["x-kubernetes-map-type"] = "atomic";
    if (const Json kinds = KindsOf(type); !kinds.empty()) {
      schema["x-kubernetes-group-version-kind"] = kinds;
    }
    schemas_[name] = std::move(schema);
  }

 private:
  static std::string Description(const Type& type) {
    const std::string_view where = type.name.substr(0, type.name.rfind('.'));
    return type.kind_of.empty() ? fmt::format("{} is a part of {}.", type.BareName(), where)
                                : fmt::format("{} is a kind of {}.", type.BareName(), where);
  }

  static Json KindsOf(const Type& type) {
    Json kinds = Json::array();
    if (type.kind_of.empty()) return kinds;
    for (const std::string& version : Split(type.kind_of, ',')) {
      const std::size_t slash = version.find('/');
      const bool core = slash == std::string::npos;
      kinds.push_back({{"group", core ? "" : version.substr(0, slash)},
                       {"version", core ? version : version.substr(slash + 1)},
                       {"kind", type.BareName()}});
    }
    return kinds;
  }

  // A value within a list, a map or a field. `field`: references stand beside other words.
  Json OfValue(const Type& owner, const ValueType& type, bool field, bool with_zero) {
    if (type.shape == Shape::kMap) {
      return {{"type", "object"},
              {"additionalProperties", OfValue(owner, type.Element(), false, true)}};
    }
    if (type.shape != Shape::kOne) {
      return {{"type", "array"}, {"items", OfValue(owner, type.Element(), false, true)}};
    }
    const TypeTable& table = TypeTable::Get();
    if (type.scalar == Scalar::kMessage) {
      Add(table.at(type.message));
      return Referring(table.OpenApiName(table.at(type.message)), field, with_zero);
    }
    NamedScalar scalar = ScalarSchema(type.scalar, owner);
    if (!scalar.name.empty()) {
      schemas_[scalar.name] = std::move(scalar.schema);
      return Referring(scalar.name, field, false);
    }
    if (Json zero = ZeroOf(type.scalar); with_zero && !zero.is_null()) {
      scalar.schema["default"] = std::move(zero);
    }
    return std::move(scalar.schema);
  }

  // A reference with other words beside it is the only one of an allOf.
  static Json Referring(const std::string& name, bool field, bool with_zero) {
    if (!field && !with_zero) return SchemaReference(name);
    Json schema = {{"allOf", Json::array({SchemaReference(name)})}};
    if (with_zero) schema["default"] = Json::object();
    return schema;
  }

  Json OfField(const Type& owner, const Field& field) {
    const bool message = field.type.IsMessage();
    const bool with_zero = !field.pointer && (message || field.required);
    Json schema = OfValue(owner, field.type, true, with_zero && field.type.shape == Shape::kOne);
    if (!field.default_value.empty()) schema["default"] = DefaultOf(field);
    if (!field.enum_values.empty()) {
      Json& of = field.type.shape == Shape::kList ? schema["items"] : schema;
      of["enum"] = Split(field.enum_values, '|');
    }
    if (!field.list_type.empty()) schema["x-kubernetes-list-type"] = field.list_type;
    if (!field.list_keys.empty()) {
      schema["x-kubernetes-list-map-keys"] = Split(field.list_keys, ',');
    }
    if (field.map_atomic) schema["x-kubernetes-map-type"] = "atomic";
    AddPatchRules(field, schema);
    return schema;
  }

  static Json DefaultOf(const Field& field) {
    if (field.default_value == "zero") {
      return field.type.IsMessage() ? Json::object() : ZeroOf(field.type.scalar);
    }
    if (field.type.scalar == Scalar::kString) return field.default_value;
    return ParseJson(field.default_value).value_or(Json(field.default_value));
  }

  static void AddPatchRules(const Field& field, Json& schema) {
    std::vector<std::string> rules;
    if (field.patch_merge) rules.emplace_back("merge");
    if (field.patch_replace) rules.emplace_back("replace");
    if (field.patch_retain_keys) rules.emplace_back("retainKeys");
    if (!rules.empty()) schema["x-kubernetes-patch-strategy"] = Join(rules, ",");
    if (!field.patch_key.empty()) schema["x-kubernetes-patch-merge-key"] = field.patch_key;
  }

  Json& schemas_;
};

// "example.com" is told backwards: "com.example.v1.Widget".
std::string CustomName(const Resource& resource, std::string_view kind) {
  std::vector<std::string> parts = Split(resource.group, '.');
  std::ranges::reverse(parts);
  return Join(parts, ".") + "." + resource.version + "." + std::string(kind);
}

Json GroupVersionKinds(const Resource& resource, std::string_view kind) {
  return Json::array({{{"group", resource.group}, {"version", resource.version}, {"kind", kind}}});
}

Json MetadataOf(std::string_view type, Json& schemas, std::string_view description) {
  const Type* found = TypeTable::Get().Find(type);
  WEIR_CHECK(found != nullptr);
  AddSchemas(*found, schemas);
  return {{"allOf", Json::array({SchemaReference(TypeTable::Get().OpenApiName(*found))})},
          {"description", description}};
}

Json TypeMetaField(std::string_view description) {
  return {{"type", "string"}, {"description", description}};
}

// The schema of a custom kind: its definition's, with the fields of every object.
Json CustomSchema(const Resource& resource, Json& schemas) {
  Json schema = resource.schema != nullptr ? *resource.schema : Json::object();
  if (!schema.contains("type")) schema["type"] = "object";
  Json& properties = schema["properties"];
  if (!properties.is_object()) properties = Json::object();
  properties["apiVersion"] =
      TypeMetaField("The version of the API in which the object is written.");
  properties["kind"] = TypeMetaField("What the object is.");
  properties["metadata"] =
      MetadataOf("meta/v1.ObjectMeta", schemas, "The object's name, labels and the like.");
  schema["x-kubernetes-group-version-kind"] = GroupVersionKinds(resource, resource.kind);
  return schema;
}

}  // namespace

Json SchemaReference(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string(name)}};
}

void AddSchemas(const Type& type, Json& schemas) { Schemas(schemas).Add(type); }

std::string AddKindSchemas(const Resource& resource, Json& schemas) {
  std::string name;
  if (const Type* type = TypeTable::Get().Find(resource.type); type != nullptr) {
    AddSchemas(*type, schemas);
    name = TypeTable::Get().OpenApiName(*type);
  } else {
    name = CustomName(resource, resource.kind);
    schemas[name] = CustomSchema(resource, schemas);
  }
  if (!resource.HasVerb("list")) return name;
  const std::string list = name.substr(0, name.rfind('.') + 1) + resource.list_kind;
  schemas[list] = {
      {"type", "object"},
      {"description", fmt::format("{} is a list of {}.", resource.list_kind, resource.kind)},
      {"properties",
       {{"apiVersion", TypeMetaField("The version of the API in which the list is written.")},
        {"kind", TypeMetaField("What the list is.")},
        {"metadata", MetadataOf("meta/v1.ListMeta", schemas, "The list's version.")},
        {"items", {{"type", "array"}, {"items", SchemaReference(name)}}}}},
      {"required", Json::array({"items"})},
      {"x-kubernetes-group-version-kind", GroupVersionKinds(resource, resource.list_kind)}};
  return name;
}

}  // namespace weir::kube
