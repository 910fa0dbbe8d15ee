#include "kube/decode.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "base/time.h"
#include "kube/go_text.h"
#include "kube/quantity.h"

namespace weir::kube {
namespace {

constexpr std::string_view kSchemaType = "apiextensions/v1.JSONSchemaProps";
// A body of nothing but mistakes is answered with this many of them.
constexpr std::size_t kMaxStrictErrors = 100;

// What Go's reflection calls a value of unstructured JSON.
std::string_view ReflectKind(const JsonText& value) {
  switch (value.kind) {
    case JsonText::Kind::kNull:
      return "invalid";
    case JsonText::Kind::kBool:
      return "bool";
    case JsonText::Kind::kNumber:
      return ParseInt(value.raw) ? "int64" : "float64";
    case JsonText::Kind::kString:
      return "string";
    case JsonText::Kind::kObject:
      return "map";
    case JsonText::Kind::kArray:
      return "slice";
  }
  return "";
}

// What Go prints for a field that nothing was said about; nullopt where it leaves the field out.
std::optional<Json> ZeroOf(const Field& field);

bool IsStruct(const ValueType& type) {
  if (type.shape != Shape::kOne) return false;
  switch (type.scalar) {
    case Scalar::kMessage:
    case Scalar::kTime:
    case Scalar::kMicroTime:
    case Scalar::kQuantity:
    case Scalar::kIntOrString:
    case Scalar::kDuration:
    case Scalar::kAny:
      return true;
    case Scalar::kString:
    case Scalar::kBool:
    case Scalar::kInt32:
    case Scalar::kInt64:
    case Scalar::kDouble:
    case Scalar::kBytes:
    case Scalar::kSchemaOrList:
    case Scalar::kSchemaOrBool:
    case Scalar::kSchemaOrStrings:
      return false;
  }
  return false;
}

Json ZeroOf(const ValueType& type) {
  if (type.shape != Shape::kOne) return nullptr;
  switch (type.scalar) {
    case Scalar::kString:
      return "";
    case Scalar::kBool:
      return false;
    case Scalar::kInt32:
    case Scalar::kInt64:
    case Scalar::kIntOrString:
      return 0;
    case Scalar::kDouble:
      return 0.0;
    case Scalar::kBytes:
      return "";
    case Scalar::kQuantity:
      return "0";
    case Scalar::kDuration:
      return "0s";
    case Scalar::kTime:
    case Scalar::kMicroTime:
    case Scalar::kAny:
    case Scalar::kSchemaOrList:
    case Scalar::kSchemaOrBool:
    case Scalar::kSchemaOrStrings:
      return nullptr;
    case Scalar::kMessage: {
      Json out = Json::object();
      CompleteTyped(TypeTable::Get().at(type.message), Stage::kEncoding, out);
      return out;
    }
  }
  return nullptr;
}

std::optional<Json> ZeroOf(const Field& field) {
  if (field.pointer) return field.omit_empty ? std::nullopt : std::optional<Json>(nullptr);
  // omitempty does not apply to structs, omitzero does.
  if (IsStruct(field.type) ? field.omit_zero : field.omit_empty) return std::nullopt;
  return ZeroOf(field.type);
}

// Whether the value is what Go's omitempty leaves out.
bool IsEmpty(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value == 0;
  if (value.is_number()) return value == 0.0;
  return value.empty();
}

// Decides about one field that is there; false: it is to be left out.
bool SettleField(const Field& field, Stage stage, Json& value) {
  if (value.is_null()) {
    std::optional<Json> zero = ZeroOf(field);
    if (zero) value = std::move(*zero);
    return zero.has_value();
  }
  if (field.pointer || IsStruct(field.type)) return true;
  if (field.omit_empty && value.is_structured() && stage == Stage::kDecoding) return true;
  if (field.omit_empty) return !IsEmpty(value);
  // An empty list is nil after its way through the storage.
  if (field.type.shape != Shape::kOne && value.empty()) value = nullptr;
  return true;
}

void AddZero(const Field& field, Json& object) {
  if (std::optional<Json> zero = ZeroOf(field)) {
    object[std::string(field.name)] = std::move(*zero);
  }
}

// Walks an object with its type.
class Decoder {
 public:
  explicit Decoder(Wording wording) : wording_(wording) {}

  Json DecodeMessage(const JsonText& value, const Type& type) {
    Json out = Json::object();
    if (value.kind != JsonText::Kind::kNull && value.kind != JsonText::Kind::kObject) {
      RefuseStruct(value, type.GoName());
      return out;
    }
    std::string_view outer = struct_;
    struct_ = type.BareName();
    std::vector<bool> seen(type.fields.size());
    for (const JsonMember& member : value.members) {
      const Field* field = type.Find(member.name);
      if (field == nullptr) {
        AddStrict("unknown", member.name);
        continue;
      }
      auto index = static_cast<std::size_t>(field - type.fields.data());
      if (seen[index]) AddStrict("duplicate", member.name);
      seen[index] = true;
      std::size_t mark = Enter(member.name);
      go_path_.push_back(member.name);
      Json decoded = DecodeValue(member.value, field->type);
      go_path_.pop_back();
      path_.resize(mark);
      if (SettleField(*field, Stage::kDecoding, decoded)) {
        out[member.name] = std::move(decoded);
      } else {
        out.erase(member.name);
      }
    }
    struct_ = outer;
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      if (!seen[i]) AddZero(type.fields[i], out);
    }
    return out;
  }

  std::optional<std::string> error;
  std::vector<std::string> strict_errors;

 private:
  // Lengthens the path that strict errors name; the old length to cut it back to.
  std::size_t Enter(std::string_view step) {
    std::size_t mark = path_.size();
    if (!path_.empty() && !step.starts_with('[')) path_ += '.';
    path_ += step;
    return mark;
  }

  void AddStrict(std::string_view what, std::string_view name) {
    if (strict_errors.size() >= kMaxStrictErrors) return;
    std::size_t mark = Enter(name);
    std::string text = std::string(what) + " field " + "\"" + path_ + "\"";
    path_.resize(mark);
    if (std::ranges::find(strict_errors, text) == strict_errors.end()) {
      strict_errors.push_back(std::move(text));
    }
  }

  // The first mistake is the answer, as for encoding/json.
  void Refuse(std::string message) {
    if (!error) error = std::move(message);
  }

  void RefuseJson(std::string_view what, std::string_view go_type) {
    std::string message = "json: cannot unmarshal " + std::string(what) + " into Go ";
    if (go_path_.empty()) {
      message += "value";
    } else {
      message += "struct field " + std::string(struct_) + ".";
      for (std::size_t i = 0; i < go_path_.size(); ++i) {
        message += (i > 0 ? "." : "") + std::string(go_path_[i]);
      }
    }
    Refuse(message + " of type " + std::string(go_type));
  }

  void RefuseStruct(const JsonText& value, std::string_view go_type) {
    if (wording_ == Wording::kJson) return RefuseJson(value.KindName(), go_type);
    Refuse("cannot restore struct from: " + std::string(ReflectKind(value)));
  }

  void RefuseContainer(const JsonText& value, const ValueType& type, std::string_view what) {
    if (wording_ == Wording::kJson) {
      return RefuseJson(value.KindName(), TypeTable::Get().GoName(type));
    }
    Refuse("cannot restore " + std::string(what) + " from " + std::string(ReflectKind(value)));
  }

  // `number`: numbers are told with their digits.
  void RefuseScalar(const JsonText& value, std::string_view go_type, bool number = false) {
    if (wording_ == Wording::kConverter) {
      bool numeric = go_type != "bool" && go_type != "string";
      if (value.kind == JsonText::Kind::kNumber && (numeric || go_type == "string")) {
        return Refuse("cannot convert " + std::string(ReflectKind(value)) + " to " +
                      std::string(go_type));
      }
      return Refuse("unrecognized type: " + std::string(go_type));
    }
    std::string what(value.KindName());
    if (number && value.kind == JsonText::Kind::kNumber) what += " " + std::string(value.raw);
    RefuseJson(what, go_type);
  }

  Json DecodeValue(const JsonText& value, const ValueType& type) {
    if (value.kind == JsonText::Kind::kNull) return nullptr;
    switch (type.shape) {
      case Shape::kOne:
        return DecodeScalar(value, type);
      case Shape::kList:
      case Shape::kItems:
        return DecodeList(value, type);
      case Shape::kMap:
        return DecodeMap(value, type);
    }
    return nullptr;
  }

  Json DecodeElement(const JsonText& value, const ValueType& type) {
    Json out = DecodeValue(value, type);
    return out.is_null() ? ZeroOf(type) : out;
  }

  Json DecodeList(const JsonText& value, const ValueType& type) {
    if (value.kind != JsonText::Kind::kArray) {
      RefuseContainer(value, type, "slice");
      return nullptr;
    }
    Json out = Json::array();
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      std::size_t mark = Enter("[" + std::to_string(i) + "]");
      out.push_back(DecodeElement(value.items[i], type.Element()));
      path_.resize(mark);
    }
    return out;
  }

  Json DecodeMap(const JsonText& value, const ValueType& type) {
    if (value.kind != JsonText::Kind::kObject) {
      RefuseContainer(value, type, "map");
      return nullptr;
    }
    Json out = Json::object();
    for (const JsonMember& member : value.members) {
      if (out.contains(member.name)) AddStrict("duplicate", member.name);
      std::size_t mark = Enter(member.name);
      out[member.name] = DecodeElement(member.value, type.Element());
      path_.resize(mark);
    }
    return out;
  }

  Json DecodeScalar(const JsonText& value, const ValueType& type) {
    using Kind = JsonText::Kind;
    switch (type.scalar) {
      case Scalar::kString:
        if (value.kind == Kind::kString) return Unquote(value);
        RefuseScalar(value, "string");
        return nullptr;
      case Scalar::kBool:
        if (value.kind == Kind::kBool) return value.raw == "true";
        RefuseScalar(value, "bool");
        return nullptr;
      case Scalar::kInt32:
        return DecodeInteger(value, true);
      case Scalar::kInt64:
        return DecodeInteger(value, false);
      case Scalar::kIntOrString:
        return value.kind == Kind::kString ? Json(Unquote(value)) : DecodeInteger(value, true);
      case Scalar::kDouble:
        return DecodeDouble(value);
      case Scalar::kBytes:
        return DecodeBytes(value);
      case Scalar::kQuantity:
        return DecodeQuantity(value);
      case Scalar::kTime:
      case Scalar::kMicroTime:
      case Scalar::kDuration:
        return DecodeTime(value, type.scalar);
      case Scalar::kAny:
        return ToJson(value);
      case Scalar::kSchemaOrList:
      case Scalar::kSchemaOrBool:
      case Scalar::kSchemaOrStrings:
        return DecodeSchemaUnion(value, type.scalar);
      case Scalar::kMessage:
        return DecodeMessage(value, TypeTable::Get().at(type.message));
    }
    return nullptr;
  }

  Json DecodeInteger(const JsonText& value, bool small) {
    std::string_view go_type = small ? "int32" : "int64";
    if (value.kind != JsonText::Kind::kNumber) {
      RefuseScalar(value, go_type);
      return nullptr;
    }
    std::optional<std::int64_t> number = ParseInt(value.raw);
    if (!number && wording_ == Wording::kConverter) number = WholeNumber(value.raw);
    if (!number || (small && (*number > std::numeric_limits<std::int32_t>::max() ||
                              *number < std::numeric_limits<std::int32_t>::min()))) {
      RefuseScalar(value, go_type, true);
      return nullptr;
    }
    return *number;
  }

  // 2.0: the converter, unlike the decoder, takes it for an integer.
  static std::optional<std::int64_t> WholeNumber(std::string_view text) {
    constexpr double kSafe = 9007199254740992.0;
    std::optional<double> number = ParseDouble(text);
    if (!number || *number > kSafe || *number < -kSafe) return std::nullopt;
    auto whole = static_cast<std::int64_t>(*number);
    return static_cast<double>(whole) == *number ? std::optional(whole) : std::nullopt;
  }

  Json DecodeDouble(const JsonText& value) {
    std::optional<double> number;
    if (value.kind == JsonText::Kind::kNumber) number = ParseDouble(value.raw);
    if (!number) {
      RefuseScalar(value, "float64", true);
      return nullptr;
    }
    if (std::optional<std::int64_t> whole = ParseInt(value.raw)) return *whole;
    return *number;
  }

  Json DecodeBytes(const JsonText& value) {
    if (value.kind != JsonText::Kind::kString) {
      RefuseScalar(value, "[]uint8");
      return nullptr;
    }
    Result<std::string> bytes = DecodeGoBase64(Unquote(value));
    if (!bytes) {
      const bool converter = wording_ == Wording::kConverter;
      Refuse((converter ? "error decoding from json: " : "") + bytes.error().message);
      return nullptr;
    }
    return Base64Encode(*bytes);
  }

  Json DecodeQuantity(const JsonText& value) {
    // Quantities read the raw text: a number is one, escapes in a string are not resolved.
    std::string_view text = value.raw;
    if (value.kind == JsonText::Kind::kString) text = text.substr(1, text.size() - 2);
    Result<Quantity> quantity = Quantity::Parse(Trim(text));
    if (!quantity) {
      Refuse(quantity.error().message);
      return nullptr;
    }
    return quantity->ToString();
  }

  Json DecodeTime(const JsonText& value, Scalar scalar) {
    if (value.kind != JsonText::Kind::kString) {
      RefuseScalar(value, "string");
      return nullptr;
    }
    std::string text = Unquote(value);
    if (scalar == Scalar::kDuration) {
      Result<Duration> duration = ParseGoDuration(text);
      if (duration) return FormatGoDuration(*duration);
      Refuse(duration.error().message);
      return nullptr;
    }
    bool micro = scalar == Scalar::kMicroTime;
    Result<Time> time = ParseGoTime(text, micro);
    if (!time) {
      Refuse(time.error().message);
      return nullptr;
    }
    return micro ? FormatRfc3339Micro(*time) : FormatRfc3339(*time);
  }

  // JSONSchemaPropsOrArray, ...OrBool and ...OrStringArray of apiextensions.
  Json DecodeSchemaUnion(const JsonText& value, Scalar scalar) {
    const Type* schema = TypeTable::Get().Find(kSchemaType);
    if (value.kind == JsonText::Kind::kObject) return DecodeMessage(value, *schema);
    if (scalar == Scalar::kSchemaOrBool) {
      if (value.kind == JsonText::Kind::kBool) return value.raw == "true";
      Refuse("boolean or JSON schema expected");
      return nullptr;
    }
    if (value.kind != JsonText::Kind::kArray) {
      RefuseStruct(value, schema->GoName());
      return nullptr;
    }
    Json out = Json::array();
    for (const JsonText& item : value.items) {
      bool strings = scalar == Scalar::kSchemaOrStrings;
      out.push_back(strings ? DecodeScalar(item, ValueType()) : DecodeMessage(item, *schema));
    }
    return out;
  }

  Wording wording_;
  std::string path_;                       // "spec.containers[0]": where strict errors are
  std::vector<std::string_view> go_path_;  // field names alone, as Go's decoder tells them
  std::string_view struct_;                // of the innermost struct
};

// Completes what is inside a value of the type.
void CompleteValue(const ValueType& type, Stage stage, Json& value) {
  if (type.scalar != Scalar::kMessage) return;
  if (type.shape == Shape::kOne) {
    if (value.is_object()) CompleteTyped(TypeTable::Get().at(type.message), stage, value);
    return;
  }
  if (!value.is_structured()) return;
  for (Json& element : value) CompleteValue(type.Element(), stage, element);
}

bool PreservesUnknown(const Json& schema) {
  return GetBool(schema, {"x-kubernetes-preserve-unknown-fields"}, false);
}

// pkg/apiserver/schema/pruning of apiextensions. `root`: apiVersion, kind and metadata are not the
// schema's.
void PruneValue(const Json& schema, Json& value, const std::string& path, bool root,
                std::vector<std::string>& unknown) {
  if (value.is_array()) {
    const Json* items = Find(schema, "items");
    if (items == nullptr) return;
    std::size_t index = 0;
    for (Json& item : value) {
      PruneValue(*items, item, path + "[" + std::to_string(index++) + "]", false, unknown);
    }
    return;
  }
  if (!value.is_object()) return;
  if (GetBool(schema, {"x-kubernetes-embedded-resource"}, false)) root = true;
  const Json& properties = GetObject(schema, {"properties"});
  const Json* additional = Find(schema, "additionalProperties");
  for (auto member = value.begin(); member != value.end();) {
    const std::string& name = member.key();
    std::string where = path.empty() ? name : path + "." + name;
    bool meta = root && (name == "apiVersion" || name == "kind" || name == "metadata");
    if (const Json* property = Find(properties, name); property != nullptr && !meta) {
      PruneValue(*property, *member, where, false, unknown);
    } else if (additional != nullptr && additional->is_object()) {
      PruneValue(*additional, *member, where, false, unknown);
    } else if (!meta && additional == nullptr && !PreservesUnknown(schema)) {
      unknown.push_back("unknown field \"" + where + "\"");
      member = value.erase(member);
      continue;
    }
    ++member;
  }
}

}  // namespace

Result<TypedObject> DecodeTyped(const JsonText& value, const Type& type, Wording wording) {
  Decoder decoder(wording);
  TypedObject out;
  out.object = decoder.DecodeMessage(value, type);
  if (decoder.error) return Fail(Code::kInvalid, *decoder.error);
  out.strict_errors = std::move(decoder.strict_errors);
  return out;
}

void CompleteTyped(const Type& type, Stage stage, Json& object) {
  for (const Field& field : type.fields) {
    auto member = object.find(field.name);
    if (member == object.end()) {
      AddZero(field, object);
      continue;
    }
    CompleteValue(field.type, stage, *member);
    if (!SettleField(field, stage, *member)) object.erase(member);
  }
}

std::vector<std::string> Prune(const Json& schema, Json& object) {
  std::vector<std::string> unknown;
  if (schema.is_object()) PruneValue(schema, object, "", true, unknown);
  return unknown;
}

}  // namespace weir::kube
