// Custom resources against their OpenAPI v3 schema, in the words of kube-openapi's validator.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "base/time.h"
#include "kube/validation.h"

namespace weir::kube {
namespace {

std::string_view JsonType(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::boolean:
      return "boolean";
    case Json::value_t::string:
      return "string";
    case Json::value_t::array:
      return "array";
    case Json::value_t::object:
      return "object";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "integer";
    case Json::value_t::number_float:
    case Json::value_t::binary:
    case Json::value_t::discarded:
      break;
  }
  return "number";
}

FieldError InBody(const std::string& path, const Json& value, const std::string& what) {
  return Invalid(path, value, fmt::format("{} in body {}", path, what));
}

FieldError WrongType(const std::string& path, std::string_view wanted, std::string_view shown) {
  FieldError error =
      InvalidText(path, Quote(shown),
                  fmt::format("{} in body must be of type {}: {}", path, wanted, Quote(shown)));
  error.type = "FieldValueTypeInvalid";
  return error;
}

FieldError Unchecked(const std::string& path, std::string_view wanted) {
  return InvalidText("<nil>", "\"\"",
                     fmt::format("Checked value must be of type {} in {}", wanted, path));
}

bool IsWhole(const Json& value) {
  return value.is_number_integer() ||
         (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>());
}

// Whether the value's type is the schema's; the error is added if not.
bool CheckType(FieldErrors& errors, const Json& schema, const Json& value,
               const std::string& path) {
  if (GetBool(schema, {"x-kubernetes-int-or-string"}, false)) {
    if (value.is_string() || IsWhole(value)) return true;
    errors.push_back(WrongType(path, "integer,string", JsonType(value)));
    return false;
  }
  std::string type = GetString(schema, "type");
  if (type.empty()) return true;
  if (value.is_null() && GetBool(schema, {"nullable"}, false)) return false;  // nothing to check
  std::string_view actual = JsonType(value);
  bool fits = actual == type || (type == "number" && value.is_number()) ||
              (type == "integer" && IsWhole(value));
  if (fits) return true;
  errors.push_back(WrongType(path, type, actual));
  if (type == "integer" && value.is_number()) {
    errors.push_back(Unchecked(path, "integer (default format)"));
  }
  return false;
}

void CheckNumber(FieldErrors& errors, const Json& schema, const Json& value,
                 const std::string& path) {
  std::string format = GetString(schema, "format");
  double number = value.get<double>();
  if (GetString(schema, "type") == "integer" && format == "int32" &&
      (number > 2147483647.0 || number < -2147483648.0)) {
    errors.push_back(Unchecked(path, "integer with format int32"));
  }
  if (const Json* limit = Find(schema, "maximum"); limit != nullptr && limit->is_number()) {
    bool exclusive = GetBool(schema, {"exclusiveMaximum"}, false);
    double bound = limit->get<double>();
    if (exclusive ? number >= bound : number > bound) {
      errors.push_back(InBody(path, value,
                              fmt::format("should be less than {}{}",
                                          exclusive ? "" : "or equal to ", DumpJson(*limit))));
    }
  }
  if (const Json* limit = Find(schema, "minimum"); limit != nullptr && limit->is_number()) {
    bool exclusive = GetBool(schema, {"exclusiveMinimum"}, false);
    double bound = limit->get<double>();
    if (exclusive ? number <= bound : number < bound) {
      errors.push_back(InBody(path, value,
                              fmt::format("should be greater than {}{}",
                                          exclusive ? "" : "or equal to ", DumpJson(*limit))));
    }
  }
  if (const Json* factor = Find(schema, "multipleOf"); factor != nullptr && factor->is_number()) {
    double quotient = number / factor->get<double>();
    if (std::abs(quotient - std::round(quotient)) > 1e-9) {
      errors.push_back(
          InBody(path, value, fmt::format("should be a multiple of {}", DumpJson(*factor))));
    }
  }
}

std::int64_t Characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; });
}

void CheckString(FieldErrors& errors, const Json& schema, const Json& value,
                 const std::string& path) {
  const auto& text = value.get_ref<const std::string&>();
  std::optional<std::int64_t> longest = GetInt(schema, {"maxLength"});
  if (longest && Characters(text) > *longest) errors.push_back(TooLong(path, *longest));
  std::optional<std::int64_t> shortest = GetInt(schema, {"minLength"});
  if (shortest && Characters(text) < *shortest) {
    errors.push_back(
        InBody(path, value, fmt::format("should be at least {} chars long", *shortest)));
  }
  std::string pattern = GetString(schema, "pattern");
  if (!pattern.empty()) {
    re2::RE2 expression(pattern, re2::RE2::Quiet);
    if (expression.ok() && !re2::RE2::PartialMatch(text, expression)) {
      errors.push_back(InBody(path, value, fmt::format("should match '{}'", pattern)));
    }
  }
  std::string format = GetString(schema, "format");
  bool fits = true;
  if (format == "date-time") fits = ParseRfc3339(text).has_value();
  if (format == "date") fits = ParseRfc3339(text + "T00:00:00Z").has_value();
  if (format == "duration") fits = ParseGoDuration(text).has_value();
  if (!fits) errors.push_back(WrongType(path, format, text));
}

// The values of an element's key fields, for lists that are maps.
Json ListKey(const Json& item, const Json& keys) {
  Json out = Json::object();
  for (const Json& key : keys) {
    if (!key.is_string()) continue;
    const Json* value = Find(item, key.get_ref<const std::string&>());
    if (value != nullptr) out[key.get<std::string>()] = *value;
  }
  return out;
}

void CheckArray(FieldErrors& errors, const Json& schema, const Json& value,
                const std::string& path) {
  std::optional<std::int64_t> most = GetInt(schema, {"maxItems"});
  if (most && std::int64_t(value.size()) > *most) {
    errors.push_back(TooMany(path, value.size(), *most));
  }
  std::optional<std::int64_t> least = GetInt(schema, {"minItems"});
  if (least && std::int64_t(value.size()) < *least) {
    errors.push_back(InBody(path, value, fmt::format("should have at least {} items", *least)));
  }
  const Json* items = Find(schema, "items");
  std::string list_type = GetString(schema, "x-kubernetes-list-type");
  std::set<Json> seen;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (items != nullptr) Append(errors, ValidateSchema(*items, value[i], Index(path, i)));
    if (list_type == "set" && !seen.insert(value[i]).second) {
      errors.push_back(Duplicate(Index(path, i), value[i]));
    }
    if (list_type == "map") {
      Json key = ListKey(value[i], GetArray(schema, {"x-kubernetes-list-map-keys"}));
      if (!seen.insert(key).second) errors.push_back(Duplicate(Index(path, i), key));
    }
  }
}

void CheckObject(FieldErrors& errors, const Json& schema, const Json& value,
                 const std::string& path) {
  for (const Json& key : GetArray(schema, {"required"})) {
    if (!key.is_string() || value.contains(key.get_ref<const std::string&>())) continue;
    errors.push_back(Required(Child(path, key.get_ref<const std::string&>())));
  }
  std::optional<std::int64_t> most = GetInt(schema, {"maxProperties"});
  if (most && std::int64_t(value.size()) > *most) {
    errors.push_back(TooMany(path, value.size(), *most));
  }
  std::optional<std::int64_t> least = GetInt(schema, {"minProperties"});
  if (least && std::int64_t(value.size()) < *least) {
    errors.push_back(
        InBody(path, value, fmt::format("should have at least {} properties", *least)));
  }
  const Json& properties = GetObject(schema, {"properties"});
  const Json* additional = Find(schema, "additionalProperties");
  for (const auto& [key, item] : value.items()) {
    const Json* property = Find(properties, key);
    if (property == nullptr && additional != nullptr && additional->is_object()) {
      property = additional;
    }
    if (property != nullptr) Append(errors, ValidateSchema(*property, item, Child(path, key)));
  }
}

void CheckCombined(FieldErrors& errors, const Json& schema, const Json& value,
                   const std::string& path) {
  for (const Json& part : GetArray(schema, {"allOf"})) {
    Append(errors, ValidateSchema(part, value, path));
  }
  auto fitting = [&](const Json& parts) {
    return std::count_if(parts.begin(), parts.end(), [&](const Json& part) {
      return ValidateSchema(part, value, path).empty();
    });
  };
  const Json& any = GetArray(schema, {"anyOf"});
  if (!any.empty() && fitting(any) == 0) {
    errors.push_back(InvalidText(
        path, "\"\"", fmt::format("{} in body must validate at least one schema (anyOf)", path)));
  }
  const Json& one = GetArray(schema, {"oneOf"});
  if (!one.empty() && fitting(one) != 1) {
    errors.push_back(
        InvalidText(path, "\"\"",
                    fmt::format("{} in body must validate one and only one schema (oneOf)", path)));
  }
  const Json* negated = Find(schema, "not");
  if (negated != nullptr && ValidateSchema(*negated, value, path).empty()) {
    errors.push_back(InvalidText(
        path, "\"\"", fmt::format("{} in body must not validate the schema (not)", path)));
  }
}

}  // namespace

FieldErrors ValidateSchema(const Json& schema, const Json& value, const std::string& path) {
  FieldErrors errors;
  if (!schema.is_object() || !CheckType(errors, schema, value, path)) return errors;
  const Json& allowed = GetArray(schema, {"enum"});
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    std::string list = "supported values: ";
    for (std::size_t i = 0; i < allowed.size(); ++i) {
      if (i > 0) list += ", ";
      list += Printed(allowed[i]);
    }
    errors.push_back({"FieldValueNotSupported", path,
                      fmt::format("Unsupported value: {}: {}", Printed(value), list)});
  }
  if (value.is_number()) {
    CheckNumber(errors, schema, value, path);
  } else if (value.is_string()) {
    CheckString(errors, schema, value, path);
  } else if (value.is_array()) {
    CheckArray(errors, schema, value, path);
  } else if (value.is_object()) {
    CheckObject(errors, schema, value, path);
  }
  CheckCombined(errors, schema, value, path);
  return errors;
}

}  // namespace weir::kube
