#include "controllers/rollout_plan.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

// A number, or a percentage of `total`.
std::int64_t Scaled(const Json* value, std::int64_t total, bool round_up) {
  if (value == nullptr) return 0;
  if (value->is_number_integer()) return value->get<std::int64_t>();
  if (!value->is_string()) return 0;
  std::string_view text = value->get_ref<const std::string&>();
  if (!text.ends_with('%')) return 0;
  std::int64_t product = ParseInt(text.substr(0, text.size() - 1)).value_or(0) * total;
  return round_up ? (product + 99) / 100 : product / 100;
}

struct Fenceposts {
  std::int64_t surge = 0;
  std::int64_t unavailable = 0;
};

Fenceposts Resolve(const Json& deployment) {
  const Json& rolling = GetObject(deployment, {"spec", "strategy", "rollingUpdate"});
  std::int64_t replicas = Replicas(deployment);
  Fenceposts out = {Scaled(Find(rolling, "maxSurge"), replicas, true),
                    Scaled(Find(rolling, "maxUnavailable"), replicas, false)};
  // Small percentages may both round to none, and nothing could ever move.
  if (out.surge == 0 && out.unavailable == 0) out.unavailable = 1;
  return out;
}

std::int64_t AnnotatedInt(const Json& object, std::string_view key) {
  return ParseInt(GetString(object, {"metadata", "annotations", key})).value_or(0);
}

std::string Created(const Json& object) {
  return GetString(object, {"metadata", "creationTimestamp"});
}

std::int64_t StatusCount(const Json& replica_set, std::string_view key) {
  return GetInt(replica_set, {"status", key}, 0);
}

// Pods of the ReplicaSet that can be counted on: its status may still count some that it gives up.
std::int64_t Available(const Json& replica_set) {
  return std::min(StatusCount(replica_set, "availableReplicas"), Replicas(replica_set));
}

// Whether its status tells of its present size. Upstream does without this, and so can take pods
// away twice on the word of an old status.
bool IsObserved(const Json* replica_set) {
  return StatusCount(*replica_set, "observedGeneration") >=
         GetInt(*replica_set, {"metadata", "generation"}, 0);
}

// How much of a change of the whole falls to this ReplicaSet, by its share before the scaling.
std::int64_t Fraction(const Json& deployment, const Json& replica_set) {
  std::int64_t own = Replicas(replica_set);
  if (Replicas(deployment) == 0) return -own;
  std::int64_t before = AnnotatedInt(replica_set, kMaxReplicas);
  if (before == 0) before = GetInt(deployment, {"status", "replicas"}, 0);
  if (before == 0) return 0;
  std::int64_t after = Replicas(deployment) + MaxSurge(deployment);
  double size = static_cast<double>(own * after) / static_cast<double>(before);
  return static_cast<std::int64_t>(std::floor(size + 0.5)) - own;
}

std::int64_t Proportion(const Json& deployment, const Json& replica_set, std::int64_t to_add,
                        std::int64_t added) {
  if (Replicas(replica_set) == 0 || to_add == 0 || to_add == added) return 0;
  std::int64_t fraction = Fraction(deployment, replica_set);
  std::int64_t allowed = to_add - added;
  return to_add > 0 ? std::min(fraction, allowed) : std::max(fraction, allowed);
}

}  // namespace

std::int64_t Replicas(const Json& workload) { return GetInt(workload, {"spec", "replicas"}, 1); }

bool IsRollingUpdate(const Json& deployment) {
  return GetString(deployment, {"spec", "strategy", "type"}, "RollingUpdate") == "RollingUpdate";
}

std::int64_t MaxSurge(const Json& deployment) {
  return IsRollingUpdate(deployment) ? Resolve(deployment).surge : 0;
}

std::int64_t MaxUnavailable(const Json& deployment) {
  if (!IsRollingUpdate(deployment) || Replicas(deployment) == 0) return 0;
  return std::min(Resolve(deployment).unavailable, Replicas(deployment));
}

std::string TemplateHash(const Json& pod_template, std::int64_t collision_count) {
  // Without vowels and without digits that look like letters, so that no words come of it.
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string text = DumpJson(pod_template);
  if (collision_count != 0) text += "#" + std::to_string(collision_count);
  std::string out = std::to_string(Fnv1a32(text));
  for (char& c : out) c = kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()];
  return out;
}

bool SameTemplate(const Json& deployment, const Json& replica_set) {
  Json own = GetObject(replica_set, {"spec", "template"});
  Erase(own, {"metadata", "labels", kTemplateHash});
  Json wanted = GetObject(deployment, {"spec", "template"});
  Erase(wanted, {"metadata", "labels", kTemplateHash});
  return own == wanted;
}

std::int64_t RevisionOf(const Json& object) { return AnnotatedInt(object, kRevision); }

std::int64_t SumReplicas(const ReplicaSets& sets) {
  std::int64_t sum = 0;
  for (const Json* set : sets) sum += Replicas(*set);
  return sum;
}

std::int64_t SumStatus(const ReplicaSets& sets, std::string_view key) {
  std::int64_t sum = 0;
  for (const Json* set : sets) sum += StatusCount(*set, key);
  return sum;
}

ReplicaSets Active(const ReplicaSets& sets) {
  ReplicaSets out;
  for (const Json* set : sets) {
    if (Replicas(*set) > 0) out.push_back(set);
  }
  return out;
}

void SortByCreation(ReplicaSets& sets) {
  std::ranges::sort(sets, [](const Json* a, const Json* b) {
    return std::pair(Created(*a), Name(*a)) < std::pair(Created(*b), Name(*b));
  });
}

std::int64_t NewReplicas(const Json& deployment, const ReplicaSets& all, const Json* fresh) {
  if (!IsRollingUpdate(deployment)) return Replicas(deployment);
  std::int64_t own = fresh == nullptr ? 0 : Replicas(*fresh);
  std::int64_t room = Replicas(deployment) + MaxSurge(deployment) - SumReplicas(all);
  if (room <= 0) return own;
  return own + std::min(room, Replicas(deployment) - own);
}

std::vector<Resize> ShrinkOld(const Json& deployment, const ReplicaSets& old, const Json& fresh) {
  ReplicaSets all = old;
  all.push_back(&fresh);
  if (SumReplicas(old) == 0 || !std::ranges::all_of(all, IsObserved)) return {};
  std::int64_t least = Replicas(deployment) - MaxUnavailable(deployment);
  // New pods that are not available may become so; until then they do not count.
  std::int64_t waiting = Replicas(fresh) - Available(fresh);
  std::int64_t most = SumReplicas(all) - least - waiting;
  if (most <= 0) return {};
  ReplicaSets ordered = old;
  SortByCreation(ordered);
  std::vector<Resize> plan;
  for (const Json* set : ordered) plan.push_back({set, Replicas(*set)});
  for (Resize& step : plan) {
    std::int64_t unhealthy = step.replicas - Available(*step.replica_set);
    std::int64_t count = std::max<std::int64_t>(std::min(most, unhealthy), 0);
    step.replicas -= count;
    most -= count;
  }
  std::int64_t spare = -least;
  for (const Json* set : all) spare += Available(*set);
  spare = std::min(spare, most);
  for (Resize& step : plan) {
    std::int64_t count = std::max<std::int64_t>(std::min(step.replicas, spare), 0);
    step.replicas -= count;
    spare -= count;
  }
  std::erase_if(plan,
                [](const Resize& step) { return step.replicas == Replicas(*step.replica_set); });
  return plan;
}

std::vector<Resize> ScaleProportionally(const Json& deployment, const ReplicaSets& old,
                                        const Json* fresh) {
  ReplicaSets all = old;
  if (fresh != nullptr) all.push_back(fresh);
  all = Active(all);
  std::int64_t allowed = Replicas(deployment) > 0 ? Replicas(deployment) + MaxSurge(deployment) : 0;
  std::int64_t to_add = allowed - SumReplicas(all);
  // The largest first; of equals, what is newest grows first and what is oldest shrinks first.
  std::ranges::sort(all, [&](const Json* a, const Json* b) {
    if (Replicas(*a) != Replicas(*b)) return Replicas(*a) > Replicas(*b);
    auto key = [](const Json* set) { return std::pair(Created(*set), Name(*set)); };
    return to_add > 0 ? key(a) > key(b) : key(a) < key(b);
  });
  std::vector<Resize> plan;
  std::int64_t added = 0;
  for (const Json* set : all) {
    std::int64_t change = Proportion(deployment, *set, to_add, added);
    added += change;
    plan.push_back({set, Replicas(*set) + change});
  }
  // What rounding leaves over goes to the largest.
  if (!plan.empty()) {
    plan[0].replicas = std::max<std::int64_t>(plan[0].replicas + to_add - added, 0);
  }
  return plan;
}

}  // namespace weir::controllers
