// Bodies in Kubernetes' protobuf form (codec.h):
//
//   body    := "k8s\0" Unknown
//   Unknown := 1: TypeMeta{1: apiVersion, 2: kind}  2: the object's message
//   message := fields, each a tag (number * 8 + wire type) and a value
//
// Well-known messages: Quantity{1: text}; IntOrString{1: 0 int, 1 string; 2: int; 3: string};
// Time{1: seconds, 2: nanoseconds}; Duration{1: nanoseconds}; RawExtension and JSON{1: JSON bytes};
// a map's entry{1: key, 2: value}.
#include <bit>
#include <cstdint>
#include <optional>
#include <string>

#include "base/strings.h"
#include "base/time.h"
#include "kube/codec.h"
#include "kube/decode.h"
#include "kube/quantity.h"
#include "kube/types.h"

namespace weir::kube {
namespace {

constexpr std::string_view kMagic("k8s\0", 4);
constexpr int kMaxDepth = 128;
constexpr std::string_view kSchemaType = "apiextensions/v1.JSONSchemaProps";

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Item {
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t value = 0;  // of varints and fixed ones
  std::string_view bytes;
};

// Reads the fields of one message in order.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // False at the end and for broken bytes; `broken` tells which.
  bool Next(Item& item) {
    if (rest_.empty()) return false;
    std::uint64_t tag = 0;
    if (!TakeVarint(tag) || tag < 8) return Break();
    item.number = tag >> 3U;
    switch (tag & 7U) {
      case 0:
        item.wire = Wire::kVarint;
        return TakeVarint(item.value) || Break();
      case 1:
        item.wire = Wire::kFixed64;
        return TakeFixed(8, item.value) || Break();
      case 2: {
        item.wire = Wire::kBytes;
        std::uint64_t size = 0;
        if (!TakeVarint(size) || size > rest_.size()) return Break();
        item.bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
      }
      case 5:
        item.wire = Wire::kFixed32;
        return TakeFixed(4, item.value) || Break();
      default:
        return Break();
    }
  }

  bool TakeVarint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool AtEnd() const { return rest_.empty(); }
  bool broken() const { return broken_; }

 private:
  bool Break() {
    broken_ = true;
    return false;
  }

  bool TakeFixed(std::size_t size, std::uint64_t& value) {
    if (rest_.size() < size) return false;
    value = 0;
    for (std::size_t i = size; i > 0; --i) {
      value = (value << 8U) | static_cast<unsigned char>(rest_[i - 1]);
    }
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  bool broken_ = false;
};

class Decoder {
 public:
  Json Message(std::string_view bytes, const Type& type) {
    Json out = Json::object();
    ReadMessage(bytes, type, 0, out);
    return out;
  }

  std::optional<std::string> error;

 private:
  void Refuse(std::string message) {
    if (!error) error = std::move(message);
  }

  // `via`: reads the fields of a message that JSON does not show, into the object around it.
  void ReadMessage(std::string_view bytes, const Type& type, std::uint64_t via, Json& out) {
    if (depth_ >= kMaxDepth) return Refuse("proto: message is nested too deeply");
    ++depth_;
    Reader reader(bytes);
    Item item;
    while (!error && reader.Next(item)) {
      const Field* inlined = nullptr;
      const Field* found = nullptr;
      for (const Field& field : type.fields) {
        if (field.number == 0) continue;
        if (via == 0 && field.via == item.number) inlined = &field;
        if (field.via == via && field.number == item.number) found = &field;
      }
      if (found != nullptr) {
        ReadField(item, *found, out);
      } else if (inlined != nullptr && item.wire == Wire::kBytes) {
        ReadMessage(item.bytes, type, item.number, out);
      }
    }
    if (reader.broken()) Refuse("unexpected EOF");
    --depth_;
  }

  void ReadField(const Item& item, const Field& field, Json& out) {
    std::string name(field.name);
    switch (field.type.shape) {
      case Shape::kOne:
        out[name] = Scalar(item, field.type);
        return;
      case Shape::kList:
        ReadElement(item, field.type, Slot(out, name, Json::array()));
        return;
      case Shape::kItems:
        out[name] = Items(item.bytes, field.type.Element());
        return;
      case Shape::kMap:
        ReadEntry(item.bytes, field.type, Slot(out, name, Json::object()));
        return;
    }
  }

  static Json& Slot(Json& out, const std::string& name, Json empty) {
    Json& slot = out[name];
    if (slot.is_null()) slot = std::move(empty);
    return slot;
  }

  void ReadElement(const Item& item, const ValueType& type, Json& list) {
    bool number = type.scalar == kube::Scalar::kInt32 || type.scalar == kube::Scalar::kInt64;
    if (!number || item.wire != Wire::kBytes) {
      list.push_back(Scalar(item, type.Element()));
      return;
    }
    // Packed numbers.
    Reader reader(item.bytes);
    while (!reader.AtEnd()) {
      Item one;
      if (!reader.TakeVarint(one.value)) return Refuse("unexpected EOF");
      list.push_back(Scalar(one, type.Element()));
    }
  }

  Json Items(std::string_view bytes, const ValueType& type) {
    Json out = Json::array();
    Reader reader(bytes);
    Item item;
    while (reader.Next(item)) {
      if (item.number == 1) out.push_back(Scalar(item, type));
    }
    if (reader.broken()) Refuse("unexpected EOF");
    return out;
  }

  void ReadEntry(std::string_view bytes, const ValueType& type, Json& map) {
    std::string key;
    Item empty;
    empty.wire = Wire::kBytes;
    Item value = empty;
    Reader reader(bytes);
    Item item;
    while (reader.Next(item)) {
      if (item.number == 1) key = std::string(item.bytes);
      if (item.number == 2) value = item;
    }
    if (reader.broken()) return Refuse("unexpected EOF");
    if (!IsUtf8(key)) return Refuse("proto: invalid UTF-8 in a map's key");
    const ValueType element = type.Element();
    map[key] = element.shape == Shape::kItems ? Items(value.bytes, element.Element())
                                              : Scalar(value, element);
  }

  Json Text(std::string_view bytes) {
    if (!IsUtf8(bytes)) Refuse("proto: a string holds invalid UTF-8");
    return bytes;
  }

  // The small messages' fields by number.
  struct Small {
    std::uint64_t numbers[4] = {};
    std::string_view bytes[4];
  };
  Small ReadSmall(std::string_view bytes) {
    Small out;
    Reader reader(bytes);
    Item item;
    while (reader.Next(item)) {
      if (item.number > 3) continue;
      out.numbers[item.number] = item.value;
      out.bytes[item.number] = item.wire == Wire::kBytes ? item.bytes : std::string_view();
    }
    if (reader.broken()) Refuse("unexpected EOF");
    return out;
  }

  Json Scalar(const Item& item, const ValueType& type) {
    switch (type.scalar) {
      case kube::Scalar::kString:
        return Text(item.bytes);
      case kube::Scalar::kBool:
        return item.value != 0;
      case kube::Scalar::kInt32:
        return static_cast<std::int32_t>(item.value);
      case kube::Scalar::kInt64:
        return static_cast<std::int64_t>(item.value);
      case kube::Scalar::kDouble:
        return std::bit_cast<double>(item.value);
      case kube::Scalar::kBytes:
        return Base64Encode(item.bytes);
      case kube::Scalar::kQuantity:
        return QuantityText(item.bytes);
      case kube::Scalar::kIntOrString: {
        Small small = ReadSmall(item.bytes);
        if (small.numbers[1] != 0) return Text(small.bytes[3]);
        return static_cast<std::int32_t>(small.numbers[2]);
      }
      case kube::Scalar::kTime:
      case kube::Scalar::kMicroTime:
        return TimeText(item.bytes, type.scalar == kube::Scalar::kMicroTime);
      case kube::Scalar::kDuration:
        return FormatGoDuration(
            Duration(static_cast<std::int64_t>(ReadSmall(item.bytes).numbers[1])));
      case kube::Scalar::kAny:
        return Raw(item.bytes);
      case kube::Scalar::kSchemaOrList:
      case kube::Scalar::kSchemaOrBool:
      case kube::Scalar::kSchemaOrStrings:
        return SchemaUnion(item.bytes, type.scalar);
      case kube::Scalar::kMessage:
        break;
    }
    Json out = Json::object();
    ReadMessage(item.bytes, TypeTable::Get().at(type.message), 0, out);
    return out;
  }

  Json QuantityText(std::string_view bytes) {
    std::string_view text = ReadSmall(bytes).bytes[1];
    if (text.empty()) return "0";
    Result<Quantity> quantity = Quantity::Parse(text);
    if (quantity) return quantity->ToString();
    Refuse(quantity.error().message);
    return nullptr;
  }

  Json TimeText(std::string_view bytes, bool micro) {
    Small small = ReadSmall(bytes);
    auto seconds = static_cast<std::int64_t>(small.numbers[1]);
    auto nanos = static_cast<std::int32_t>(small.numbers[2]);
    if (seconds == 0 && nanos == 0) return nullptr;  // Go's zero time
    // What nanoseconds of 64 bits hold.
    constexpr std::int64_t kMostSeconds = 9'200'000'000;
    constexpr std::int32_t kNanosPerSecond = 1'000'000'000;
    if (seconds > kMostSeconds || seconds < -kMostSeconds || nanos < 0 ||
        nanos >= kNanosPerSecond) {
      Refuse("proto: time out of range");
      return nullptr;
    }
    Time time{std::chrono::seconds(seconds) + Duration(nanos)};
    return micro ? FormatRfc3339Micro(time) : FormatRfc3339(time);
  }

  Json Raw(std::string_view bytes) {
    std::string_view text = ReadSmall(bytes).bytes[1];
    if (text.empty()) return nullptr;
    Result<Json> value = ParseJson(text);
    if (value) return std::move(*value);
    Refuse(value.error().message);
    return nullptr;
  }

  // JSONSchemaPropsOrArray{1: schema, 2: schemas}, ...OrBool{1: bool, 2: schema},
  // ...OrStringArray{1: schema, 2: strings}.
  Json SchemaUnion(std::string_view bytes, kube::Scalar scalar) {
    const Type& schema = *TypeTable::Get().Find(kSchemaType);
    bool or_bool = scalar == kube::Scalar::kSchemaOrBool;
    Json out = or_bool ? Json(false) : Json::array();
    Reader reader(bytes);
    Item item;
    while (reader.Next(item)) {
      Json value = Json::object();
      if (or_bool && item.number == 1) {
        value = item.value != 0;
      } else if (scalar == kube::Scalar::kSchemaOrStrings && item.number == 2) {
        value = Text(item.bytes);
      } else {
        ReadMessage(item.bytes, schema, 0, value);
      }
      if (!or_bool && item.number == 2) {
        if (out.is_array()) out.push_back(std::move(value));
      } else {
        out = std::move(value);
      }
    }
    if (reader.broken()) Refuse("unexpected EOF");
    return out;
  }

  int depth_ = 0;
};

}  // namespace

Result<Json> DecodeProtobuf(std::string_view body) {
  if (!body.starts_with(kMagic)) {
    return Fail(Code::kInvalid,
                "provided data does not appear to be a protobuf message, expected prefix "
                "[107 56 115 0]");
  }
  body.remove_prefix(kMagic.size());
  std::string api_version;
  std::string kind;
  std::string_view raw;
  Reader reader(body);
  Item item;
  while (reader.Next(item)) {
    if (item.number == 2) raw = item.bytes;
    if (item.number != 1) continue;
    Reader meta(item.bytes);
    Item part;
    while (meta.Next(part)) {
      if (part.number == 1) api_version = part.bytes;
      if (part.number == 2) kind = part.bytes;
    }
  }
  if (reader.broken()) return Fail(Code::kInvalid, "unexpected EOF");
  const Type* type = TypeTable::Get().FindKind(api_version, kind);
  if (type == nullptr) {
    return Fail(Code::kInvalid, "no kind " + Quote(kind) + " is registered for version " +
                                    Quote(api_version) + " in protobuf");
  }
  Decoder decoder;
  Json object = decoder.Message(raw, *type);
  if (decoder.error) return Fail(Code::kInvalid, *decoder.error);
  CompleteTyped(*type, Stage::kDecoding, object);
  object["apiVersion"] = api_version;
  object["kind"] = kind;
  return object;
}

}  // namespace weir::kube
