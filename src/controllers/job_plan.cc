#include "controllers/job_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "controllers/owner_refs_plan.h"

namespace weir::controllers {
namespace {

constexpr std::string_view kIndexKey = "batch.kubernetes.io/job-completion-index";
constexpr Duration kBackoff = std::chrono::seconds(10);
constexpr Duration kMaxBackoff = std::chrono::minutes(10);

std::string Phase(const Json& pod) { return GetString(pod, {"status", "phase"}); }

bool HasEnded(const Json& pod) { return Phase(pod) == "Succeeded" || Phase(pod) == "Failed"; }

std::optional<std::int64_t> IndexOf(const Json& pod) {
  return ParseInt(GetString(pod, {"metadata", "annotations", kIndexKey}));
}

const Json* FindCondition(const Json& conditions, std::string_view type) {
  for (const Json& condition : conditions) {
    if (GetString(condition, "type") == type) return &condition;
  }
  return nullptr;
}

// Whether that changed anything. A condition that is not there is not added as False.
bool SetCondition(Json& status, std::string_view type, bool value, std::string_view reason,
                  std::string_view message, Time now) {
  Json& conditions = Ensure(status, {"conditions"});
  if (!conditions.is_array()) conditions = Json::array();
  const std::string stamp = FormatRfc3339(now);
  Json fresh = {{"type", type},           {"status", value ? "True" : "False"},
                {"lastProbeTime", stamp}, {"lastTransitionTime", stamp},
                {"reason", reason},       {"message", message}};
  for (Json& condition : conditions) {
    if (GetString(condition, "type") != type) continue;
    if (GetString(condition, "status") == (value ? "True" : "False") &&
        GetString(condition, "reason") == reason) {
      return false;
    }
    condition = std::move(fresh);
    return true;
  }
  if (!value) {
    if (conditions.empty()) status.erase("conditions");
    return false;
  }
  conditions.push_back(std::move(fresh));
  return true;
}

// When the pod's last container ended, as far as it says.
std::optional<Time> EndOf(const Json& pod) {
  std::optional<Time> end;
  for (const Json& status : GetArray(pod, {"status", "containerStatuses"})) {
    auto time = ParseRfc3339(GetString(status, {"state", "terminated", "finishedAt"}));
    if (time && (!end || *time > *end)) end = time;
  }
  if (end) return end;
  for (std::string_view key : {"deletionTimestamp", "creationTimestamp"}) {
    if (auto time = ParseRfc3339(GetString(pod, {"metadata", key}))) return time;
  }
  return std::nullopt;
}

// One pass over a Job.
class Pass {
 public:
  Pass(const Json& job, const PodList& pods, bool settled, Time now)
      : job_(job), pods_(pods), settled_(settled), now_(now), spec_(GetObject(job, {"spec"})) {
    plan_.status = GetObject(job, {"status"});
    indexed_ = GetString(spec_, "completionMode") == "Indexed";
    fails_when_deleted_ = GetString(spec_, "podReplacementPolicy") != "Failed";
  }

  JobPlan Run() {
    Count();
    if (IsBeingDeleted(job_) || IsJobFinished(job_)) {
      ReleaseAll();
      if (IsJobFinished(job_)) Expire();
      plan_.status = GetObject(job_, {"status"});
      return std::move(plan_);
    }
    Begin();
    if (const auto failure = Failure()) {
      Fail(*failure);
    } else if (Succeeds()) {
      Complete();
    } else {
      Manage();
    }
    WriteNumbers();
    return std::move(plan_);
  }

 private:
  using Uids = std::set<std::string>;
  struct Reason {
    std::string reason, message;
  };

  bool suspended() const { return GetBool(spec_, {"suspend"}, false); }
  Json& status() { return plan_.status; }

  bool IsTerminated(const Json& pod) const {
    return HasEnded(pod) || (fails_when_deleted_ && IsBeingDeleted(pod));
  }

  Uids Stored(std::string_view key) const {
    Uids out;
    for (const Json& uid : GetArray(job_, {"status", "uncountedTerminatedPods", key})) {
      if (uid.is_string()) out.insert(uid.get<std::string>());
    }
    return out;
  }

  // Moves what is released from the lists to the counters, and what has ended to the lists.
  void Count() {
    succeeded_ = GetInt(job_, {"status", "succeeded"}, 0);
    failed_ = GetInt(job_, {"status", "failed"}, 0);
    const Uids stored_succeeded = Stored("succeeded"), stored_failed = Stored("failed");
    uncounted_succeeded_ = stored_succeeded;
    uncounted_failed_ = stored_failed;
    Uids tracked;
    const std::set<std::int64_t> stored_indexes =
        ParseIndexes(GetString(job_, {"status", "completedIndexes"}));
    completed_ = stored_indexes;
    for (const Json* pod : pods_) {
      const std::string uid = Uid(*pod);
      if (IsActivePod(*pod)) active_.push_back(pod);
      if (IsBeingDeleted(*pod) && !HasEnded(*pod)) ++terminating_;
      if (!IsTracked(*pod)) continue;
      tracked.insert(uid);
      if (!IsTerminated(*pod)) continue;
      const auto index = IndexOf(*pod);
      const bool ok = Phase(*pod) == "Succeeded";
      if (ok && indexed_) {
        if (index) completed_.insert(*index);
        if (!index || stored_indexes.contains(*index)) plan_.release.push_back(pod);
      } else {
        (ok ? uncounted_succeeded_ : uncounted_failed_).insert(uid);
        const bool stored = (ok ? stored_succeeded : stored_failed).contains(uid);
        if (stored) plan_.release.push_back(pod);
      }
    }
    for (const std::string& uid : stored_succeeded) {
      if (tracked.contains(uid)) continue;
      uncounted_succeeded_.erase(uid);
      ++succeeded_;
    }
    for (const std::string& uid : stored_failed) {
      if (tracked.contains(uid)) continue;
      uncounted_failed_.erase(uid);
      ++failed_;
    }
    if (indexed_) succeeded_ = static_cast<std::int64_t>(completed_.size());
  }

  std::int64_t Succeeded() const {
    return succeeded_ + static_cast<std::int64_t>(uncounted_succeeded_.size());
  }
  std::int64_t Failed() const {
    return failed_ + static_cast<std::int64_t>(uncounted_failed_.size());
  }
  // Nothing runs, ends or waits to be counted any more.
  bool AllOver() const {
    return active_.empty() && terminating_ == 0 && uncounted_failed_.empty() &&
           uncounted_succeeded_.empty();
  }

  void ReleaseAll() {
    plan_.release.clear();
    for (const Json* pod : pods_) {
      if (IsTracked(*pod)) plan_.release.push_back(pod);
    }
  }

  void Expire() {
    const auto seconds = GetInt(spec_, {"ttlSecondsAfterFinished"});
    if (!seconds || IsBeingDeleted(job_)) return;
    const Json& conditions = GetArray(job_, {"status", "conditions"});
    for (std::string_view type : {"Complete", "Failed"}) {
      const Json* condition = FindCondition(conditions, type);
      if (condition == nullptr || GetString(*condition, "status") != "True") continue;
      const auto end = ParseRfc3339(GetString(*condition, "lastTransitionTime"));
      if (!end) continue;
      const Duration left = *end + std::chrono::seconds(*seconds) - now_;
      if (left <= Duration::zero()) {
        plan_.expired = true;
      } else {
        Again(left);
      }
    }
  }

  void Again(Duration after) {
    if (!plan_.again || after < *plan_.again) plan_.again = after;
  }

  void Begin() {
    if (suspended() || Find(status(), "startTime") != nullptr) return;
    status()["startTime"] = FormatRfc3339(now_);
  }

  std::optional<Reason> Failure() {
    if (const Json* target = FindCondition(GetArray(status(), {"conditions"}), "FailureTarget")) {
      return Reason{GetString(*target, "reason"), GetString(*target, "message")};
    }
    if (Failed() > GetInt(spec_, {"backoffLimit"}, 6) || RestartedTooOften()) {
      return Reason{"BackoffLimitExceeded", "Job has reached the specified backoff limit"};
    }
    const auto deadline = GetInt(spec_, {"activeDeadlineSeconds"});
    const auto begin = ParseRfc3339(GetString(status(), "startTime"));
    if (!deadline || !begin || suspended()) return std::nullopt;
    const Duration left = *begin + std::chrono::seconds(*deadline) - now_;
    if (left <= Duration::zero()) {
      return Reason{"DeadlineExceeded", "Job was active longer than specified deadline"};
    }
    Again(left);
    return std::nullopt;
  }

  // Containers that are restarted in their pods count as failures too.
  bool RestartedTooOften() const {
    if (GetString(spec_, {"template", "spec", "restartPolicy"}) != "OnFailure") return false;
    std::int64_t restarts = 0;
    for (const Json* pod : active_) {
      for (std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
        for (const Json& container : GetArray(*pod, {"status", list})) {
          restarts += GetInt(container, {"restartCount"}, 0);
        }
      }
    }
    const std::int64_t limit = GetInt(spec_, {"backoffLimit"}, 6);
    return limit == 0 ? restarts > 0 : restarts >= limit;
  }

  void Fail(const Reason& why) {
    SetCondition(status(), "FailureTarget", true, why.reason, why.message, now_);
    plan_.remove = active_;
    plan_.removed_fail = true;
    if (!AllOver()) return;
    SetCondition(status(), "Failed", true, why.reason, why.message, now_);
    plan_.events.push_back({"Warning", why.reason, why.message});
  }

  bool Succeeds() const {
    const auto completions = GetInt(spec_, {"completions"});
    if (completions) return Succeeded() >= *completions;
    return Succeeded() > 0 && active_.empty();
  }

  void Complete() {
    constexpr std::string_view kReason = "CompletionsReached";
    constexpr std::string_view kMessage = "Reached expected number of succeeded pods";
    SetCondition(status(), "SuccessCriteriaMet", true, kReason, kMessage, now_);
    plan_.remove = active_;
    if (!AllOver()) return;
    SetCondition(status(), "Complete", true, kReason, kMessage, now_);
    status()["completionTime"] = FormatRfc3339(now_);
    plan_.events.push_back({"Normal", "Completed", "Job completed"});
  }

  void Manage() {
    if (suspended()) {
      plan_.remove = active_;
      if (SetCondition(status(), "Suspended", true, "JobSuspended", "Job suspended", now_)) {
        plan_.events.push_back({"Normal", "Suspended", "Job suspended"});
      }
      return;
    }
    if (SetCondition(status(), "Suspended", false, "JobResumed", "Job resumed", now_)) {
      plan_.events.push_back({"Normal", "Resumed", "Job resumed"});
      status()["startTime"] = FormatRfc3339(now_);
    }
    const std::int64_t active = static_cast<std::int64_t>(active_.size());
    const std::int64_t wanted = WantedActive(active);
    if (active > wanted) {
      Json shrunk = job_;
      shrunk["spec"]["replicas"] = wanted;
      plan_.remove = PlanReplicas(shrunk, active_, active_, now_).remove;
      return;
    }
    const std::int64_t waiting = fails_when_deleted_ ? 0 : terminating_;
    const std::int64_t missing = wanted - active - waiting;
    if (missing <= 0 || !settled_) return;
    if (const Duration wait = BackoffLeft(); wait > Duration::zero()) {
      Again(wait);
      return;
    }
    MakePods(std::min<std::int64_t>(missing, kBurstReplicas));
  }

  std::int64_t WantedActive(std::int64_t active) const {
    const std::int64_t parallelism = GetInt(spec_, {"parallelism"}, 1);
    const auto completions = GetInt(spec_, {"completions"});
    if (!completions) return Succeeded() > 0 ? std::min(active, parallelism) : parallelism;
    return std::max<std::int64_t>(std::min(*completions - Succeeded(), parallelism), 0);
  }

  // Pods that fail one after another are made anew ever more slowly.
  Duration BackoffLeft() const {
    std::vector<std::pair<Time, bool>> ends;
    for (const Json* pod : pods_) {
      const auto end = EndOf(*pod);
      if (end && HasEnded(*pod)) ends.emplace_back(*end, Phase(*pod) == "Succeeded");
    }
    std::ranges::sort(ends, std::greater<>());
    Duration delay = Duration::zero();
    for (const auto& [end, ok] : ends) {
      if (ok) break;
      delay = delay == Duration::zero() ? kBackoff : std::min(delay * 2, kMaxBackoff);
    }
    if (delay == Duration::zero()) return delay;
    return ends.front().first + delay - now_;
  }

  void MakePods(std::int64_t count) {
    if (!indexed_) {
      plan_.create.assign(static_cast<std::size_t>(count), NewJobPod(std::nullopt));
      return;
    }
    std::set<std::int64_t> taken = completed_;
    for (const Json* pod : active_) {
      if (const auto index = IndexOf(*pod)) taken.insert(*index);
    }
    const std::int64_t completions = GetInt(spec_, {"completions"}, 0);
    for (std::int64_t i = 0; i < completions && count > 0; ++i) {
      if (taken.contains(i)) continue;
      plan_.create.push_back(NewJobPod(i));
      --count;
    }
  }

  Json NewJobPod(std::optional<std::int64_t> index) const {
    Json pod = NewPod(job_);
    Json& meta = pod["metadata"];
    Json finalizers = GetArray(meta, {"finalizers"});
    finalizers.push_back(kJobFinalizer);
    meta["finalizers"] = std::move(finalizers);
    if (!index) return pod;
    const std::string text = std::to_string(*index);
    meta["generateName"] = fmt::format("{}-{}-", Name(job_), text);
    Ensure(meta, {"annotations"})[std::string(kIndexKey)] = text;
    Ensure(meta, {"labels"})[std::string(kIndexKey)] = text;
    pod["spec"]["hostname"] = fmt::format("{}-{}", Name(job_), text);
    const Json variable = {
        {"name", "JOB_COMPLETION_INDEX"},
        {"valueFrom",
         {{"fieldRef", {{"fieldPath", fmt::format("metadata.labels['{}']", kIndexKey)}}}}}};
    for (const char* list : {"initContainers", "containers"}) {
      if (!pod["spec"].contains(list)) continue;
      for (Json& container : pod["spec"][list]) {
        Json& env = Ensure(container, {"env"});
        if (!env.is_array()) env = Json::array();
        env.push_back(variable);
      }
    }
    return pod;
  }

  void WriteNumbers() {
    const auto ready = std::ranges::count_if(active_, [](const Json* p) { return IsPodReady(*p); });
    Json uncounted = Json::object();
    if (!uncounted_succeeded_.empty()) uncounted["succeeded"] = uncounted_succeeded_;
    if (!uncounted_failed_.empty()) uncounted["failed"] = uncounted_failed_;
    status()["uncountedTerminatedPods"] = std::move(uncounted);
    status()["ready"] = ready;
    status()["terminating"] = terminating_;
    const auto active = static_cast<std::int64_t>(active_.size());
    for (const auto& [key, value] : {std::pair{"active", active}, std::pair{"failed", failed_},
                                     std::pair{"succeeded", succeeded_}}) {
      if (value != 0) status()[key] = value;
      if (value == 0) status().erase(key);
    }
    if (indexed_ && !completed_.empty()) status()["completedIndexes"] = PrintIndexes(completed_);
  }

  const Json& job_;
  const PodList& pods_;
  bool settled_;
  Time now_;
  const Json& spec_;
  bool indexed_ = false;
  bool fails_when_deleted_ = true;

  std::int64_t succeeded_ = 0, failed_ = 0, terminating_ = 0;
  Uids uncounted_succeeded_, uncounted_failed_;
  std::set<std::int64_t> completed_;
  PodList active_;
  JobPlan plan_;
};

}  // namespace

bool IsTracked(const Json& pod) {
  const Json& finalizers = GetArray(pod, {"metadata", "finalizers"});
  return std::ranges::find(finalizers, Json(kJobFinalizer)) != finalizers.end();
}

Json ReleaseTrackedPatch(const Json& pod) {
  Json left = Json::array();
  for (const Json& finalizer : GetArray(pod, {"metadata", "finalizers"})) {
    if (finalizer != kJobFinalizer) left.push_back(finalizer);
  }
  if (left.empty()) left = nullptr;
  return {{"metadata",
           {{"uid", Uid(pod)},
            {"resourceVersion", GetString(pod, {"metadata", "resourceVersion"})},
            {"finalizers", std::move(left)}}}};
}

bool JobHas(const Json& job, std::string_view condition) {
  const Json* found = FindCondition(GetArray(job, {"status", "conditions"}), condition);
  return found != nullptr && GetString(*found, "status") == "True";
}

bool IsJobFinished(const Json& job) { return JobHas(job, "Complete") || JobHas(job, "Failed"); }

std::set<std::int64_t> ParseIndexes(std::string_view text) {
  std::set<std::int64_t> out;
  for (const std::string& part : Split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = ParseInt(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : ParseInt(part.substr(dash + 1));
    if (!first || !last || *last - *first > 100000) continue;
    for (std::int64_t i = *first; i <= *last; ++i) out.insert(i);
  }
  return out;
}

std::string PrintIndexes(const std::set<std::int64_t>& indexes) {
  std::vector<std::string> parts;
  for (auto it = indexes.begin(); it != indexes.end();) {
    const std::int64_t first = *it;
    std::int64_t last = first;
    for (++it; it != indexes.end() && *it == last + 1; ++it) last = *it;
    // Two neighbours are told one by one.
    if (last == first) {
      parts.push_back(std::to_string(first));
    } else {
      parts.push_back(fmt::format("{}{}{}", first, last == first + 1 ? "," : "-", last));
    }
  }
  return Join(parts, ",");
}

JobPlan PlanJob(const Json& job, const PodList& pods, bool settled, Time now) {
  return Pass(job, pods, settled, now).Run();
}

}  // namespace weir::controllers
