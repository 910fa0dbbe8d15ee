// Reading PATCH requests, and the words in which they are refused. Pure functions; what a patch
// does is kube's (patch.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apiserver/options_plan.h"
#include "base/json.h"
#include "kube/resource.h"

namespace weir::apiserver {

// Server-side apply is no patch of these kinds.
inline constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";

enum class PatchKind { kJson, kMerge, kStrategic };

// By the Content-Type; the error is a 415.
Answer<PatchKind> ParsePatchKind(std::string_view content_type, const kube::Resource& resource);

// The body as a patch of that kind; the error is a 400 or 413.
Answer<Json> ParsePatch(PatchKind kind, std::string_view body);

// `duplicate field "spec.replicas"` for each key that a merge patch has twice.
std::vector<std::string> DuplicateFields(PatchKind kind, std::string_view body);

// `document`, patched.
Answer<Json> ApplyPatchTo(PatchKind kind, const Json& document, const Json& patch,
                          std::string_view type);

// The 422 for a patch whose result cannot be decoded: it shows the result, or a strategic patch.
Json InvalidPatch(PatchKind kind, const Json& patch, const Json& patched, std::string_view why);

// A value as Go's %v prints it: map[a:1 b:[x y]].
std::string PrintedGoValue(const Json& value);

}  // namespace weir::apiserver
