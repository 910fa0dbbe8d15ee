// What becomes of a CustomResourceDefinition beside what the client writes: its status and
// its finalizer (apiextensions-apiserver's controllers, done at once). Pure functions.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace weir::apiserver {

// Keeps a definition until its objects are gone.
inline constexpr std::string_view kCrdFinalizer = "customresourcecleanup.apiextensions.k8s.io";

void AddFinalizer(Json& definition);

// The names of other kinds of the same group.
struct NamesInUse {
  std::set<std::string> resources;  // plurals, singulars and short names
  std::set<std::string> kinds;      // kinds and list kinds
};

// Writes the accepted names and the conditions NamesAccepted and Established. Returns whether all
// names are accepted.
bool SetDefinitionStatus(const NamesInUse& in_use, Time now, Json& definition);

// Writes the condition of a definition that was deleted and waits for its objects to go.
void SetTerminating(Time now, Json& definition);

bool IsEstablished(const Json& definition);

}  // namespace weir::apiserver
