// Acting as somebody else: the Impersonate-... headers, and whether the one who asks may. Follows
// k8s.io/apiserver pkg/endpoints/filters/impersonation, both the constrained modes of 1.36 and the
// older right `impersonate`. Pure functions.
#pragma once

#include <optional>

#include "apiserver/options_plan.h"
#include "apiserver/rbac_plan.h"
#include "net/http.h"

namespace weir::apiserver {

// Whom the headers name, with the groups and extras that they give; nullopt where they name nobody.
// The error is a 400.
Answer<std::optional<User>> WantedUser(const net::Headers& headers);

// `wanted` as the request goes on with it. The error is a 403: the first that a mode gave.
Answer<User> Impersonate(const RbacPolicy& policy, const User& requestor, const User& wanted,
                         const Attributes& request);

}  // namespace weir::apiserver
