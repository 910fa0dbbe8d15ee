#include "apiserver/auth_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kAuthenticated = "system:authenticated";
constexpr std::string_view kUnauthenticated = "system:unauthenticated";

// The fields of one CSV line; quotes keep commas, a doubled quote is one. nullopt for a quote that
// does not end.
std::optional<std::vector<std::string>> SplitCsv(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  return fields;
}

// What the role system:discovery lets any authenticated user get.
bool IsDiscoveryPath(std::string_view path) {
  for (const std::string_view prefix : {"/api", "/apis", "/openapi"}) {
    if (path == prefix || path.starts_with(std::string(prefix) + "/")) return true;
  }
  return false;
}

// What the role system:public-info-viewer lets anybody get.
bool IsPublicPath(std::string_view path) {
  for (const std::string_view open : {"/healthz", "/livez", "/readyz", "/version", "/version/"}) {
    if (path == open) return true;
  }
  return false;
}

bool IsSelfReview(const RequestInfo& request) {
  if (request.verb != "create") return false;
  if (request.group == "authorization.k8s.io") {
    return request.resource == "selfsubjectaccessreviews" ||
           request.resource == "selfsubjectrulesreviews";
  }
  return request.group == "authentication.k8s.io" && request.resource == "selfsubjectreviews";
}

}  // namespace

bool User::InGroup(std::string_view group) const {
  return std::ranges::find(groups, group) != groups.end();
}

Result<TokenMap> ParseTokenFile(std::string_view text) {
  TokenMap tokens;
  int number = 0;
  for (const std::string& raw : Split(text, '\n')) {
    ++number;
    const std::string_view line = Trim(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const auto fields = SplitCsv(line);
    if (!fields) return Fail(Code::kInvalid, fmt::format("line {}: a quote does not end", number));
    if (fields->size() < 3) {
      return Fail(Code::kInvalid,
                  fmt::format("line {}: token,user,uid[,\"group1,group2\"] expected", number));
    }
    const std::string token((Trim((*fields)[0])));
    if (token.empty() || Trim((*fields)[1]).empty()) {
      return Fail(Code::kInvalid, fmt::format("line {}: token or user is empty", number));
    }
    User user{std::string(Trim((*fields)[1])), std::string(Trim((*fields)[2])), {}};
    if (fields->size() > 3) {
      for (const std::string& group : Split((*fields)[3], ',')) {
        if (!Trim(group).empty()) user.groups.emplace_back(Trim(group));
      }
    }
    user.groups.emplace_back(kAuthenticated);
    if (!tokens.emplace(token, std::move(user)).second) {
      return Fail(Code::kInvalid, fmt::format("line {}: the token stands there already", number));
    }
  }
  return tokens;
}

std::string BearerToken(std::string_view authorization) {
  const std::size_t blank = authorization.find(' ');
  if (blank == std::string_view::npos) return {};
  if (ToLower(authorization.substr(0, blank)) != "bearer") return {};
  return std::string(Trim(authorization.substr(blank)));
}

std::optional<User> Authenticate(std::string_view common_name,
                                 const std::vector<std::string>& organizations,
                                 std::string_view authorization, const TokenMap& tokens) {
  if (!common_name.empty()) {
    User user{std::string(common_name), {}, organizations};
    user.groups.emplace_back(kAuthenticated);
    return user;
  }
  // Other schemes than Bearer are not read, so that such a request is anonymous, as upstream.
  const std::string token = BearerToken(authorization);
  if (token.empty()) {
    return User{"system:anonymous", {}, {std::string(kUnauthenticated)}};
  }
  const auto it = tokens.find(token);
  if (it == tokens.end()) return std::nullopt;
  return it->second;
}

bool Allows(const User& user, const RequestInfo& request) {
  if (user.InGroup(kMasters)) return true;
  const bool known = user.InGroup(kAuthenticated);
  if (request.is_resource) return known && IsSelfReview(request);
  if (request.verb != "get" && request.verb != "head") return false;
  return IsPublicPath(request.path) || (known && IsDiscoveryPath(request.path));
}

Json ForbiddenStatus(const User& user, const RequestInfo& request) {
  if (!request.is_resource) {
    return kube::StatusForbidden(fmt::format("forbidden: User {} cannot {} path {}",
                                             Quote(user.name), request.verb, Quote(request.path)),
                                 Json::object());
  }
  const std::string group_resource =
      request.group.empty() ? request.resource : request.resource + "." + request.group;
  const std::string named =
      request.name.empty() ? group_resource : group_resource + " " + Quote(request.name);
  const std::string where = request.ns.empty()
                                ? std::string("at the cluster scope")
                                : fmt::format("in the namespace {}", Quote(request.ns));
  Json details = {{"kind", request.resource}};
  if (!request.group.empty()) details["group"] = request.group;
  if (!request.name.empty()) details["name"] = request.name;
  return kube::StatusForbidden(
      fmt::format("{} is forbidden: User {} cannot {} resource {} in API group {} {}", named,
                  Quote(user.name), request.verb, Quote(request.ResourceAndSubresource()),
                  Quote(request.group), where),
      std::move(details));
}

}  // namespace weir::apiserver
