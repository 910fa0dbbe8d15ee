#include "apiserver/patch_plan.h"

#include <fmt/format.h>

#include <vector>

#include "base/strings.h"
#include "kube/json_text.h"
#include "kube/patch.h"
#include "kube/status.h"

namespace weir::apiserver {
namespace {

constexpr std::size_t kMaxOperations = 10000;

std::unexpected<Json> BadPatch(PatchKind kind, const std::string& why) {
  const std::string_view prefix =
      kind == PatchKind::kStrategic ? std::string_view() : "error decoding patch: ";
  return std::unexpected(kube::StatusBadRequest(std::string(prefix) + why));
}

std::string WrongType(const kube::JsonText& value, std::string_view go_type) {
  return fmt::format("json: cannot unmarshal {} into Go value of type {}", value.KindName(),
                     go_type);
}

Answer<Json> ParseOperations(const kube::JsonText& value) {
  using Kind = kube::JsonText::Kind;
  if (value.kind == Kind::kNull) return Json(Json::array());
  if (value.kind != Kind::kArray) {
    return BadPatch(PatchKind::kJson, WrongType(value, "[]handlers.jsonPatchOp"));
  }
  for (const kube::JsonText& item : value.items) {
    if (item.kind != Kind::kObject && item.kind != Kind::kNull) {
      return BadPatch(PatchKind::kJson, WrongType(item, "handlers.jsonPatchOp"));
    }
  }
  if (value.items.size() > kMaxOperations) {
    return std::unexpected(kube::StatusFailure(
        413, "RequestEntityTooLarge",
        fmt::format("Request entity too large: The allowed maximum operations in a JSON patch is "
                    "{}, got {}",
                    kMaxOperations, value.items.size())));
  }
  return kube::ToJson(value);
}

}  // namespace

Answer<PatchKind> ParsePatchKind(std::string_view content_type, const kube::Resource& resource) {
  const std::string_view media = Trim(content_type.substr(0, content_type.find(';')));
  if (media == "application/json-patch+json") return PatchKind::kJson;
  if (media == "application/merge-patch+json") return PatchKind::kMerge;
  const bool custom = !resource.crd_name.empty();
  if (media == "application/strategic-merge-patch+json" && !custom) return PatchKind::kStrategic;
  constexpr std::string_view kReason = "UnsupportedMediaType";
  if (media == "application/strategic-merge-patch+json") {
    return std::unexpected(kube::StatusFailure(
        415, kReason,
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, "
        "application/apply-patch+yaml"));
  }
  return std::unexpected(
      kube::StatusFailure(415, kReason, "415: Unsupported Media Type", Json::object()));
}

Answer<Json> ParsePatch(PatchKind kind, std::string_view body) {
  const auto value = kube::ParseJsonText(body);
  if (!value) return BadPatch(kind, value.error().message);
  if (kind == PatchKind::kJson) return ParseOperations(*value);
  if (value->kind == kube::JsonText::Kind::kNull) {
    if (kind == PatchKind::kStrategic) return Json(Json::object());
    return std::unexpected(kube::StatusBadRequest("Invalid JSON Patch"));
  }
  if (value->kind != kube::JsonText::Kind::kObject) {
    return BadPatch(kind, WrongType(*value, "map[string]interface {}"));
  }
  return kube::ToJson(*value);
}

std::vector<std::string> DuplicateFields(PatchKind kind, std::string_view body) {
  std::vector<std::string> paths;
  if (kind == PatchKind::kJson || !ParseJson(body, &paths)) return {};
  std::vector<std::string> errors;
  errors.reserve(paths.size());
  for (const std::string& path : paths) errors.push_back("duplicate field " + Quote(path));
  return errors;
}

Answer<Json> ApplyPatchTo(PatchKind kind, const Json& document, const Json& patch,
                          std::string_view type) {
  switch (kind) {
    case PatchKind::kJson: {
      auto patched = kube::JsonPatch(document, patch);
      if (patched && patched->is_object()) return std::move(*patched);
      return std::unexpected(kube::StatusFailure(
          422, "Invalid", "the server rejected our request due to an error in our request",
          Json::object()));
    }
    case PatchKind::kMerge:
      return kube::MergePatch(document, patch);
    case PatchKind::kStrategic: {
      auto patched = kube::StrategicMergePatch(document, patch, type);
      if (patched) return std::move(*patched);
      // Upstream answers a patch of the wrong form with 400, one that does not fit with 500.
      const std::string& why = patched.error().message;
      if (why.starts_with("invalid patch format")) {
        return std::unexpected(kube::StatusBadRequest(why));
      }
      return std::unexpected(kube::StatusFailure(500, "", why));
    }
  }
  return document;
}

Json InvalidPatch(PatchKind kind, const Json& patch, const Json& patched, std::string_view why) {
  const std::string shown =
      kind == PatchKind::kStrategic ? PrintedGoValue(patch) : DumpJson(patched);
  return kube::StatusInvalid(
      kube::Resource(), "",
      {{"FieldValueInvalid", "patch", fmt::format("Invalid value: {}: {}", Quote(shown), why)}});
}

// NOLINTNEXTLINE(misc-no-recursion): documents are at most 512 levels deep.
std::string PrintedGoValue(const Json& value) {
  if (value.is_null()) return "<nil>";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_structured()) return DumpJson(value);
  std::vector<std::string> parts;
  if (value.is_array()) {
    for (const Json& item : value) parts.push_back(PrintedGoValue(item));
    return "[" + Join(parts, " ") + "]";
  }
  for (const auto& [key, member] : value.items()) {
    parts.push_back(key + ":" + PrintedGoValue(member));
  }
  return "map[" + Join(parts, " ") + "]";
}

}  // namespace weir::apiserver
