// ServiceAccount tokens: JSON web tokens that the server signs with a key of its own (HS256) and
// reads again, with the claims that Kubernetes gives them. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/auth_plan.h"
#include "base/time.h"

namespace weir::apiserver {

// Issuer, and the audience of tokens that are to speak to the API server.
inline constexpr std::string_view kApiAudience = "https://kubernetes.default.svc.cluster.local";

struct BoundObject {
  std::string kind;  // Pod, Secret, Node; empty: not bound
  std::string name;
  std::string uid;
};

struct TokenClaims {
  std::string ns, account, account_uid;
  BoundObject bound;
  std::vector<std::string> audiences;
  Time issued{};
  Time expires{};
  std::string id;  // a UUID: jti

  bool HasAudience(std::string_view audience) const;
};

std::string MakeServiceAccountToken(const TokenClaims& claims, std::string_view key);

// nullopt for what was not signed with the key, or is over.
std::optional<TokenClaims> ReadServiceAccountToken(std::string_view token, std::string_view key,
                                                   Time now);

// The user that the claims make.
User UserOf(const TokenClaims& claims);

}  // namespace weir::apiserver
