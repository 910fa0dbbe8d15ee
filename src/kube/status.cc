#include "kube/status.h"

#include "base/strings.h"

namespace weir::kube {
namespace {

// details of an answer about one object: its name, and what kind of thing it is.
Json Details(std::string_view name, std::string_view group, std::string_view kind) {
  Json details = Json::object();
  if (!name.empty()) details["name"] = name;
  if (!group.empty()) details["group"] = group;
  if (!kind.empty()) details["kind"] = kind;
  return details;
}

// schema.GroupKind.String: `Deployment.apps`, `Pod`.
std::string GroupKind(const Resource& resource) {
  return resource.group.empty() ? resource.kind : resource.kind + "." + resource.group;
}

}  // namespace

Json StatusFailure(int code, std::string_view reason, std::string_view message, Json details) {
  Json out = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
              {"status", "Failure"}, {"message", message}, {"code", code}};
  if (!reason.empty()) out["reason"] = reason;
  if (!details.is_null()) out["details"] = std::move(details);
  return out;
}

Json StatusNotFound(const Resource& resource, std::string_view name) {
  return StatusFailure(404, "NotFound", resource.GroupResource() + " " + Quote(name) + " not found",
                       Details(name, resource.group, resource.plural));
}

Json StatusAlreadyExists(const Resource& resource, std::string_view name) {
  return StatusFailure(409, "AlreadyExists",
                       resource.GroupResource() + " " + Quote(name) + " already exists",
                       Details(name, resource.group, resource.plural));
}

Json StatusConflict(const Resource& resource, std::string_view name, std::string_view why) {
  return StatusFailure(409, "Conflict",
                       "Operation cannot be fulfilled on " + resource.GroupResource() + " " +
                           Quote(name) + ": " + std::string(why),
                       Details(name, resource.group, resource.plural));
}

Json StatusInvalid(const Resource& resource, std::string_view name,
                   const std::vector<FieldError>& errors) {
  Json causes = Json::array();
  std::vector<std::string> messages;
  for (const FieldError& error : errors) {
    causes.push_back({{"reason", error.type}, {"message", error.detail}, {"field", error.field}});
    std::string message = error.field + ": " + error.detail;
    // The message has each reason once (an aggregate of errors is a set), the causes have all.
    bool repeated = false;
    for (const std::string& earlier : messages) repeated = repeated || earlier == message;
    if (!repeated) messages.push_back(std::move(message));
  }
  std::string what = messages.size() == 1 ? messages[0] : "[" + Join(messages, ", ") + "]";
  Json details = Details(name, resource.group, resource.kind);
  if (!causes.empty()) details["causes"] = std::move(causes);
  return StatusFailure(422, "Invalid",
                       GroupKind(resource) + " " + Quote(name) + " is invalid: " + what,
                       std::move(details));
}

Json StatusForbidden(std::string_view message, Json details) {
  return StatusFailure(403, "Forbidden", message, std::move(details));
}

Json StatusBadRequest(std::string_view message) {
  return StatusFailure(400, "BadRequest", message);
}

Json StatusUnauthorized() { return StatusFailure(401, "Unauthorized", "Unauthorized"); }

Json StatusMethodNotAllowed() {
  return StatusFailure(405, "MethodNotAllowed",
                       "the server does not allow this method on the requested resource",
                       Json::object());
}

Json StatusDeleted(const Resource& resource, std::string_view name, std::string_view uid) {
  Json details = Details(name, resource.group, resource.plural);
  details["uid"] = uid;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

}  // namespace weir::kube
