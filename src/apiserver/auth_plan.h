// Who asks, and for what: authentication by client certificate and static bearer token, what an
// authoriser is asked, and the words of a 403. Whether they may is rbac_plan.h's. Pure functions.
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
  std::map<std::string, std::vector<std::string>> extra = {};

  bool InGroup(std::string_view group) const;
};

// Members may do everything, whatever roles say.
inline constexpr std::string_view kMasters = "system:masters";
inline constexpr std::string_view kAuthenticated = "system:authenticated";
inline constexpr std::string_view kUnauthenticated = "system:unauthenticated";
inline constexpr std::string_view kAnonymous = "system:anonymous";
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

// system:serviceaccount:NS:NAME, and back; nullopt for other users.
std::string ServiceAccountName(std::string_view ns, std::string_view name);
struct AccountOfUser {
  std::string ns, name;
};
std::optional<AccountOfUser> ServiceAccountOf(std::string_view user);
std::vector<std::string> ServiceAccountGroups(std::string_view ns);

// What an authoriser is asked.
struct Attributes {
  std::string verb;
  bool is_resource = true;
  std::string group, resource, subresource, ns, name;
  std::string path;  // where it is about no resource

  std::string ResourceAndSubresource() const;
};
Attributes AttributesOf(const RequestInfo& request);

// The Status of a 403; `reason` is the authoriser's, or empty.
Json ForbiddenStatus(const User& user, const Attributes& request, std::string_view reason = {});

}  // namespace weir::apiserver
