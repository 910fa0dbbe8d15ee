#include "apiserver/rbac_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kRoles = "roles.rbac.authorization.k8s.io";
constexpr std::string_view kClusterRoles = "clusterroles.rbac.authorization.k8s.io";
constexpr std::string_view kRoleBindings = "rolebindings.rbac.authorization.k8s.io";
constexpr std::string_view kClusterRoleBindings = "clusterrolebindings.rbac.authorization.k8s.io";

using Words = std::vector<std::string>;

Words ReadWords(const Json& rule, std::string_view key) {
  Words words;
  for (const Json& word : GetArray(rule, {key})) {
    if (word.is_string()) words.push_back(word.get<std::string>());
  }
  return words;
}

bool Has(const Words& set, std::string_view word) {
  return std::ranges::find(set, word) != set.end();
}

bool HasOrAll(const Words& set, std::string_view word) { return Has(set, "*") || Has(set, word); }

bool UrlCovers(std::string_view owner, std::string_view path) {
  if (owner == path) return true;
  if (!owner.ends_with('*')) return false;
  while (owner.ends_with('*')) owner.remove_suffix(1);
  return path.starts_with(owner);
}

// `pods`, `pods/log`: all, this one, or the subresource of any.
bool ResourceMatches(const Words& set, const std::string& resource) {
  if (HasOrAll(set, resource)) return true;
  const std::size_t slash = resource.find('/');
  return slash != std::string::npos && Has(set, "*" + resource.substr(slash));
}

// The parts of a rule with one verb, group, resource and name each.
std::vector<PolicyRule> TakenApart(const PolicyRule& rule) {
  std::vector<PolicyRule> parts;
  for (const std::string& group : rule.api_groups) {
    for (const std::string& resource : rule.resources) {
      for (const std::string& verb : rule.verbs) {
        if (rule.resource_names.empty()) parts.push_back({{verb}, {group}, {resource}, {}, {}});
        for (const std::string& name : rule.resource_names) {
          parts.push_back({{verb}, {group}, {resource}, {name}, {}});
        }
      }
    }
  }
  for (const std::string& url : rule.non_resource_urls) {
    for (const std::string& verb : rule.verbs) parts.push_back({{verb}, {}, {}, {}, {url}});
  }
  return parts;
}

// REQUIRES: `part` is one of TakenApart.
bool Covers(const PolicyRule& owner, const PolicyRule& part) {
  if (!HasOrAll(owner.verbs, part.verbs[0])) return false;
  if (!part.non_resource_urls.empty()) {
    return std::ranges::any_of(owner.non_resource_urls, [&part](const std::string& url) {
      return UrlCovers(url, part.non_resource_urls[0]);
    });
  }
  if (!HasOrAll(owner.api_groups, part.api_groups[0])) return false;
  if (!ResourceMatches(owner.resources, part.resources[0])) return false;
  if (owner.resource_names.empty()) return true;
  return !part.resource_names.empty() && Has(owner.resource_names, part.resource_names[0]);
}

// Go's %q of a list of strings.
std::string Quoted(const Words& words) {
  std::vector<std::string> quoted;
  quoted.reserve(words.size());
  for (const std::string& word : words) quoted.push_back(Quote(word));
  return "[" + Join(quoted, " ") + "]";
}

std::string Printed(const PolicyRule& rule) {
  std::vector<std::string> parts;
  const auto add = [&parts](std::string_view name, const Words& words) {
    if (!words.empty()) parts.push_back(fmt::format("{}:{}", name, Quoted(words)));
  };
  add("APIGroups", rule.api_groups);
  add("Resources", rule.resources);
  add("NonResourceURLs", rule.non_resource_urls);
  add("ResourceNames", rule.resource_names);
  add("Verbs", rule.verbs);
  return "{" + Join(parts, ", ") + "}";
}

// Rules about the same single resource become one with the verbs of all.
std::vector<PolicyRule> Compacted(const std::vector<PolicyRule>& rules) {
  std::vector<PolicyRule> compacted;
  for (const PolicyRule& rule : rules) {
    const bool simple = rule.resource_names.size() <= 1 && rule.non_resource_urls.empty() &&
                        rule.api_groups.size() == 1 && rule.resources.size() == 1;
    const auto same = std::ranges::find_if(compacted, [&rule](const PolicyRule& other) {
      return other.non_resource_urls.empty() && other.api_groups == rule.api_groups &&
             other.resources == rule.resources && other.resource_names == rule.resource_names;
    });
    if (simple && same != compacted.end()) {
      same->verbs.insert(same->verbs.end(), rule.verbs.begin(), rule.verbs.end());
    } else {
      compacted.push_back(rule);
    }
  }
  return compacted;
}

std::string Joined(const std::vector<std::string>& errors) {
  return errors.size() == 1 ? errors[0] : "[" + Join(errors, ", ") + "]";
}

}  // namespace

std::vector<PolicyRule> ReadRules(const Json& role) {
  std::vector<PolicyRule> rules;
  for (const Json& rule : GetArray(role, {"rules"})) {
    rules.push_back({ReadWords(rule, "verbs"), ReadWords(rule, "apiGroups"),
                     ReadWords(rule, "resources"), ReadWords(rule, "resourceNames"),
                     ReadWords(rule, "nonResourceURLs")});
  }
  return rules;
}

bool RuleAllows(const PolicyRule& rule, const Attributes& attributes) {
  if (!HasOrAll(rule.verbs, attributes.verb)) return false;
  if (!attributes.is_resource) {
    return std::ranges::any_of(rule.non_resource_urls, [&attributes](const std::string& url) {
      return UrlCovers(url, attributes.path);
    });
  }
  if (!HasOrAll(rule.api_groups, attributes.group)) return false;
  if (!ResourceMatches(rule.resources, attributes.ResourceAndSubresource())) return false;
  return rule.resource_names.empty() || Has(rule.resource_names, attributes.name);
}

std::vector<PolicyRule> Uncovered(const std::vector<PolicyRule>& owned,
                                  const std::vector<PolicyRule>& rules) {
  std::vector<PolicyRule> missing;
  for (const PolicyRule& rule : rules) {
    for (PolicyRule& part : TakenApart(rule)) {
      const bool covered = std::ranges::any_of(
          owned, [&part](const PolicyRule& owner) { return Covers(owner, part); });
      if (!covered) missing.push_back(std::move(part));
    }
  }
  return missing;
}

std::string PrintedRules(const std::vector<PolicyRule>& rules) {
  std::set<std::string> lines;
  for (const PolicyRule& rule : Compacted(rules)) lines.insert(Printed(rule));
  return Join(std::vector<std::string>(lines.begin(), lines.end()), "\n");
}

bool RbacPolicy::Concerns(std::string_view resource) {
  return resource == kRoles || resource == kClusterRoles || resource == kRoleBindings ||
         resource == kClusterRoleBindings;
}

void RbacPolicy::Put(std::string_view resource, const std::string& ns, const std::string& name,
                     const Json* object) {
  if (resource == kRoles || resource == kClusterRoles) {
    roles_.erase({ns, name});
    if (object != nullptr) roles_[{ns, name}] = ReadRules(*object);
    return;
  }
  auto& bindings = bindings_[ns];
  bindings.erase(name);
  if (object == nullptr) {
    if (bindings.empty()) bindings_.erase(ns);
    return;
  }
  Binding binding;
  binding.role = {GetString(*object, {"roleRef", "kind"}), GetString(*object, {"roleRef", "name"})};
  for (const Json& subject : GetArray(*object, {"subjects"})) {
    binding.subjects.push_back(
        {GetString(subject, "kind"), GetString(subject, "name"), GetString(subject, "namespace")});
  }
  bindings[name] = std::move(binding);
}

const RbacPolicy::Subject* RbacPolicy::FindSubject(const Binding& binding, const User& user,
                                                   const std::string& ns) {
  for (const Subject& subject : binding.subjects) {
    bool applies = false;
    if (subject.kind == "User") {
      applies = user.name == subject.name;
    } else if (subject.kind == "Group") {
      applies = user.InGroup(subject.name);
    } else if (subject.kind == "ServiceAccount") {
      const std::string& of = subject.ns.empty() ? ns : subject.ns;
      applies = !of.empty() && user.name == ServiceAccountName(of, subject.name);
    }
    if (applies) return &subject;
  }
  return nullptr;
}

const std::vector<PolicyRule>* RbacPolicy::RulesOf(const RoleRef& role,
                                                   const std::string& ns) const {
  const auto it = roles_.find({role.kind == "Role" ? ns : std::string(), role.name});
  return it == roles_.end() ? nullptr : &it->second;
}

bool RbacPolicy::VisitBindings(const User& user, const std::string& ns,
                               const Visitor& visitor) const {
  const auto bindings = bindings_.find(ns);
  if (bindings == bindings_.end()) return true;
  for (const auto& [name, binding] : bindings->second) {
    const Subject* subject = FindSubject(binding, user, ns);
    if (subject == nullptr) continue;
    const std::vector<PolicyRule>* rules = RulesOf(binding.role, ns);
    std::string error;
    if (rules == nullptr) {
      error = fmt::format("{}.{} {} not found", ToLower(binding.role.kind), kRbacGroup,
                          Quote(binding.role.name));
    }
    const auto source = [&ns, &name, &binding, subject] {
      const std::string who =
          subject->kind == "ServiceAccount"
              ? Quote(subject->name + "/" + (subject->ns.empty() ? ns : subject->ns))
              : Quote(subject->name);
      return fmt::format("{} {} of {} {} to {} {}",
                         ns.empty() ? "ClusterRoleBinding" : "RoleBinding",
                         Quote(ns.empty() ? name : name + "/" + ns), binding.role.kind,
                         Quote(binding.role.name), subject->kind, who);
    };
    if (!visitor(source, rules, std::move(error))) return false;
  }
  return true;
}

void RbacPolicy::Visit(const User& user, const std::string& ns, const Visitor& visitor) const {
  if (VisitBindings(user, "", visitor) && !ns.empty()) VisitBindings(user, ns, visitor);
}

Decision RbacPolicy::Authorize(const User& user, const Attributes& attributes) const {
  if (user.InGroup(kMasters)) return {true, {}};
  Decision decision;
  std::vector<std::string> errors;
  Visit(user, attributes.ns,
        [&](const std::function<std::string()>& source, const std::vector<PolicyRule>* rules,
            std::string error) {
          if (rules == nullptr) {
            errors.push_back(std::move(error));
            return true;
          }
          decision.allowed = std::ranges::any_of(
              *rules, [&](const PolicyRule& rule) { return RuleAllows(rule, attributes); });
          if (decision.allowed) decision.reason = "RBAC: allowed by " + source();
          return !decision.allowed;
        });
  if (!decision.allowed && !errors.empty()) decision.reason = "RBAC: " + Joined(errors);
  return decision;
}

std::vector<PolicyRule> RbacPolicy::RulesFor(const User& user, const std::string& ns,
                                             std::vector<std::string>* errors) const {
  std::vector<PolicyRule> all;
  Visit(user, ns,
        [&](const std::function<std::string()>&, const std::vector<PolicyRule>* rules,
            std::string error) {
          if (rules == nullptr) {
            errors->push_back(std::move(error));
          } else {
            all.insert(all.end(), rules->begin(), rules->end());
          }
          return true;
        });
  return all;
}

}  // namespace weir::apiserver
