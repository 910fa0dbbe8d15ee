#include "kubelet/volume_plan.h"

#include <algorithm>

#include "base/strings.h"

namespace weir::kubelet {
namespace {

constexpr unsigned kDefaultMode = 0644;

unsigned Mode(const Json& item, unsigned fallback) {
  const auto mode = GetInt(item, {"mode"});
  return mode ? static_cast<unsigned>(*mode) & 0777U : fallback;
}

// A path inside a volume may not leave it.
Status CheckPath(const std::string& path) {
  for (const std::string& part : Split(path, '/')) {
    if (part == ".." || part.empty()) {
      return Fail(Code::kInvalid, "volume path " + Quote(path) + ": expected a relative path");
    }
  }
  return {};
}

// Adds the keys of one ConfigMap or Secret, all or those that `items` names.
Status AddObject(const Json& source, const ObjectNeed& need, unsigned default_mode,
                 const NeededObjects& objects, std::vector<VolumeFile>& files) {
  const bool optional = GetBool(source, {"optional"}, false);
  const auto object = objects.find(need);
  if (object == objects.end()) {
    if (optional) return {};
    return Fail(Code::kNotFound, ToLower(need.kind) + " \"" + need.name + "\" not found");
  }
  const Json& items = GetArray(source, {"items"});
  if (items.empty()) {
    for (auto& [key, value] : KeyValues(need, object->second)) {
      files.push_back({key, value, default_mode});
    }
    return {};
  }
  for (const Json& item : items) {
    const std::string key = GetString(item, "key");
    const std::string path = GetString(item, "path");
    if (auto ok = CheckPath(path); !ok) return ok;
    auto value = KeyValue(need, object->second, key);
    if (value) {
      files.push_back({path, *std::move(value), Mode(item, default_mode)});
    } else if (!optional) {
      return Fail(Code::kNotFound,
                  ToLower(need.kind) + " references non-existent config key: " + key);
    }
  }
  return {};
}

// `key="value"` a line, as metadata.labels and metadata.annotations are written into files.
std::string MapText(const Json& map) {
  std::string text;
  for (const auto& item : map.items()) {
    if (!item.value().is_string()) continue;
    if (!text.empty()) text += "\n";
    text += item.key() + "=" + Quote(item.value().get<std::string>());
  }
  return text;
}

Status AddFields(const Json& pod, const Json& source, unsigned default_mode, const PodFacts& facts,
                 std::vector<VolumeFile>& files) {
  for (const Json& item : GetArray(source, {"items"})) {
    const std::string path = GetString(item, "path");
    if (auto ok = CheckPath(path); !ok) return ok;
    const std::string field = GetString(item, {"fieldRef", "fieldPath"});
    if (field == "metadata.labels" || field == "metadata.annotations") {
      const Json& map = GetObject(pod, {"metadata", field.substr(field.find('.') + 1)});
      files.push_back({path, MapText(map), Mode(item, default_mode)});
      continue;
    }
    auto value = FieldValue(pod, facts, field);
    if (!value) return std::unexpected(value.error());
    files.push_back({path, *std::move(value), Mode(item, default_mode)});
  }
  return {};
}

unsigned DefaultMode(const Json& source) {
  const auto mode = GetInt(source, {"defaultMode"});
  return mode ? static_cast<unsigned>(*mode) & 0777U : kDefaultMode;
}

Status AddToken(const Json& pod, const Json& source, unsigned mode, const NeededObjects& objects,
                std::vector<VolumeFile>& files) {
  const std::string path = GetString(source, "path");
  if (auto ok = CheckPath(path); !ok) return ok;
  const auto request = objects.find({kTokenKind, GetString(source, "audience")});
  if (request == objects.end()) {
    return Fail(Code::kNotFound, "failed to fetch token: serviceaccounts \"" +
                                     GetString(pod, {"spec", "serviceAccountName"}) +
                                     "\" not found");
  }
  files.push_back({path, GetString(request->second, {"status", "token"}), mode});
  return {};
}

Status AddProjected(const Json& pod, const Json& projected, const PodFacts& facts,
                    const NeededObjects& objects, std::vector<VolumeFile>& files) {
  const unsigned mode = DefaultMode(projected);
  for (const Json& source : GetArray(projected, {"sources"})) {
    Status ok;
    if (const Json* map = Find(source, "configMap")) {
      ok = AddObject(*map, {"ConfigMap", GetString(*map, "name")}, mode, objects, files);
    } else if (const Json* secret = Find(source, "secret")) {
      ok = AddObject(*secret, {"Secret", GetString(*secret, "name")}, mode, objects, files);
    } else if (const Json* fields = Find(source, "downwardAPI")) {
      ok = AddFields(pod, *fields, mode, facts, files);
    } else if (const Json* token = Find(source, "serviceAccountToken")) {
      ok = AddToken(pod, *token, mode, objects, files);
    }
    if (!ok) return ok;
  }
  return {};
}

Status FillVolume(const Json& pod, const Json& volume, const PodFacts& facts,
                  const NeededObjects& objects, VolumePlan& plan) {
  if (Find(volume, "emptyDir") != nullptr) return {};
  if (const Json* map = Find(volume, "configMap")) {
    return AddObject(*map, {"ConfigMap", GetString(*map, "name")}, DefaultMode(*map), objects,
                     plan.files);
  }
  if (const Json* secret = Find(volume, "secret")) {
    return AddObject(*secret, {"Secret", GetString(*secret, "secretName")}, DefaultMode(*secret),
                     objects, plan.files);
  }
  if (const Json* fields = Find(volume, "downwardAPI")) {
    return AddFields(pod, *fields, DefaultMode(*fields), facts, plan.files);
  }
  if (const Json* projected = Find(volume, "projected")) {
    return AddProjected(pod, *projected, facts, objects, plan.files);
  }
  if (const Json* host = Find(volume, "hostPath")) {
    plan.folder.clear();
    plan.host_path = GetString(*host, "path");
    return {};
  }
  return Fail(Code::kInvalid, "volume " + plan.name +
                                  ": expected emptyDir, configMap, secret, downwardAPI, projected "
                                  "or hostPath; other kinds are not served by weir");
}

}  // namespace

Result<std::vector<VolumePlan>> PlanVolumes(const Json& pod, const std::string& pod_dir,
                                            const PodFacts& facts, const NeededObjects& objects) {
  std::vector<VolumePlan> plans;
  for (const Json& volume : GetArray(pod, {"spec", "volumes"})) {
    VolumePlan plan;
    plan.name = GetString(volume, "name");
    plan.folder = pod_dir + "/volumes/" + plan.name;
    if (auto ok = FillVolume(pod, volume, facts, objects, plan); !ok) {
      return Prefixed("MountVolume.SetUp failed for volume " + Quote(plan.name) + " ", ok.error());
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

Result<std::vector<MountPlan>> PlanMounts(const Json& container,
                                          const std::vector<VolumePlan>& volumes) {
  std::vector<MountPlan> mounts;
  for (const Json& mount : GetArray(container, {"volumeMounts"})) {
    const std::string name = GetString(mount, "name");
    const auto volume = std::ranges::find(volumes, name, &VolumePlan::name);
    if (volume == volumes.end()) {
      return Fail(Code::kInvalid, "container " + GetString(container, "name") + " mounts volume " +
                                      Quote(name) + ", which the pod does not have");
    }
    MountPlan plan;
    plan.source = volume->folder.empty() ? volume->host_path : volume->folder;
    const std::string sub_path = GetString(mount, "subPath");
    if (!sub_path.empty()) {
      if (auto ok = CheckPath(sub_path); !ok) return std::unexpected(ok.error());
      plan.source += "/" + sub_path;
    }
    plan.target = GetString(mount, "mountPath");
    plan.read_only = GetBool(mount, {"readOnly"}, false);
    mounts.push_back(std::move(plan));
  }
  return mounts;
}

}  // namespace weir::kubelet
