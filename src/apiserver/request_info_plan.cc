#include "apiserver/request_info_plan.h"

#include <algorithm>

#include "base/strings.h"
#include "kube/selector.h"

namespace weir::apiserver {
namespace {

std::string VerbOfMethod(std::string_view method) {
  if (method == "POST") return "create";
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return {};
}

// Subresources of a Namespace itself, where /namespaces/NS/<word> could else be a resource in it.
bool IsNamespaceSubresource(std::string_view word) {
  return word == "status" || word == "finalize";
}

// Takes the elements after the version: [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]].
void TakeResource(std::vector<std::string> parts, RequestInfo& info) {
  if (parts.empty()) return;
  if (parts[0] == "namespaces" && parts.size() > 1) {
    info.ns = parts[1];
    if (parts.size() > 2 && !IsNamespaceSubresource(parts[2])) {
      parts.erase(parts.begin(), parts.begin() + 2);
    }
  }
  info.is_resource = true;
  info.resource = parts[0];
  if (parts.size() > 1) info.name = parts[1];
  if (parts.size() > 2) info.subresource = parts[2];
  info.too_deep = parts.size() > 3 || std::ranges::any_of(parts, &std::string::empty);
}

// get and delete of a collection are list, watch and deletecollection; a field selector on the name
// is what `kubectl get -w NAME` sends.
void RefineVerb(const QueryParameters& query, RequestInfo& info) {
  if (info.legacy_watch) {
    info.verb = "watch";
  } else if (info.name.empty() && info.verb == "get") {
    info.verb = QueryBool(query, "watch") ? "watch" : "list";
    const auto fields = kube::ParseFieldSelector(QueryValue(query, "fieldSelector"));
    for (const auto& field : fields.value_or(std::vector<kube::FieldRequirement>())) {
      const bool exact = field.key == "metadata.name" && field.equal;
      if (exact && PathNameError(field.value).empty()) info.selected_name = field.value;
    }
  } else if (info.name.empty() && info.verb == "delete") {
    info.verb = "deletecollection";
  }
}

}  // namespace

std::string QueryValue(const QueryParameters& query, std::string_view name) {
  const auto it = std::ranges::find(query, name, &QueryParameters::value_type::first);
  return it == query.end() ? std::string() : it->second;
}

bool HasQuery(const QueryParameters& query, std::string_view name) {
  return std::ranges::find(query, name, &QueryParameters::value_type::first) != query.end();
}

bool QueryBool(const QueryParameters& query, std::string_view name) {
  if (!HasQuery(query, name)) return false;
  const std::string value = ToLower(QueryValue(query, name));
  return value != "false" && value != "0";
}

std::string RequestInfo::ResourceAndSubresource() const {
  return subresource.empty() ? resource : resource + "/" + subresource;
}

std::optional<RequestInfo> ParseRequest(std::string_view method, std::string_view raw_path,
                                        const QueryParameters& query) {
  auto decoded = PercentDecode(raw_path, /*plus_is_blank=*/false);
  if (!decoded) return std::nullopt;
  RequestInfo info;
  info.path = *decoded;
  info.verb = ToLower(method);

  std::string_view rest = info.path;
  if (!rest.starts_with('/')) return info;
  rest.remove_prefix(1);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::vector<std::string> parts = Split(rest, '/');
  if (parts[0] != "api" && parts[0] != "apis") return info;
  info.is_api = true;

  const std::size_t prefix = parts[0] == "api" ? 2 : 3;  // api/VERSION, apis/GROUP/VERSION
  if (prefix == 3 && parts.size() > 1) info.group = parts[1];
  if (parts.size() >= prefix) info.version = parts[prefix - 1];
  if (parts.size() <= prefix) return info;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(prefix));
  if (parts[0] == "watch" && parts.size() > 1) {
    info.legacy_watch = true;
    parts.erase(parts.begin());
  }
  TakeResource(std::move(parts), info);
  if (const std::string verb = VerbOfMethod(method); !verb.empty()) {
    info.verb = verb;
    RefineVerb(query, info);
  }
  return info;
}

std::string PathNameError(std::string_view name) {
  if (name == "." || name == "..") return "may not be '" + std::string(name) + "'";
  for (const char illegal : {'/', '%'}) {
    if (name.contains(illegal)) return std::string("may not contain '") + illegal + "'";
  }
  return {};
}

}  // namespace weir::apiserver
