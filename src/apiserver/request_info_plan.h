// What a request asks for, read from its method and path alone: k8s.io/apiserver RequestInfo. Made
// before anything is looked up, so that authorisation sees unknown resources too. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::apiserver {

// Decoded query parameters in order.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

// The first value of a parameter; empty where it is absent.
std::string QueryValue(const QueryParameters& query, std::string_view name);
bool HasQuery(const QueryParameters& query, std::string_view name);

struct RequestInfo {
  std::string path;  // decoded
  // get, list, watch, create, update, patch, delete, deletecollection; for paths that name no
  // resource the method in lower case.
  std::string verb;
  bool is_resource = false;
  // Whether the path has the form of an API path: /api..., /apis....
  bool is_api = false;
  std::string group;
  std::string version;
  std::string ns;
  std::string resource;
  std::string name;
  std::string subresource;
  // list and watch: the one name that a field selector leaves.
  std::string selected_name;
  // Path elements beyond the subresource, or a legacy watch path (/api/v1/watch/...).
  bool too_deep = false;
  bool legacy_watch = false;

  // "pods", "pods/log".
  std::string ResourceAndSubresource() const;
};

// nullopt where the path has a broken percent escape.
std::optional<RequestInfo> ParseRequest(std::string_view method, std::string_view raw_path,
                                        const QueryParameters& query);

// A boolean query parameter as apimachinery converts it: absent, "false" and "0" are false,
// anything else, the empty text included, is true.
bool QueryBool(const QueryParameters& query, std::string_view name);

// Why a name in a path is no name ("may not be '..'"); empty where it is one.
std::string PathNameError(std::string_view name);

}  // namespace weir::apiserver
