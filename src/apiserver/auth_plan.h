// Who asks, and whether they may: authentication by client certificate and bearer token,
// authorisation, and the words of 401 and 403. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/request_info_plan.h"
#include "base/json.h"
#include "base/result.h"

namespace weir::apiserver {

struct User {
  std::string name;
  std::string uid;
  std::vector<std::string> groups;  // system:authenticated or system:unauthenticated included

  bool InGroup(std::string_view group) const;
};

// Members may do everything, whatever roles say.
inline constexpr std::string_view kMasters = "system:masters";
// Weir's own components: they alone may publish endpoints on loopback addresses.
inline constexpr std::string_view kWeirGroup = "system:weir";

using TokenMap = std::map<std::string, User, std::less<>>;

// Reads kube-apiserver's --token-auth-file (CSV: token,user,uid[,"group1,group2"]). Errors name the
// line.
Result<TokenMap> ParseTokenFile(std::string_view text);

// The token of an `Authorization: Bearer` header; empty where there is none.
std::string BearerToken(std::string_view authorization);

// A certificate counts before a token, as upstream. nullopt: a bad credential (401).
// `common_name` is empty where no certificate was shown.
std::optional<User> Authenticate(std::string_view common_name,
                                 const std::vector<std::string>& organizations,
                                 std::string_view authorization, const TokenMap& tokens);

// Whether the user may do this. One function, so that roles can replace what it knows.
bool Allows(const User& user, const RequestInfo& request);

// The Status of a 403.
Json ForbiddenStatus(const User& user, const RequestInfo& request);

}  // namespace weir::apiserver
