// How validation names a field and words what is wrong with it: field.Path and field.Error of
// apimachinery. Internal to kube's validation_*.cc. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kube/strategy.h"

namespace weir::kube {

using FieldErrors = std::vector<FieldError>;

// `spec` + `ports` is "spec.ports"; the empty path is the root.
std::string Child(std::string_view path, std::string_view name);
std::string Index(std::string_view path, std::size_t index);      // ports[0]
std::string MapKey(std::string_view path, std::string_view key);  // limits[cpu]

// The value as field.Error prints it: strings quoted, all else as JSON.
std::string Printed(const Json& value);
// As JSON with the keys in the order of `order` (a Go struct's order), others after, at every
// level.
std::string PrintedOrdered(const Json& value, const std::vector<std::string_view>& order);

FieldError Required(std::string field, std::string_view detail = {});
FieldError Invalid(std::string field, const Json& value, std::string_view detail);
// Where the value's text does not follow from its JSON.
FieldError InvalidText(std::string field, std::string_view printed, std::string_view detail);
// Supported values in the order given.
FieldError NotSupported(std::string field, const Json& value,
                        const std::vector<std::string_view>& supported);
FieldError NotSupportedText(std::string field, std::string_view printed,
                            const std::vector<std::string_view>& supported);
FieldError Forbidden(std::string field, std::string_view detail);
FieldError Duplicate(std::string field, const Json& value);
FieldError DuplicateText(std::string field, std::string_view printed, std::string_view detail = {});
FieldError NotFoundValue(std::string field, const Json& value, std::string_view detail = {});
FieldError TooLong(std::string field, std::int64_t limit);
FieldError TooMany(std::string field, std::size_t actual, std::int64_t limit);

// One Invalid for each message.
void AddInvalid(FieldErrors& errors, const std::string& field, const Json& value,
                const std::vector<std::string>& messages);
// Unless the value is one of `supported`.
void CheckOneOf(FieldErrors& errors, std::string field, const std::string& value,
                const std::vector<std::string_view>& supported);
// Unless absent or >= 0.
void CheckNonNegative(FieldErrors& errors, std::string field, const Json* value);

void Append(FieldErrors& errors, FieldErrors more);

}  // namespace weir::kube
