// The objects that `weir up` starts with: files and folders of manifests, and the built-in CRDs.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "client/client.h"
#include "env/file_system.h"
#include "kube/resource.h"

namespace weir::app {

struct Manifest {
  std::string where;  // "FILE line N", for messages
  Json object;
};

// The documents of a YAML or JSON text; a List stands for its items. `file` names it in errors.
Result<std::vector<Manifest>> ParseManifests(const std::string& file, std::string_view text);

// The documents of a file, or of all .yaml, .yml and .json files of a folder by name.
Result<std::vector<Manifest>> ReadManifests(env::FileSystem& files, const std::string& path);

// Namespaces and CRDs first, each group in the given order.
std::vector<Manifest> InOrderOfCreation(std::vector<Manifest> manifests);

// Applies the objects as `kubectl apply --server-side --force-conflicts` does: fields that a
// manifest no longer has are removed, those of other managers stay. Stops at the first object that
// is refused (unknown fields are), with an error that names where it stands.
net::Task<Status> ApplyManifests(client::Client& client, const kube::Registry& registry,
                                 std::vector<Manifest> manifests);

}  // namespace weir::app
