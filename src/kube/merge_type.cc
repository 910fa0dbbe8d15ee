#include "kube/merge_type.h"

#include <algorithm>

#include "base/check.h"
#include "base/strings.h"

namespace weir::kube {
namespace {

constexpr std::string_view kMetaType = "meta/v1.ObjectMeta";

ValueType Message(std::string_view name) {
  const TypeTable& table = TypeTable::Get();
  const Type* type = table.Find(name);
  WEIR_CHECK(type != nullptr);
  return {Shape::kOne, Shape::kOne, Scalar::kMessage,
          static_cast<std::uint16_t>(type - table.types().data())};
}

bool IsUntyped(Scalar scalar) {
  return scalar == Scalar::kAny || scalar == Scalar::kSchemaOrList ||
         scalar == Scalar::kSchemaOrBool || scalar == Scalar::kSchemaOrStrings;
}

const Type& MessageOf(const ValueType& type) { return TypeTable::Get().at(type.message); }

// The value that OpenAPI says a key has where an element leaves it out.
Json DefaultOf(const Field& field) {
  const bool zero = field.default_value == "zero" ||
                    (field.default_value.empty() && field.required && !field.pointer);
  if (zero) return field.type.scalar == Scalar::kString ? Json("") : Json(0);
  if (field.default_value.empty()) return {};
  if (const auto number = ParseInt(field.default_value)) return *number;
  return std::string(field.default_value);
}

MergeType::Kind KindOfListType(std::string_view type) {
  if (type == "map") return MergeType::Kind::kListMap;
  return type == "set" ? MergeType::Kind::kSet : MergeType::Kind::kLeaf;
}

}  // namespace

MergeType MergeType::Of(const Resource& resource) {
  MergeType out;
  if (!resource.type.empty()) {
    out.source_ = Source::kTyped;
    out.type_ = Message(resource.type);
  } else {
    out.source_ = resource.schema != nullptr ? Source::kSchema : Source::kValue;
    out.schema_ = resource.schema.get();
    out.root_ = true;
  }
  return out;
}

MergeType::Kind MergeType::KindOf(const Json& value) const {
  if (!value.is_structured()) return Kind::kLeaf;
  if (source_ == Source::kTyped && (type_.shape != Shape::kOne || !IsUntyped(type_.scalar))) {
    switch (type_.shape) {
      case Shape::kOne:
        if (type_.scalar != Scalar::kMessage || MessageOf(type_).atomic) return Kind::kLeaf;
        return value.is_object() ? Kind::kMap : Kind::kLeaf;
      case Shape::kMap:
        if (field_ != nullptr && field_->map_atomic) return Kind::kLeaf;
        return value.is_object() ? Kind::kMap : Kind::kLeaf;
      case Shape::kList:
      case Shape::kItems:
        return field_ == nullptr || !value.is_array() ? Kind::kLeaf
                                                      : KindOfListType(field_->list_type);
    }
  }
  if (source_ == Source::kSchema) {
    if (value.is_array()) {
      return KindOfListType(GetString(*schema_, "x-kubernetes-list-type", "atomic"));
    }
    return GetString(*schema_, "x-kubernetes-map-type") == "atomic" ? Kind::kLeaf : Kind::kMap;
  }
  return value.is_array() ? Kind::kLeaf : Kind::kMap;
}

bool MergeType::Declares(std::string_view key) const {
  if (root_ && (key == "metadata" || key == "apiVersion" || key == "kind")) return true;
  if (source_ == Source::kSchema) return Find(*schema_, {"properties", key}) != nullptr;
  return source_ == Source::kTyped && type_.IsMessage() && MessageOf(type_).Find(key) != nullptr;
}

bool MergeType::OmitsEmpty(std::string_view key) const {
  if (source_ != Source::kTyped || !type_.IsMessage()) return false;
  const Field* field = MessageOf(type_).Find(key);
  return field != nullptr && field->omit_empty && field->type.shape != Shape::kOne;
}

MergeType MergeType::Member(std::string_view key) const {
  MergeType out;
  if (root_ && key == "metadata") {
    out.source_ = Source::kTyped;
    out.type_ = Message(kMetaType);
  } else if (source_ == Source::kTyped && type_.IsMessage()) {
    const Field* field = MessageOf(type_).Find(key);
    if (field == nullptr) return out;
    out.source_ = Source::kTyped;
    out.type_ = field->type;
    out.field_ = field;
  } else if (source_ == Source::kTyped && type_.shape == Shape::kMap) {
    out.source_ = Source::kTyped;
    out.type_ = type_.Element();
  } else if (source_ == Source::kSchema) {
    const Json* of_key = Find(*schema_, {"properties", key});
    if (of_key == nullptr) of_key = Find(*schema_, "additionalProperties");
    if (of_key == nullptr || !of_key->is_object()) return out;
    out.source_ = Source::kSchema;
    out.schema_ = of_key;
  }
  return out;
}

MergeType MergeType::Element() const {
  MergeType out;
  if (source_ == Source::kTyped) {
    out.source_ = Source::kTyped;
    out.type_ = type_.Element();
  } else if (source_ == Source::kSchema) {
    const Json* items = Find(*schema_, "items");
    if (items == nullptr || !items->is_object()) return out;
    out.source_ = Source::kSchema;
    out.schema_ = items;
  }
  return out;
}

std::optional<std::string> MergeType::StepTo(const Json& element, Kind kind) const {
  if (kind == Kind::kSet) {
    if (element.is_null() || element.is_structured()) return std::nullopt;
    return "v:" + DumpJson(element);
  }
  if (!element.is_object()) return std::nullopt;
  Json keys = Json::object();
  // A key that is left out and has no default is left out of the step as well.
  const auto add = [&](const std::string& key, const Json& otherwise) {
    const auto it = element.find(key);
    const Json& value = it == element.end() ? otherwise : *it;
    if (it != element.end() || !value.is_null()) keys[key] = value;
  };
  if (source_ == Source::kSchema) {
    for (const Json& key : GetArray(*schema_, {"x-kubernetes-list-map-keys"})) {
      if (!key.is_string()) continue;
      const auto name = key.get<std::string>();
      const Json* otherwise = Find(*schema_, {"items", "properties", name, "default"});
      add(name, otherwise == nullptr ? Json() : *otherwise);
    }
  } else if (field_ != nullptr) {
    const Type& type = MessageOf(type_);
    for (const std::string& key : Split(field_->list_keys, ',')) {
      const Field* field = type.Find(key);
      add(key, field == nullptr ? Json() : DefaultOf(*field));
    }
  }
  if (keys.empty()) return std::nullopt;
  return "k:" + DumpJson(keys);
}

MergeType::Wants MergeType::WantsOf() const {
  if (source_ == Source::kSchema) {
    if (GetBool(*schema_, {"x-kubernetes-int-or-string"}, false)) return Wants::kScalar;
    const std::string type = GetString(*schema_, "type");
    if (type == "string") return Wants::kString;
    if (type == "integer" || type == "number") return Wants::kNumber;
    if (type == "boolean") return Wants::kBool;
    if (type == "array") return Wants::kList;
    return type == "object" ? Wants::kMap : Wants::kAnything;
  }
  if (source_ == Source::kValue) return root_ ? Wants::kMap : Wants::kAnything;
  if (type_.shape == Shape::kMap) return Wants::kMap;
  if (type_.shape != Shape::kOne) return Wants::kList;
  switch (type_.scalar) {
    case Scalar::kString:
    case Scalar::kBytes:
    case Scalar::kTime:
    case Scalar::kMicroTime:
    case Scalar::kDuration:
      return Wants::kString;
    case Scalar::kBool:
      return Wants::kBool;
    case Scalar::kInt32:
    case Scalar::kInt64:
    case Scalar::kDouble:
      return Wants::kNumber;
    case Scalar::kQuantity:
    case Scalar::kIntOrString:
      return Wants::kScalar;
    case Scalar::kMessage:
      return Wants::kMap;
    case Scalar::kAny:
    case Scalar::kSchemaOrList:
    case Scalar::kSchemaOrBool:
    case Scalar::kSchemaOrStrings:
      return Wants::kAnything;
  }
  return Wants::kAnything;
}

bool MergeType::IsStruct() const {
  if (source_ == Source::kTyped) return type_.IsMessage();
  return source_ == Source::kSchema && schema_->contains("properties") &&
         !schema_->contains("additionalProperties") &&
         !GetBool(*schema_, {"x-kubernetes-preserve-unknown-fields"}, false);
}

}  // namespace weir::kube
