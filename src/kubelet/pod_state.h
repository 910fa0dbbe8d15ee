// What the kubelet knows of a pod's containers beside the API object: the input of its decisions
// (pod_plan.h) and of the status that it reports (status_plan.h). Plain values.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace weir::kubelet {

// An object as the caches hold it (client::ObjectPtr).
using ObjectPtr = std::shared_ptr<const Json>;

enum class ContainerPhase { kWaiting, kRunning, kTerminated };

enum class ContainerKind {
  kInit,     // runs to its end before the next one starts
  kSidecar,  // an init container with restartPolicy Always: started, then runs beside the pod
  kMain,
};

// How one run of a container ended.
struct Termination {
  int exit_code = 0;
  int signal = 0;
  std::string reason;  // Completed, Error, ContainerCannotRun
  std::string message;
  Time started_at;
  Time finished_at;
  std::string container_id;

  bool operator==(const Termination&) const = default;
};

// The delay before a container that keeps ending is started again (k8s.io/client-go
// util/flowcontrol, as the kubelet uses it: 10 s doubling to 5 min, forgotten after 10 min).
struct Backoff {
  Duration delay{0};  // zero: none yet
  Time updated;

  bool operator==(const Backoff&) const = default;
};

struct ContainerState {
  std::string name;
  ContainerKind kind = ContainerKind::kMain;
  ContainerPhase phase = ContainerPhase::kWaiting;

  // Waiting. A start is due at once without `retry_at`.
  std::string waiting_reason;
  std::string waiting_message;
  std::optional<Time> retry_at;

  // Running.
  Time started_at;
  bool started = false;         // the startup probe, if any, has succeeded
  bool ready = false;           // the readiness probe, if any, succeeds
  bool stopping = false;        // told to end
  std::optional<Time> kill_at;  // when stopping: then by SIGKILL
  bool unhealthy = false;  // a liveness or startup probe gave it up: end it, whatever comes then
  std::optional<Duration> probe_grace;  // that probe's own grace period

  Termination ended;                // terminated
  std::optional<Termination> last;  // the run before
  int restart_count = 0;
  std::string container_id;
  std::string image_id;
  Backoff crash_backoff;
  Backoff image_backoff;
};

struct PodState {
  std::vector<ContainerState> containers;  // in the order of initContainers, then containers
  std::string pod_ip;
  std::optional<Time> start_time;
  bool sandbox_ready = false;  // address, hosts file and volumes are there
  // A pod that ended as a whole ("DeadlineExceeded"), and why.
  std::string failed_reason;
  std::string failed_message;
};

// The spec of the container at `index` of PodState::containers.
const Json& ContainerSpec(const Json& pod, std::size_t index);

// The state of a pod whose processes do not run, taken over from its last reported status (none on
// its first start): a container that ran counts as ended with code 255 (`Unknown`), as after the
// restart of a machine, so that it starts again with restartCount + 1.
PodState InitialState(const Json& pod, Time now);

// `name_namespace(uid)`: how the kubelet names a pod in texts.
std::string PodText(const Json& pod);

}  // namespace weir::kubelet
