// JSON documents: the form in which Kubernetes objects travel and are kept. The one way in
// (ParseJson), the one way out (DumpJson), and reads that do not throw. The templates are
// instantiated once, in json.cc. Values, safe on any thread as any value is.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

extern template class nlohmann::basic_json<>;

namespace weir {

// Objects keep their keys sorted, so that equal documents print equal bytes.
using Json = nlohmann::json;

// Reads one document that fills the whole text. Depth is limited to 512 (kInvalid beyond). Errors
// name line and column. Of duplicate keys the last one counts, as in encoding/json.
Result<Json> ParseJson(std::string_view text);

// As ParseJson, and tells the paths of duplicate keys ("spec.replicas"), for strict decoding.
Result<Json> ParseJson(std::string_view text, std::vector<std::string>* duplicate_paths);

// Compact; bytes that are not UTF-8 become U+FFFD.
std::string DumpJson(const Json& value);
// Indented by `indent` blanks.
std::string DumpJson(const Json& value, int indent);

using JsonPath = std::initializer_list<std::string_view>;

// The value at the path of object keys, or null pointer where a step is absent or no object.
const Json* Find(const Json& value, JsonPath path);
const Json* Find(const Json& value, std::string_view key);
// As Find, creating objects on the way (replacing what is not an object).
Json& Ensure(Json& value, JsonPath path);
// Removes the last key of the path if it is there.
void Erase(Json& value, JsonPath path);

// The string, number or bool at the path; the fallback where it is absent or of another type.
std::string GetString(const Json& value, JsonPath path, std::string_view fallback = {});
std::string GetString(const Json& value, std::string_view key, std::string_view fallback = {});
std::optional<std::int64_t> GetInt(const Json& value, JsonPath path);
std::int64_t GetInt(const Json& value, JsonPath path, std::int64_t fallback);
bool GetBool(const Json& value, JsonPath path, bool fallback);

// The elements at the path; an empty array where it is absent or no array.
const Json& GetArray(const Json& value, JsonPath path);
const Json& GetObject(const Json& value, JsonPath path);

}  // namespace weir
