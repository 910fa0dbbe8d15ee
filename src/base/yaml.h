// YAML as Kubernetes tools read it: converted to JSON. The one place where a throwing library
// (yaml-cpp) is caught. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace weir {

struct YamlDocument {
  Json value;    // null for an empty document
  int line = 1;  // where the document begins in the text
  // Keys that stand twice in a mapping, of which the last one counts, in the words of Kubernetes'
  // YAML reader: `line 7: key "image" already set in map`. The first hundred.
  std::vector<std::string> repeated_keys{};
};

// All documents of a stream, in order; empty documents are left out. Plain scalars become JSON as
// sigs.k8s.io/yaml reads them (YAML 1.1 booleans such as `yes` and `on`, integers, floats, null);
// quoted scalars stay strings; anchors, aliases and merge keys (`<<`) are resolved. Errors are
// kInvalid and name the line: `line 7: mapping values are not allowed in this context`. Aliases
// that would grow the document beyond 1 million nodes are refused.
Result<std::vector<YamlDocument>> ParseYaml(std::string_view text);

// Exactly one document (an empty text is null).
Result<Json> ParseYamlDocument(std::string_view text);

// A node with its place, for readers that say on which line something is wrong.
struct YamlNode {
  enum class Kind { kScalar, kSequence, kMapping };
  Kind kind = Kind::kScalar;
  int line = 1;
  std::string text;            // of a scalar, as written and without quotes
  Json scalar = nullptr;       // what it stands for
  std::vector<YamlNode> list;  // a sequence's items; a mapping's keys and values in turn, repeated
                               // keys included

  bool IsNull() const { return kind == Kind::kScalar && scalar.is_null(); }
};

// As ParseYamlDocument, but the document's nodes as they stand. Merge keys are not resolved.
Result<YamlNode> ParseYamlNodes(std::string_view text);

}  // namespace weir
