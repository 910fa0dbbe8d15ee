// The init of a pod's container: process 1 of its PID namespace, or, as `pod-join`, the keeper of a
// command that runs in another container's namespaces. Single-threaded; it ends with the program
// that it keeps, and the kernel then ends everything left in the namespace.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/strings.h"
#include "platform/pod_mounts.h"
#include "platform/process.h"
#include "platform/process_fds.h"

namespace weir::platform {
namespace {

// Conventions of shells and container runtimes.
constexpr int kExitCannotRun = 128;
constexpr int kExitNotFound = 127;
constexpr int kExitForbidden = 126;

std::string ErrnoText(int error) { return std::generic_category().message(error); }

void Report(char kind, const std::string& text) {
  const std::string message = kind + text;
  send(kReportFd, message.data(), std::min<std::size_t>(message.size(), 4000), MSG_NOSIGNAL);
}

[[noreturn]] void Die(const std::string& what, int code = kExitCannotRun) {
  Report(kReportError, what);
  _exit(code);
}

Result<std::string> ReadWholeFd(int fd) {
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n == 0) return text;
    if (n < 0) return Fail(Code::kInternal, "cannot read: " + ErrnoText(errno));
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// Ends with the parent, whatever ends it. A parent that died before prctl is known by its end of
// the report socket, since the PID namespace hides getppid.
void TieToParent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct pollfd report{};
  report.fd = kReportFd;
  if (poll(&report, 1, 0) > 0 && (report.revents & (POLLHUP | POLLERR)) != 0) _exit(kExitCannotRun);
}

// The user outside who is root inside, from `/proc/self/uid_map` or gid_map; -1 where nothing is
// mapped, that is, without a user namespace of ours.
long OutsideId(const char* map) {
  const int fd = open(map, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  const auto text = ReadWholeFd(fd);
  close(fd);
  if (!text) return -1;
  std::vector<std::string> words;
  for (const std::string& word : Split(Trim(*text), ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  if (words.size() != 3 || words[0] != "0" || words[2] != "1") return -1;
  return static_cast<long>(ParseInt(words[1]).value_or(-1));
}

bool WriteMap(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool ok = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return ok;
}

// Root inside the namespace was needed for the mounts alone: the program sees the user's own
// number again (some refuse to run as root) and holds no rights over its namespaces.
void BecomeOutsideUser(long uid, long gid) {
  if (uid <= 0) return;
  if (unshare(CLONE_NEWUSER) != 0) return;  // it then runs as the namespace's root
  WriteMap("/proc/self/setgroups", "deny");
  WriteMap("/proc/self/uid_map", std::to_string(uid) + " 0 1\n");
  WriteMap("/proc/self/gid_map", std::to_string(gid) + " 0 1\n");
}

// Shares the namespaces of the child behind kJoinFd. The user namespace has to be named only where
// it is another one than ours.
void JoinNamespaces() {
  constexpr int kJoined = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS;
  if (setns(kJoinFd, kJoined | CLONE_NEWUSER) == 0) return;
  if (setns(kJoinFd, kJoined) != 0) Die("cannot enter the container: " + ErrnoText(errno));
}

void SetUpNamespaces(const ProcessSpec& spec) {
  if (!spec.hostname.empty()) {
    if (sethostname(spec.hostname.data(), spec.hostname.size()) != 0) {
      Die("cannot set the host name " + spec.hostname + ": " + ErrnoText(errno));
    }
  }
  if (auto ok = SetUpMounts(spec.mounts); !ok) Die(ok.error().message);
}

// The program's process, from the fork to its exec.
[[noreturn]] void RunProgram(const ProcessSpec& spec, long uid, long gid) {
  setsid();
  BecomeOutsideUser(uid, gid);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string folder = spec.working_dir.empty() ? "/" : spec.working_dir;
  if (chdir(folder.c_str()) != 0) {
    Die("cannot enter the working directory " + folder + ": " + ErrnoText(errno));
  }
  const auto path = spec.env.find("PATH");
  const auto program = ResolveProgram(spec.argv[0], path == spec.env.end() ? "" : path->second, "");
  if (!program) {
    Die(program.error().message,
        program.error().code == Code::kNotFound ? kExitNotFound : kExitForbidden);
  }
  std::vector<std::string> words = spec.argv;
  std::vector<std::string> variables;
  variables.reserve(spec.env.size());
  for (const auto& [name, value] : spec.env) variables.push_back(name + "=" + value);
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  argv.push_back(nullptr);
  environment.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(program->c_str(), argv.data(), environment.data());
  Die("exec: " + Quote(spec.argv[0]) + ": " + ErrnoText(errno), kExitForbidden);
}

// Ends with the program's status, as a shell reports it.
[[noreturn]] void EndLike(int status) {
  if (WIFSIGNALED(status)) {
    Report(kReportSignal, std::to_string(WTERMSIG(status)));
    _exit(128 + WTERMSIG(status));
  }
  _exit(WEXITSTATUS(status));
}

// Passes signals on and reaps children, the program's and those it left behind, until the program
// has ended. All signals are blocked, so none is lost between two turns.
[[noreturn]] void KeepProgram(pid_t program) {
  sigset_t all;
  sigfillset(&all);
  while (true) {
    siginfo_t info{};
    const int signal = sigwaitinfo(&all, &info);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      kill(program, signal);
      continue;
    }
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
      if (ended == program) EndLike(status);
    }
  }
}

}  // namespace

bool IsPodInit(int argc, char** argv) {
  if (argc != 2) return false;
  const std::string_view word = argv[1];
  return word == kPodInitWord || word == kPodJoinWord;
}

int PodInitMain(int argc, char** argv) {
  if (!IsPodInit(argc, argv)) return kExitCannotRun;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, nullptr);
  for (const int fd : {kSpecFd, kReportFd, kJoinFd}) {
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return kExitCannotRun;  // typed by a person
  }
  TieToParent();
  setsid();  // Ctrl-C at a terminal is for weir, which then ends its pods in order
  const auto bytes = ReadWholeFd(kSpecFd);
  if (!bytes) Die("cannot read the specification: " + bytes.error().message);
  const auto spec = DecodeProcessSpec(*bytes);
  if (!spec) Die(spec.error().message);
  if (spec->argv.empty()) Die("the specification names no program");
  if (std::string_view(argv[1]) == kPodJoinWord) {
    JoinNamespaces();
  } else {
    SetUpNamespaces(*spec);
  }
  const long uid = OutsideId("/proc/self/uid_map");
  const long gid = OutsideId("/proc/self/gid_map");
  const pid_t program = fork();
  if (program < 0) Die("cannot fork: " + ErrnoText(errno));
  if (program == 0) RunProgram(*spec, uid, gid);
  KeepProgram(program);
}

}  // namespace weir::platform
