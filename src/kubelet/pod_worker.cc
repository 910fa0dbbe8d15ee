#include "kubelet/pod_worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "kubelet/status_plan.h"
#include "net/deadline.h"
#include "platform/system.h"

namespace weir::kubelet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kRetryApi = seconds(1);
constexpr std::size_t kStepsBeforePause = 100;

}  // namespace

PodWorker::PodWorker(PodHost& host, ObjectPtr pod)
    : host_(host),
      pod_(std::move(pod)),
      state_(InitialState(*pod_, host.clock().Now())),
      folder_(host.PodFolder(*pod_)),
      wake_(host.loop()) {
  containers_.resize(state_.containers.size());
}

PodWorker::~PodWorker() = default;

std::string PodWorker::Name() const { return GetString(*pod_, {"metadata", "name"}); }
std::string PodWorker::Namespace() const { return GetString(*pod_, {"metadata", "namespace"}); }

std::string PodWorker::ContainerFolder(std::size_t index) const {
  return folder_ + "/containers/" + state_.containers[index].name;
}

std::string PodWorker::LogPath(std::size_t index, int run) const {
  return ContainerFolder(index) + "/" + std::to_string(run) + ".log";
}

PodFacts PodWorker::Facts() const {
  PodFacts facts = host_.facts();
  facts.pod_ip = state_.pod_ip;
  return facts;
}

void PodWorker::Event(const char* type, const char* reason, std::string message) {
  host_.events().Record(*pod_, type, reason, std::move(message));
}

void PodWorker::Update(ObjectPtr pod) {
  pod_ = std::move(pod);
  wake_.Notify();
}

void PodWorker::Gone() {
  gone_ = true;
  // The object was removed without waiting for us (grace period 0): so are the processes.
  if (!removed_) KillAll();
  wake_.Notify();
}

void PodWorker::ShutDown() {
  shut_down_ = true;
  wake_.Notify();
}

void PodWorker::KillAll() {
  for (Container& container : containers_) {
    if (container.run) container.run->Kill();
  }
}

void PodWorker::ObjectChanged(const ObjectNeed& need) {
  const std::vector<ObjectNeed> of_volumes = NeedsOfVolumes(*pod_);
  if (std::ranges::find(of_volumes, need) != of_volumes.end()) {
    volumes_stale_ = true;
    set_up_after_.reset();
  }
  for (ContainerState& container : state_.containers) {
    if (container.waiting_reason == "CreateContainerConfigError") container.retry_at.reset();
  }
  wake_.Notify();
}

PodGoal PodWorker::Goal() const {
  if (shut_down_) return PodGoal::kShutDown;
  const bool deleted = gone_ || Find(*pod_, {"metadata", "deletionTimestamp"}) != nullptr;
  return deleted ? PodGoal::kDelete : PodGoal::kRun;
}

net::Task<void> PodWorker::Run() {
  std::size_t steps = 0;
  for (bool cancelled = co_await net::IsCancelled(); !cancelled;
       cancelled = co_await net::IsCancelled()) {
    const Next next = co_await Step();
    if (next == Next::kDone) co_return;
    // A plan that never comes to rest would be a bug; it may not starve everybody else.
    if (next == Next::kWait) steps = 0;
    if (++steps > kStepsBeforePause) {
      spdlog::error("kubelet: pod {}/{} does not come to rest", Namespace(), Name());
      if (const bool slept = co_await net::Sleep(seconds(1)); !slept) co_return;
      steps = 0;
    }
  }
}

// Plans, performs, reports; kAgain where what it did may allow more at once.
net::Task<PodWorker::Next> PodWorker::Step() {
  const PodGoal goal = Goal();
  PodActions actions = PlanPod(*pod_, state_, goal, Now());
  if (Perform(actions)) co_return Next::kAgain;
  if (!actions.start.empty() && !state_.sandbox_ready) {
    if (set_up_after_ && *set_up_after_ > Now()) {
      if (!actions.wake || *set_up_after_ < *actions.wake) actions.wake = set_up_after_;
    } else if (const bool set_up = co_await SetUp(); set_up) {
      co_return Next::kAgain;
    } else {
      actions.wake = set_up_after_;
    }
  } else if (!actions.start.empty()) {
    for (const std::size_t index : actions.start) {
      if (Goal() == PodGoal::kRun) co_await StartContainer(index);
    }
    co_return Next::kAgain;
  }
  if (volumes_stale_ && state_.sandbox_ready) {
    if (const bool set_up = co_await SetUp(); set_up) co_return Next::kAgain;
  }
  if (actions.ended && goal == PodGoal::kShutDown) co_return Next::kDone;
  if (gone_ && actions.ended) {
    CleanUp();
    co_return Next::kDone;
  }
  if (actions.ended) host_.ReleaseAddress(*pod_);
  bool reported = removed_;
  if (!reported) reported = co_await Report(actions.ended);
  if (reported && actions.ended && goal == PodGoal::kDelete && !removed_) {
    removed_ = co_await RemoveObject();
    if (removed_) co_return Next::kAgain;
  }
  if (!reported || (actions.ended && goal == PodGoal::kDelete && !removed_)) {
    const Time retry = Now() + kRetryApi;
    if (!actions.wake || retry < *actions.wake) actions.wake = retry;
  }
  co_await Pause(actions.wake);
  co_return Next::kWait;
}

net::Task<void> PodWorker::Pause(std::optional<Time> wake) {
  if (!wake) {
    co_await wake_.Wait();
    co_return;
  }
  co_await wake_.WaitFor(std::max<Duration>(*wake - Now(), milliseconds(1)));
}

// Stops, kills and back-offs; starting takes its time and is done elsewhere.
bool PodWorker::Perform(const PodActions& actions) {
  if (actions.past_deadline && state_.failed_reason.empty()) {
    state_.failed_reason = "DeadlineExceeded";
    state_.failed_message = "Pod was active on the node longer than the specified deadline";
    Event("Normal", "DeadlineExceeded", state_.failed_message);
    return true;
  }
  for (const PodActions::Stop& stop : actions.stop) StopContainer(stop);
  for (const std::size_t index : actions.kill) {
    state_.containers[index].kill_at.reset();
    if (containers_[index].run) containers_[index].run->Kill();
  }
  for (const std::size_t index : actions.back_off) {
    ContainerState& container = state_.containers[index];
    container.last = container.ended;
    container.phase = ContainerPhase::kWaiting;
    container.waiting_reason = "CrashLoopBackOff";
    container.waiting_message = CrashMessage(*pod_, container);
    container.retry_at = BackoffUntil(container.crash_backoff, container.ended.finished_at, Now());
    Event("Warning", "BackOff",
          "Back-off restarting failed container " + container.name + " in pod " + PodText(*pod_));
  }
  return !actions.stop.empty() || !actions.kill.empty() || !actions.back_off.empty();
}

void PodWorker::StopContainer(const PodActions::Stop& stop) {
  ContainerState& state = state_.containers[stop.container];
  Container& container = containers_[stop.container];
  const bool first = !state.stopping;
  state.stopping = true;
  state.kill_at = Now() + stop.grace;
  if (!first || !container.run) return;
  if (Goal() == PodGoal::kDelete || !state_.failed_reason.empty()) {
    Event("Normal", "Killing", "Stopping container " + state.name);
  }
  const auto hook = ReadHook(Spec(stop.container), "preStop");
  if (!hook) {
    container.run->Terminate();
    return;
  }
  ProbeSpec spec = *hook;
  spec.timeout = std::max<Duration>(stop.grace, seconds(1));
  host_.group().Spawn(PreStop(shared_from_this(), stop.container, spec, container.token));
}

net::Task<void> PodWorker::PreStop(std::shared_ptr<PodWorker> self, std::size_t index,
                                   ProbeSpec hook, std::shared_ptr<RunToken> token) {
  if (hook.sleep > Duration{0}) {
    co_await token->wake.WaitFor(hook.sleep);
  } else {
    const ProbeResult result = co_await self->host_.prober().Ask(hook, self->Target(index));
    if (!result.success && token->active) {
      self->Event("Warning", "FailedPreStopHook", "PreStopHook failed");
    }
  }
  if (token->active) self->containers_[index].run->Terminate();
}

net::Task<void> PodWorker::PostStart(std::shared_ptr<PodWorker> self, std::size_t index,
                                     ProbeSpec hook, std::shared_ptr<RunToken> token) {
  if (hook.sleep > Duration{0}) co_return;  // nothing waits for it
  const ProbeResult result = co_await self->host_.prober().Ask(hook, self->Target(index));
  if (result.success || !token->active) co_return;
  self->Event("Warning", "FailedPostStartHook", "PostStartHook failed");
  self->state_.containers[index].unhealthy = true;
  self->wake_.Notify();
}

// Address, hosts file, folders and volumes. false: try again at set_up_after_.
net::Task<bool> PodWorker::SetUp() {
  volumes_stale_ = false;
  if (!state_.start_time) state_.start_time = Now();
  Status ok;
  auto address = host_.Address(*pod_);
  if (!address) ok = std::unexpected(address.error());
  if (ok) {
    state_.pod_ip = *address;
    auto hosts = host_.Hosts(*pod_, *address);
    if (!hosts) ok = std::unexpected(hosts.error());
    if (hosts) hosts_path_ = *std::move(hosts);
  }
  const char* reason = "FailedCreatePodSandBox";
  if (ok) {
    reason = "FailedMount";
    const NeededObjects objects = co_await host_.Fetch(pod_, NeedsOfVolumes(*pod_));
    auto volumes = PlanVolumes(*pod_, folder_, Facts(), objects);
    if (!volumes) ok = std::unexpected(volumes.error());
    if (volumes) {
      volumes_ = *std::move(volumes);
      ok = WriteVolumes();
    }
  }
  if (ok) {
    state_.sandbox_ready = true;
    set_up_after_.reset();
    co_return true;
  }
  Event("Warning", reason, ok.error().message);
  RaiseBackoff(set_up_backoff_, Now());
  set_up_after_ = Now() + set_up_backoff_.delay;
  co_return false;
}

Status PodWorker::WriteVolumes() {
  // A file that a crash left empty differs from its content, and is written again.
  platform::SystemFileSystem files(/*durable=*/false);
  for (const VolumePlan& volume : volumes_) {
    if (volume.folder.empty()) continue;
    // As upstream, an emptyDir may be written by any user that the program becomes.
    if (auto ok = files.MakeDirs(volume.folder, 0777); !ok) return ok;
    for (const VolumeFile& file : volume.files) {
      const std::string path = volume.folder + "/" + file.path;
      if (const auto now = files.Read(path); now && *now == file.content) continue;
      if (auto ok = files.MakeDirs(path.substr(0, path.rfind('/'))); !ok) return ok;
      if (auto ok = files.Write(path, file.content, file.mode); !ok) return ok;
    }
  }
  return {};
}

void PodWorker::CleanUp() {
  host_.ReleaseAddress(*pod_);
  for (Container& container : containers_) container.log.reset();
  if (auto ok = platform::RemoveTree(folder_); !ok) {
    spdlog::warn("kubelet: {}", ok.error().message);
  }
}

net::Task<bool> PodWorker::Report(bool ended) {
  if (gone_ || shut_down_ || (IsTerminal(*pod_) && reported_.is_null())) co_return true;
  StatusInputs inputs;
  inputs.host_ip = host_.facts().host_ip;
  inputs.ended = ended;
  inputs.reported = reported_;
  const Json wanted = BuildStatus(*pod_, state_, inputs, Now());
  if (wanted == reported_) co_return true;
  Json patch = StatusPatch(*pod_, wanted);
  if (patch.is_null()) {
    reported_ = wanted;
    co_return true;
  }
  patch["metadata"] = {{"uid", GetString(*pod_, {"metadata", "uid"})}};
  const auto answer =
      co_await host_.client().Patch(client::refs::kPods, Namespace(), Name(),
                                    client::PatchType::kMerge, std::move(patch), "status");
  if (answer) {
    reported_ = wanted;
    co_return true;
  }
  if (answer.error().code == Code::kNotFound || answer.error().code == Code::kConflict) {
    co_return true;  // another pod by now, or none: the watch tells
  }
  if (answer.error().code != Code::kCancelled) {
    spdlog::warn("kubelet: status of pod {}/{}: {}", Namespace(), Name(), answer.error().message);
  }
  co_return false;
}

net::Task<bool> PodWorker::RemoveObject() {
  client::Client::DeleteOptions options;
  options.grace_period_seconds = 0;
  options.uid = GetString(*pod_, {"metadata", "uid"});
  const auto answer =
      co_await host_.client().Delete(client::refs::kPods, Namespace(), Name(), options);
  if (answer) co_return true;
  // Gone already, or another pod of that name: the watch tells.
  if (answer.error().code == Code::kNotFound || answer.error().code == Code::kConflict) {
    co_return true;
  }
  spdlog::warn("kubelet: delete pod {}/{}: {}", Namespace(), Name(), answer.error().message);
  co_return false;
}

Result<std::shared_ptr<ContainerLog>> PodWorker::OpenLog(const std::string& container,
                                                         bool previous) {
  const auto state = std::ranges::find(state_.containers, container, &ContainerState::name);
  if (state == state_.containers.end()) {
    return Fail(Code::kInvalid, "container " + container + " is not valid for pod " + Name());
  }
  const auto index = static_cast<std::size_t>(state - state_.containers.begin());
  const std::string where = "container \"" + container + "\" in pod \"" + Name() + "\"";
  const bool waiting = state->phase == ContainerPhase::kWaiting;
  const auto missing = [&]() {
    return Fail(Code::kInvalid, "previous terminated " + where + " not found");
  };
  if (previous && !state->last) return missing();
  if (waiting && !state->last) {
    const std::string reason = state->waiting_reason == "ErrImagePull" ? "image can't be pulled"
                               : state->waiting_reason == "ImagePullBackOff"
                                   ? "trying and failing to pull image"
                               : state->waiting_reason.empty() ? "ContainerCreating"
                                                               : state->waiting_reason;
    return Fail(Code::kInvalid, where + " is waiting to start: " + reason);
  }
  // A container that waits for its restart has no current run: its last one counts as both.
  const int run = previous && !waiting ? state->restart_count - 1 : state->restart_count;
  if (!previous && containers_[index].log) return containers_[index].log;
  auto log = ContainerLog::OpenOld(host_.loop(), LogPath(index, run));
  if (!log && previous) return missing();
  if (!log) return Fail(Code::kInvalid, where + " is not available");
  return log;
}

std::vector<PodWorker::ContainerUsage> PodWorker::Usage() const {
  std::vector<ContainerUsage> usage;
  for (std::size_t i = 0; i < containers_.size(); ++i) {
    if (!containers_[i].run || containers_[i].run->pid() < 0) continue;
    if (const auto used = platform::ReadUsage(containers_[i].run->pid())) {
      usage.push_back({state_.containers[i].name, *used});
    }
  }
  return usage;
}

}  // namespace weir::kubelet
