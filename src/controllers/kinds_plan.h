// The kinds whose objects the collector and the namespace controller look after. Built-in ones are
// a table; custom ones follow from their definitions. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::controllers {

struct ServedKind {
  std::string group;
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;

  auto operator<=>(const ServedKind&) const = default;
};

// Those that the cluster has from the beginning. Events are not among them: they own nothing, are
// owned by nothing, and are many.
const std::vector<ServedKind>& BuiltInKinds();
// What an established CustomResourceDefinition serves, in the version it is kept in; nullopt
// before.
std::optional<ServedKind> CustomKind(const Json& definition);
// The kind of an owner reference: by group and kind, whatever its version.
const ServedKind* FindKind(const std::vector<ServedKind>& kinds, std::string_view api_version,
                           std::string_view kind);

}  // namespace weir::controllers
