// JSON as it was written: members in their order and as often as they came, numbers by their
// digits. Base's Json keeps neither, and strict decoding tells of both. Errors are worded as
// encoding/json words them. Values and pure functions, any thread; values point into the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::kube {

struct JsonMember;

struct JsonText {
  enum class Kind { kNull, kBool, kNumber, kString, kObject, kArray };

  Kind kind = Kind::kNull;
  std::string_view raw;             // the value's own text
  std::vector<JsonMember> members;  // of an object
  std::vector<JsonText> items;      // of an array

  const JsonText* Find(std::string_view name) const;  // the last of that name, or null
  // What Go's messages call it: object, array, string, number, bool, null.
  std::string_view KindName() const;
};

struct JsonMember {
  std::string name;
  JsonText value;
};

// One value that fills the text; kInvalid as encoding/json says it (`unexpected end of JSON input`,
// `invalid character '}' looking for beginning of value`).
Result<JsonText> ParseJsonText(std::string_view text);

// A string's characters. Halves of surrogate pairs and bytes that are not UTF-8 become U+FFFD.
std::string Unquote(const JsonText& string);

// The same value without its text: of members that came twice the last one counts.
Json ToJson(const JsonText& value);

}  // namespace weir::kube
