// Role-based access control: which roles bind a user to which rules, whether a rule allows a
// request, and whether rules cover others (nobody may give what they do not have). Follows
// plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/auth_plan.h"
#include "base/json.h"

namespace weir::apiserver {

inline constexpr std::string_view kRbacGroup = "rbac.authorization.k8s.io";

struct PolicyRule {
  std::vector<std::string> verbs;
  std::vector<std::string> api_groups;
  std::vector<std::string> resources;
  std::vector<std::string> resource_names;
  std::vector<std::string> non_resource_urls;
  bool operator==(const PolicyRule&) const = default;
};

// The rules of a Role or ClusterRole.
std::vector<PolicyRule> ReadRules(const Json& role);
bool RuleAllows(const PolicyRule& rule, const Attributes& attributes);

// The members of `rules` that no rule of `owned` covers, taken apart to one verb, resource and name
// each.
std::vector<PolicyRule> Uncovered(const std::vector<PolicyRule>& owned,
                                  const std::vector<PolicyRule>& rules);
// The rules as refusals print them, put together again, a line each, sorted.
std::string PrintedRules(const std::vector<PolicyRule>& rules);

struct RoleRef {
  std::string kind;  // Role or ClusterRole
  std::string name;
};

struct Decision {
  bool allowed = false;
  std::string reason;  // `RBAC: allowed by ClusterRoleBinding "a" of ...`; may be empty
};

// The cluster's roles and bindings, ready to be asked.
class RbacPolicy {
 public:
  // Whether objects of the resource ("roles.rbac.authorization.k8s.io") belong here.
  static bool Concerns(std::string_view resource);
  // Takes an object in; null: it is gone.
  void Put(std::string_view resource, const std::string& ns, const std::string& name,
           const Json* object);

  // Members of system:masters may do everything, whatever roles say.
  Decision Authorize(const User& user, const Attributes& attributes) const;
  // All rules that apply to a user in a namespace (cluster-wide ones included), and what could not
  // be resolved.
  std::vector<PolicyRule> RulesFor(const User& user, const std::string& ns,
                                   std::vector<std::string>* errors) const;
  // Null where the role does not exist.
  const std::vector<PolicyRule>* RulesOf(const RoleRef& role, const std::string& ns) const;

 private:
  struct Subject {
    std::string kind, name, ns;
  };
  struct Binding {
    RoleRef role;
    std::vector<Subject> subjects;
  };
  // Called with the words for a binding that applies, made when asked for, and its rules, or an
  // error; false ends the visit.
  using Visitor = std::function<bool(const std::function<std::string()>& source,
                                     const std::vector<PolicyRule>* rules, std::string error)>;
  void Visit(const User& user, const std::string& ns, const Visitor& visitor) const;
  static const Subject* FindSubject(const Binding& binding, const User& user,
                                    const std::string& ns);
  bool VisitBindings(const User& user, const std::string& ns, const Visitor& visitor) const;

  // By namespace and name; cluster-wide ones under "".
  std::map<std::pair<std::string, std::string>, std::vector<PolicyRule>> roles_;
  std::map<std::string, std::map<std::string, Binding>> bindings_;
};

}  // namespace weir::apiserver
