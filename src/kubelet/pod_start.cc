// How a pod's containers start and end; the other half of PodWorker.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kubelet/pod_worker.h"
#include "kubelet/status_plan.h"
#include "net/deadline.h"
#include "platform/system.h"

namespace weir::kubelet {
namespace {

using std::chrono::seconds;

constexpr Duration kRetryConfig = seconds(5);
constexpr Duration kShowPullError = seconds(1);
constexpr int kStartErrorCode = 128;  // as containerd reports a program that could not be run

std::vector<std::string> Words(const Json& container, std::string_view key, const EnvMap& env) {
  std::vector<std::string> words;
  for (const Json& word : GetArray(container, {key})) {
    if (word.is_string()) words.push_back(ExpandVariables(word.get<std::string>(), env));
  }
  return words;
}

std::string HostName(const Json& pod) {
  const std::string name = GetString(pod, {"metadata", "name"});
  const std::string wanted = GetString(pod, {"spec", "hostname"}, name);
  return wanted.substr(0, 63);  // a kernel's limit and a DNS label's
}

std::string RandomId(env::Random& random) {
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:016x}", random.Next());
  return id;
}

}  // namespace

// The container runs, or its state tells why not and when to try again.
net::Task<void> PodWorker::StartContainer(std::size_t index) {
  if (ImageBacksOff(index)) co_return;
  const NeededObjects objects = co_await host_.Fetch(pod_, NeedsOfContainer(Spec(index)));
  if (Goal() != PodGoal::kRun) co_return;
  auto process = ProcessFor(index, objects);
  if (!process) {
    StartFailed(index, process.error());
    co_return;
  }
  if (auto ok = StartRun(index, *std::move(process)); !ok) {
    StartFailed(index, ok.error());
    co_return;
  }
  Started(index);
}

// kNotFound: an object that the environment needs; kUnavailable: nothing stands for the image.
Result<platform::ProcessSpec> PodWorker::ProcessFor(std::size_t index,
                                                    const NeededObjects& objects) {
  const Json& spec = Spec(index);
  const std::string data = ContainerFolder(index) + "/data";
  const std::string host_name = HostName(*pod_);
  Placeholders values = host_.placeholders();
  values["POD_IP"] = state_.pod_ip;
  values["POD_NAME"] = Name();
  values["POD_NAMESPACE"] = Namespace();
  values["POD_UID"] = GetString(*pod_, {"metadata", "uid"});
  values["NODE_NAME"] = host_.facts().node_name;
  values["CONTAINER_NAME"] = state_.containers[index].name;
  values["DATA_DIR"] = data;
  const std::string image = GetString(spec, "image");
  EnvMap base = {
      {"PATH", host_.path()}, {"HOME", data}, {"HOSTNAME", host_name}, {"POD_IP", state_.pod_ip}};
  const CatalogueEntry* entry = host_.catalogue().Find(image);
  if (entry != nullptr) {
    for (auto& [name, value] : entry->env) base[name] = FillPlaceholders(value, values);
  }
  for (auto& [name, value] : ServiceVariables(*pod_, host_.Services())) base[name] = value;
  auto env = BuildEnv(*pod_, spec, Facts(), objects, std::move(base));
  if (!env) return std::unexpected(env.error());
  auto argv = BuildCommand(host_.catalogue(), image, Words(spec, "command", *env),
                           Words(spec, "args", *env), values);
  if (!argv) {
    return Fail(Code::kUnavailable,
                "no local program stands for image " + Quote(image) + ": add it to " +
                    host_.catalogue().file() +
                    " (docs/formats/image-catalogue.md; weir up --images FILE), or give the "
                    "container a command");
  }
  if (entry != nullptr && !entry->setup.empty() && GetArray(spec, {"command"}).empty()) {
    // Otherwise only the shell would find out that the program is missing.
    const auto found = platform::ResolveProgram(entry->command[0], host_.path(), "");
    if (!found) return std::unexpected(found.error());
  }
  auto mounts = PlanMounts(spec, volumes_);
  if (!mounts) return std::unexpected(mounts.error());
  platform::ProcessSpec process;
  process.argv = *std::move(argv);
  process.env = *std::move(env);
  process.working_dir = GetString(spec, "workingDir", data);
  process.hostname = host_name;
  process.mounts.push_back({hosts_path_, "/etc/hosts", true});
  for (MountPlan& mount : *mounts) {
    process.mounts.push_back({std::move(mount.source), std::move(mount.target), mount.read_only});
  }
  return process;
}

Status PodWorker::StartRun(std::size_t index, platform::ProcessSpec process) {
  platform::SystemFileSystem files;
  if (auto ok = files.MakeDirs(ContainerFolder(index) + "/data"); !ok) return ok;
  const ContainerState& state = state_.containers[index];
  const bool again = state.phase == ContainerPhase::kTerminated || state.last.has_value();
  const int run = state.restart_count + (again ? 1 : 0);
  auto log = ContainerLog::Create(host_.loop(), LogPath(index, run));
  if (!log) return std::unexpected(log.error());
  for (const std::string suffix : {"", ".1"}) {
    // The log of the run before stays, older ones go.
    if (run >= 2) (void)platform::RemoveTree(LogPath(index, run - 2) + suffix);
  }
  Container& container = containers_[index];
  auto started = ContainerRun::Start(
      host_.loop(), host_.group(), host_.clock(), process, *log,
      [this, index](const platform::ExitStatus& status) { RunEnded(index, status); });
  if (!started) return std::unexpected(started.error());
  container.run = *std::move(started);
  container.log = *std::move(log);
  container.process = std::move(process);
  container.token = std::make_shared<RunToken>(host_.loop());
  return {};
}

void PodWorker::Started(std::size_t index) {
  const Json& spec = Spec(index);
  ContainerState& state = state_.containers[index];
  if (state.phase == ContainerPhase::kTerminated) state.last = state.ended;
  if (state.last) {
    ++state.restart_count;
    RaiseBackoff(state.crash_backoff, state.last->finished_at);
  }
  state.phase = ContainerPhase::kRunning;
  state.waiting_reason.clear();
  state.waiting_message.clear();
  state.retry_at.reset();
  state.image_backoff = {};
  state.started_at = Now();
  state.started = Find(spec, "startupProbe") == nullptr;
  state.ready = state.started && Find(spec, "readinessProbe") == nullptr;
  state.stopping = false;
  state.unhealthy = false;
  state.kill_at.reset();
  state.probe_grace.reset();
  state.container_id = "weir://" + RandomId(host_.random());
  const std::string image = GetString(spec, "image");
  state.image_id = image;
  Event("Normal", "Pulled",
        "Container image " + Quote(image) +
            " already present on machine and can be accessed by the pod");
  Event("Normal", "Created", "Container created");
  Event("Normal", "Started", "Container started");
  StartProbes(index);
}

void PodWorker::RunEnded(std::size_t index, const platform::ExitStatus& status) {
  Container& container = containers_[index];
  container.token->active = false;
  container.token->wake.Notify();
  Termination end;
  end.exit_code = status.code;
  end.signal = status.signal;
  end.reason = TerminationReason(status.code);
  if (!status.error.empty()) {
    end.exit_code = kStartErrorCode;
    end.reason = "StartError";
    end.message = status.error;
    Event("Warning", "Failed", "Error: " + status.error);
  }
  end.started_at = state_.containers[index].started_at;
  Terminated(index, std::move(end));
}

void PodWorker::Terminated(std::size_t index, Termination end) {
  ContainerState& state = state_.containers[index];
  end.finished_at = Now();
  end.container_id = state.container_id;
  state.phase = ContainerPhase::kTerminated;
  state.ended = std::move(end);
  state.ready = false;
  state.started = false;
  state.stopping = false;
  state.unhealthy = false;
  state.kill_at.reset();
  wake_.Notify();
}

// Sorts a start that failed by its cause, as the kubelet reports it.
void PodWorker::StartFailed(std::size_t index, const Error& error) {
  ContainerState& state = state_.containers[index];
  const Json& spec = Spec(index);
  const bool own_command = !GetArray(spec, {"command"}).empty();
  const std::string image = GetString(spec, "image");
  const CatalogueEntry* entry = host_.catalogue().Find(image);
  const bool no_program = error.message.starts_with("exec: ");
  if (error.code == Code::kUnavailable && !no_program && entry == nullptr && !own_command) {
    ImageFailed(index, error.message);
    return;
  }
  if (no_program && error.code == Code::kNotFound && !own_command && entry != nullptr) {
    ImageFailed(index, "image " + Quote(image) +
                           " stands for a program that is not installed: " + error.message +
                           (entry->package.empty()
                                ? ""
                                : "; install it with `sudo apt install " + entry->package + "`"));
    return;
  }
  if (no_program) {
    // The container was made and its program could not be run: that is an end of its own.
    if (state.phase == ContainerPhase::kTerminated) state.last = state.ended;
    if (state.last) {
      ++state.restart_count;
      RaiseBackoff(state.crash_backoff, state.last->finished_at);
    }
    Event("Warning", "Failed", "Error: " + error.message);
    Termination end;
    end.exit_code = kStartErrorCode;
    end.reason = "StartError";
    end.message = error.message;
    end.started_at = Now();
    state.container_id = "weir://" + RandomId(host_.random());
    Terminated(index, std::move(end));
    return;
  }
  if (state.phase == ContainerPhase::kTerminated) state.last = state.ended;
  const bool config = error.code == Code::kNotFound || error.code == Code::kInvalid;
  state.phase = ContainerPhase::kWaiting;
  state.waiting_reason = config ? "CreateContainerConfigError" : "CreateContainerError";
  state.waiting_message = error.message;
  state.retry_at = Now() + kRetryConfig;
  Event("Warning", "Failed", "Error: " + error.message);
}

void PodWorker::ImageFailed(std::size_t index, const std::string& why) {
  ContainerState& state = state_.containers[index];
  const std::string image = GetString(Spec(index), "image");
  if (state.phase == ContainerPhase::kTerminated) state.last = state.ended;
  state.phase = ContainerPhase::kWaiting;
  state.waiting_reason = "ErrImagePull";
  state.waiting_message = why;
  state.retry_at = Now() + kShowPullError;
  RaiseBackoff(state.image_backoff, Now());
  Event("Warning", "Failed", "Failed to pull image " + Quote(image) + ": " + why);
  Event("Warning", "Failed", "Error: ErrImagePull");
}

// Whether an image that failed lately is not tried again yet; tells so.
bool PodWorker::ImageBacksOff(std::size_t index) {
  ContainerState& state = state_.containers[index];
  const auto until = BackoffUntil(state.image_backoff, state.image_backoff.updated, Now());
  if (!until) return false;
  const std::string image = GetString(Spec(index), "image");
  if (state.waiting_reason == "ErrImagePull") {
    const std::string back_off = "Back-off pulling image " + Quote(image);
    state.waiting_message = back_off + ": ErrImagePull: " + state.waiting_message;
    Event("Normal", "BackOff", back_off);
    Event("Warning", "Failed", "Error: ImagePullBackOff");
  }
  state.waiting_reason = "ImagePullBackOff";
  state.retry_at = *until;
  return true;
}

ProbeTarget PodWorker::Target(std::size_t index) const {
  ProbeTarget target;
  target.pod_ip = state_.pod_ip;
  const Container& container = containers_[index];
  target.process.env = container.process.env;
  target.process.working_dir = container.process.working_dir;
  if (container.run) target.process.join_pidfd = container.run->pidfd();
  return target;
}

void PodWorker::StartProbes(std::size_t index) {
  const std::shared_ptr<PodWorker> self = shared_from_this();
  const std::shared_ptr<RunToken> token = containers_[index].token;
  for (const ProbeKind kind : {ProbeKind::kStartup, ProbeKind::kLiveness, ProbeKind::kReadiness}) {
    if (auto probe = ReadProbe(Spec(index), kind)) {
      host_.group().Spawn(RunProbe(self, index, *std::move(probe), token));
    }
  }
  if (const auto hook = ReadHook(Spec(index), "postStart")) {
    host_.group().Spawn(PostStart(self, index, *hook, token));
  }
  host_.group().Spawn(WatchListeners(self, index, token));
}

net::Task<void> PodWorker::RunProbe(std::shared_ptr<PodWorker> self, std::size_t index,
                                    ProbeSpec spec, std::shared_ptr<RunToken> token) {
  // Others wait until the startup probe has succeeded.
  while (token->active && spec.kind != ProbeKind::kStartup &&
         !self->state_.containers[index].started) {
    co_await token->wake.Wait();
    if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
  }
  ProbeState probe;
  probe.started_at = self->state_.containers[index].started_at;
  Time next = FirstProbe(spec, probe.started_at);
  while (token->active) {
    const Time now = self->Now();
    if (next > now) {
      co_await token->wake.WaitFor(next - now);
      if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
      continue;
    }
    if (self->state_.containers[index].stopping && spec.kind != ProbeKind::kReadiness) co_return;
    const ProbeResult result = co_await self->host_.prober().Ask(spec, self->Target(index));
    if (!token->active) co_return;
    if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
    const ProbeStep step = AfterProbe(spec, probe, result.success, now, self->Now());
    self->ApplyVerdict(index, spec, step, result);
    if (spec.kind == ProbeKind::kStartup && step.verdict != ProbeVerdict::kNone) co_return;
    next = step.next;
  }
}

void PodWorker::ApplyVerdict(std::size_t index, const ProbeSpec& spec, const ProbeStep& step,
                             const ProbeResult& result) {
  ContainerState& state = state_.containers[index];
  if (step.counted) {
    Event("Warning", "Unhealthy", ProbeName(spec.kind) + " probe failed: " + result.message);
  }
  if (step.verdict == ProbeVerdict::kNone) return;
  const bool success = step.verdict == ProbeVerdict::kSuccess;
  bool changed = false;
  if (spec.kind == ProbeKind::kReadiness) {
    changed = state.ready != success;
    state.ready = success;
  } else if (spec.kind == ProbeKind::kStartup && success) {
    changed = true;
    state.started = true;
    state.ready = Find(Spec(index), "readinessProbe") == nullptr;
    containers_[index].token->wake.Notify();
  } else if (!success && !state.unhealthy) {
    changed = true;
    state.unhealthy = true;
    state.probe_grace = spec.grace;
    Event("Normal", "Killing",
          "Container " + state.name + " failed " + ToLower(ProbeName(spec.kind)) +
              " probe, will be restarted");
  }
  if (changed) wake_.Notify();
}

// Tells of a program that listens on 0.0.0.0: a second replica of it could not start, since all
// pods share the machine's network.
net::Task<void> PodWorker::WatchListeners(std::shared_ptr<PodWorker> self, std::size_t index,
                                          std::shared_ptr<RunToken> token) {
  for (const Duration age : {seconds(1), seconds(5), seconds(30)}) {
    const Time at = self->state_.containers[index].started_at + age;
    while (token->active && self->Now() < at) {
      co_await token->wake.WaitFor(at - self->Now());
      if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
    }
    if (!token->active) co_return;
    const auto ports = platform::ReadWildcardListeners(self->containers_[index].run->pid());
    if (!ports || ports->empty()) continue;
    std::vector<std::string> list;
    for (const std::uint16_t port : *ports) list.push_back(std::to_string(port));
    self->Event("Warning", "ListensOnAllAddresses",
                "Container " + self->state_.containers[index].name +
                    " listens on all addresses, port " + Join(list, ", ") +
                    ": a second replica could not start; let it listen on $POD_IP (" +
                    self->state_.pod_ip + ")");
    co_return;
  }
}

}  // namespace weir::kubelet
