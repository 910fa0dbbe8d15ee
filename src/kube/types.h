// The types of the API as a table: fields, protobuf numbers, merge keys. Read once from
// data/types.txt, which is part of the program and which people read too
// (docs/formats/kube-types.md). Immutable, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::kube {

enum class Scalar : std::uint8_t {
  kString,
  kBool,
  kInt32,
  kInt64,
  kDouble,
  kBytes,  // base64 in JSON
  kQuantity,
  kIntOrString,
  kTime,          // RFC 3339, whole seconds
  kMicroTime,     // RFC 3339, six digits of a second
  kDuration,      // Go's text
  kAny,           // any JSON
  kSchemaOrList,  // the three unions of JSON schemas, without types of their own
  kSchemaOrBool,
  kSchemaOrStrings,
  kMessage,  // a type of the table
};

// How values of one type make up a field: list<T>, map<T> (string keys), items<T> (a list in JSON,
// a message with field 1 repeated in protobuf).
enum class Shape : std::uint8_t { kOne, kList, kMap, kItems };

struct ValueType {
  Shape shape = Shape::kOne;
  Shape element = Shape::kOne;  // map<items<string>> alone needs a second one
  Scalar scalar = Scalar::kString;
  std::uint16_t message = 0;  // index of the type, where the scalar is kMessage

  bool IsMessage() const { return shape == Shape::kOne && scalar == Scalar::kMessage; }
  // The type of the list's or map's elements.
  ValueType Element() const { return {element, Shape::kOne, scalar, message}; }
};

struct Field {
  std::string_view name;
  ValueType type;
  std::uint16_t number = 0;  // of protobuf; 0: travels outside of the message
  std::uint16_t via = 0;     // number of the message around it that JSON does not show, or 0
  bool pointer = false;      // absent differs from zero
  bool omit_empty = false;   // Go leaves an empty scalar, list or map out
  bool omit_zero = false;    // and an empty struct or time too
  bool required = false;
  // Strategic merge: the list's elements are merged; the map is replaced; a patch may name the keys
  // to keep.
  bool patch_merge = false;
  bool patch_replace = false;
  bool patch_retain_keys = false;
  std::string_view patch_key;      // strategic merge; empty: a list of plain values
  std::string_view list_type;      // server-side apply: atomic, set, map
  std::string_view list_keys;      // separated by commas
  bool map_atomic = false;         // server-side apply owns and replaces the map as a whole
  std::string_view default_value;  // as OpenAPI tells it
  std::string_view enum_values;    // separated by `|`
};

struct Type {
  std::string_view name;     // "apps/v1.DeploymentSpec"
  std::string_view kind_of;  // group versions in which it is a kind, separated by commas
  std::span<const Field> fields;
  bool atomic = false;  // server-side apply owns and replaces it as a whole

  const Field* Find(std::string_view field) const;
  // As Go's messages print it: "v1.DeploymentSpec", and without the package.
  std::string_view GoName() const;
  std::string_view BareName() const;
};

class TypeTable {
 public:
  // The table of data/types.txt, read at the first call.
  static const TypeTable& Get();

  // Parses the format; our own data file is the only input, so that a mistake in it stops the
  // program with its line. The text must outlive the table.
  explicit TypeTable(std::string_view text);
  TypeTable(const TypeTable&) = delete;
  TypeTable& operator=(const TypeTable&) = delete;
  ~TypeTable() = default;

  std::span<const Type> types() const { return types_; }
  const Type& at(std::uint16_t index) const { return types_[index]; }
  // Null for names that the table does not have.
  const Type* Find(std::string_view name) const;
  // The type of a kind: FindKind("apps/v1", "Deployment").
  const Type* FindKind(std::string_view api_version, std::string_view kind) const;

  // Its name in OpenAPI documents: "io.k8s.api.apps.v1.DeploymentSpec".
  std::string OpenApiName(const Type& type) const;
  // Of the text that it was read from.
  std::uint64_t digest() const { return digest_; }

  // Go's name of a field's type: `[]v1.Container`, `map[string]string`, `int32`.
  std::string GoName(const ValueType& type) const;

 private:
  std::vector<Field> fields_;
  std::vector<Type> types_;                                              // by name
  std::vector<std::pair<std::string_view, std::string_view>> packages_;  // path, OpenAPI's prefix
  std::uint64_t digest_ = 0;
};

}  // namespace weir::kube
