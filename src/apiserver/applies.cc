// Server-side apply: PATCH with a configuration.
#include <fmt/format.h>

#include <utility>

#include "apiserver/api.h"
#include "apiserver/list_plan.h"
#include "apiserver/patch_plan.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "kube/apply.h"
#include "kube/codec.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

std::unexpected<Json> BadYaml(std::string_view why) {
  return std::unexpected(kube::StatusBadRequest(fmt::format("error decoding YAML: {}", why)));
}

std::string_view JsonKind(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  return value.is_array() ? "array" : "number";
}

Json ConflictStatus(const std::vector<kube::ApplyConflict>& conflicts) {
  Json causes = Json::array();
  for (const kube::ApplyConflict& conflict : conflicts) {
    causes.push_back({{"reason", "FieldManagerConflict"},
                      {"message", "conflict with " + conflict.manager},
                      {"field", conflict.path}});
  }
  return kube::StatusFailure(409, "Conflict", kube::ConflictMessage(conflicts),
                             {{"causes", std::move(causes)}});
}

}  // namespace

Answer<Json> Server::Impl::AppliedConfiguration(const Call& call) const {
  auto documents = ParseYaml(call.request.body);
  if (!documents) {
    return BadYaml("error converting YAML to JSON: yaml: " + documents.error().message);
  }
  Json config = documents->empty() ? Json() : std::move(documents->front().value);
  if (config.is_null()) config = Json::object();
  if (!config.is_object()) {
    return BadYaml(
        fmt::format("error unmarshaling JSON: while decoding JSON: json: cannot "
                    "unmarshal {} into Go value of type map[string]interface {{}}",
                    JsonKind(config)));
  }
  const std::string version = GetString(config, "apiVersion");
  const std::string kind = GetString(config, "kind");
  if (version != call.resource->ApiVersion() || kind != call.resource->kind) {
    const bool core = version.find('/') == std::string::npos;
    return std::unexpected(kube::StatusBadRequest(
        fmt::format("invalid object type: {}{}, Kind={}", core ? "/" : "", version, kind)));
  }
  const Json* name = Find(config, {"metadata", "name"});
  if (name != nullptr && name->is_string()) {
    if (auto ok = CheckName(call, config); !ok) return std::unexpected(ok.error());
  }
  const std::string ns = GetString(config, {"metadata", "namespace"});
  if (!ns.empty() && ns != call.info.ns) {
    return std::unexpected(kube::StatusBadRequest(
        "the namespace of the provided object does not match the namespace sent on the request"));
  }
  const Json* managed = Find(config, {"metadata", "managedFields"});
  if (managed != nullptr && !managed->is_null()) {
    return std::unexpected(kube::StatusBadRequest("metadata.managedFields must be nil"));
  }
  return config;
}

Reply Server::Impl::Apply(Call& call) {
  const auto write = ParseWriteOptions(call.query, "PatchOptions", /*apply=*/true);
  if (!write) return Reply::Error(write.error());
  auto config = AppliedConfiguration(call);
  if (!config) return Reply::Error(config.error());
  const auto current = store.Get(KeyOf(call, call.info.name));
  const Json before =
      current == nullptr ? Json() : ObjectValue(*current, *call.stored, *call.resource);
  const kube::FieldWrite as{write->field_manager, call.info.subresource, clock.Now()};
  auto applied = kube::ApplyConfiguration(
      *call.resource, current == nullptr ? nullptr : &before, *config, as, write->force,
      [this, &call](const Json& value, const std::string& version) {
        return InVersion(call, value, version);
      });
  if (!applied) return Reply::Error(kube::StatusFailure(500, "", applied.error().message));
  if (!applied->conflicts.empty()) return Reply::Error(ConflictStatus(applied->conflicts));
  Json object = applied->changed ? std::move(applied->object) : before;
  Erase(object, {"metadata", "managedFields"});
  if (applied->changed) {
    if (const auto checked = kube::CheckFields(*call.resource, object); !checked) {
      return Reply::Error(kube::StatusBadRequest(checked.error().message));
    }
  }
  if (!Ensure(object, {"metadata"}).is_object()) object["metadata"] = Json::object();
  if (auto ok = CheckName(call, object); !ok) return Reply::Error(ok.error());
  if (current == nullptr) {
    if (!call.info.subresource.empty()) {
      return Reply::Error(kube::StatusNotFound(*call.resource, call.info.name));
    }
    return CreateObject(call, std::move(object), &applied->managed, write->dry_run, {});
  }
  if (auto ok = CheckNamespace(call, object); !ok) return Reply::Error(ok.error());
  if (GetString(object, {"metadata", "resourceVersion"}).empty()) {
    object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"];
  }
  auto prepared = PrepareChanged(call, *current, std::move(object), &applied->managed);
  if (!prepared) return Reply::Error(prepared.error());
  return StoreChanged(call, current, std::move(*prepared), write->dry_run, {});
}

}  // namespace weir::apiserver
