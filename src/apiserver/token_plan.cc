#include "apiserver/token_plan.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/strings.h"
#include "net/hmac.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kHeader = R"({"alg":"HS256","typ":"JWT"})";
// A token may come from a clock that is a little ahead.
constexpr Duration kLeeway = std::chrono::seconds(10);

std::string UrlEncoded(std::string_view bytes) {
  std::string text = Base64Encode(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> UrlDecoded(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '-', '+');
  std::ranges::replace(plain, '_', '/');
  while (plain.size() % 4 != 0) plain += '=';
  return Base64Decode(plain);
}

std::int64_t Seconds(Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

Time TimeAt(const Json& claims, std::string_view key) {
  return Time(std::chrono::seconds(GetInt(claims, {key}, 0)));
}

}  // namespace

bool TokenClaims::HasAudience(std::string_view audience) const {
  return std::ranges::find(audiences, audience) != audiences.end();
}

std::string MakeServiceAccountToken(const TokenClaims& claims, std::string_view key) {
  Json own = {{"namespace", claims.ns},
              {"serviceaccount", {{"name", claims.account}, {"uid", claims.account_uid}}}};
  if (!claims.bound.kind.empty()) {
    own[ToLower(claims.bound.kind)] = {{"name", claims.bound.name}, {"uid", claims.bound.uid}};
  }
  const Json body = {{"aud", claims.audiences},
                     {"exp", Seconds(claims.expires)},
                     {"iat", Seconds(claims.issued)},
                     {"iss", kApiAudience},
                     {"jti", claims.id},
                     {"kubernetes.io", std::move(own)},
                     {"nbf", Seconds(claims.issued)},
                     {"sub", ServiceAccountName(claims.ns, claims.account)}};
  const std::string text = UrlEncoded(kHeader) + "." + UrlEncoded(DumpJson(body));
  return text + "." + UrlEncoded(net::HmacSha256(key, text));
}

std::optional<TokenClaims> ReadServiceAccountToken(std::string_view token, std::string_view key,
                                                   Time now) {
  const std::size_t last = token.rfind('.');
  const std::size_t first = token.find('.');
  if (first == last) return std::nullopt;
  const auto signature = UrlDecoded(token.substr(last + 1));
  const std::string_view text = token.substr(0, last);
  if (!signature || !net::EqualSecrets(*signature, net::HmacSha256(key, text))) return std::nullopt;
  // What follows was written by us.
  const auto body = UrlDecoded(text.substr(first + 1));
  const auto claims = body ? ParseJson(*body) : Result<Json>(Json());
  if (!claims) return std::nullopt;
  TokenClaims out;
  out.issued = TimeAt(*claims, "iat");
  out.expires = TimeAt(*claims, "exp");
  if (now >= out.expires || now + kLeeway < TimeAt(*claims, "nbf")) return std::nullopt;
  const Json& own = GetObject(*claims, {"kubernetes.io"});
  out.ns = GetString(own, "namespace");
  out.account = GetString(own, {"serviceaccount", "name"});
  out.account_uid = GetString(own, {"serviceaccount", "uid"});
  for (const std::string_view kind : {"Pod", "Secret", "Node"}) {
    const Json* bound = Find(own, ToLower(kind));
    if (bound == nullptr) continue;
    out.bound = {std::string(kind), GetString(*bound, "name"), GetString(*bound, "uid")};
  }
  for (const Json& audience : GetArray(*claims, {"aud"})) {
    if (audience.is_string()) out.audiences.push_back(audience.get<std::string>());
  }
  out.id = GetString(*claims, "jti");
  return out;
}

User UserOf(const TokenClaims& claims) {
  User user{ServiceAccountName(claims.ns, claims.account),
            claims.account_uid,
            ServiceAccountGroups(claims.ns),
            {}};
  user.groups.emplace_back(kAuthenticated);
  user.extra["authentication.kubernetes.io/credential-id"] = {"JTI=" + claims.id};
  if (claims.bound.kind == "Pod" || claims.bound.kind == "Node") {
    const std::string prefix = "authentication.kubernetes.io/" + ToLower(claims.bound.kind);
    user.extra[prefix + "-name"] = {claims.bound.name};
    user.extra[prefix + "-uid"] = {claims.bound.uid};
  }
  return user;
}

}  // namespace weir::apiserver
