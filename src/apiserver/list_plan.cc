#include "apiserver/list_plan.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "kube/json_text.h"
#include "kube/status.h"
#include "kube/strategy.h"
#include "kube/typed_text.h"

namespace weir::apiserver {
namespace {

std::string NameOf(const kubestore::Object& object) {
  return GetString(object.value, {"metadata", "name"});
}
std::string NamespaceOf(const kubestore::Object& object) {
  return GetString(object.value, {"metadata", "namespace"});
}

std::unexpected<Json> BadToken(std::string_view why) {
  return std::unexpected(kube::StatusBadRequest(
      fmt::format("invalid continue token: continue key is not valid: {}", why)));
}

// The end of the JSON value that begins at `at`: strings and nesting are followed, nothing else
// matters in DumpJson's text.
std::size_t SkipValue(std::string_view text, std::size_t at) {
  int depth = 0;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        quoted = false;
      }
      continue;
    }
    if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return at;
}

}  // namespace

std::string EncodeContinue(const PageStart& start) {
  std::string key = start.ns.empty() ? start.name : start.ns + "/" + start.name;
  const std::string text = fmt::format(R"({{"v":"meta.k8s.io/v1","rv":{},"start":{}}})",
                                       start.version, DumpJson(Json("/" + key + '\0')));
  std::string token = Base64Encode(text);
  // base64.RawURLEncoding: without padding, and fit for a URL.
  while (token.ends_with('=')) token.pop_back();
  return ReplaceAll(ReplaceAll(token, "+", "-"), "/", "_");
}

Answer<PageStart> DecodeContinue(std::string_view token) {
  std::string padded = ReplaceAll(ReplaceAll(token, "-", "+"), "_", "/");
  while (padded.size() % 4 != 0) padded += '=';
  const auto text = Base64Decode(padded);
  if (!text) return BadToken("illegal base64 data");
  const auto value = kube::ParseJsonText(*text);
  if (!value) return BadToken(value.error().message);
  const auto json = ParseJson(*text);
  if (!json || !json->is_object()) return BadToken("it does not hold a JSON object");
  if (const std::string version = GetString(*json, "v"); version != "meta.k8s.io/v1") {
    return BadToken("server does not recognize this encoded version " + version);
  }
  PageStart start;
  start.version = GetInt(*json, {"rv"}, 0);
  std::string key = GetString(*json, "start");
  if (!key.starts_with('/') || !key.ends_with('\0')) return BadToken(key);
  key = key.substr(1, key.size() - 2);
  const std::size_t slash = key.find('/');
  if (slash != std::string::npos) start.ns = key.substr(0, slash);
  start.name = slash == std::string::npos ? key : key.substr(slash + 1);
  if (start.version <= 0 || start.name.empty()) return BadToken("it has no version or no start");
  return start;
}

Page CutPage(const std::vector<kubestore::ObjectPtr>& all, const kube::Resource& resource,
             const Filter& filter, std::int64_t limit, const PageStart* after, std::int64_t version,
             bool one_namespace) {
  Page page;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const kubestore::Object& object = *all[i];
    if (after != nullptr) {
      const std::string ns = one_namespace ? std::string() : NamespaceOf(object);
      if (std::pair(ns, NameOf(object)) <= std::pair(after->ns, after->name)) continue;
    }
    if (!filter.everything() && !filter.Matches(resource, object.value)) continue;
    if (limit > 0 && std::cmp_equal(page.objects.size(), limit)) {
      const kubestore::Object& last = *page.objects.back();
      page.continue_token = EncodeContinue(
          {version, one_namespace ? std::string() : NamespaceOf(last), NameOf(last)});
      // With a selector upstream does not know how many are left.
      if (filter.everything()) page.remaining = static_cast<std::int64_t>(all.size() - i);
      break;
    }
    page.objects.push_back(all[i]);
  }
  return page;
}

std::string ObjectText(const kubestore::Object& object, const kube::Resource& stored,
                       const kube::Resource& resource) {
  if (stored.ApiVersion() == resource.ApiVersion()) return object.body;
  return kube::DumpObject(kube::Convert(object.value, stored, resource));
}

Json ObjectValue(const kubestore::Object& object, const kube::Resource& stored,
                 const kube::Resource& resource) {
  if (stored.ApiVersion() == resource.ApiVersion()) return object.value;
  return kube::Convert(object.value, stored, resource);
}

std::string WithoutTypeMeta(std::string_view object) {
  WEIR_CHECK(object.starts_with('{'));
  std::string out = "{";
  out.reserve(object.size());
  std::size_t at = 1;
  int left = 2;  // apiVersion and kind
  while (at < object.size() && object[at] != '}' && left > 0) {
    const std::size_t end = SkipValue(object, at);
    const std::string_view member = object.substr(at, end - at);
    if (member.starts_with("\"apiVersion\":") || member.starts_with("\"kind\":")) {
      --left;
    } else {
      if (out.size() > 1) out += ',';
      out += member;
    }
    at = end < object.size() && object[end] == ',' ? end + 1 : end;
  }
  if (out.size() > 1 && object[at] != '}') out += ',';
  out += object.substr(at);
  return out;
}

std::string ListText(const Page& page, std::int64_t version, const kube::Resource& stored,
                     const kube::Resource& resource) {
  const bool custom = !resource.crd_name.empty();
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (custom || !page.continue_token.empty()) metadata["continue"] = page.continue_token;
  if (page.remaining > 0) metadata["remainingItemCount"] = page.remaining;
  std::size_t size = 256;
  for (const auto& object : page.objects) size += object->body.size() + 1;
  std::string text;
  text.reserve(size);
  // Lists of custom objects have no Go type: their fields are in the order of their names.
  const kube::Type* list_meta = kube::TypeTable::Get().Find("meta/v1.ListMeta");
  WEIR_CHECK(list_meta != nullptr);
  text += custom ? fmt::format(R"({{"apiVersion":"{}","items":[)", resource.ApiVersion())
                 : fmt::format(R"({{"kind":"{}","apiVersion":"{}","metadata":{},"items":[)",
                               resource.list_kind, resource.ApiVersion(),
                               kube::DumpTyped(metadata, *list_meta));
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    if (i > 0) text += ',';
    const std::string item = ObjectText(*page.objects[i], stored, resource);
    text += custom ? item : WithoutTypeMeta(item);
  }
  text += custom ? fmt::format(R"(],"kind":"{}","metadata":{}}})", resource.list_kind,
                               DumpJson(metadata))
                 : "]}";
  return text;
}

Json PartialMetadata(const Json& object, std::string_view meta_version) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/" + std::string(meta_version)},
          {"metadata", GetObject(object, {"metadata"})}};
}

Json TableOf(const kube::Resource& resource, const std::vector<Json>& objects,
             std::string_view version, kube::IncludeObject include, bool with_columns, Time now,
             std::string_view meta_version) {
  std::vector<const Json*> pointers;
  pointers.reserve(objects.size());
  for (const Json& object : objects) pointers.push_back(&object);
  Json table = kube::ToTable(resource, pointers, version, include, with_columns, now);
  if (meta_version == "v1") return table;
  const std::string api_version = "meta.k8s.io/" + std::string(meta_version);
  table["apiVersion"] = api_version;
  if (include != kube::IncludeObject::kMetadata) return table;
  for (Json& row : table["rows"]) row["object"]["apiVersion"] = api_version;
  return table;
}

Json PartialMetadataListOf(const Page& page, std::int64_t version, std::string_view meta_version) {
  Json items = Json::array();
  for (const auto& object : page.objects) {
    items.push_back(PartialMetadata(object->value, meta_version));
  }
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (!page.continue_token.empty()) metadata["continue"] = page.continue_token;
  if (page.remaining > 0) metadata["remainingItemCount"] = page.remaining;
  return {{"kind", "PartialObjectMetadataList"},
          {"apiVersion", "meta.k8s.io/" + std::string(meta_version)},
          {"metadata", std::move(metadata)},
          {"items", std::move(items)}};
}

Result<kube::IncludeObject> ParseIncludeObject(std::string_view text) {
  if (text.empty() || text == "Metadata") return kube::IncludeObject::kMetadata;
  if (text == "Object") return kube::IncludeObject::kObject;
  if (text == "None") return kube::IncludeObject::kNone;
  return Fail(Code::kInvalid,
              fmt::format("Unable to convert to Table as requested: includeObject: Invalid value: "
                          "{}: must be 'Metadata', 'Object', 'None', or empty",
                          Quote(text)));
}

std::string WatchLine(std::string_view type, std::string_view object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}

std::string_view EventTypeName(kubestore::EventType type) {
  switch (type) {
    case kubestore::EventType::kAdded:
      return "ADDED";
    case kubestore::EventType::kModified:
      return "MODIFIED";
    case kubestore::EventType::kDeleted:
      return "DELETED";
  }
  return "";
}

Json BookmarkObject(const kube::Resource& resource, std::int64_t version,
                    bool ends_initial_events) {
  Json object = {{"kind", resource.kind},
                 {"apiVersion", resource.ApiVersion()},
                 {"metadata", {{"resourceVersion", std::to_string(version)}}}};
  if (ends_initial_events) {
    object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  }
  return object;
}

Json ExpiredStatus(std::string_view message) {
  return kube::StatusFailure(410, "Expired", message);
}

}  // namespace weir::apiserver
