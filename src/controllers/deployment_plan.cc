#include "controllers/deployment_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "controllers/deployment_status_plan.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

using Write = DeploymentPlan::Write;

constexpr std::size_t kHistoryBytes = 2000;
constexpr std::int64_t kUnlimited = 2147483647;

// Annotations of a Deployment that its ReplicaSets do not take over.
constexpr std::array<std::string_view, 6> kOwnAnnotations = {
    "kubectl.kubernetes.io/last-applied-configuration",
    kRevision,
    kRevisionHistory,
    kDesiredReplicas,
    kMaxReplicas,
    "deprecated.deployment.rollback.to"};

std::string Annotation(const Json& object, std::string_view key) {
  return GetString(object, {"metadata", "annotations", key});
}

// True where it differs from what was there.
bool Annotate(Json& object, std::string_view key, std::string value) {
  if (Annotation(object, key) == value) return false;
  Ensure(object, {"metadata", "annotations", key}) = std::move(value);
  return true;
}

bool SetSizes(Json& replica_set, const Json& deployment) {
  std::int64_t wanted = Replicas(deployment);
  bool desired = Annotate(replica_set, kDesiredReplicas, std::to_string(wanted));
  bool most = Annotate(replica_set, kMaxReplicas, std::to_string(wanted + MaxSurge(deployment)));
  return desired || most;
}

// A revision that comes back keeps its old numbers as history.
void RememberRevision(Json& replica_set, const std::string& old_revision) {
  std::string history = Annotation(replica_set, kRevisionHistory);
  if (history.empty()) {
    Annotate(replica_set, kRevisionHistory, old_revision);
    return;
  }
  std::vector<std::string> numbers = Split(history, ',');
  numbers.push_back(old_revision);
  while (Join(numbers, ",").size() > kHistoryBytes && numbers.size() > 1) {
    numbers.erase(numbers.begin());
  }
  Annotate(replica_set, kRevisionHistory, Join(numbers, ","));
}

// Takes over the Deployment's annotations and the revision. True where something changed.
bool SetNewAnnotations(Json& replica_set, const Json& deployment, std::int64_t revision) {
  bool changed = false;
  for (const auto& [key, value] : GetObject(deployment, {"metadata", "annotations"}).items()) {
    if (std::ranges::find(kOwnAnnotations, key) != kOwnAnnotations.end()) continue;
    if (value.is_string()) changed |= Annotate(replica_set, key, value.get<std::string>());
  }
  std::string old_revision = Annotation(replica_set, kRevision);
  if (RevisionOf(replica_set) < revision) {
    Annotate(replica_set, kRevision, std::to_string(revision));
    if (!old_revision.empty()) RememberRevision(replica_set, old_revision);
    changed = true;
  }
  return changed;
}

// One pass, with what it has found and decided so far.
class Pass {
 public:
  explicit Pass(const DeploymentInput& input) : input_(input), deployment_(*input.deployment) {
    ReplicaSets sorted = input.replica_sets;
    SortByCreation(sorted);
    for (const Json* set : sorted) {
      if (fresh_ == nullptr && SameTemplate(deployment_, *set)) {
        fresh_ = set;
      } else {
        old_.push_back(set);
      }
    }
  }

  DeploymentPlan Run() {
    if (IsBeingDeleted(deployment_)) return Finish(false);
    NotePause();
    if (GetBool(deployment_, {"spec", "paused"}, false) || WasScaled()) return RunScaling();
    return IsRollingUpdate(deployment_) ? RunRolling() : RunRecreate();
  }

 private:
  void NotePause() {
    const Json* condition = ConditionOf(GetObject(deployment_, {"status"}), "Progressing");
    std::string reason = condition == nullptr ? "" : GetString(*condition, "reason");
    if (reason == "ProgressDeadlineExceeded") return;
    bool paused = GetBool(deployment_, {"spec", "paused"}, false);
    if (paused && reason != "DeploymentPaused") {
      note_ = {"Unknown", "DeploymentPaused", "Deployment is paused"};
    } else if (!paused && reason == "DeploymentPaused") {
      note_ = {"Unknown", "DeploymentResumed", "Deployment is resumed"};
    }
  }

  ReplicaSets All() const {
    ReplicaSets all = old_;
    if (fresh_ != nullptr) all.push_back(fresh_);
    return all;
  }

  // A ReplicaSet tells the size for which it was last resized.
  bool WasScaled() const {
    ReplicaSets active = Active(All());
    return std::ranges::any_of(active, [&](const Json* set) {
      std::optional<std::int64_t> desired = ParseInt(Annotation(*set, kDesiredReplicas));
      return desired && *desired != Replicas(deployment_);
    });
  }

  void Resize(const Json& replica_set, std::int64_t replicas) {
    Json changed = replica_set;
    bool sizes = SetSizes(changed, deployment_);
    std::int64_t before = Replicas(replica_set);
    if (before == replicas && !sizes) return;
    changed["spec"]["replicas"] = replicas;
    std::string event;
    if (before != replicas) {
      event = fmt::format("Scaled {} replica set {} from {} to {}",
                          replicas > before ? "up" : "down", Name(replica_set), before, replicas);
    }
    plan_.writes.push_back({Write::Kind::kUpdate, std::move(changed), std::move(event)});
  }

  // Makes the newest ReplicaSet, or brings its annotations up to date. True where that is this
  // pass's step.
  bool SyncRevision(bool create) {
    std::int64_t newest = 0;
    for (const Json* set : old_) newest = std::max(newest, RevisionOf(*set));
    std::int64_t revision = newest + 1;
    if (fresh_ != nullptr) {
      Json changed = *fresh_;
      bool differs = SetNewAnnotations(changed, deployment_, revision);
      std::int64_t min_ready = GetInt(deployment_, {"spec", "minReadySeconds"}, 0);
      if (GetInt(changed, {"spec", "minReadySeconds"}, 0) != min_ready) {
        changed["spec"]["minReadySeconds"] = min_ready;
        differs = true;
      }
      if (differs) {
        revision_ = RevisionOf(changed);
        plan_.writes.push_back({Write::Kind::kUpdate, std::move(changed), {}});
        return true;
      }
      revision_ = RevisionOf(*fresh_);
      const Json& status = GetObject(deployment_, {"status"});
      if (!note_ && ConditionOf(status, "Progressing") == nullptr) {
        note_ = {"True", "FoundNewReplicaSet",
                 fmt::format("Found new replica set {}", Quote(Name(*fresh_)))};
      }
      return false;
    }
    if (!create) return false;
    Create(revision);
    return true;
  }

  void Create(std::int64_t revision) {
    Json pod_template = GetObject(deployment_, {"spec", "template"});
    std::string hash =
        TemplateHash(pod_template, GetInt(deployment_, {"status", "collisionCount"}, 0));
    Ensure(pod_template, {"metadata", "labels", kTemplateHash}) = hash;
    Json selector = GetObject(deployment_, {"spec", "selector"});
    Ensure(selector, {"matchLabels", kTemplateHash}) = hash;
    std::int64_t replicas = NewReplicas(deployment_, All(), nullptr);
    Json set = {{"apiVersion", "apps/v1"},
                {"kind", "ReplicaSet"},
                {"metadata",
                 {{"name", Name(deployment_) + "-" + hash},
                  {"namespace", Namespace(deployment_)},
                  {"labels", GetObject(pod_template, {"metadata", "labels"})},
                  {"ownerReferences", Json::array({NewControllerRef(deployment_)})}}},
                {"spec",
                 {{"replicas", replicas},
                  {"selector", std::move(selector)},
                  {"template", std::move(pod_template)}}}};
    std::int64_t min_ready = GetInt(deployment_, {"spec", "minReadySeconds"}, 0);
    if (min_ready != 0) set["spec"]["minReadySeconds"] = min_ready;
    SetNewAnnotations(set, deployment_, revision);
    SetSizes(set, deployment_);
    std::string name = Name(set);
    std::string event;
    if (replicas > 0) {
      event = fmt::format("Scaled up replica set {} from 0 to {}", name, replicas);
    }
    revision_ = revision;
    note_ = {"True", "NewReplicaSetCreated",
             fmt::format("Created new replica set {}", Quote(name))};
    plan_.writes.push_back({Write::Kind::kCreate, std::move(set), std::move(event)});
  }

  DeploymentPlan RunRolling() {
    // Progress is judged once the new ReplicaSet shows.
    if (SyncRevision(true)) return Finish(fresh_ != nullptr);
    if (Replicas(*fresh_) != Replicas(deployment_)) {
      std::int64_t wanted = Replicas(*fresh_) > Replicas(deployment_)
                                ? Replicas(deployment_)
                                : NewReplicas(deployment_, All(), fresh_);
      if (wanted != Replicas(*fresh_)) {
        Resize(*fresh_, wanted);
        return Finish(true);
      }
    }
    for (const auto& [set, replicas] : ShrinkOld(deployment_, Active(old_), *fresh_)) {
      Resize(*set, replicas);
    }
    if (plan_.writes.empty() && IsComplete(deployment_, GetObject(deployment_, {"status"}))) {
      CleanUp();
    }
    return Finish(true);
  }

  DeploymentPlan RunRecreate() {
    if (SyncRevision(false)) return Finish(true);
    for (const Json* set : Active(old_)) Resize(*set, 0);
    if (!plan_.writes.empty()) return Finish(true);
    if (input_.old_pods_running || SumStatus(old_, "replicas") > 0) return Finish(true);
    if (SyncRevision(true)) return Finish(fresh_ != nullptr);
    if (Replicas(*fresh_) != Replicas(deployment_)) Resize(*fresh_, Replicas(deployment_));
    if (plan_.writes.empty() && IsComplete(deployment_, GetObject(deployment_, {"status"}))) {
      CleanUp();
    }
    return Finish(true);
  }

  // Paused, or its size was changed: the ReplicaSets that there are share the replicas.
  DeploymentPlan RunScaling() {
    if (SyncRevision(false)) return Finish(false);
    Scale();
    if (plan_.writes.empty() && GetBool(deployment_, {"spec", "paused"}, false)) CleanUp();
    return Finish(false);
  }

  void Scale() {
    ReplicaSets active = Active(All());
    const Json* only = nullptr;
    if (active.size() == 1) only = active[0];
    if (active.empty()) only = fresh_ != nullptr ? fresh_ : old_.empty() ? nullptr : old_.back();
    if (only != nullptr) {
      // Its annotations change even where its size does not, so that this is no scaling again.
      Resize(*only, Replicas(deployment_));
      return;
    }
    if (IsSaturated()) {
      for (const Json* set : Active(old_)) Resize(*set, 0);
      return;
    }
    if (!IsRollingUpdate(deployment_)) return;
    for (const auto& [set, replicas] : ScaleProportionally(deployment_, old_, fresh_)) {
      Resize(*set, replicas);
    }
  }

  bool IsSaturated() const {
    if (fresh_ == nullptr) return false;
    std::int64_t wanted = Replicas(deployment_);
    return Replicas(*fresh_) == wanted &&
           ParseInt(Annotation(*fresh_, kDesiredReplicas)).value_or(-1) == wanted &&
           GetInt(*fresh_, {"status", "availableReplicas"}, 0) == wanted;
  }

  // Old ReplicaSets beyond the history limit go, the lowest revisions first.
  void CleanUp() {
    std::int64_t limit = GetInt(deployment_, {"spec", "revisionHistoryLimit"}, kUnlimited);
    ReplicaSets cleanable;
    for (const Json* set : old_) {
      if (!IsBeingDeleted(*set)) cleanable.push_back(set);
    }
    std::int64_t surplus = std::int64_t(cleanable.size()) - limit;
    std::ranges::sort(cleanable, {},
                      [](const Json* set) { return std::pair(RevisionOf(*set), Name(*set)); });
    for (std::int64_t i = 0; i < surplus; ++i) {
      const Json& set = *cleanable[std::size_t(i)];
      bool used = GetInt(set, {"status", "replicas"}, 0) != 0 || Replicas(set) != 0 ||
                  GetInt(set, {"metadata", "generation"}, 0) >
                      GetInt(set, {"status", "observedGeneration"}, 0);
      if (!used) plan_.writes.push_back({Write::Kind::kDelete, set, {}});
    }
  }

  DeploymentPlan Finish(bool rolling) {
    DeploymentStatus status = StatusOf(deployment_, old_, fresh_, rolling, note_, input_.now);
    plan_.again = status.deadline;
    Json changed = deployment_;
    bool differs = GetObject(deployment_, {"status"}) != status.status;
    if (differs) changed["status"] = std::move(status.status);
    if (revision_) differs |= Annotate(changed, kRevision, std::to_string(*revision_));
    if (differs) plan_.deployment = std::move(changed);
    return std::move(plan_);
  }

  const DeploymentInput& input_;
  const Json& deployment_;
  const Json* fresh_ = nullptr;  // runs the present template
  ReplicaSets old_;
  std::optional<ProgressNote> note_;
  std::optional<std::int64_t> revision_;
  DeploymentPlan plan_;
};

}  // namespace

DeploymentPlan PlanDeployment(const DeploymentInput& input) { return Pass(input).Run(); }

}  // namespace weir::controllers
