// Child processes of pods: each in its own PID and mount namespace under a small init, so that no
// descendant outlives this program, SIGKILL included. Loop thread only (the parent-death signal is
// tied to the thread that starts the child).
//
// The init is this very program run again as `pod-init` (pod_init.cc), so every program that calls
// StartProcess begins its main() with
//   if (platform::IsPodInit(argc, argv)) return platform::PodInitMain(argc, argv);
// What to run travels in a memory file, never on the command line: environments hold secrets.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::platform {

struct BindMount {
  std::string source;
  // An absolute path as the child sees it. Where it does not exist on this machine, it is made in
  // the child's mount namespace alone.
  std::string target;
  bool read_only = true;

  bool operator==(const BindMount&) const = default;
};

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] is a path, or a name looked up on the child's PATH
  std::map<std::string, std::string> env;  // the whole environment
  std::string working_dir;                 // empty: the root folder
  int output_fd = -1;                      // stdout and stderr of the child; not closed here
  bool capture_output = false;             // a pipe instead: ChildProcess::output_fd
  std::vector<BindMount> mounts;           // made in the child's mount namespace
  std::string hostname;                    // where not empty: the host name that the child sees
  // The pidfd of another child: this one runs in that child's namespaces (mounts and hostname
  // above do not apply) and ends with it. -1: namespaces of its own.
  int join_pidfd = -1;

  bool operator==(const ProcessSpec&) const = default;
};

struct ChildProcess {
  int pid = -1;        // of the pod's init, in our PID namespace
  int pidfd = -1;      // readable when it has ended; closed by ReapProcess
  int report_fd = -1;  // how the init tells what went wrong; closed by ReapProcess
  int output_fd = -1;  // with capture_output: the reading end, non-blocking; the caller closes it
};

struct ExitStatus {
  int code = 0;       // exit code; 128 + signal where a signal ended it
  int signal = 0;     // the signal that ended it, or 0
  std::string error;  // not empty: the program was never started, and why
};

// Starts the program under the init. kNotFound and kForbidden name the program where it cannot be
// executed; kUnavailable where the kernel refuses namespaces (with what to do); kInvalid for a spec
// without argv. Returns before the program runs: what fails inside (a mount, the exec itself) is
// told by ExitStatus::error.
Result<ChildProcess> StartProcess(const ProcessSpec& spec);
// The file that running argv0 would execute: argv0 itself where it has a slash (relative to
// working_dir), else the first executable of that name on `path` (a PATH; empty: the usual
// folders). kNotFound and kForbidden in the words of container runtimes.
Result<std::string> ResolveProgram(const std::string& argv0, const std::string& path,
                                   const std::string& working_dir);
// Asks the program to end (the init passes SIGTERM on). Other signals likewise.
void TerminateProcess(const ChildProcess& child);
void SignalProcess(const ChildProcess& child, int signal);
// Ends the whole namespace at once.
void KillProcess(const ChildProcess& child);
// After pidfd became readable: collects the status, closes pidfd and report_fd. Earlier it blocks.
ExitStatus ReapProcess(ChildProcess& child);

// Whether these are the arguments of an init: argv[1] is `pod-init`.
bool IsPodInit(int argc, char** argv);
// main() of the init (never typed by people): PID 1 of the pod's namespaces. Sets up mounts, starts
// the program, passes signals on, reaps orphans, ends with the program's status.
int PodInitMain(int argc, char** argv);

// Whether this kernel and user allow the namespaces; the error says what to change.
Status CheckNamespaces();

// CPU time and memory of a pod's processes, from /proc. kNotFound after the init has ended.
struct Usage {
  double cpu_seconds = 0;
  std::int64_t memory_bytes = 0;
};
Result<Usage> ReadUsage(int init_pid);

// TCP ports on which the pod's processes listen on all addresses (0.0.0.0 or ::), sorted.
Result<std::vector<std::uint16_t>> ReadWildcardListeners(int init_pid);

// Replaces the content of a file without replacing the file, so that bind mounts of it see the new
// content; makes it if need be. For files that a reader takes in one read, such as /etc/hosts.
Status RewriteInPlace(const std::string& path, std::string_view content);

// Removes a folder and everything below it; nothing to remove is no error. Never follows a link.
Status RemoveTree(const std::string& path);

// The spec as bytes for the init and back (process_spec.cc). kInvalid for bytes that
// EncodeProcessSpec does not write. Descriptors are left out.
std::string EncodeProcessSpec(const ProcessSpec& spec);
Result<ProcessSpec> DecodeProcessSpec(std::string_view bytes);

}  // namespace weir::platform
