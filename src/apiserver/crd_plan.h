// What becomes of a CustomResourceDefinition beside what the client writes: its status and
// its finalizer (apiextensions-apiserver's controllers, done at once). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace weir::apiserver {

// Keeps a definition until its objects are gone.
inline constexpr std::string_view kCrdFinalizer = "customresourcecleanup.apiextensions.k8s.io";

void AddFinalizer(Json& definition);

// Writes the conditions NamesAccepted and Established, and the accepted names. `conflict` is why
// the names cannot be accepted; empty where they are.
void SetDefinitionStatus(const std::string& conflict, Time now, Json& definition);

bool IsEstablished(const Json& definition);

}  // namespace weir::apiserver
