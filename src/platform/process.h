// Child processes of pods: each in its own PID and mount namespace under a small init, so that no
// descendant outlives this program, SIGKILL included. Loop thread only (the parent-death signal is
// tied to the thread that starts the child).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::platform {

struct BindMount {
  std::string source;
  std::string target;
  bool read_only = true;
};

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is a path, or a name looked up on the child's PATH
  std::map<std::string, std::string> env;  // the whole environment
  std::string working_dir;                 // empty: the root folder of the pod
  int output_fd = -1;                      // stdout and stderr of the child; not closed here
  std::vector<BindMount> mounts;           // made in the child's mount namespace
  std::string hostname;                    // where not empty: own UTS namespace
};

struct ChildProcess {
  int pid = -1;    // of the pod's init, in our PID namespace
  int pidfd = -1;  // readable when it has ended; closed by Reap
};

struct ExitStatus {
  int code = 0;    // exit code; 128 + signal where a signal ended it
  int signal = 0;
};

// Starts the program under `weir pod-init`. kNotFound and kForbidden name the program where it
// cannot be executed; kUnavailable where the kernel refuses namespaces (with what to do).
Result<ChildProcess> StartProcess(const ProcessSpec& spec);
// Asks the program to end (the init passes SIGTERM on).
void TerminateProcess(const ChildProcess& child);
// Ends the whole namespace at once.
void KillProcess(const ChildProcess& child);
// After pidfd became readable: collects the status and closes pidfd.
ExitStatus ReapProcess(ChildProcess& child);

// main() of the init (`weir pod-init`, never typed by people): PID 1 of the pod's namespaces. Sets up
// mounts, starts the program, passes signals on, reaps orphans, ends with the program's status.
int PodInitMain(int argc, char** argv);

// Whether this kernel and user allow the namespaces; the error says what to change.
Status CheckNamespaces();

// CPU time and memory of a pod's processes, from /proc.
struct Usage {
  double cpu_seconds = 0;
  std::int64_t memory_bytes = 0;
};
Result<Usage> ReadUsage(int init_pid);

}  // namespace weir::platform
