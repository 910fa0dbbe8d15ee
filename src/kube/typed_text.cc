#include "kube/typed_text.h"

namespace weir::kube {
namespace {

void Append(std::string& out, const Json& value, const Type& type);

void Append(std::string& out, const Json& value, const ValueType& type) {
  const bool plain = type.scalar != Scalar::kMessage;
  const bool map = type.shape == Shape::kMap;
  if (plain || (type.shape != Shape::kOne && value.is_object() != map)) {
    out += DumpJson(value);
  } else if (type.shape == Shape::kOne) {
    Append(out, value, TypeTable::Get().at(type.message));
  } else if (map) {
    char separator = '{';
    for (const auto& [key, element] : value.items()) {
      out += separator + DumpJson(Json(key)) + ":";
      Append(out, element, type.Element());
      separator = ',';
    }
    out += separator == '{' ? "{}" : "}";
  } else if (value.is_array()) {
    char separator = '[';
    for (const Json& element : value) {
      out += separator;
      Append(out, element, type.Element());
      separator = ',';
    }
    out += separator == '[' ? "[]" : "]";
  } else {
    out += DumpJson(value);
  }
}

void Append(std::string& out, const Json& value, const Type& type) {
  if (!value.is_object()) {
    out += DumpJson(value);
    return;
  }
  char separator = '{';
  const auto key = [&](std::string_view name) {
    out += separator + DumpJson(Json(name)) + ":";
    separator = ',';
  };
  for (const Field& field : type.fields) {
    const Json* member = Find(value, field.name);
    if (member == nullptr) continue;
    key(field.name);
    Append(out, *member, field.type);
  }
  for (const auto& [name, member] : value.items()) {
    if (type.Find(name) != nullptr) continue;
    key(name);
    out += DumpJson(member);
  }
  out += separator == '{' ? "{}" : "}";
}

}  // namespace

std::string DumpTyped(const Json& value, const Type& type) {
  std::string out;
  Append(out, value, type);
  return out;
}

}  // namespace weir::kube
