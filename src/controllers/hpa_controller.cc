#include "controllers/hpa_controller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "autoscale/decide.h"
#include "base/strings.h"
#include "client/events.h"
#include "controllers/hpa_index.h"
#include "controllers/hpa_status.h"
#include "controllers/hpa_targets.h"

namespace weir::controllers {
namespace {

using autoscale::Decision;
using autoscale::Observations;
using autoscale::Subject;

// Passes that are so close to each other are of the same moment.
constexpr Duration kMoment = std::chrono::milliseconds(50);

std::int64_t ResourceVersion(const Json& object) {
  return ParseInt(GetString(object, {"metadata", "resourceVersion"})).value_or(0);
}

// What one autoscaler's passes remember.
struct Memory {
  Time since;  // when the object came, or what it reads changed
  autoscale::History history;
  StatusMemory status;
  client::ObjectPtr parsed;  // what the subject was read from
  SubjectPtr subject;
  PodsSeen pods;
  std::string selector;               // which of it others have been told of
  client::ObjectPtr scaled;           // the target as cached when last looked at ...
  std::shared_ptr<const Json> scale;  // ... and its scale
  std::int64_t scale_version = 0;     // of the target, when its scale was last written
  std::optional<Time> metric_changed;
  std::map<std::string, Duration> warned;  // text -> when
};

autoscale::Options EngineOptions(const HpaOptions& options) {
  autoscale::Options engine = options.autoscale;
  engine.sync_period = options.sync_period;
  if (options.upstream_exact) {
    engine.departures = autoscale::Departures::None();
    engine.sync_period = Duration(0);
  }
  return engine;
}

}  // namespace

struct HpaController::State {
  State(net::Loop& loop, env::Clock& clock_in, env::Random& random, client::Client& client_in,
        client::SharedInformers& informers, ResolveFn resolve, HpaOptions options_in);

  // Events.
  void OnHpa(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after);
  void Index(const std::string& key, const Json& hpa);
  void OnMetrics(const std::vector<MetricRef>& metrics);

  // A pass.
  net::Task<Result<client::ReconcileResult>> Reconcile(std::string key);
  net::Task<Result<client::ReconcileResult>> Pass(std::string key, client::ObjectPtr object,
                                                  std::shared_ptr<Memory> memory);
  // The decision completed by what came of the write. `made`: gets that too.
  net::Task<Decision> Scale(std::string key, SubjectPtr subject, HpaFetch::Target target,
                            Decision decision, std::shared_ptr<Memory> memory,
                            std::shared_ptr<MadeDecision> made);
  net::Task<HpaFetch::Target> ReadTarget(SubjectPtr subject, std::shared_ptr<Memory> memory);
  net::Task<void> StartWhenSynced();

  Memory& Remember(const std::string& key);
  static SubjectPtr SubjectOf(const std::string& key, const client::ObjectPtr& object,
                              Memory& memory);
  void Reach(const std::string& key, const Subject& subject, const Observations& seen,
             Memory& memory);
  void FollowTarget(const std::string& key, const Subject& subject, const HpaFetch::Target& target);
  client::ObjectPtr Newest(const std::string& key, const Memory& memory) const;
  bool StillThere(const std::string& key, const Json& object) const;
  void Observe(const std::string& key, const Subject& subject, PodsSeen& known,
               Observations& seen) const;
  void Record(const Json& hpa, Memory& memory, const std::vector<autoscale::Event>& events);
  // For the log of decisions.
  void Keep(const std::string& key, const std::shared_ptr<MadeDecision>& made);

  env::Clock& clock;
  client::Client& client;
  HpaOptions options;
  autoscale::Options engine;
  net::TaskGroup group;
  HpaFetch fetch;
  client::Informer& hpas;
  client::Informer& pods;
  PodIndex pod_index;
  // Of the targets' pods, each since the first pass that read metrics.
  SelectorIndex selectors;
  MetricReaders readers;
  HpaTargets targets;
  client::EventRecorder recorder;
  client::Controller controller;
  DecisionLog log;
  HpaStatusWriter status;
  DecisionListener listener;
  WakeListener wake_listener;
  bool stopping = false;

  std::map<std::string, std::shared_ptr<Memory>, std::less<>> memories;
  std::vector<client::Informer::Registration> listening;
};

HpaController::State::State(net::Loop& loop, env::Clock& clock_in, env::Random& random,
                            client::Client& client_in, client::SharedInformers& informers,
                            ResolveFn resolve, HpaOptions options_in)
    : clock(clock_in),
      client(client_in),
      options(std::move(options_in)),
      engine(EngineOptions(options)),
      group(loop, "hpa"),
      fetch(client, clock, std::move(resolve),
            {.version_lasts = options.sync_period,
             .answers_last = options.upstream_exact ? Duration(0) : kMoment}),
      hpas(informers.Get(client::refs::kHpas)),
      pods(informers.Get(client::refs::kPods)),
      targets(
          informers, [this](const std::string& key) { controller.Enqueue(key); },
          [this](const Json& before, const Json& after) {
            return fetch.TargetDiffers(before, after);
          }),
      recorder(client, group, clock, random, "horizontal-pod-autoscaler"),
      controller(loop, "hpa", options.workers,
                 [this](std::string key) { return Reconcile(std::move(key)); }),
      log(client, group, {.kept = options.decisions_kept}),
      status(loop, client, clock,
             {.upstream_exact = options.upstream_exact,
              .sync_period = options.sync_period,
              .others_wait = [this] { return controller.counters().queued > 0; },
              .enqueue = [this](const std::string& key) { controller.Enqueue(key); }}) {
  listening.push_back(
      hpas.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnHpa(before, after);
      }));
  listening.push_back(
      pods.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        pod_index.Apply(before, after);
      }));
  if (options.upstream_exact) return;
  listening.push_back(
      pods.AddListener([this](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnPod(before, after);
      }));
}

void HpaController::State::Index(const std::string& key, const Json& hpa) {
  readers.Remove(key);
  const Result<Subject> subject = autoscale::SubjectFromJson(hpa);
  if (!subject) return;
  const auto name = [this](const std::string& group_name, const std::string& kind) {
    return fetch.ResourceName(group_name, kind);
  };
  readers.Set(key, {.metrics = MetricsOf(subject->spec, name), .pods = ReadsPods(subject->spec)});
}

void HpaController::State::OnHpa(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  const std::string key = client::KeyOf(after ? *after : *before);
  if (!after) {
    readers.Remove(key);
    targets.Forget(key);
    log.Forget(key);
    selectors.Remove(key);
    memories.erase(key);
    return;
  }
  // Deleted and created anew between two looks: nothing is remembered of the old one.
  if (before && GetString(*before, {"metadata", "uid"}) != GetString(*after, {"metadata", "uid"})) {
    log.Forget(key);
    selectors.Remove(key);
    memories.erase(key);
  }
  const bool wants_pass = !before || WantsPass(*before, *after);
  if (wants_pass) Index(key, *after);
  if (!before || ReadsOtherwise(*before, *after)) Remember(key).since = clock.Now();
  if (options.upstream_exact) {
    controller.EnqueueAfter(key, options.sync_period);
  } else if (wants_pass) {
    controller.Enqueue(key);
  }
}

void HpaController::State::OnPod(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  const Json& pod = after ? *after : *before;
  if (before && after && !PodCountsDifferently(*before, *after)) return;
  const std::string ns = GetString(pod, {"metadata", "namespace"});
  for (const std::string& key : selectors.Matching(ns, GetObject(pod, {"metadata", "labels"}))) {
    if (readers.ReadsPods(key)) controller.EnqueueAfter(key, options.pod_delay);
  }
}

void HpaController::State::OnMetrics(const std::vector<MetricRef>& metrics) {
  if (options.upstream_exact) return;
  fetch.ForgetAnswers();
  const Time now = clock.Now();
  for (const MetricRef& changed : metrics) {
    for (const std::string& key : readers.Of(changed)) {
      Memory& memory = Remember(key);
      if (!memory.metric_changed) memory.metric_changed = now;
      controller.Enqueue(key);
    }
  }
}

Memory& HpaController::State::Remember(const std::string& key) {
  std::shared_ptr<Memory>& memory = memories[key];
  if (!memory) {
    memory = std::make_shared<Memory>();
    memory->since = clock.Now();
  }
  return *memory;
}

void HpaController::State::FollowTarget(const std::string& key, const Subject& subject,
                                        const HpaFetch::Target& target) {
  if (options.upstream_exact) return;
  if (target.resource) {
    targets.Follow(key, *target.resource, subject.ns + "/" + subject.spec.target_name);
  } else {
    targets.Forget(key);
  }
}

client::ObjectPtr HpaController::State::Newest(const std::string& key, const Memory& memory) const {
  client::ObjectPtr cached = hpas.Get(key);
  // The cache may not have heard yet of what this controller wrote itself.
  const bool same = cached && memory.status.written &&
                    GetString(*cached, {"metadata", "uid"}) ==
                        GetString(*memory.status.written, {"metadata", "uid"});
  if (same && ResourceVersion(*memory.status.written) > ResourceVersion(*cached))
    return memory.status.written;
  return cached;
}

bool HpaController::State::StillThere(const std::string& key, const Json& object) const {
  const client::ObjectPtr cached = hpas.Get(key);
  return cached &&
         GetString(*cached, {"metadata", "uid"}) == GetString(object, {"metadata", "uid"});
}

void HpaController::State::Observe(const std::string& key, const Subject& subject, PodsSeen& known,
                                   Observations& seen) const {
  Look(pod_index, selectors, key, seen.scale.selector, known);
  seen.neighbours = known.neighbours;
  if (!seen.neighbours.empty() || ReadsPods(subject.spec)) seen.pods = known.pods;
}

void HpaController::State::Record(const Json& hpa, Memory& memory,
                                  const std::vector<autoscale::Event>& events) {
  if (events.empty()) return;
  // Items of a list do not say what they are.
  Json reference = {{"apiVersion", "autoscaling/v2"},
                    {"kind", "HorizontalPodAutoscaler"},
                    {"metadata", GetObject(hpa, {"metadata"})}};
  const Duration now = clock.Monotonic();
  std::erase_if(memory.warned,
                [&](const auto& one) { return one.second + options.sync_period <= now; });
  for (const autoscale::Event& event : events) {
    // Passes may follow each other closely; the same warning is news once a period, as upstream.
    const bool warning = event.type == "Warning" && !options.upstream_exact;
    if (warning && !memory.warned.emplace(event.reason + " " + event.message, now).second) continue;
    recorder.Record(reference, event.type, event.reason, event.message);
  }
}

void HpaController::State::Keep(const std::string& key, const std::shared_ptr<MadeDecision>& made) {
  // Of an autoscaler that went while its scale was written, nobody asks.
  if (options.decisions_kept > 0 && StillThere(key, *made->inputs.hpa)) log.Note(key, made);
}

net::Task<Result<client::ReconcileResult>> HpaController::State::Reconcile(std::string key) {
  Remember(key);
  const std::shared_ptr<Memory> memory = memories[key];
  const client::ObjectPtr object = Newest(key, *memory);
  if (!object) {
    selectors.Remove(key);
    memories.erase(key);
    co_return client::ReconcileResult{};
  }
  co_return co_await Pass(key, object, memory);
}

// Null, and told, where it cannot be read.
SubjectPtr HpaController::State::SubjectOf(const std::string& key, const client::ObjectPtr& object,
                                           Memory& memory) {
  if (memory.parsed == object) return memory.subject;
  Result<Subject> read = autoscale::SubjectFromJson(*object);
  if (!read) {
    spdlog::warn("hpa {}: {}", key, read.error().message);
    return nullptr;
  }
  memory.subject = std::make_shared<const Subject>(*std::move(read));
  memory.parsed = object;
  return memory.subject;
}

// Tells the others which pods this one reaches.
void HpaController::State::Reach(const std::string& key, const Subject& subject,
                                 const Observations& seen, Memory& memory) {
  if (subject.paused && engine.departures.pause_annotation) {  // leaves its pods to others
    selectors.Remove(key);
    memory.selector.clear();
  }
  if (seen.scale_error || !autoscale::NeedsMetrics(subject, seen.scale, engine)) return;
  memory.status.replicas = seen.scale.status_replicas;
  // A selector that is none, or cannot be read, reaches no pod; the one before stays, as upstream.
  const PodsSeen& found = memory.pods;
  if (found.text == memory.selector || found.text.empty() || found.selector.nothing()) return;
  selectors.Set(key, found.selector);
  memory.selector = found.text;
}

net::Task<Result<client::ReconcileResult>> HpaController::State::Pass(
    std::string key, client::ObjectPtr object, std::shared_ptr<Memory> memory) {
  const SubjectPtr subject = SubjectOf(key, object, *memory);
  if (!subject) co_return client::ReconcileResult{options.sync_period};
  const auto made = std::make_shared<MadeDecision>();
  made->hops.metric_changed = std::exchange(memory->metric_changed, std::nullopt);

  Observations seen;
  const HpaFetch::Target target = co_await ReadTarget(subject, memory);
  seen.scale_error = target.error;
  seen.scale_error_context = target.error_context;
  if (target.scale) seen.scale = ReadScale(*target.scale);
  Observe(key, *subject, memory->pods, seen);
  const std::vector<autoscale::MetricRequest> requests =
      autoscale::Requests(*subject, seen, engine);
  seen.metrics = co_await fetch.ReadMetrics(requests, subject->spec.metrics.size());
  // Meanwhile the autoscaler may have gone: then nobody wants the answer. What a stop breaks off
  // looks like a failure and is none.
  if (stopping || !StillThere(key, *object)) co_return client::ReconcileResult{};
  FollowTarget(key, *subject, target);
  Reach(key, *subject, seen, *memory);

  const Time now = std::chrono::floor<std::chrono::milliseconds>(clock.Now());
  const Time told_from = memory->since + options.sync_period;
  autoscale::History history = memory->history;
  Decision decision = autoscale::Decide(*subject, seen, history, now, engine);
  const std::optional<Time>& changed = made->hops.metric_changed;
  if (wake_listener && changed) wake_listener(clock.Now() - *changed);
  const bool is_new = !options.upstream_exact && now < told_from;
  const bool put_off = is_new && PutOffFailures(decision);
  if (put_off) {
    history = memory->history;
  } else {
    std::swap(memory->history, history);
  }
  made->inputs = {.hpa = object,
                  .seen = std::move(seen),
                  .history = std::move(history),
                  .now = now,
                  .options = engine,
                  .write_error = std::nullopt};
  if (!put_off) {
    decision = co_await Scale(key, subject, target, std::move(decision), memory, made);
  }
  Keep(key, made);
  if (put_off) co_return client::ReconcileResult{told_from - now};
  Record(*object, *memory, decision.events);
  const std::shared_ptr<StatusMemory> of_status(memory, &memory->status);
  decision = co_await status.Write(subject, object, std::move(decision), of_status);
  Record(*object, *memory, decision.events_after_status);
  if (!decision.error.empty()) spdlog::debug("hpa {}: {}", key, decision.error);
  co_return client::ReconcileResult{NextPass(decision, clock.Now(), options.sync_period)};
}

// The target's scale, from the cache where that is as new as what was last written here.
net::Task<HpaFetch::Target> HpaController::State::ReadTarget(SubjectPtr subject,
                                                             std::shared_ptr<Memory> memory) {
  HpaFetch::Target target = fetch.FindTarget(subject->spec, subject->ns);
  if (target.error || !target.resource) co_return target;
  const std::string name = subject->ns + "/" + subject->spec.target_name;
  if (!options.upstream_exact) {
    const client::ObjectPtr cached = targets.Find(*target.resource, name);
    const bool is_new = cached && ResourceVersion(*cached) >= memory->scale_version;
    if (is_new && memory->scaled != cached) {
      memory->scaled = cached;
      memory->scale = HpaFetch::ScaleOf(target, *cached);
    }
    if (is_new && memory->scale) {
      target.scale = memory->scale;
      co_return target;
    }
  }
  std::string description = subject->spec.target_kind + "/" + name;
  co_return co_await fetch.ReadTarget(std::move(target), std::move(description));
}

net::Task<Decision> HpaController::State::Scale(std::string key, SubjectPtr subject,
                                                HpaFetch::Target target, Decision decision,
                                                std::shared_ptr<Memory> memory,
                                                std::shared_ptr<MadeDecision> made) {
  const Time decided = clock.Now();
  const std::optional<std::int32_t> to = decision.scale_to;
  std::optional<std::string> error;
  if (to) {
    const Result<Json> scale = co_await fetch.WriteScale(target, *to);
    if (scale) {
      memory->scale_version = ResourceVersion(*scale);
    } else {
      error = scale.error().message;
    }
  }
  if (error && stopping) co_return decision;  // broken off, not refused
  const Time written = clock.Now();
  autoscale::Complete(decision, *subject, error, memory->history, made->inputs.now, engine);
  made->inputs.write_error = error;
  made->hops.decided = decided;
  if (!to || error) co_return decision;
  made->changed = true;
  made->hops.written = written;
  const ScaleDecision change{.hpa = key,
                             .target_kind = subject->spec.target_kind,
                             .target = subject->ns + "/" + subject->spec.target_name,
                             .from = decision.current,
                             .to = *to,
                             .reason = decision.reason,
                             .metric_changed = made->hops.metric_changed,
                             .decided = decided,
                             .written = written};
  spdlog::info("hpa {}: {} {} from {} to {}: {}", change.hpa, change.target_kind, change.target,
               change.from, change.to, change.reason);
  if (listener) listener(change);
  co_return decision;
}

net::Task<void> HpaController::State::StartWhenSynced() {
  if (const bool synced = co_await hpas.WaitSynced(); !synced) co_return;
  if (const bool synced = co_await pods.WaitSynced(); !synced) co_return;
  controller.Start();
}

HpaController::HpaController(net::Loop& loop, env::Clock& clock, env::Random& random,
                             client::Client& client, client::SharedInformers& informers,
                             ResolveFn resolve, HpaOptions options)
    : state_(std::make_unique<State>(loop, clock, random, client, informers, std::move(resolve),
                                     std::move(options))) {}

HpaController::~HpaController() = default;

void HpaController::Start() {
  if (state_->options.decisions_kept > 0) state_->log.Start();
  state_->group.Spawn(state_->StartWhenSynced());
  state_->group.Spawn(state_->status.Run());
}

net::Task<void> HpaController::Stop() {
  state_->stopping = true;
  co_await state_->controller.Stop();
  co_await state_->log.Stop();
  co_await state_->group.Stop();
}

void HpaController::MetricChanged(const std::vector<MetricRef>& metrics) {
  state_->OnMetrics(metrics);
}

void HpaController::SetDecisionListener(DecisionListener listener) {
  state_->listener = std::move(listener);
}

const DecisionLog& HpaController::decisions() const { return state_->log; }

void HpaController::SetWakeListener(WakeListener listener) {
  state_->wake_listener = std::move(listener);
}

client::Controller::Counters HpaController::counters() const {
  return state_->controller.counters();
}

}  // namespace weir::controllers
