// The patch formats of the API: RFC 6902, RFC 7386 and Kubernetes' strategic merge. Pure functions.
#pragma once

#include <string_view>

#include "base/json.h"

namespace weir::kube {

// Operations in order, all or nothing. Errors in the words of the apiserver's library.
Result<Json> JsonPatch(const Json& document, const Json& operations);
Json MergePatch(const Json& document, const Json& patch);
// `type` as in data/types.txt ("apps/v1.Deployment"): its merge keys decide how lists merge.
// Directives: $patch (delete, replace, merge), $setElementOrder/F, $deleteFromPrimitiveList/F,
// $retainKeys.
Result<Json> StrategicMergePatch(const Json& document, const Json& patch, std::string_view type);

}  // namespace weir::kube
