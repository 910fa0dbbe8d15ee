#include "kube/types.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.h"
#include "base/strings.h"
#include "kube/data_lines.h"

namespace weir::kube {

extern const std::string_view k_embedded_types_txt;

namespace {

struct ScalarName {
  std::string_view name;  // in data/types.txt
  Scalar scalar;
  std::string_view go;  // in Go's messages
};
constexpr ScalarName kScalars[] = {
    {"string", Scalar::kString, "string"},
    {"bool", Scalar::kBool, "bool"},
    {"int32", Scalar::kInt32, "int32"},
    {"int64", Scalar::kInt64, "int64"},
    {"double", Scalar::kDouble, "float64"},
    {"bytes", Scalar::kBytes, "[]uint8"},
    {"quantity", Scalar::kQuantity, "resource.Quantity"},
    {"int-or-string", Scalar::kIntOrString, "intstr.IntOrString"},
    {"time", Scalar::kTime, "v1.Time"},
    {"micro-time", Scalar::kMicroTime, "v1.MicroTime"},
    {"duration", Scalar::kDuration, "v1.Duration"},
    {"any", Scalar::kAny, "runtime.RawExtension"},
    {"schema-or-list", Scalar::kSchemaOrList, "v1.JSONSchemaPropsOrArray"},
    {"schema-or-bool", Scalar::kSchemaOrBool, "v1.JSONSchemaPropsOrBool"},
    {"schema-or-strings", Scalar::kSchemaOrStrings, "v1.JSONSchemaPropsOrStringArray"},
};

Shape TakeShape(std::string_view& text) {
  struct ShapeName {
    std::string_view prefix;
    Shape shape;
  };
  constexpr ShapeName kShapes[] = {
      {"list<", Shape::kList}, {"map<", Shape::kMap}, {"items<", Shape::kItems}};
  for (const ShapeName& shape : kShapes) {
    if (!text.starts_with(shape.prefix)) continue;
    text.remove_prefix(shape.prefix.size());
    text.remove_suffix(1);  // >
    return shape.shape;
  }
  return Shape::kOne;
}

std::uint16_t Number(std::string_view text) {
  std::uint16_t out = 0;
  if (text == "-") return out;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  WEIR_CHECK(error == std::errc());
  WEIR_CHECK(end == text.data() + text.size());
  return out;
}

void ReadPatchRules(std::string_view rules, Field& field) {
  while (!rules.empty()) {
    std::string_view rule = TakePiece(rules, ',');
    if (rule == "merge") {
      field.patch_merge = true;
    } else if (rule == "replace") {
      field.patch_replace = true;
    } else {
      WEIR_CHECK(rule == "retainKeys");
      field.patch_retain_keys = true;
    }
  }
}

// A field's words after its number.
void ReadFlags(std::string_view line, Field& field) {
  for (std::string_view word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
    if (word == "required") {
      field.required = true;
    } else if (word == "omitempty") {
      field.omit_empty = true;
    } else if (word == "omitzero") {
      field.omit_zero = true;
    } else if (TakeOption(word, "default")) {
      field.default_value = word;
    } else if (TakeOption(word, "enum")) {
      field.enum_values = word;
    } else if (TakeOption(word, "patch")) {
      ReadPatchRules(TakePiece(word, ':'), field);
      field.patch_key = word;
    } else if (TakeOption(word, "map")) {
      WEIR_CHECK(word == "atomic");
      field.map_atomic = true;
    } else {
      WEIR_CHECK(TakeOption(word, "list"));
      field.list_type = TakePiece(word, ':');
      field.list_keys = word;
    }
  }
}

}  // namespace

const Field* Type::Find(std::string_view field) const {
  for (const Field& candidate : fields) {
    if (candidate.name == field) return &candidate;
  }
  return nullptr;
}

std::string_view Type::GoName() const { return name.substr(name.rfind('/') + 1); }
std::string_view Type::BareName() const { return name.substr(name.rfind('.') + 1); }

const TypeTable& TypeTable::Get() {
  static const TypeTable kTable(k_embedded_types_txt);
  return kTable;
}

TypeTable::TypeTable(std::string_view text) {
  // First the names, so that a field can point to a type that comes later.
  std::string_view line;
  std::size_t field_count = 0;
  digest_ = Fnv1a(text);
  for (std::string_view rest = text; TakeLine(rest, line);) {
    if (line.starts_with("  ")) ++field_count;
    if (line.starts_with("package ")) {
      line.remove_prefix(8);
      const std::string_view path = TakeWord(line);
      packages_.emplace_back(path, TakeWord(line));
    }
    if (!line.starts_with("type ")) continue;
    line.remove_prefix(5);
    Type type;
    type.name = TakeWord(line);
    for (std::string_view word = TakeWord(line); !word.empty(); word = TakeWord(line)) {
      if (TakeOption(word, "kind")) type.kind_of = word;
      if (TakeOption(word, "map")) type.atomic = word == "atomic";
    }
    types_.push_back(type);
  }
  WEIR_CHECK(std::ranges::is_sorted(types_, {}, &Type::name));

  fields_.reserve(field_count);  // the types hold spans of it
  std::size_t at = 0;
  for (std::string_view rest = text; TakeLine(rest, line);) {
    if (line.starts_with("type ")) {
      types_[at++].fields = std::span<const Field>(fields_.data() + fields_.size(), 0);
    }
    if (!line.starts_with("  ")) continue;
    WEIR_CHECK(at > 0);
    Field field;
    field.name = TakeWord(line);
    std::string_view type = TakeWord(line);
    field.pointer = type.ends_with('?');
    if (field.pointer) type.remove_suffix(1);
    field.type.shape = TakeShape(type);
    field.type.element = TakeShape(type);
    const auto* scalar = std::ranges::find(kScalars, type, &ScalarName::name);
    if (scalar != std::end(kScalars)) {
      field.type.scalar = scalar->scalar;
    } else {
      const Type* message = Find(type);
      WEIR_CHECK(message != nullptr);
      field.type.scalar = Scalar::kMessage;
      field.type.message = static_cast<std::uint16_t>(message - types_.data());
    }
    std::string_view number = TakeWord(line);
    if (number.contains('.')) field.via = Number(TakePiece(number, '.'));
    field.number = Number(number);
    ReadFlags(line, field);
    fields_.push_back(field);
    Type& owner = types_[at - 1];
    owner.fields = std::span<const Field>(owner.fields.data(), owner.fields.size() + 1);
  }
}

const Type* TypeTable::Find(std::string_view name) const {
  auto found = std::ranges::lower_bound(types_, name, {}, &Type::name);
  return found != types_.end() && found->name == name ? &*found : nullptr;
}

const Type* TypeTable::FindKind(std::string_view api_version, std::string_view kind) const {
  for (const Type& type : types_) {
    if (type.kind_of.empty() || type.BareName() != kind) continue;
    for (std::string_view rest = type.kind_of; !rest.empty();) {
      if (TakePiece(rest, ',') == api_version) return &type;
    }
  }
  return nullptr;
}

std::string TypeTable::OpenApiName(const Type& type) const {
  const std::string_view path = type.name.substr(0, type.name.rfind('.'));
  const auto found = std::ranges::find(packages_, path, &decltype(packages_)::value_type::first);
  WEIR_CHECK(found != packages_.end());
  return std::string(found->second) + "." + std::string(type.BareName());
}

std::string TypeTable::GoName(const ValueType& type) const {
  switch (type.shape) {
    case Shape::kItems:
      return "v1.ExtraValue";  // the one type of this shape
    case Shape::kList:
      return "[]" + GoName(type.Element());
    case Shape::kMap:
      // Maps of quantities have a name of their own.
      if (type.scalar == Scalar::kQuantity) return "v1.ResourceList";
      return "map[string]" + GoName(type.Element());
    case Shape::kOne:
      break;
  }
  if (type.scalar == Scalar::kMessage) return std::string(types_[type.message].GoName());
  return std::string(std::ranges::find(kScalars, type.scalar, &ScalarName::scalar)->go);
}

}  // namespace weir::kube
