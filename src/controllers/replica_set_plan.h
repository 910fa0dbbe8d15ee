// What a ReplicaSet does: how many pods it makes, which ones it gives up, what it reports.
// Follows pkg/controller/replicaset and controller_utils.go. Pure functions.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace weir::controllers {

using PodList = std::vector<const Json*>;

// At most so many creations or deletions in one pass.
inline constexpr std::size_t kBurstReplicas = 500;

// A new pod from the template of a workload that controls it.
Json NewPod(const Json& replica_set);

// What one pass does: how many pods to create, or which to delete. `pods` are active ones.
struct ReplicaPlan {
  std::size_t create = 0;
  std::vector<const Json*> remove;
};
// `related`: all active pods of the owner's ReplicaSets; nodes with more of them lose theirs first.
ReplicaPlan PlanReplicas(const Json& replica_set, const PodList& pods, const PodList& related,
                         Time now);

// Creations come in batches of 1, 2, 4, ... so that an error that all would meet is met once.
std::size_t NextBatch(std::size_t batch, std::size_t remaining);

// `pods` are all that it controls. `failure`: why the last creation or deletion failed.
struct ReplicaFailure {
  std::string reason;  // FailedCreate, FailedDelete
  std::string message;
};
Json ReplicaSetStatus(const Json& replica_set, const PodList& pods,
                      const std::optional<ReplicaFailure>& failure, Time now);
// When the next of the ready pods will have been ready for minReadySeconds; nullopt if none will.
std::optional<Duration> NextAvailable(const Json& replica_set, const PodList& pods, Time now);
// Ready for so many seconds.
bool IsAvailable(const Json& pod, std::int64_t min_ready_seconds, Time now);

// What a controller has asked for and its cache has not shown yet (client-go's expectations): until
// it has, the controller must not count pods. Value; `now` is time since an arbitrary start.
class Expectations {
 public:
  void ExpectCreations(const std::string& key, std::size_t count, Duration now);
  void ExpectDeletions(const std::string& key, std::set<std::string> uids, Duration now);
  // One came, or will not come.
  void CreationObserved(const std::string& key);
  void DeletionObserved(const std::string& key, const std::string& uid);
  // Whether the pod was deleted and the cache does not show it yet: it no longer counts.
  bool IsDeleted(const std::string& key, const std::string& uid) const;
  // Nothing is outstanding, or it has been for so long that it never will come (5 min).
  bool Satisfied(const std::string& key, Duration now) const;
  void Forget(const std::string& key);

 private:
  struct Entry {
    std::size_t creations = 0;
    std::set<std::string> deletions;
    Duration since{0};
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace weir::controllers
