#include "platform/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "platform/process_fds.h"

namespace weir::platform {
namespace {

constexpr std::size_t kStackBytes = std::size_t{128} << 10U;
constexpr int kNamespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS;

std::string ErrnoText(int error) { return std::generic_category().message(error); }

// A file descriptor closed at the end of its scope.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Reset(); }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// Everything that the new process needs between its start and its exec. It runs in our memory
// while we are suspended (CLONE_VM | CLONE_VFORK), so it may only make system calls: all texts are
// made here beforehand.
struct Launch {
  bool only_check = false;  // CheckNamespaces: try a mount and end
  int null_fd = -1, output_fd = -1, spec_fd = -1, report_fd = -1, join_fd = -1;
  std::string uid_map, gid_map;  // empty: no user namespace
  std::array<char*, 3> argv{};
  std::array<char*, 2> environment{};
  // What failed, for the parent.
  int error = 0;
  const char* step = "";
};

bool WriteWhole(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  close(fd);
  errno = error;
  return ok;
}

// The single user outside is root inside, so that the init may mount; user_namespaces(7) wants
// setgroups denied before an unprivileged gid_map.
bool MapUser(const Launch& launch) {
  if (launch.uid_map.empty()) return true;
  return WriteWhole("/proc/self/uid_map", launch.uid_map) &&
         WriteWhole("/proc/self/setgroups", "deny") &&
         WriteWhole("/proc/self/gid_map", launch.gid_map);
}

// Puts the descriptors where PodInitMain expects them, by way of high numbers so that none is
// overwritten before it was moved, and closes all others.
bool ArrangeFds(const Launch& launch) {
  const std::array<int, kInitFdCount> sources{
      launch.null_fd,
      launch.output_fd < 0 ? launch.null_fd : launch.output_fd,
      launch.output_fd < 0 ? launch.null_fd : launch.output_fd,
      launch.spec_fd,
      launch.report_fd,
      launch.join_fd < 0 ? launch.null_fd : launch.join_fd};
  std::array<int, kInitFdCount> high{};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    high[i] = fcntl(sources[i], F_DUPFD, 2 * kInitFdCount);
    if (high[i] < 0) return false;
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (dup2(high[i], static_cast<int>(i)) < 0) return false;
  }
  return syscall(SYS_close_range, kInitFdCount, ~0U, 0) == 0;
}

// The new process, until its exec.
int RunLaunch(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  const auto fail = [&launch](const char* step) {
    launch.error = errno;
    launch.step = step;
    return 127;
  };
  // Handlers of ours must not run in a process that shares our memory.
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  if (!MapUser(launch)) return fail("map the user");
  if (launch.only_check) {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return fail("mount");
    return 0;
  }
  if (!ArrangeFds(launch)) return fail("arrange descriptors");
  execve("/proc/self/exe", launch.argv.data(), launch.environment.data());
  return fail("run /proc/self/exe");
}

// Whether mount and PID namespaces may be made without a user namespace.
bool HasSysAdmin() {
  struct __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<struct __user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return false;
  return ((data[0].effective >> unsigned{CAP_SYS_ADMIN}) & 1U) != 0;
}

// Starts RunLaunch with the given namespaces; the pid, or -1 with launch.error set. All signals
// stay blocked in the new process over its exec: the init waits for them, and none that we send
// early is lost.
int CloneInto(Launch& launch, int namespaces, int* pidfd) {
  const auto stack = std::make_unique<std::array<std::byte, kStackBytes>>();
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | namespaces;
  // Stacks grow downwards on every machine that we build for; the top is 16-byte aligned.
  const int pid = clone(RunLaunch, stack->data() + stack->size(), flags, &launch, pidfd);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (pid < 0) {
    launch.error = error;
    launch.step = "create namespaces";
    return -1;
  }
  if (launch.error != 0) {
    int status = 0;
    waitpid(pid, &status, 0);
    close(*pidfd);
    return -1;
  }
  return pid;
}

// Adds a user namespace where this user needs one.
int WithUserNamespace(Launch& launch) {
  if (HasSysAdmin()) return kNamespaces;
  launch.uid_map = "0 " + std::to_string(geteuid()) + " 1\n";
  launch.gid_map = "0 " + std::to_string(getegid()) + " 1\n";
  return kNamespaces | CLONE_NEWUSER;
}

std::unexpected<Error> RefusedNamespaces(const Launch& launch) {
  std::string what = std::string("the kernel refuses namespaces for pods (") + launch.step + ": " +
                     ErrnoText(launch.error) + "): ";
  if (launch.error == ENOSPC) {
    what +=
        "the limit of namespaces is reached; raise it with `sysctl -w "
        "user.max_user_namespaces=15000 user.max_pid_namespaces=15000 "
        "user.max_mnt_namespaces=15000`";
  } else if (geteuid() == 0) {
    what +=
        "in a container, run it with `--privileged` or `--cap-add SYS_ADMIN "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined`";
  } else {
    what +=
        "allow them to users with `sudo sysctl -w kernel.unprivileged_userns_clone=1` (Debian) "
        "or `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` (Ubuntu), or run "
        "as root";
  }
  return Fail(Code::kUnavailable, what);
}

std::unexpected<Error> SystemError(const std::string& what) {
  return Fail(Code::kUnavailable, what + ": " + ErrnoText(errno));
}

// The spec in a memory file, positioned at its beginning.
Status WriteSpec(const ProcessSpec& spec, Fd& out) {
  out.Reset(memfd_create("weir-pod-spec", MFD_CLOEXEC));
  if (out.get() < 0) return SystemError("cannot make a memory file");
  const std::string bytes = EncodeProcessSpec(spec);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(out.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0) return SystemError("cannot write a memory file");
    done += static_cast<std::size_t>(n);
  }
  if (lseek(out.get(), 0, SEEK_SET) != 0) return SystemError("cannot rewind a memory file");
  return {};
}

// Whether the path lies in a mount that only the child has.
bool InsideMounts(const std::string& path, const std::vector<BindMount>& mounts) {
  for (const BindMount& mount : mounts) {
    if (path == mount.target || path.starts_with(mount.target + "/")) return true;
  }
  return false;
}

// Finds early, in the caller, what most often goes wrong.
Status CheckProgram(const ProcessSpec& spec) {
  if (spec.argv.empty() || spec.argv[0].empty()) {
    return Fail(Code::kInvalid, "no command: expected at least the program's name");
  }
  if (spec.join_pidfd >= 0 || InsideMounts(spec.argv[0], spec.mounts)) return {};
  const auto path = spec.env.find("PATH");
  const auto found =
      ResolveProgram(spec.argv[0], path == spec.env.end() ? "" : path->second, spec.working_dir);
  if (!found) return std::unexpected(found.error());
  return {};
}

}  // namespace

Result<std::string> ResolveProgram(const std::string& argv0, const std::string& path,
                                   const std::string& working_dir) {
  const auto executable = [](const std::string& file) {
    struct stat info{};
    if (stat(file.c_str(), &info) != 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    return access(file.c_str(), X_OK) == 0 ? 0 : errno;
  };
  const auto refused = [&argv0](int error) {
    const bool absent = error == ENOENT || error == ENOTDIR;
    return Fail(absent ? Code::kNotFound : Code::kForbidden,
                "exec: " + Quote(argv0) + ": " +
                    (absent            ? "stat " + argv0 + ": no such file or directory"
                     : error == EISDIR ? "is a directory"
                                       : "permission denied"));
  };
  if (argv0.find('/') != std::string::npos) {
    const std::string file =
        argv0[0] == '/' || working_dir.empty() ? argv0 : working_dir + "/" + argv0;
    if (const int error = executable(file); error != 0) return refused(error);
    return file;
  }
  const std::string folders =
      path.empty() ? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" : path;
  for (const std::string& folder : Split(folders, ':')) {
    if (folder.empty()) continue;
    const std::string file = folder + "/" + argv0;
    if (executable(file) == 0) return file;
  }
  return Fail(Code::kNotFound, "exec: " + Quote(argv0) + ": executable file not found in $PATH");
}

Result<ChildProcess> StartProcess(const ProcessSpec& spec) {
  if (auto ok = CheckProgram(spec); !ok) return std::unexpected(ok.error());
  Fd spec_file;
  if (auto ok = WriteSpec(spec, spec_file); !ok) return std::unexpected(ok.error());
  std::array<int, 2> pair{-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return SystemError("cannot make a socket pair");
  }
  Fd report(pair[0]);
  Fd report_child(pair[1]);
  Fd output;
  Fd output_child;
  if (spec.capture_output) {
    std::array<int, 2> pipe_ends{-1, -1};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return SystemError("cannot make a pipe");
    output.Reset(pipe_ends[0]);
    output_child.Reset(pipe_ends[1]);
    if (fcntl(output.get(), F_SETFL, O_NONBLOCK) != 0) return SystemError("cannot set up a pipe");
  }
  const Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.get() < 0) return SystemError("cannot open /dev/null");

  Launch launch;
  launch.null_fd = null.get();
  launch.output_fd = spec.capture_output ? output_child.get() : spec.output_fd;
  launch.spec_fd = spec_file.get();
  launch.report_fd = report_child.get();
  launch.join_fd = spec.join_pidfd;
  std::string name = "weir";
  std::string word = spec.join_pidfd < 0 ? kPodInitWord : kPodJoinWord;
  launch.argv = {name.data(), word.data(), nullptr};
  launch.environment = {nullptr, nullptr};
  const int namespaces = spec.join_pidfd < 0 ? WithUserNamespace(launch) : 0;
  int pidfd = -1;
  const int pid = CloneInto(launch, namespaces, &pidfd);
  if (pid < 0) return RefusedNamespaces(launch);
  return ChildProcess{pid, pidfd, report.Release(), output.Release()};
}

void SignalProcess(const ChildProcess& child, int signal) {
  if (child.pidfd >= 0) syscall(SYS_pidfd_send_signal, child.pidfd, signal, nullptr, 0);
}

void TerminateProcess(const ChildProcess& child) { SignalProcess(child, SIGTERM); }

void KillProcess(const ChildProcess& child) { SignalProcess(child, SIGKILL); }

ExitStatus ReapProcess(ChildProcess& child) {
  ExitStatus status;
  siginfo_t info{};
  int result = 0;
  do {
    result = waitid(P_PIDFD, static_cast<id_t>(child.pidfd), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    status.code = 255;
    status.error = "cannot learn how it ended: " + ErrnoText(errno);
  } else if (info.si_code == CLD_EXITED) {
    status.code = info.si_status;
  } else {
    status.code = 128 + info.si_status;
    status.signal = info.si_status;
  }
  std::array<char, 4096> text{};
  const ssize_t n = recv(child.report_fd, text.data(), text.size(), MSG_DONTWAIT);
  if (n > 1) {
    const std::string_view rest(text.data() + 1, static_cast<std::size_t>(n) - 1);
    if (text[0] == kReportError) status.error = rest;
    if (text[0] == kReportSignal) status.signal = static_cast<int>(ParseInt(rest).value_or(0));
  }
  close(child.pidfd);
  close(child.report_fd);
  child.pid = child.pidfd = child.report_fd = -1;
  return status;
}

Status CheckNamespaces() {
  Launch launch;
  launch.only_check = true;
  int pidfd = -1;
  const int pid = CloneInto(launch, WithUserNamespace(launch), &pidfd);
  if (pid < 0) return RefusedNamespaces(launch);
  int status = 0;
  waitpid(pid, &status, 0);
  close(pidfd);
  return {};
}

Status RewriteInPlace(const std::string& path, std::string_view content) {
  const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) return SystemError("cannot open " + path);
  // First the new bytes, then the new length: a reader in between sees whole new lines and at most
  // old ones after them, never an empty file.
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n =
        pwrite(file.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0) return SystemError("cannot write " + path);
    done += static_cast<std::size_t>(n);
  }
  if (ftruncate(file.get(), static_cast<off_t>(content.size())) != 0) {
    return SystemError("cannot shorten " + path);
  }
  return {};
}

Status RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return Fail(Code::kUnavailable, "cannot remove " + path + ": " + error.message());
  return {};
}

}  // namespace weir::platform
