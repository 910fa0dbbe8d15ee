#include "apiserver/bootstrap_roles.h"

#include <algorithm>
#include <string>
#include <utility>

#include "apiserver/rbac_plan.h"
#include "base/check.h"
#include "base/strings.h"

namespace weir::apiserver {
namespace {

constexpr std::string_view kAutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

std::vector<std::string> WordsOf(std::string_view line) {
  std::vector<std::string> words;
  for (std::string& word : Split(line, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

Json List(const std::string& words) {
  Json list = Json::array();
  for (const std::string& word : Split(words, ',')) list.push_back(word == "\"\"" ? "" : word);
  return list;
}

Json NewObject(std::string_view kind, const std::string& ns, const std::string& name) {
  Json object = {{"apiVersion", std::string(kRbacGroup) + "/v1"},
                 {"kind", kind},
                 {"metadata",
                  {{"name", name},
                   {"labels", {{"kubernetes.io/bootstrapping", "rbac-defaults"}}},
                   {"annotations", {{kAutoUpdate, "true"}}}}}};
  if (!ns.empty()) object["metadata"]["namespace"] = ns;
  return object;
}

Json NewBinding(Json object, std::string_view kind, const std::string& role) {
  object["roleRef"] = {{"apiGroup", kRbacGroup}, {"kind", kind}, {"name", role}};
  return object;
}

Json BeginBlock(const std::vector<std::string>& words) {
  const std::string& what = words[0];
  if (what == "cluster-role") {
    Json role = NewObject("ClusterRole", "", words.at(1));
    role["rules"] = nullptr;
    return role;
  }
  if (what == "role") {
    Json role = NewObject("Role", words.at(1), words.at(2));
    role["rules"] = nullptr;
    return role;
  }
  if (what == "cluster-role-binding") {
    return NewBinding(NewObject("ClusterRoleBinding", "", words.at(1)), "ClusterRole", words.at(2));
  }
  WEIR_CHECK(what == "role-binding");
  return NewBinding(NewObject("RoleBinding", words.at(1), words.at(2)), words.at(3), words.at(4));
}

void AddLine(const std::vector<std::string>& words, Json& object) {
  const std::string& what = words[0];
  if (what == "label" || what == "aggregate") {
    const std::size_t equals = words.at(1).find('=');
    WEIR_CHECK(equals != std::string::npos);
    const std::string key = words[1].substr(0, equals);
    const std::string value = words[1].substr(equals + 1);
    if (what == "label") {
      object["metadata"]["labels"][key] = value;
    } else {
      object["aggregationRule"]["clusterRoleSelectors"].push_back(
          {{"matchLabels", {{key, value}}}});
    }
  } else if (what == "allow") {
    Json rule = {{"apiGroups", List(words.at(1))},
                 {"resources", List(words.at(2))},
                 {"verbs", List(words.at(3))}};
    if (words.size() > 5) rule["resourceNames"] = List(words[5]);
    object["rules"].push_back(std::move(rule));
  } else if (what == "urls") {
    object["rules"].push_back(
        {{"nonResourceURLs", List(words.at(1))}, {"verbs", List(words.at(2))}});
  } else if (what == "ServiceAccount") {
    object["subjects"].push_back(
        {{"kind", what}, {"namespace", words.at(1)}, {"name", words.at(2)}});
  } else {
    WEIR_CHECK(what == "User" || what == "Group");
    object["subjects"].push_back({{"apiGroup", kRbacGroup}, {"kind", what}, {"name", words.at(1)}});
  }
}

// Adds the members of `wanted` that `list` lacks; whether there were any.
bool AddMissing(const Json& wanted, Json& list) {
  bool added = false;
  for (const Json& item : wanted) {
    if (list.is_array() && std::ranges::find(list, item) != list.end()) continue;
    list.push_back(item);
    added = true;
  }
  return added;
}

}  // namespace

std::vector<Json> BootstrapRoles(std::string_view text) {
  std::vector<Json> objects;
  for (const std::string& line : Split(text, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::vector<std::string> words = WordsOf(line);
    if (!line.starts_with(' ')) {
      objects.push_back(BeginBlock(words));
    } else {
      WEIR_CHECK(!objects.empty());
      AddLine(words, objects.back());
    }
  }
  return objects;
}

Json Reconciled(const Json& stored, const Json& wanted) {
  if (GetString(stored, {"metadata", "annotations", kAutoUpdate}) == "false") return {};
  Json changed = stored;
  bool lacks = false;
  for (const auto& [key, value] : GetObject(wanted, {"metadata", "labels"}).items()) {
    Json& label = Ensure(changed, {"metadata", "labels", key});
    lacks = lacks || label != value;
    label = value;
  }
  if (Find(wanted, "aggregationRule") == nullptr) {
    for (const char* key : {"rules", "subjects"}) {
      const Json& list = GetArray(wanted, {key});
      if (!list.empty()) lacks = AddMissing(list, changed[key]) || lacks;
    }
  }
  return lacks ? changed : Json();
}

}  // namespace weir::apiserver
