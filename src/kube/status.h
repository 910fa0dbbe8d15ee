// metav1.Status answers in upstream's words. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kube/resource.h"
#include "kube/strategy.h"

namespace weir::kube {

// {"kind":"Status",...,"status":"Failure"}; details is left out where null.
Json StatusFailure(int code, std::string_view reason, std::string_view message,
                   Json details = nullptr);
Json StatusNotFound(const Resource& resource, std::string_view name);       // 404 NotFound
Json StatusAlreadyExists(const Resource& resource, std::string_view name);  // 409 AlreadyExists
// 409 Conflict: `Operation cannot be fulfilled on pods "x": the object has been modified; ...`.
Json StatusConflict(const Resource& resource, std::string_view name, std::string_view why);
// 422 Invalid: `Deployment.apps "web" is invalid: [a, b]`, causes in details.
Json StatusInvalid(const Resource& resource, std::string_view name,
                   const std::vector<FieldError>& errors);
Json StatusForbidden(std::string_view message, Json details);  // 403 Forbidden
Json StatusBadRequest(std::string_view message);               // 400 BadRequest
Json StatusUnauthorized();                                     // 401
Json StatusMethodNotAllowed();                                 // 405
// Success after a delete.
Json StatusDeleted(const Resource& resource, std::string_view name, std::string_view uid);

}  // namespace weir::kube
