// Runs one pod from its binding to its end: asks pod_plan.h what to do, does it, reports the
// status. One task a pod, which the kubelet starts and which ends when the pod has gone; everything
// that happens (a changed object, a process that ended, a probe's answer) only changes the state
// and wakes that task. Loop thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/events.h"
#include "env/clock.h"
#include "env/random.h"
#include "kubelet/catalogue_plan.h"
#include "kubelet/container_run.h"
#include "kubelet/env_plan.h"
#include "kubelet/pod_plan.h"
#include "kubelet/prober.h"
#include "kubelet/volume_plan.h"

namespace weir::kubelet {

// What a worker needs of the kubelet, which outlives it.
class PodHost {
 public:
  virtual ~PodHost() = default;

  virtual net::Loop& loop() = 0;
  virtual net::TaskGroup& group() = 0;
  virtual env::Clock& clock() = 0;
  virtual env::Random& random() = 0;
  virtual client::Client& client() = 0;
  virtual client::EventRecorder& events() = 0;
  virtual Prober& prober() = 0;
  virtual const Catalogue& catalogue() = 0;
  // ${WEIR}, ${WEIR_BIN_DIR}; node_name and host_ip; PATH.
  virtual const Placeholders& placeholders() = 0;
  virtual const PodFacts& facts() = 0;
  virtual const std::string& path() = 0;
  // The folder for everything of this pod.
  virtual std::string PodFolder(const Json& pod) = 0;
  // The pod's address; the same one for the same pod until it is released.
  virtual Result<std::string> Address(const Json& pod) = 0;
  virtual void ReleaseAddress(const Json& pod) = 0;
  // Writes the hosts file of the pod's namespace, with this pod in it; its path.
  virtual Result<std::string> Hosts(const Json& pod, const std::string& address) = 0;
  // Of all namespaces.
  virtual std::vector<ObjectPtr> Services() = 0;
  // Those of the objects that exist.
  virtual net::Task<NeededObjects> Fetch(ObjectPtr pod, std::vector<ObjectNeed> needs) = 0;
};

class PodWorker final : public std::enable_shared_from_this<PodWorker> {
 public:
  PodWorker(PodHost& host, ObjectPtr pod);
  ~PodWorker();
  PodWorker(const PodWorker&) = delete;
  PodWorker& operator=(const PodWorker&) = delete;

  // Ends when the pod has gone from the API and nothing of it is left, or after ShutDown when
  // nothing of it runs.
  net::Task<void> Run();

  void Update(ObjectPtr pod);  // the object changed
  void Gone();                 // the object does not exist any more
  void ShutDown();             // end the processes, leave the object
  void KillAll();              // now
  // A ConfigMap or Secret of the pod's namespace changed.
  void ObjectChanged(const ObjectNeed& need);

  // The log of the container's last run, or the one before. Errors are kInvalid in upstream's
  // words.
  Result<std::shared_ptr<ContainerLog>> OpenLog(const std::string& container, bool previous);

  struct ContainerUsage {
    std::string container;
    platform::Usage usage;
  };
  std::vector<ContainerUsage> Usage() const;
  const Json& pod() const { return *pod_; }

 private:
  // One run of a container, for the tasks that accompany it.
  struct RunToken {
    explicit RunToken(net::Loop& loop) : wake(loop) {}
    bool active = true;
    net::Signal wake;
  };
  struct Container {
    std::unique_ptr<ContainerRun> run;
    std::shared_ptr<ContainerLog> log;
    std::shared_ptr<RunToken> token;
    platform::ProcessSpec process;  // of the current run, for exec probes and hooks
  };
  enum class Next { kAgain, kWait, kDone };

  net::Task<Next> Step();
  net::Task<void> Pause(std::optional<Time> wake);
  PodGoal Goal() const;
  bool Perform(const PodActions& actions);
  void StopContainer(const PodActions::Stop& stop);
  static net::Task<void> PreStop(std::shared_ptr<PodWorker> self, std::size_t index, ProbeSpec hook,
                                 std::shared_ptr<RunToken> token);
  static net::Task<void> PostStart(std::shared_ptr<PodWorker> self, std::size_t index,
                                   ProbeSpec hook, std::shared_ptr<RunToken> token);

  net::Task<bool> SetUp();
  Status WriteVolumes();
  net::Task<void> StartContainer(std::size_t index);
  Result<platform::ProcessSpec> ProcessFor(std::size_t index, const NeededObjects& objects);
  Status StartRun(std::size_t index, platform::ProcessSpec process);
  void Started(std::size_t index);
  void RunEnded(std::size_t index, const platform::ExitStatus& status);
  void StartFailed(std::size_t index, const Error& error);
  void ImageFailed(std::size_t index, const std::string& why);
  bool ImageBacksOff(std::size_t index);
  void Terminated(std::size_t index, Termination end);

  void StartProbes(std::size_t index);
  static net::Task<void> RunProbe(std::shared_ptr<PodWorker> self, std::size_t index,
                                  ProbeSpec spec, std::shared_ptr<RunToken> token);
  void ApplyVerdict(std::size_t index, const ProbeSpec& spec, const ProbeStep& step,
                    const ProbeResult& result);
  static net::Task<void> WatchListeners(std::shared_ptr<PodWorker> self, std::size_t index,
                                        std::shared_ptr<RunToken> token);
  ProbeTarget Target(std::size_t index) const;

  net::Task<bool> Report(bool ended);
  net::Task<bool> RemoveObject();
  void CleanUp();

  const Json& Spec(std::size_t index) const { return ContainerSpec(*pod_, index); }
  std::string Name() const;
  std::string Namespace() const;
  std::string LogPath(std::size_t index, int run) const;
  std::string ContainerFolder(std::size_t index) const;
  PodFacts Facts() const;
  Time Now() const { return host_.clock().Now(); }
  void Event(const char* type, const char* reason, std::string message);

  PodHost& host_;
  ObjectPtr pod_;
  PodState state_;
  std::vector<Container> containers_;  // as state_.containers
  std::string folder_;
  std::vector<VolumePlan> volumes_;
  std::string hosts_path_;
  net::Signal wake_;
  bool gone_ = false;
  bool shut_down_ = false;
  bool removed_ = false;  // the last DELETE was accepted
  bool volumes_stale_ = false;
  std::optional<Time> set_up_after_;  // a failed set-up is tried again then
  Backoff set_up_backoff_;
  Json reported_;
  bool report_failed_ = false;
};

}  // namespace weir::kubelet
