#include "controllers/replica_set_plan.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr Duration kExpectationsTimeout = std::chrono::minutes(5);

std::optional<Time> ReadySince(const Json& pod) {
  for (const Json& condition : GetArray(pod, {"status", "conditions"})) {
    if (GetString(condition, "type") == "Ready" && GetString(condition, "status") == "True") {
      return ParseRfc3339(GetString(condition, "lastTransitionTime"));
    }
  }
  return std::nullopt;
}

// Everything that the order of deletion looks at, worst first (ActivePodsWithRanks).
struct Rank {
  const Json* pod = nullptr;
  bool assigned = false;
  int phase = 0;
  bool ready = false;
  std::int64_t cost = 0;
  std::size_t crowd = 0;
  std::optional<Time> ready_since;
  std::int64_t restarts = 0;
  std::optional<Time> created;
  std::string uid;
};

int PhaseRank(const Json& pod) {
  std::string phase = GetString(pod, {"status", "phase"});
  if (phase == "Running") return 2;
  return phase == "Unknown" ? 1 : 0;
}

std::int64_t DeletionCost(const Json& pod) {
  std::string text =
      GetString(pod, {"metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost"});
  return ParseInt(text).value_or(0);
}

Rank RankOf(const Json& pod, const std::map<std::string, std::size_t>& crowds) {
  Rank rank;
  rank.pod = &pod;
  std::string node = GetString(pod, {"spec", "nodeName"});
  rank.assigned = !node.empty();
  rank.phase = PhaseRank(pod);
  rank.ready = IsPodReady(pod);
  rank.cost = DeletionCost(pod);
  auto crowd = crowds.find(node);
  rank.crowd = crowd == crowds.end() ? 0 : crowd->second;
  rank.ready_since = ReadySince(pod);
  for (const Json& status : GetArray(pod, {"status", "containerStatuses"})) {
    rank.restarts = std::max(rank.restarts, GetInt(status, {"restartCount"}, 0));
  }
  rank.created = ParseRfc3339(GetString(pod, {"metadata", "creationTimestamp"}));
  rank.uid = Uid(pod);
  return rank;
}

// Ages are compared by their magnitude alone, so that among pods of about the same age it is not
// always the same one that goes.
int AgeMagnitude(Time then, Time now) {
  auto nanoseconds = (now - then).count();
  return nanoseconds > 0 ? static_cast<int>(std::log2(static_cast<double>(nanoseconds))) : -1;
}

// Whether `a` goes before `b`.
bool GoesFirst(const Rank& a, const Rank& b, Time now) {
  if (a.assigned != b.assigned) return !a.assigned;
  if (a.phase != b.phase) return a.phase < b.phase;
  if (a.ready != b.ready) return !a.ready;
  if (a.cost != b.cost) return a.cost < b.cost;
  if (a.crowd != b.crowd) return a.crowd > b.crowd;
  if (a.ready && a.ready_since && b.ready_since && *a.ready_since != *b.ready_since) {
    int age_a = AgeMagnitude(*a.ready_since, now), age_b = AgeMagnitude(*b.ready_since, now);
    return age_a != age_b ? age_a < age_b : a.uid < b.uid;
  }
  if (a.restarts != b.restarts) return a.restarts > b.restarts;
  if (a.created && b.created && *a.created != *b.created) {
    int age_a = AgeMagnitude(*a.created, now), age_b = AgeMagnitude(*b.created, now);
    return age_a != age_b ? age_a < age_b : a.uid < b.uid;
  }
  return a.uid < b.uid;
}

std::vector<const Json*> PodsToDelete(const PodList& pods, const PodList& related,
                                      std::size_t count, Time now) {
  std::map<std::string, std::size_t> crowds;
  for (const Json* pod : related) {
    std::string node = GetString(*pod, {"spec", "nodeName"});
    if (!node.empty()) ++crowds[node];
  }
  std::vector<Rank> ranks;
  for (const Json* pod : pods) ranks.push_back(RankOf(*pod, crowds));
  if (count < ranks.size()) {
    std::ranges::sort(ranks, [&](const Rank& a, const Rank& b) { return GoesFirst(a, b, now); });
  }
  std::vector<const Json*> out;
  for (std::size_t i = 0; i < std::min(count, ranks.size()); ++i) out.push_back(ranks[i].pod);
  return out;
}

void SetFailure(Json& status, const Json& old_conditions,
                const std::optional<ReplicaFailure>& failure, Time now) {
  Json conditions = Json::array();
  const Json* before = nullptr;
  for (const Json& condition : old_conditions) {
    if (GetString(condition, "type") == "ReplicaFailure") {
      before = &condition;
    } else {
      conditions.push_back(condition);
    }
  }
  if (failure) {
    bool same = before != nullptr && GetString(*before, "reason") == failure->reason;
    if (same) {
      conditions.push_back(*before);
    } else {
      conditions.push_back({{"type", "ReplicaFailure"},
                            {"status", "True"},
                            {"reason", failure->reason},
                            {"message", failure->message},
                            {"lastTransitionTime", FormatRfc3339(now)}});
    }
  }
  if (!conditions.empty()) status["conditions"] = std::move(conditions);
}

}  // namespace

Json NewPod(const Json& replica_set) {
  const Json& pod_template = GetObject(replica_set, {"spec", "template"});
  Json meta = {{"generateName", Name(replica_set) + "-"},
               {"namespace", Namespace(replica_set)},
               {"ownerReferences", Json::array({NewControllerRef(replica_set)})}};
  for (std::string_view key : {"labels", "annotations", "finalizers"}) {
    if (const Json* value = Find(pod_template, {"metadata", key})) meta[std::string(key)] = *value;
  }
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", std::move(meta)},
          {"spec", GetObject(pod_template, {"spec"})}};
}

ReplicaPlan PlanReplicas(const Json& replica_set, const PodList& pods, const PodList& related,
                         Time now) {
  ReplicaPlan plan;
  auto wanted = static_cast<std::size_t>(
      std::max<std::int64_t>(GetInt(replica_set, {"spec", "replicas"}, 1), 0));
  if (pods.size() < wanted) {
    plan.create = std::min(wanted - pods.size(), kBurstReplicas);
  } else if (pods.size() > wanted) {
    plan.remove = PodsToDelete(pods, related, std::min(pods.size() - wanted, kBurstReplicas), now);
  }
  return plan;
}

std::size_t NextBatch(std::size_t batch, std::size_t remaining) {
  return std::min(batch == 0 ? 1 : 2 * batch, remaining);
}

bool IsAvailable(const Json& pod, std::int64_t min_ready_seconds, Time now) {
  if (!IsPodReady(pod)) return false;
  if (min_ready_seconds == 0) return true;
  std::optional<Time> since = ReadySince(pod);
  return since && *since + std::chrono::seconds(min_ready_seconds) <= now;
}

std::optional<Duration> NextAvailable(const Json& replica_set, const PodList& pods, Time now) {
  std::int64_t seconds = GetInt(replica_set, {"spec", "minReadySeconds"}, 0);
  std::optional<Duration> next;
  if (seconds == 0) return next;
  for (const Json* pod : pods) {
    std::optional<Time> since = ReadySince(*pod);
    if (!since || !IsActivePod(*pod)) continue;
    Duration left = *since + std::chrono::seconds(seconds) - now;
    if (left > Duration::zero() && (!next || left < *next)) next = left;
  }
  return next;
}

Json ReplicaSetStatus(const Json& replica_set, const PodList& pods,
                      const std::optional<ReplicaFailure>& failure, Time now) {
  std::int64_t replicas = 0, labelled = 0, ready = 0, available = 0, terminating = 0;
  std::int64_t min_ready = GetInt(replica_set, {"spec", "minReadySeconds"}, 0);
  const Json& labels = GetObject(replica_set, {"spec", "template", "metadata", "labels"});
  for (const Json* pod : pods) {
    std::string phase = GetString(*pod, {"status", "phase"});
    if (phase == "Succeeded" || phase == "Failed") continue;
    if (IsBeingDeleted(*pod)) {
      ++terminating;
      continue;
    }
    ++replicas;
    bool matches = std::all_of(labels.items().begin(), labels.items().end(), [&](const auto& item) {
      const Json* value = Find(*pod, {"metadata", "labels", item.key()});
      return value != nullptr && *value == item.value();
    });
    if (matches) ++labelled;
    if (IsPodReady(*pod)) ++ready;
    if (IsAvailable(*pod, min_ready, now)) ++available;
  }
  Json status = {{"replicas", replicas}, {"terminatingReplicas", terminating}};
  for (const auto& [key, value] :
       {std::pair{"fullyLabeledReplicas", labelled}, std::pair{"readyReplicas", ready},
        std::pair{"availableReplicas", available}}) {
    if (value != 0) status[key] = value;
  }
  std::int64_t generation = GetInt(replica_set, {"metadata", "generation"}, 0);
  if (generation != 0) status["observedGeneration"] = generation;
  SetFailure(status, GetArray(replica_set, {"status", "conditions"}), failure, now);
  return status;
}

void Expectations::ExpectCreations(const std::string& key, std::size_t count, Duration now) {
  Entry& entry = entries_[key];
  entry.creations = count;
  entry.deletions.clear();
  entry.since = now;
}

void Expectations::ExpectDeletions(const std::string& key, std::set<std::string> uids,
                                   Duration now) {
  Entry& entry = entries_[key];
  entry.creations = 0;
  entry.deletions = std::move(uids);
  entry.since = now;
}

void Expectations::CreationObserved(const std::string& key) {
  auto it = entries_.find(key);
  if (it != entries_.end() && it->second.creations > 0) --it->second.creations;
}

void Expectations::DeletionObserved(const std::string& key, const std::string& uid) {
  auto it = entries_.find(key);
  if (it != entries_.end()) it->second.deletions.erase(uid);
}

bool Expectations::IsDeleted(const std::string& key, const std::string& uid) const {
  auto it = entries_.find(key);
  return it != entries_.end() && it->second.deletions.contains(uid);
}

bool Expectations::Satisfied(const std::string& key, Duration now) const {
  auto it = entries_.find(key);
  if (it == entries_.end()) return true;
  const Entry& entry = it->second;
  if (entry.creations == 0 && entry.deletions.empty()) return true;
  return now - entry.since > kExpectationsTimeout;
}

void Expectations::Forget(const std::string& key) { entries_.erase(key); }

}  // namespace weir::controllers
