#include "apiserver/impersonation_plan.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/strings.h"
#include "kube/names.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kExtraPrefix = "impersonate-extra-";
constexpr std::string_view kNodePrefix = "system:node:";
constexpr std::string_view kAuthenticationGroup = "authentication.k8s.io";

using Extra = std::map<std::string, std::vector<std::string>>;

// Repeated headers came joined.
std::vector<std::string> Values(const std::string& header) {
  std::vector<std::string> values;
  for (const std::string& value : Split(header, ',')) values.emplace_back(Trim(value));
  return values;
}

// Go's %#v of a []string.
std::string GoStrings(const std::vector<std::string>& values) {
  if (values.empty()) return "[]string(nil)";
  std::vector<std::string> quoted;
  quoted.reserve(values.size());
  for (const std::string& value : values) quoted.push_back(Quote(value));
  return "[]string{" + Join(quoted, ", ") + "}";
}

std::string GoExtra(const Extra& extra) {
  if (extra.empty()) return "map[string][]string(nil)";
  std::vector<std::string> parts;
  for (const auto& [key, values] : extra) {
    std::string list = GoStrings(values);
    parts.push_back(Quote(key) + ":" + list);
  }
  return "map[string][]string{" + Join(parts, ", ") + "}";
}

std::optional<std::string> NodeOf(std::string_view user) {
  if (!user.starts_with(kNodePrefix)) return std::nullopt;
  user.remove_prefix(kNodePrefix.size());
  if (!kube::SubdomainErrors(user).empty()) return std::nullopt;
  return std::string(user);
}

bool OnlyName(const User& wanted) {
  return wanted.uid.empty() && wanted.groups.empty() && wanted.extra.empty();
}

void EnsureGroup(User& user, std::string_view group) {
  if (!user.InGroup(group)) user.groups.emplace_back(group);
}

// One way in which somebody may be impersonated.
struct Mode {
  std::string verb;  // "impersonate", "impersonate:user-info"
  bool constrained = false;
};

class Check {
 public:
  Check(const RbacPolicy& policy, const User& requestor, const User& wanted)
      : policy_(policy), requestor_(requestor), wanted_(wanted) {}

  // null, or the 403.
  Json MayDo(const Attributes& attributes) const {
    const Decision decision = policy_.Authorize(requestor_, attributes);
    return decision.allowed ? Json() : ForbiddenStatus(requestor_, attributes, decision.reason);
  }

  Json MayBe(const Mode& mode) const {
    const std::string group(mode.constrained ? kAuthenticationGroup : std::string_view());
    Attributes name = Make(mode, group, "users", wanted_.name);
    if (const auto node = NodeOf(wanted_.name); node && mode.constrained) {
      name.resource = "nodes";
      name.name = *node;
    } else if (const auto account = ServiceAccountOf(wanted_.name)) {
      name.resource = "serviceaccounts";
      name.ns = account->ns;
      name.name = account->name;
    }
    if (Json refused = MayDo(name); !refused.is_null()) return refused;
    if (!wanted_.uid.empty()) {
      Json refused = MayDo(Make(mode, std::string(kAuthenticationGroup), "uids", wanted_.uid));
      if (!refused.is_null()) return refused;
    }
    for (const std::string& of : wanted_.groups) {
      const Attributes attributes = Make(mode, group, "groups", of);
      if (mode.constrained && of == kMasters) {
        return ForbiddenStatus(requestor_, attributes,
                               "impersonating the system:masters group is not allowed");
      }
      if (Json refused = MayDo(attributes); !refused.is_null()) return refused;
    }
    for (const auto& [key, values] : wanted_.extra) {
      for (const std::string& value : values) {
        Attributes attributes = Make(mode, std::string(kAuthenticationGroup), "userextras", value);
        attributes.subresource = key;
        if (Json refused = MayDo(attributes); !refused.is_null()) return refused;
      }
    }
    return {};
  }

 private:
  static Attributes Make(const Mode& mode, std::string group, std::string resource,
                         std::string name) {
    Attributes attributes;
    attributes.verb = mode.verb;
    attributes.group = std::move(group);
    attributes.resource = std::move(resource);
    attributes.name = std::move(name);
    return attributes;
  }

  const RbacPolicy& policy_;
  const User& requestor_;
  const User& wanted_;
};

// The constrained mode that fits whom the headers name; empty: none.
std::string ConstrainedMode(const User& wanted) {
  if (NodeOf(wanted.name)) return OnlyName(wanted) ? "arbitrary-node" : "";
  if (ServiceAccountOf(wanted.name)) return OnlyName(wanted) ? "serviceaccount" : "";
  return "user-info";
}

User Completed(User user, bool constrained) {
  if (user.groups.empty()) {
    if (const auto account = ServiceAccountOf(user.name)) {
      user.groups = ServiceAccountGroups(account->ns);
    } else if (constrained && NodeOf(user.name)) {
      user.groups = {"system:nodes"};
    }
  }
  if (user.name == kAnonymous) {
    EnsureGroup(user, kUnauthenticated);
  } else if (!user.InGroup(kUnauthenticated)) {
    EnsureGroup(user, kAuthenticated);
  }
  return user;
}

}  // namespace

Answer<std::optional<User>> WantedUser(const net::Headers& headers) {
  User user;
  bool anything = false;
  for (const auto& [name, value] : headers) {
    if (name == "impersonate-user") {
      user.name = value;
    } else if (name == "impersonate-uid") {
      user.uid = value;
    } else if (name == "impersonate-group") {
      user.groups = Values(value);
    } else if (name.starts_with(kExtraPrefix)) {
      const std::string key = name.substr(kExtraPrefix.size());
      user.extra[PercentDecode(key, /*plus_is_blank=*/false).value_or(key)] = Values(value);
    } else {
      continue;
    }
    anything = anything || !value.empty();
  }
  if (!user.name.empty()) return std::optional(std::move(user));
  if (!anything) return std::nullopt;
  return std::unexpected(kube::StatusBadRequest(fmt::format(
      "requested &user.DefaultInfo{{Name:\"\", UID:{}, Groups:{}, Extra:{}}} without impersonating "
      "a user name",
      Quote(user.uid), GoStrings(user.groups), GoExtra(user.extra))));
}

Answer<User> Impersonate(const RbacPolicy& policy, const User& requestor, const User& wanted,
                         const Attributes& request) {
  const Check check(policy, requestor, wanted);
  Json first;
  if (const std::string mode = ConstrainedMode(wanted); !mode.empty()) {
    Attributes on = request;
    on.verb = fmt::format("impersonate-on:{}:{}", mode, request.verb);
    first = check.MayDo(on);
    if (first.is_null()) first = check.MayBe({"impersonate:" + mode, true});
    if (first.is_null()) return Completed(wanted, true);
  }
  Json refused = check.MayBe({"impersonate", false});
  if (refused.is_null()) return Completed(wanted, false);
  return std::unexpected(first.is_null() ? std::move(refused) : std::move(first));
}

}  // namespace weir::apiserver
