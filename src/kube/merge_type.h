// How a value is compared and merged field by field: the schema of structured-merge-diff, from the
// types of data/types.txt, a custom resource's schema, or the value itself where neither says.
// Internal to kube; a view: what it was made from must outlive it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kube/resource.h"
#include "kube/types.h"

namespace weir::kube {

class MergeType {
 public:
  // Of the objects of a resource.
  static MergeType Of(const Resource& resource);

  enum class Kind {
    kLeaf,     // a scalar, or a list or map that is owned and replaced as a whole
    kMap,      // by its keys
    kSet,      // a list of scalars by their values
    kListMap,  // a list of objects by some of their fields
  };
  // Of a value of the type that is not null.
  Kind KindOf(const Json& value) const;
  // Whether the key is a field of a struct rather than an entry of a map.
  bool Declares(std::string_view key) const;
  // Whether an empty list or map under the key is the same as none.
  bool OmitsEmpty(std::string_view key) const;
  MergeType Member(std::string_view key) const;
  MergeType Element() const;
  // The step to an element of a list: `k:{"name":"c"}`, `v:"x"`. nullopt where it lacks all keys.
  std::optional<std::string> StepTo(const Json& element, Kind kind) const;

  // What a value has to be to be of the type.
  enum class Wants { kString, kNumber, kBool, kScalar, kList, kMap, kAnything };
  Wants WantsOf() const;
  // Whether only declared keys may be there.
  bool IsStruct() const;

 private:
  enum class Source { kTyped, kSchema, kValue };

  Source source_ = Source::kValue;
  ValueType type_;
  const Field* field_ = nullptr;  // how lists and maps are merged; null: atomic, by keys
  const Json* schema_ = nullptr;
  bool root_ = false;  // of a custom resource: its metadata is typed
};

}  // namespace weir::kube
