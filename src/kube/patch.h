// The patch formats of the API: RFC 6902, RFC 7386 and Kubernetes' strategic merge. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace weir::kube {

// Operations in order, all or nothing, as the apiserver's library understands them: `replace` of an
// absent member adds it, the first step of a path is ignored whatever it is, -1 is the last
// element. Any error is 422 without a reason that names it upstream; the message says what was
// wrong.
Result<Json> JsonPatch(const Json& document, const Json& operations);

Json MergePatch(const Json& document, const Json& patch);

// `type` as in data/types.txt ("apps/v1.Deployment"): its merge keys decide how lists merge.
// Directives: $patch (delete, replace), $setElementOrder/F, $deleteFromPrimitiveList/F,
// $retainKeys. Errors in upstream's words: kInvalid is 400 BadRequest, kInternal is 500 without a
// reason.
Result<Json> StrategicMergePatch(const Json& document, const Json& patch, std::string_view type);

// A value as Go's %v prints it, which messages about patches do: `map[spec:map[replicas:x]]`.
std::string GoFormat(const Json& value);

}  // namespace weir::kube
