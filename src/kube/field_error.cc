#include "kube/field_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace weir::kube {
namespace {

std::string Worded(std::string_view kind, std::string_view printed, std::string_view detail) {
  std::string text = fmt::format("{}: {}", kind, printed);
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

void PrintOrderedTo(const Json& value, const std::vector<std::string_view>& order,
                    std::string& out) {
  if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      PrintOrderedTo(value[i], order, out);
    }
    out += ']';
    return;
  }
  if (!value.is_object()) {
    out += DumpJson(value);
    return;
  }
  bool first = true;
  auto put = [&](const std::string& key, const Json& item) {
    if (!first) out += ',';
    first = false;
    out += DumpJson(Json(key)) + ":";
    if (key == "matchLabels") {  // a map, not a struct
      out += DumpJson(item);
    } else {
      PrintOrderedTo(item, order, out);
    }
  };
  out += '{';
  for (std::string_view key : order) {
    if (const Json* item = Find(value, key)) put(std::string(key), *item);
  }
  for (const auto& [key, item] : value.items()) {
    if (std::find(order.begin(), order.end(), key) == order.end()) put(key, item);
  }
  out += '}';
}

}  // namespace

std::string Child(std::string_view path, std::string_view name) {
  if (path.empty()) return std::string(name);
  std::string out;
  out.reserve(path.size() + 1 + name.size());
  return out.append(path).append(1, '.').append(name);
}

std::string Index(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string MapKey(std::string_view path, std::string_view key) {
  return fmt::format("{}[{}]", path, key);
}

std::string Printed(const Json& value) {
  return value.is_string() ? Quote(value.get_ref<const std::string&>()) : DumpJson(value);
}

std::string PrintedOrdered(const Json& value, const std::vector<std::string_view>& order) {
  std::string out;
  PrintOrderedTo(value, order, out);
  return out;
}

FieldError Required(std::string field, std::string_view detail) {
  std::string text = "Required value";
  if (!detail.empty()) text.append(": ").append(detail);
  return {"FieldValueRequired", std::move(field), std::move(text)};
}

FieldError Invalid(std::string field, const Json& value, std::string_view detail) {
  return InvalidText(std::move(field), Printed(value), detail);
}

FieldError InvalidText(std::string field, std::string_view printed, std::string_view detail) {
  return {"FieldValueInvalid", std::move(field), Worded("Invalid value", printed, detail)};
}

FieldError NotSupported(std::string field, const Json& value,
                        const std::vector<std::string_view>& supported) {
  return NotSupportedText(std::move(field), Printed(value), supported);
}

FieldError NotSupportedText(std::string field, std::string_view printed,
                            const std::vector<std::string_view>& supported) {
  std::string detail = "supported values: ";
  for (std::size_t i = 0; i < supported.size(); ++i) {
    if (i > 0) detail += ", ";
    detail += Quote(supported[i]);
  }
  return {"FieldValueNotSupported", std::move(field), Worded("Unsupported value", printed, detail)};
}

FieldError Forbidden(std::string field, std::string_view detail) {
  return {"FieldValueForbidden", std::move(field), fmt::format("Forbidden: {}", detail)};
}

FieldError Duplicate(std::string field, const Json& value) {
  return DuplicateText(std::move(field), Printed(value));
}

FieldError DuplicateText(std::string field, std::string_view printed, std::string_view detail) {
  return {"FieldValueDuplicate", std::move(field), Worded("Duplicate value", printed, detail)};
}

FieldError NotFoundValue(std::string field, const Json& value, std::string_view detail) {
  return {"FieldValueNotFound", std::move(field), Worded("Not found", Printed(value), detail)};
}

FieldError TooLong(std::string field, std::int64_t limit) {
  return {"FieldValueTooLong", std::move(field),
          fmt::format("Too long: may not be more than {} bytes", limit)};
}

FieldError TooMany(std::string field, std::size_t actual, std::int64_t limit) {
  return {"FieldValueTooMany", std::move(field),
          fmt::format("Too many: {}: must have at most {} items", actual, limit)};
}

void AddInvalid(FieldErrors& errors, const std::string& field, const Json& value,
                const std::vector<std::string>& messages) {
  for (const std::string& message : messages) errors.push_back(Invalid(field, value, message));
}

void CheckOneOf(FieldErrors& errors, std::string field, const std::string& value,
                const std::vector<std::string_view>& supported) {
  if (std::find(supported.begin(), supported.end(), value) != supported.end()) return;
  errors.push_back(NotSupported(std::move(field), value, supported));
}

void CheckNonNegative(FieldErrors& errors, std::string field, const Json* value) {
  if (value == nullptr || !value->is_number_integer() || value->get<std::int64_t>() >= 0) return;
  errors.push_back(Invalid(std::move(field), *value, "must be greater than or equal to 0"));
}

void Append(FieldErrors& errors, FieldErrors more) {
  std::move(more.begin(), more.end(), std::back_inserter(errors));
}

}  // namespace weir::kube
