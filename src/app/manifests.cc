#include "app/manifests.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "base/strings.h"
#include "base/yaml.h"

namespace weir::app {
namespace {

bool IsManifestName(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

void Add(std::vector<Manifest>& out, const std::string& where, Json object) {
  if (GetString(object, "kind") == "List") {
    for (const Json& item : GetArray(object, {"items"})) out.push_back({where, item});
    return;
  }
  out.push_back({where, std::move(object)});
}

client::ResourceRef RefOf(const kube::Resource& resource) {
  return {resource.group, resource.version, resource.plural};
}

// {group, version} of an apiVersion.
std::pair<std::string, std::string> SplitApiVersion(const std::string& api_version) {
  const auto slash = api_version.find('/');
  if (slash == std::string::npos) return {"", api_version};
  return {api_version.substr(0, slash), api_version.substr(slash + 1)};
}

net::Task<Status> ApplyOne(client::Client& client, const kube::Registry& registry,
                           Manifest manifest) {
  const auto [group, version] = SplitApiVersion(GetString(manifest.object, "apiVersion"));
  const std::string kind = GetString(manifest.object, "kind");
  const kube::Resource* resource = registry.FindKind(group, version, kind);
  if (resource == nullptr) {
    co_return Fail(Code::kInvalid,
                   fmt::format("{}: no kind \"{}\" in version \"{}\" is served", manifest.where,
                               kind, GetString(manifest.object, "apiVersion")));
  }
  const client::ResourceRef ref = RefOf(*resource);
  const std::string name = GetString(manifest.object, {"metadata", "name"});
  std::string ns;
  if (resource->namespaced) {
    ns = GetString(manifest.object, {"metadata", "namespace"}, "default");
  }
  if (name.empty()) {
    co_return Fail(Code::kInvalid, fmt::format("{}: {}: metadata.name: required, since what is "
                                               "applied is found again by its name",
                                               manifest.where, kind));
  }
  auto applied = co_await client.Patch(ref, ns, name, client::PatchType::kApply, manifest.object);
  if (!applied) {
    co_return Prefixed(fmt::format("{}: {} {}", manifest.where, kind, name), applied.error());
  }
  co_return Status();
}

}  // namespace

Result<std::vector<Manifest>> ParseManifests(const std::string& file, std::string_view text) {
  auto documents = ParseYaml(text);
  if (!documents) return Prefixed(file, documents.error());
  std::vector<Manifest> out;
  for (YamlDocument& document : *documents) {
    if (!document.repeated_keys.empty()) {
      return Fail(Code::kInvalid, file + ": " + Join(document.repeated_keys, ", "));
    }
    const std::string where = fmt::format("{} line {}", file, document.line);
    if (!document.value.is_object() || !document.value.contains("kind") ||
        !document.value.contains("apiVersion")) {
      return Fail(Code::kInvalid,
                  where + ": expected a Kubernetes object with apiVersion and kind");
    }
    Add(out, where, std::move(document.value));
  }
  return out;
}

Result<std::vector<Manifest>> ReadManifests(env::FileSystem& files, const std::string& path) {
  std::vector<std::string> paths;
  if (auto names = files.List(path)) {
    for (const std::string& name : *names) {
      if (IsManifestName(name)) paths.push_back(path + "/" + name);
    }
    if (paths.empty()) {
      return Fail(Code::kInvalid, path + ": the folder has no .yaml, .yml or .json files");
    }
  } else {
    paths.push_back(path);
  }
  std::vector<Manifest> out;
  for (const std::string& file : paths) {
    auto text = files.Read(file);
    if (!text) return std::unexpected(text.error());
    auto manifests = ParseManifests(file, *text);
    if (!manifests) return manifests;
    out.insert(out.end(), std::make_move_iterator(manifests->begin()),
               std::make_move_iterator(manifests->end()));
  }
  return out;
}

std::vector<Manifest> InOrderOfCreation(std::vector<Manifest> manifests) {
  std::vector<Manifest> first, second, rest;
  for (Manifest& manifest : manifests) {
    const std::string kind = GetString(manifest.object, "kind");
    auto& group = kind == "Namespace" ? first : kind == "CustomResourceDefinition" ? second : rest;
    group.push_back(std::move(manifest));
  }
  std::vector<Manifest> ordered = std::move(first);
  for (auto* group : {&second, &rest}) {
    ordered.insert(ordered.end(), std::make_move_iterator(group->begin()),
                   std::make_move_iterator(group->end()));
  }
  return ordered;
}

net::Task<Status> ApplyManifests(client::Client& client, const kube::Registry& registry,
                                 std::vector<Manifest> manifests) {
  for (Manifest& manifest : manifests) {
    Status applied = co_await ApplyOne(client, registry, std::move(manifest));
    if (!applied) co_return applied;
  }
  co_return Status();
}

}  // namespace weir::app
