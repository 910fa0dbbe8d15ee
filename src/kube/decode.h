// Objects checked against their types: the recursive part of codec.h. Internal to kube. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "kube/codec.h"
#include "kube/json_text.h"
#include "kube/types.h"

namespace weir::kube {

struct TypedObject {
  Json object;
  std::vector<std::string> strict_errors;
};

// The value as the type has it; kInvalid in Go's words for the first value of a wrong type.
Result<TypedObject> DecodeTyped(const JsonText& value, const Type& type, Wording wording);

// An object in the form in which Go prints the type: fields that it leaves out are removed, those
// that it always prints are added.
void CompleteTyped(const Type& type, Stage stage, Json& object);

// A custom resource against its schema: unknown fields are removed and told, in sorted order.
std::vector<std::string> Prune(const Json& schema, Json& object);

}  // namespace weir::kube
