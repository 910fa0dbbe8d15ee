// Questions that are answered and not stored: access reviews, who am I, is this token good; and
// tokens of ServiceAccounts.
#include <fmt/format.h>

#include <utility>

#include "apiserver/api.h"
#include "apiserver/token_plan.h"
#include "base/strings.h"
#include "kube/codec.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::int64_t kTokenSeconds = 3600;  // where a request does not say
constexpr std::int64_t kLeastTokenSeconds = 600;
constexpr std::int64_t kMostTokenSeconds = std::int64_t{1} << 32U;

// Refusals of reviews name no kind, as upstream's.
Json InvalidReview(const kube::Resource& resource, const std::vector<kube::FieldError>& errors) {
  kube::Resource named;
  named.group = resource.group;
  return kube::StatusInvalid(named, "", errors);
}

// What a review asks, or why it asks nothing.
Answer<Attributes> AskedFor(const kube::Resource& resource, const Json& spec) {
  const Json* of_resource = Find(spec, "resourceAttributes");
  const Json* of_path = Find(spec, "nonResourceAttributes");
  if (of_resource != nullptr && of_path != nullptr) {
    const std::string printed =
        fmt::format(R"({{"Path":{},"Verb":{}}})", Quote(GetString(*of_path, "path")),
                    Quote(GetString(*of_path, "verb")));
    return std::unexpected(InvalidReview(
        resource, {{"FieldValueInvalid", "spec.nonResourceAttributes",
                    fmt::format("Invalid value: {}: cannot be specified in combination with "
                                "resourceAttributes",
                                printed)}}));
  }
  if (of_resource == nullptr && of_path == nullptr) {
    return std::unexpected(
        InvalidReview(resource, {{"FieldValueInvalid", "spec.resourceAttributes",
                                  "Invalid value: null: exactly one of nonResourceAttributes or "
                                  "resourceAttributes must be specified"}}));
  }
  Attributes asked;
  asked.is_resource = of_resource != nullptr;
  const Json& from = asked.is_resource ? *of_resource : *of_path;
  asked.verb = GetString(from, "verb");
  asked.path = GetString(from, "path");
  asked.group = GetString(from, "group");
  asked.resource = GetString(from, "resource");
  asked.subresource = GetString(from, "subresource");
  asked.ns = GetString(from, "namespace");
  asked.name = GetString(from, "name");
  return asked;
}

Json UserInfo(const User& user) {
  Json info = {{"username", user.name}, {"groups", user.groups}};
  if (!user.uid.empty()) info["uid"] = user.uid;
  if (!user.extra.empty()) info["extra"] = user.extra;
  return info;
}

// Whom a SubjectAccessReview is about.
Answer<User> SubjectOf(const kube::Resource& resource, const Json& spec) {
  User user{GetString(spec, "user"), GetString(spec, "uid"), {}, {}};
  for (const Json& group : GetArray(spec, {"groups"})) {
    if (group.is_string()) user.groups.push_back(group.get<std::string>());
  }
  if (!user.name.empty() || !user.groups.empty()) return user;
  return std::unexpected(InvalidReview(
      resource, {{"FieldValueInvalid", "spec.user",
                  "Invalid value: \"\": at least one of user or group must be specified"}}));
}

Json RulesStatus(const std::vector<PolicyRule>& rules, const std::vector<std::string>& errors) {
  Json of_resources = Json::array();
  Json of_paths = Json::array();
  for (const PolicyRule& rule : rules) {
    if (!rule.resources.empty()) {
      of_resources.push_back({{"verbs", rule.verbs},
                              {"apiGroups", rule.api_groups},
                              {"resources", rule.resources},
                              {"resourceNames", rule.resource_names}});
    }
    if (!rule.non_resource_urls.empty()) {
      of_paths.push_back({{"verbs", rule.verbs}, {"nonResourceURLs", rule.non_resource_urls}});
    }
  }
  return {{"resourceRules", std::move(of_resources)},
          {"nonResourceRules", std::move(of_paths)},
          {"incomplete", !errors.empty()},
          {"evaluationError", Join(errors, ", ")}};
}

}  // namespace

Answer<Json> Server::Impl::AnswerAccessReview(const Call& call, const Json& review) const {
  const Json& spec = GetObject(review, {"spec"});
  const bool self = call.resource->kind == "SelfSubjectAccessReview";
  const auto asked = AskedFor(*call.resource, spec);
  if (!asked) return std::unexpected(asked.error());
  const Answer<User> subject = self ? call.user : SubjectOf(*call.resource, spec);
  if (!subject) return std::unexpected(subject.error());
  if (call.resource->namespaced && asked->ns != call.info.ns) {
    return std::unexpected(InvalidReview(
        *call.resource,
        {{"FieldValueInvalid", "spec.resourceAttributes.namespace",
          fmt::format("Invalid value: {}: must match metadata.namespace", Quote(asked->ns))}}));
  }
  const Decision decision = policy.Authorize(*subject, *asked);
  return Json{{"allowed", decision.allowed}, {"reason", decision.reason}};
}

Answer<Json> Server::Impl::AnswerTokenReview(const Json& review) const {
  const std::string token = GetString(review, {"spec", "token"});
  if (token.empty()) {
    return std::unexpected(
        kube::StatusBadRequest("token is required for TokenReview in authentication"));
  }
  std::vector<std::string> audiences;
  for (const Json& audience : GetArray(review, {"spec", "audiences"})) {
    if (audience.is_string()) audiences.push_back(audience.get<std::string>());
  }
  if (audiences.empty()) audiences.emplace_back(kApiAudience);
  std::vector<std::string> common;
  const auto user = UserOfToken(token, audiences, &common);
  if (!user) return Json{{"error", "invalid bearer token"}};
  return Json{{"authenticated", true}, {"user", UserInfo(*user)}, {"audiences", common}};
}

Reply Server::Impl::Review(Call& call) {
  const auto write = ParseWriteOptions(call.query, "CreateOptions");
  if (!write) return Reply::Error(write.error());
  std::vector<std::string> warnings;
  auto review = DecodeBody(call, *call.resource, write->field_validation, warnings);
  if (!review) return Reply::Error(review.error());
  if (auto ok = CheckNamespace(call, *review); !ok) return Reply::Error(ok.error());
  const std::string& kind = call.resource->kind;
  Answer<Json> status;
  if (kind == "SelfSubjectRulesReview") {
    const std::string ns = GetString(*review, {"spec", "namespace"});
    if (ns.empty()) return Reply::Error(kube::StatusBadRequest("no namespace on request"));
    std::vector<std::string> errors;
    std::vector<PolicyRule> rules = policy.RulesFor(call.user, ns, &errors);
    if (call.user.InGroup(kMasters)) {
      rules.push_back({{"*"}, {"*"}, {"*"}, {}, {}});
      rules.push_back({{"*"}, {}, {}, {}, {"*"}});
    }
    status = RulesStatus(rules, errors);
    (*review)["spec"] = Json::object();
  } else if (kind == "SelfSubjectReview") {
    (*review)["metadata"]["creationTimestamp"] = FormatRfc3339(clock.Now());
    status = Json{{"userInfo", UserInfo(call.user)}};
  } else if (kind == "TokenReview") {
    status = AnswerTokenReview(*review);
  } else {
    status = AnswerAccessReview(call, *review);
  }
  if (!status) return Reply::Error(status.error());
  (*review)["status"] = std::move(*status);
  kube::Complete(*call.resource, *review);
  Reply reply = Reply::Document(201, std::move(*review));
  reply.warnings = std::move(warnings);
  return reply;
}

// The object that a token is to end with; the error is a 400, 404 or 409.
Answer<BoundObject> Server::Impl::BoundTo(const Call& call, const Json& ref) const {
  BoundObject bound{GetString(ref, "kind"), GetString(ref, "name"), {}};
  const std::string plural = ToLower(bound.kind) + "s";
  const kube::Resource* resource = registry.Find("", "v1", plural);
  const bool known = bound.kind == "Pod" || bound.kind == "Secret" || bound.kind == "Node";
  if (!known || resource == nullptr || GetString(ref, "apiVersion") != "v1") {
    return std::unexpected(
        kube::StatusBadRequest(fmt::format("cannot bind token to object of type {}, Kind={}",
                                           GetString(ref, "apiVersion"), bound.kind)));
  }
  const std::string ns = resource->namespaced ? call.info.ns : std::string();
  const auto object = store.Get({plural, ns, bound.name});
  if (object == nullptr) return std::unexpected(kube::StatusNotFound(*resource, bound.name));
  const std::string account =
      GetString(object->value, {"spec", "serviceAccountName"}, call.info.name);
  if (bound.kind == "Pod" && account != call.info.name) {
    return std::unexpected(kube::StatusBadRequest(
        fmt::format("cannot bind token for serviceaccount {} to pod running with different "
                    "serviceaccount name.",
                    Quote(call.info.name))));
  }
  bound.uid = GetString(object->value, {"metadata", "uid"});
  const std::string wanted = GetString(ref, "uid");
  if (wanted.empty() || wanted == bound.uid) return bound;
  return std::unexpected(kube::StatusConflict(
      *resource, bound.name,
      fmt::format("the UID in the bound object reference ({}) does not match the UID in record. "
                  "The object might have been deleted and then recreated",
                  wanted)));
}

Reply Server::Impl::RequestToken(Call& call) {
  const auto write = ParseWriteOptions(call.query, "CreateOptions");
  if (!write) return Reply::Error(write.error());
  const kube::Resource kind =
      call.resource->OfSubresource(*call.resource->FindSubresource("token"));
  std::vector<std::string> warnings;
  auto request = DecodeBody(call, kind, write->field_validation, warnings);
  if (!request) return Reply::Error(request.error());
  const auto account = store.Get(KeyOf(call, call.info.name));
  if (account == nullptr) {
    return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
  }
  if (const std::string named = GetString(*request, {"metadata", "name"});
      !named.empty() && named != call.info.name) {
    return Reply::Error(kube::StatusInvalid(
        kind, call.info.name,
        {{"FieldValueInvalid", "metadata.name",
          fmt::format("Invalid value: {}: must match the service account name if specified",
                      Quote(named))}}));
  }
  TokenClaims claims;
  claims.ns = call.info.ns;
  claims.account = call.info.name;
  claims.account_uid = GetString(account->value, {"metadata", "uid"});
  claims.issued = clock.Now();
  claims.id = random.Uuid();
  for (const Json& audience : GetArray(*request, {"spec", "audiences"})) {
    if (audience.is_string()) claims.audiences.push_back(audience.get<std::string>());
  }
  if (claims.audiences.empty()) claims.audiences.emplace_back(kApiAudience);
  const std::int64_t seconds =
      GetInt(*request, {"spec", "expirationSeconds"}).value_or(kTokenSeconds);
  if (seconds < kLeastTokenSeconds || seconds > kMostTokenSeconds) {
    const std::string_view why = seconds < kLeastTokenSeconds
                                     ? "may not specify a duration less than 10 minutes"
                                     : "may not specify a duration larger than 2^32 seconds";
    return Reply::Error(
        kube::StatusInvalid(kind, "",
                            {{"FieldValueInvalid", "spec.expirationSeconds",
                              fmt::format("Invalid value: {}: {}", seconds, why)}}));
  }
  claims.expires = claims.issued + std::chrono::seconds(seconds);
  if (const Json* ref = Find(*request, {"spec", "boundObjectRef"});
      ref != nullptr && ref->is_object()) {
    auto bound = BoundTo(call, *ref);
    if (!bound) return Reply::Error(bound.error());
    claims.bound = std::move(*bound);
  }
  (*request)["metadata"] = {{"name", claims.account},
                            {"namespace", claims.ns},
                            {"uid", claims.account_uid},
                            {"creationTimestamp", FormatRfc3339(claims.issued)}};
  Json& spec = Ensure(*request, {"spec"});
  spec["audiences"] = claims.audiences;
  spec["expirationSeconds"] = seconds;
  (*request)["status"] = {{"token", MakeServiceAccountToken(claims, options.token_key)},
                          {"expirationTimestamp", FormatRfc3339(claims.expires)}};
  kube::Complete(kind, *request);
  Reply reply = Reply::Document(201, std::move(*request));
  reply.warnings = std::move(warnings);
  return reply;
}

}  // namespace weir::apiserver
