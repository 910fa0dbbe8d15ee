// Who asks and whether they may: tokens, impersonation, the roles in force, and that nobody gives
// rights that they do not have.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apiserver/api.h"
#include "apiserver/impersonation_plan.h"
#include "apiserver/token_plan.h"
#include "base/strings.h"
#include "kube/selector.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kClusterRoles = "clusterroles.rbac.authorization.k8s.io";

Attributes About(const Call& call, std::string_view verb, std::string_view resource,
                 const std::string& name) {
  Attributes attributes;
  attributes.verb = verb;
  attributes.group = kRbacGroup;
  attributes.resource = resource;
  attributes.ns = call.info.ns;
  attributes.name = name;
  return attributes;
}

// The rules that the selectors of an aggregated role gather, each once.
Json GatheredRules(const std::vector<kubestore::ObjectPtr>& roles, const Json& role) {
  Json rules = Json::array();
  for (const Json& wanted : GetArray(role, {"aggregationRule", "clusterRoleSelectors"})) {
    const auto selector = kube::LabelSelector::FromJson(wanted);
    if (!selector) continue;
    for (const auto& other : roles) {
      const Json& value = other->value;
      if (GetString(value, {"metadata", "name"}) == GetString(role, {"metadata", "name"})) continue;
      if (!selector->Matches(GetObject(value, {"metadata", "labels"}))) continue;
      for (const Json& rule : GetArray(value, {"rules"})) {
        if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
      }
    }
  }
  return rules;
}

}  // namespace

std::optional<User> Server::Impl::UserOfToken(const std::string& token,
                                              const std::vector<std::string>& audiences,
                                              std::vector<std::string>* common) const {
  const auto accept = [&](const std::vector<std::string>& of_token) {
    for (const std::string& audience : audiences) {
      if (std::ranges::find(of_token, audience) != of_token.end()) common->push_back(audience);
    }
    return !common->empty();
  };
  if (const auto it = options.tokens.find(token); it != options.tokens.end()) {
    if (!accept({std::string(kApiAudience)})) return std::nullopt;
    return it->second;
  }
  const auto claims = ReadServiceAccountToken(token, options.token_key, clock.Now());
  if (!claims || !accept(claims->audiences)) return std::nullopt;
  // A token ends with its account, and with what it is bound to.
  const auto lives = [this](const kubestore::Key& key, const std::string& uid) {
    const auto object = store.Get(key);
    return object != nullptr && GetString(object->value, {"metadata", "uid"}) == uid;
  };
  if (!lives({"serviceaccounts", claims->ns, claims->account}, claims->account_uid)) {
    return std::nullopt;
  }
  const BoundObject& bound = claims->bound;
  if (!bound.kind.empty()) {
    const std::string ns = bound.kind == "Node" ? std::string() : claims->ns;
    if (!lives({ToLower(bound.kind) + "s", ns, bound.name}, bound.uid)) return std::nullopt;
  }
  return UserOf(*claims);
}

Answer<User> Server::Impl::WhoAsks(const Call& call, const net::Peer& peer) const {
  const net::Peer::Certificate certificate = peer.certificate.value_or(net::Peer::Certificate());
  const std::string authorization = call.request.Header("authorization");
  auto user = Authenticate(certificate.common_name, certificate.organizations, authorization,
                           options.tokens);
  if (!user) {
    std::vector<std::string> common;
    user = UserOfToken(BearerToken(authorization), {std::string(kApiAudience)}, &common);
  }
  if (!user) return std::unexpected(kube::StatusUnauthorized());
  const auto wanted = WantedUser(call.request.headers);
  if (!wanted) return std::unexpected(wanted.error());
  const std::optional<User>& other = *wanted;
  if (!other) return std::move(*user);
  return Impersonate(policy, *user, *other, AttributesOf(call.info));
}

void Server::Impl::StartPolicy() {
  for (const std::string_view plural :
       {"roles", "clusterroles", "rolebindings", "clusterrolebindings"}) {
    const std::string resource = fmt::format("{}.{}", plural, kRbacGroup);
    for (const auto& object : store.List(resource, "")) {
      policy.Put(resource, GetString(object->value, {"metadata", "namespace"}),
                 GetString(object->value, {"metadata", "name"}), &object->value);
    }
    store.Subscribe(resource, [this](const kubestore::Event& event) {
      const bool gone = event.type == kubestore::EventType::kDeleted;
      policy.Put(event.key.resource, event.key.ns, event.key.name,
                 gone ? nullptr : &event.object->value);
      if (event.key.resource == kClusterRoles) GatherRoles();
    });
  }
  GatherRoles();
}

// Aggregated roles follow the roles that they gather (upstream's clusterrole-aggregation
// controller) at once.
void Server::Impl::GatherRoles() {
  const auto roles = store.List(kClusterRoles, "");
  for (const auto& role : roles) {
    if (Find(role->value, "aggregationRule") == nullptr) continue;
    Json rules = GatheredRules(roles, role->value);
    if (rules == GetArray(role->value, {"rules"})) continue;
    Json changed = role->value;
    changed["rules"] = rules.empty() ? Json() : std::move(rules);
    const kubestore::Key key{std::string(kClusterRoles), "",
                             GetString(changed, {"metadata", "name"})};
    (void)store.Update(key, std::move(changed), 0, nullptr);
  }
}

// pkg/registry/rbac: roles may hold what their writer may do, bindings may refer to such roles.
Answer<void> Server::Impl::CheckEscalation(const Call& call, const Json& object) const {
  const kube::Resource& resource = *call.stored;
  if (resource.group != kRbacGroup || call.user.InGroup(kMasters)) return {};
  const std::string name = GetString(object, {"metadata", "name"});
  std::vector<PolicyRule> rules;
  if (resource.kind == "Role" || resource.kind == "ClusterRole") {
    const Attributes escalate = About(call, "escalate", resource.plural, call.info.name);
    if (policy.Authorize(call.user, escalate).allowed) return {};
    rules = ReadRules(object);
    if (Find(object, "aggregationRule") != nullptr) {
      rules.push_back({{"*"}, {"*"}, {"*"}, {}, {}});
      rules.push_back({{"*"}, {}, {}, {}, {"*"}});
    }
  } else {
    const RoleRef role{GetString(object, {"roleRef", "kind"}),
                       GetString(object, {"roleRef", "name"})};
    const std::string plural = ToLower(role.kind) + "s";
    if (policy.Authorize(call.user, About(call, "bind", plural, role.name)).allowed) return {};
    const std::vector<PolicyRule>* of_role = policy.RulesOf(role, call.info.ns);
    if (of_role == nullptr) return std::unexpected(kube::StatusNotFound(resource, role.name));
    rules = *of_role;
  }
  std::vector<std::string> errors;
  const auto missing = Uncovered(policy.RulesFor(call.user, call.info.ns, &errors), rules);
  if (missing.empty()) return {};
  std::vector<std::string> groups;
  groups.reserve(call.user.groups.size());
  for (const std::string& group : call.user.groups) groups.push_back(Quote(group));
  std::string message = fmt::format(
      "{} {} is forbidden: user {} (groups=[{}]) is attempting to grant RBAC permissions not "
      "currently held:\n{}",
      resource.GroupResource(), Quote(name), Quote(call.user.name), Join(groups, " "),
      PrintedRules(missing));
  if (!errors.empty()) message += "; resolution errors: [" + Join(errors, ", ") + "]";
  return std::unexpected(kube::StatusForbidden(
      message, {{"group", resource.group}, {"kind", resource.plural}, {"name", name}}));
}

}  // namespace weir::apiserver
