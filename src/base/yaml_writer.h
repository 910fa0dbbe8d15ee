// JSON documents as YAML text, in the form of sigs.k8s.io/yaml. Pure function.
#pragma once

#include <string>

#include "base/json.h"

namespace weir {

// Block style, keys sorted, two blanks of indentation, lists at the column of their key. Strings
// that YAML 1.1 would read as something else are quoted; texts of several lines are literal blocks.
std::string ToYaml(const Json& value);

}  // namespace weir
