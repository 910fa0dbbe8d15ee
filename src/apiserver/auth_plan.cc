#include "apiserver/auth_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kAccountPrefix = "system:serviceaccount:";

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
    User user{std::string(Trim((*fields)[1])), std::string(Trim((*fields)[2])), {}, {}};
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
    User user{std::string(common_name), {}, organizations, {}};
    user.groups.emplace_back(kAuthenticated);
    return user;
  }
  // Other schemes than Bearer are not read, so that such a request is anonymous, as upstream.
  const std::string token = BearerToken(authorization);
  if (token.empty()) {
    return User{std::string(kAnonymous), {}, {std::string(kUnauthenticated)}, {}};
  }
  const auto it = tokens.find(token);
  if (it == tokens.end()) return std::nullopt;
  return it->second;
}

std::string ServiceAccountName(std::string_view ns, std::string_view name) {
  return fmt::format("{}{}:{}", kAccountPrefix, ns, name);
}

std::optional<AccountOfUser> ServiceAccountOf(std::string_view user) {
  if (!user.starts_with(kAccountPrefix)) return std::nullopt;
  user.remove_prefix(kAccountPrefix.size());
  const std::size_t colon = user.find(':');
  if (colon == std::string_view::npos || user.find(':', colon + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  return AccountOfUser{std::string(user.substr(0, colon)), std::string(user.substr(colon + 1))};
}

std::vector<std::string> ServiceAccountGroups(std::string_view ns) {
  return {"system:serviceaccounts", "system:serviceaccounts:" + std::string(ns)};
}

std::string Attributes::ResourceAndSubresource() const {
  return subresource.empty() ? resource : resource + "/" + subresource;
}

Attributes AttributesOf(const RequestInfo& request) {
  Attributes out;
  out.verb = request.verb;
  out.is_resource = request.is_resource;
  out.group = request.group;
  out.resource = request.resource;
  out.subresource = request.subresource;
  out.ns = request.ns;
  out.name = request.name.empty() ? request.selected_name : request.name;
  out.path = request.path;
  return out;
}

Json ForbiddenStatus(const User& user, const Attributes& request, std::string_view reason) {
  const std::string why = reason.empty() ? "" : fmt::format(": {}", reason);
  if (!request.is_resource) {
    return kube::StatusForbidden(
        fmt::format("forbidden: User {} cannot {} path {}{}", Quote(user.name), request.verb,
                    Quote(request.path), why),
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
      fmt::format("{} is forbidden: User {} cannot {} resource {} in API group {} {}{}", named,
                  Quote(user.name), request.verb, Quote(request.ResourceAndSubresource()),
                  Quote(request.group), where, why),
      std::move(details));
}

}  // namespace weir::apiserver
