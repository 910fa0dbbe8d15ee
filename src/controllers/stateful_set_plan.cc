#include "controllers/stateful_set_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"
#include "controllers/rollout_plan.h"

namespace weir::controllers {
namespace {

constexpr std::string_view kRevisionLabel = "controller-revision-hash";

std::string RevisionOfPod(const Json& pod) {
  return GetString(pod, {"metadata", "labels", kRevisionLabel});
}

std::int64_t Number(const Json& revision) { return GetInt(revision, {"revision"}, 0); }

// As a strategic merge patch, which `kubectl rollout undo` applies.
Json RevisionData(const Json& set) {
  Json pod_template = GetObject(set, {"spec", "template"});
  pod_template["$patch"] = "replace";
  return {{"spec", {{"template", std::move(pod_template)}}}};
}

Json NewRevision(const Json& set, Json data, std::int64_t number) {
  const std::string hash = TemplateHash(GetObject(set, {"spec", "template"}),
                                        GetInt(set, {"status", "collisionCount"}, 0));
  Json labels = GetObject(set, {"spec", "template", "metadata", "labels"});
  labels["controller.kubernetes.io/hash"] = hash;
  return {{"apiVersion", "apps/v1"},
          {"kind", "ControllerRevision"},
          {"metadata",
           {{"name", Name(set) + "-" + hash},
            {"namespace", Namespace(set)},
            {"labels", std::move(labels)},
            {"ownerReferences", Json::array({NewControllerRef(set)})}}},
          {"data", std::move(data)},
          {"revision", number}};
}

std::int64_t FirstOrdinal(const Json& set) { return GetInt(set, {"spec", "ordinals", "start"}, 0); }

std::int64_t Partition(const Json& set) {
  return GetInt(set, {"spec", "updateStrategy", "rollingUpdate", "partition"}, 0);
}

std::int64_t MaxUnavailablePods(const Json& set) {
  const Json* value = Find(set, {"spec", "updateStrategy", "rollingUpdate", "maxUnavailable"});
  if (value == nullptr) return 1;
  if (value->is_number_integer()) return std::max<std::int64_t>(value->get<std::int64_t>(), 1);
  std::string text = value->is_string() ? value->get<std::string>() : "1";
  if (!text.empty()) text.pop_back();
  const double share = static_cast<double>(ParseInt(text).value_or(0)) / 100.0;
  const double pods = std::ceil(share * static_cast<double>(Replicas(set)));
  return std::max<std::int64_t>(static_cast<std::int64_t>(pods), 1);
}

bool IsRolling(const Json& set) {
  return GetString(set, {"spec", "updateStrategy", "type"}) == "RollingUpdate";
}

bool IsRunningAndReady(const Json& pod) {
  return GetString(pod, {"status", "phase"}) == "Running" && IsPodReady(pod);
}

bool IsHealthy(const Json& pod) { return IsRunningAndReady(pod) && !IsBeingDeleted(pod); }

bool HasEnded(const Json& pod) {
  const std::string phase = GetString(pod, {"status", "phase"});
  return phase == "Failed" || phase == "Succeeded";
}

std::string ClaimName(const Json& claim_template, const std::string& pod) {
  return Name(claim_template) + "-" + pod;
}

void AddClaimVolumes(const Json& set, const std::string& pod, Json& spec) {
  Json volumes = Json::array();
  std::set<std::string> names;
  for (const Json& claim : GetArray(set, {"spec", "volumeClaimTemplates"})) {
    names.insert(Name(claim));
    volumes.push_back(
        {{"name", Name(claim)}, {"persistentVolumeClaim", {{"claimName", ClaimName(claim, pod)}}}});
  }
  for (const Json& volume : GetArray(spec, {"volumes"})) {
    if (!names.contains(GetString(volume, "name"))) volumes.push_back(volume);
  }
  if (!volumes.empty()) spec["volumes"] = std::move(volumes);
}

Json NewSetPod(const Json& set, const Json& revision, std::int64_t ordinal) {
  Json from = set;
  from["spec"]["template"] = GetObject(revision, {"data", "spec", "template"});
  Json pod = NewPod(from);
  const std::string name = fmt::format("{}-{}", Name(set), ordinal);
  Json& meta = pod["metadata"];
  meta.erase("generateName");
  meta["name"] = name;
  Json& labels = Ensure(meta, {"labels"});
  labels["statefulset.kubernetes.io/pod-name"] = name;
  labels["apps.kubernetes.io/pod-index"] = std::to_string(ordinal);
  labels[std::string(kRevisionLabel)] = Name(revision);
  pod["spec"]["hostname"] = name;
  const std::string service = GetString(set, {"spec", "serviceName"});
  if (!service.empty()) pod["spec"]["subdomain"] = service;
  AddClaimVolumes(set, name, pod["spec"]);
  return pod;
}

// The set's pods by what becomes of them.
struct Places {
  std::map<std::int64_t, const Json*> slots;  // those that shall be; null: to be made
  std::vector<const Json*> condemned;         // highest ordinal first
};

Places PlacesOf(const Json& set, const PodList& pods) {
  Places out;
  const std::int64_t first = FirstOrdinal(set), end = first + Replicas(set);
  for (std::int64_t i = first; i < end; ++i) out.slots[i] = nullptr;
  std::map<std::int64_t, const Json*, std::greater<>> others;
  for (const Json* pod : pods) {
    const auto ordinal = OrdinalOf(set, *pod);
    if (!ordinal) continue;
    if (auto slot = out.slots.find(*ordinal); slot != out.slots.end()) {
      slot->second = pod;
    } else {
      others[*ordinal] = pod;
    }
  }
  for (const auto& [ordinal, pod] : others) out.condemned.push_back(pod);
  return out;
}

// One pass in progress: what may still happen in it.
class Pass {
 public:
  Pass(const Json& set, const RevisionPlan& revisions, Places places, Time now,
       StatefulSetPlan& plan)
      : set_(set), revisions_(revisions), places_(std::move(places)), now_(now), plan_(plan) {}

  void Run() {
    if (FillSlots() && RemoveCondemned() && IsRolling(set_)) UpdatePods();
  }

 private:
  bool ordered() const { return GetString(set_, {"spec", "podManagementPolicy"}) != "Parallel"; }

  // Each returns whether the pass goes on.
  bool FillSlots() {
    for (const auto& [ordinal, pod] : places_.slots) {
      const bool done = pod == nullptr ? Make(ordinal) : Settle(*pod);
      if (!done && ordered()) return false;
    }
    return true;
  }

  bool Make(std::int64_t ordinal) {
    const bool keeps = IsRolling(set_) && ordinal < FirstOrdinal(set_) + Partition(set_);
    plan_.create.push_back(
        NewSetPod(set_, keeps ? revisions_.current : revisions_.update, ordinal));
    return false;
  }

  bool Settle(const Json& pod) {
    if (IsBeingDeleted(pod)) return false;
    if (HasEnded(pod)) {
      plan_.remove.push_back(&pod);
      return false;
    }
    return IsRunningAndReady(pod) &&
           IsAvailable(pod, GetInt(set_, {"spec", "minReadySeconds"}, 0), now_);
  }

  bool RemoveCondemned() {
    const Json* first_unhealthy = nullptr;
    for (const Json* pod : places_.condemned) {
      if (!IsHealthy(*pod)) first_unhealthy = pod;
    }
    for (const Json* pod : places_.condemned) {
      if (!IsBeingDeleted(*pod)) {
        const bool waits = ordered() && !IsRunningAndReady(*pod) && pod != first_unhealthy;
        if (waits) return false;
        plan_.remove.push_back(pod);
      }
      if (ordered()) return false;
    }
    return true;
  }

  void UpdatePods() {
    const std::int64_t bound = FirstOrdinal(set_) + Partition(set_);
    std::int64_t missing = 0;
    for (auto slot = places_.slots.rbegin(); slot != places_.slots.rend(); ++slot) {
      const auto& [ordinal, pod] = *slot;
      if (ordinal < bound || missing >= MaxUnavailablePods(set_)) return;
      if (pod == nullptr) {
        ++missing;
      } else if (RevisionOfPod(*pod) != Name(revisions_.update) && !IsBeingDeleted(*pod)) {
        plan_.remove.push_back(pod);
        ++missing;
      } else if (!IsHealthy(*pod)) {
        ++missing;
      }
    }
  }

  const Json& set_;
  const RevisionPlan& revisions_;
  Places places_;
  Time now_;
  StatefulSetPlan& plan_;
};

Json StatusOf(const Json& set, const PodList& pods, const RevisionPlan& revisions, Time now) {
  const std::int64_t min_ready = GetInt(set, {"spec", "minReadySeconds"}, 0);
  std::map<std::string, std::int64_t> counts;
  for (const Json* pod : pods) {
    ++counts["replicas"];
    if (IsRunningAndReady(*pod)) ++counts["readyReplicas"];
    if (IsRunningAndReady(*pod) && IsAvailable(*pod, min_ready, now)) ++counts["availableReplicas"];
    if (IsBeingDeleted(*pod)) continue;
    if (RevisionOfPod(*pod) == Name(revisions.current)) ++counts["currentReplicas"];
    if (RevisionOfPod(*pod) == Name(revisions.update)) ++counts["updatedReplicas"];
  }
  std::string current = Name(revisions.current);
  const std::int64_t wanted = Replicas(set);
  const bool finished = IsRolling(set) && counts["updatedReplicas"] == wanted &&
                        counts["readyReplicas"] == wanted && counts["replicas"] == wanted;
  if (finished) {
    current = Name(revisions.update);
    counts["currentReplicas"] = counts["updatedReplicas"];
  }
  Json status = {{"replicas", counts["replicas"]},
                 {"availableReplicas", counts["availableReplicas"]},
                 {"collisionCount", GetInt(set, {"status", "collisionCount"}, 0)},
                 {"currentRevision", current},
                 {"updateRevision", Name(revisions.update)},
                 {"observedGeneration", GetInt(set, {"metadata", "generation"}, 0)}};
  for (const char* key : {"readyReplicas", "currentReplicas", "updatedReplicas"}) {
    if (counts[key] != 0) status[key] = counts[key];
  }
  return status;
}

}  // namespace

std::optional<std::int64_t> OrdinalOf(const Json& set, const Json& pod) {
  const std::string name = Name(pod), prefix = Name(set) + "-";
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = std::string_view(name).substr(prefix.size());
  const bool number =
      !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  return number ? ParseInt(digits) : std::nullopt;
}

RevisionPlan PlanRevisions(const Json& set, const std::vector<const Json*>& revisions,
                           const PodList& pods) {
  std::vector<const Json*> all = revisions;
  std::ranges::sort(all, {}, [](const Json* r) { return std::pair(Number(*r), Name(*r)); });
  const std::int64_t next = all.empty() ? 1 : Number(*all.back()) + 1;
  RevisionPlan plan;
  Json data = RevisionData(set);
  for (const Json* revision : all) {
    if (GetObject(*revision, {"data"}) == data) plan.update = *revision;
  }
  if (plan.update.is_null()) {
    plan.update = NewRevision(set, std::move(data), next);
    plan.write = RevisionPlan::Write::kCreate;
  } else if (Number(plan.update) != next - 1) {
    plan.update["revision"] = next;
    plan.write = RevisionPlan::Write::kRenumber;
  }
  plan.current = plan.update;
  std::set<std::string> live = {Name(plan.update)};
  for (const Json* pod : pods) live.insert(RevisionOfPod(*pod));
  for (const Json* revision : all) {
    if (Name(*revision) != GetString(set, {"status", "currentRevision"})) continue;
    plan.current = *revision;
    live.insert(Name(*revision));
  }
  std::vector<const Json*> history;
  for (const Json* revision : all) {
    if (!live.contains(Name(*revision))) history.push_back(revision);
  }
  const auto limit = static_cast<std::size_t>(
      std::max<std::int64_t>(GetInt(set, {"spec", "revisionHistoryLimit"}, 10), 0));
  for (std::size_t i = 0; i + limit < history.size(); ++i) plan.surplus.push_back(history[i]);
  return plan;
}

StatefulSetPlan PlanStatefulSet(const Json& set, const PodList& pods, const RevisionPlan& revisions,
                                Time now) {
  StatefulSetPlan plan;
  plan.status = StatusOf(set, pods, revisions, now);
  if (!IsBeingDeleted(set)) Pass(set, revisions, PlacesOf(set, pods), now, plan).Run();
  plan.again = NextAvailable(set, pods, now);
  return plan;
}

std::vector<Json> ClaimsOf(const Json& set, const Json& pod) {
  std::vector<Json> out;
  for (const Json& claim_template : GetArray(set, {"spec", "volumeClaimTemplates"})) {
    Json claim = claim_template;
    claim.erase("status");
    Json& meta = claim["metadata"];
    meta["name"] = ClaimName(claim_template, Name(pod));
    meta["namespace"] = Namespace(set);
    for (const auto& [key, value] : GetObject(set, {"spec", "selector", "matchLabels"}).items()) {
      Ensure(meta, {"labels"})[key] = value;
    }
    out.push_back(std::move(claim));
  }
  return out;
}

}  // namespace weir::controllers
