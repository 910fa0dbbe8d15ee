#include "platform/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/strings.h"

namespace weir::platform {
namespace {

constexpr int kLimitMs = 20000;

// Until the child ended.
ExitStatus Wait(ChildProcess& child) {
  pollfd ended{child.pidfd, POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, kLimitMs), 1) << "the child did not end";
  if (ended.revents == 0) KillProcess(child);
  return ReapProcess(child);
}

// Everything that the child printed, after it ended or until it printed `until`.
std::string Read(int fd, std::string_view until = {}) {
  std::string text;
  while (until.empty() || text.find(until) == std::string::npos) {
    pollfd readable{fd, POLLIN, 0};
    if (poll(&readable, 1, kLimitMs) != 1) break;
    std::array<char, 4096> buffer{};
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

struct Ran {
  ExitStatus status;
  std::string output;
};

Ran Finish(ProcessSpec spec) {
  spec.capture_output = true;
  auto child = StartProcess(spec);
  if (!child) {
    ADD_FAILURE() << child.error().message;
    return {};
  }
  Ran ran;
  ran.output = Read(child->output_fd);
  ran.status = Wait(*child);
  close(child->output_fd);
  return ran;
}

ProcessSpec Shell(const std::string& script) {
  ProcessSpec spec;
  spec.argv = {"sh", "-c", script};
  spec.env = {{"PATH", "/usr/bin:/bin"}};
  return spec;
}

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-process-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { EXPECT_TRUE(RemoveTree(path_)); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ProcessSpec, SurvivesEncoding) {
  ProcessSpec spec;
  spec.argv = {"a", "", "b c\n"};
  spec.env = {{"A", "1"}, {"EMPTY", ""}, {"BYTES", std::string("\0\xff", 2)}};
  spec.working_dir = "/tmp";
  spec.mounts = {{"/a", "/b", true}, {"/c", "/d", false}};
  spec.hostname = "pod-1";
  const std::string bytes = EncodeProcessSpec(spec);
  const auto decoded = DecodeProcessSpec(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, spec);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(DecodeProcessSpec(bytes.substr(0, length))) << length;
  }
  EXPECT_FALSE(DecodeProcessSpec(bytes + "x"));
}

TEST(Process, EndsWithTheProgramsStatus) {
  const struct {
    const char* script;
    int code;
    int signal;
  } cases[] = {{"exit 0", 0, 0},
               {"exit 3", 3, 0},
               {"exit 255", 255, 0},
               {"kill -9 $$", 137, 9},
               {"kill -15 $$", 143, 15}};
  for (const auto& c : cases) {
    const Ran ran = Finish(Shell(c.script));
    EXPECT_EQ(ran.status.code, c.code) << c.script;
    EXPECT_EQ(ran.status.signal, c.signal) << c.script;
    EXPECT_EQ(ran.status.error, "") << c.script;
  }
}

TEST(Process, RefusesWhatCannotRun) {
  TempFolder folder;
  WriteFile(folder / "data", "no program");
  const struct {
    std::string program;
    Code code;
    std::string message;
  } cases[] = {
      {"no-such-program", Code::kNotFound,
       "exec: \"no-such-program\": executable file not found in $PATH"},
      {"/no/such", Code::kNotFound, "exec: \"/no/such\": stat /no/such: no such file or directory"},
      {folder / "data", Code::kForbidden, "exec: \"" + (folder / "data") + "\": permission denied"},
      {"/tmp", Code::kForbidden, "exec: \"/tmp\": is a directory"},
      {"", Code::kInvalid, "no command: expected at least the program's name"},
  };
  for (const auto& c : cases) {
    ProcessSpec spec;
    spec.argv = {c.program};
    const auto child = StartProcess(spec);
    ASSERT_FALSE(child) << c.program;
    EXPECT_EQ(child.error(), (Error{c.code, c.message}));
  }
}

TEST(Process, TellsWhatFailsInside) {
  TempFolder folder;
  WriteFile(folder / "script", "#!/no/such/interpreter\n");
  chmod((folder / "script").c_str(), 0755);
  ProcessSpec spec;
  spec.argv = {folder / "script"};
  EXPECT_EQ(Finish(spec).status.error,
            "exec: \"" + (folder / "script") + "\": No such file or directory");
  spec = Shell("exit 0");
  spec.working_dir = "/no/such/folder";
  EXPECT_EQ(Finish(spec).status.error,
            "cannot enter the working directory /no/such/folder: No such file or directory");
  spec = Shell("exit 0");
  spec.mounts = {{"/no/such/source", "/etc/hosts", true}};
  EXPECT_EQ(Finish(spec).status.error, "cannot mount /no/such/source: No such file or directory");
}

TEST(Process, HasExactlyItsEnvironmentAndNothingOnItsCommandLine) {
  ProcessSpec spec;
  spec.argv = {"/usr/bin/env"};
  spec.env = {{"A", "1"}, {"SECRET", "s3cr3t\nline"}};
  EXPECT_EQ(Finish(spec).output, "A=1\nSECRET=s3cr3t\nline\n");
  spec = Shell("tr '\\0' ' ' </proc/1/cmdline; tr '\\0' ' ' </proc/1/environ 2>/dev/null");
  spec.env["SECRET"] = "s3cr3t";
  EXPECT_EQ(Finish(spec).output, "weir pod-init ");
}

TEST(Process, IsAloneWithOnlyStandardDescriptors) {
  EXPECT_EQ(Finish(Shell("ls /proc/self/fd | tr '\\n' ' '")).output,
            "0 1 2 3 ");  // 3: of ls itself
  EXPECT_EQ(Finish(Shell("echo $$; ls -d /proc/[0-9]* | wc -l")).output, "2\n4\n");
}

TEST(Process, WritesToTheGivenDescriptor) {
  TempFolder folder;
  const int fd = open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ProcessSpec spec = Shell("echo out; echo err >&2; pwd");
  spec.output_fd = fd;
  spec.working_dir = "/usr";
  auto child = StartProcess(spec);
  ASSERT_TRUE(child);
  EXPECT_EQ(Wait(*child).code, 0);
  close(fd);
  EXPECT_EQ(ReadFile(folder / "out"), "out\nerr\n/usr\n");
}

TEST(Process, SeesItsMountsAndHostName) {
  TempFolder folder;
  WriteFile(folder / "hosts", "127.64.0.1 redis\n");
  std::filesystem::create_directory(folder / "volume");
  WriteFile(folder / "volume/key", "value\n");
  const bool root_had_it = std::filesystem::exists("/weir-test");
  ProcessSpec spec = Shell(
      "cat /etc/hosts; hostname; cat /weir-test/config/key; echo more >/weir-test/data/file; "
      "cat /etc/weir-test/key; ls -d /etc/passwd; "
      "(echo x >/weir-test/config/key) 2>/dev/null || echo read-only; ls -d /proc/1; "
      "ls -A / | grep weir");
  spec.hostname = "pod-1";
  spec.mounts = {{folder / "hosts", "/etc/hosts", true},
                 {folder / "volume", "/weir-test/config", true},
                 {folder / "volume", "/weir-test/data", false},
                 {folder / "volume", "/etc/weir-test", true}};
  EXPECT_EQ(Finish(spec).output,
            "127.64.0.1 redis\npod-1\nvalue\nvalue\n/etc/passwd\nread-only\n/proc/1\n"
            "weir-test\n");
  EXPECT_EQ(ReadFile(folder / "volume/file"), "more\n");
  EXPECT_EQ(std::filesystem::exists("/weir-test"), root_had_it);
  EXPECT_FALSE(std::filesystem::exists("/etc/weir-test"));
  EXPECT_EQ(ReadFile("/etc/hosts").find("127.64.0.1 redis"), std::string::npos);
}

TEST(Process, SeesARewrittenFile) {
  TempFolder folder;
  ASSERT_TRUE(RewriteInPlace(folder / "hosts", "127.64.0.1 a-long-name\n"));
  ProcessSpec spec = Shell("cat /etc/hosts; read go </etc/weir-go/pipe; cat /etc/hosts");
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  spec.mounts = {{folder / "hosts", "/etc/hosts", true}, {folder / "", "/etc/weir-go", false}};
  spec.capture_output = true;
  auto child = StartProcess(spec);
  ASSERT_TRUE(child);
  EXPECT_EQ(Read(child->output_fd, "name\n"), "127.64.0.1 a-long-name\n");
  ASSERT_TRUE(RewriteInPlace(folder / "hosts", "127.64.0.2 b\n"));
  WriteFile(folder / "pipe", "go\n");
  EXPECT_EQ(Read(child->output_fd), "127.64.0.2 b\n");
  EXPECT_EQ(Wait(*child).code, 0);
  close(child->output_fd);
}

TEST(Process, PassesSignalsOnAndKills) {
  ProcessSpec spec = Shell("trap 'echo term; exit 7' TERM; echo ready; sleep 1000 & wait");
  spec.capture_output = true;
  auto child = StartProcess(spec);
  ASSERT_TRUE(child);
  Read(child->output_fd, "ready\n");
  TerminateProcess(*child);
  EXPECT_EQ(Read(child->output_fd, "term\n"), "term\n");
  EXPECT_EQ(Wait(*child).code, 7);
  close(child->output_fd);

  spec = Shell("trap '' TERM; echo ready; sleep 1000");
  spec.capture_output = true;
  child = StartProcess(spec);
  ASSERT_TRUE(child);
  Read(child->output_fd, "ready\n");
  TerminateProcess(*child);
  KillProcess(*child);
  const ExitStatus status = Wait(*child);
  EXPECT_EQ(status.code, 137);
  EXPECT_EQ(status.signal, 9);
  close(child->output_fd);
}

TEST(Process, KeepsASignalThatComesBeforeItsProgramRuns) {
  auto child = StartProcess(Shell("sleep 1000"));
  ASSERT_TRUE(child);
  TerminateProcess(*child);
  EXPECT_EQ(Wait(*child).code, 143);
}

TEST(Process, JoinsAnother) {
  ProcessSpec spec = Shell("echo ready; sleep 1000");
  spec.hostname = "joined";
  spec.capture_output = true;
  auto child = StartProcess(spec);
  ASSERT_TRUE(child);
  Read(child->output_fd, "ready\n");
  ProcessSpec exec = Shell("hostname; tr '\\0' ' ' </proc/1/cmdline; exit 4");
  exec.join_pidfd = child->pidfd;
  const Ran ran = Finish(exec);
  EXPECT_EQ(ran.output, "joined\nweir pod-init ");
  EXPECT_EQ(ran.status.code, 4);
  EXPECT_EQ(ran.status.error, "");
  exec.argv = {"no-such-program"};
  EXPECT_EQ(Finish(exec).status.error,
            "exec: \"no-such-program\": executable file not found in $PATH");
  KillProcess(*child);
  Wait(*child);
  close(child->output_fd);
}

TEST(Process, TakesItsWholeFamilyWithIt) {
  TempFolder folder;
  ASSERT_EQ(mkfifo((folder / "ready").c_str(), 0600), 0);
  // The grandchild leaves session and parent; the pipe's end shows when the last of them is gone.
  ProcessSpec spec = Shell(
      "(setsid sh -c 'trap \"\" TERM; echo grandchild; echo go >ready; sleep 1000' &); "
      "read line <ready; exit 5");
  spec.working_dir = folder / "";
  const Ran ran = Finish(spec);
  EXPECT_EQ(ran.status.code, 5);
  EXPECT_EQ(ran.output, "grandchild\n");
}

// SIGKILL of the parent, which can do nothing about it, leaves no descendant.
TEST(Process, DiesWithItsParent) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    ProcessSpec spec = Shell(
        "(setsid sh -c 'trap \"\" TERM HUP; (echo grandchild; sleep 1000) & wait' &); sleep 1000");
    spec.output_fd = ends[1];
    const auto child = StartProcess(spec);
    if (!child) _exit(1);
    close(ends[1]);
    pause();
    _exit(0);
  }
  close(ends[1]);
  EXPECT_EQ(Read(ends[0], "grandchild\n"), "grandchild\n");
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_EQ(Read(ends[0]), "");  // end of file: nobody holds the other end any more
  close(ends[0]);
}

TEST(Process, ReadsUsageAndListeners) {
  ProcessSpec spec;
  spec.argv = {"python3", "-c",
               "import socket, time\n"
               "a = socket.socket(); a.bind(('0.0.0.0', 0)); a.listen()\n"
               "b = socket.socket(); b.bind(('127.0.0.1', 0)); b.listen()\n"
               "t = time.process_time()\n"
               "while time.process_time() < t + 0.05: pass\n"
               "print(a.getsockname()[1], flush=True); time.sleep(1000)\n"};
  spec.env = {{"PATH", "/usr/bin:/bin"}};
  spec.capture_output = true;
  auto child = StartProcess(spec);
  ASSERT_TRUE(child);
  const auto port = ParseInt(Trim(Read(child->output_fd, "\n")));
  ASSERT_TRUE(port);
  const auto usage = ReadUsage(child->pid);
  ASSERT_TRUE(usage);
  EXPECT_GE(usage->cpu_seconds, 0.04);
  EXPECT_LT(usage->cpu_seconds, 10);
  EXPECT_GT(usage->memory_bytes, 1 << 20);
  EXPECT_LT(usage->memory_bytes, 100 << 20);
  const auto listeners = ReadWildcardListeners(child->pid);
  ASSERT_TRUE(listeners);
  EXPECT_EQ(*listeners, std::vector<std::uint16_t>{static_cast<std::uint16_t>(*port)});
  const int pid = child->pid;
  KillProcess(*child);
  Wait(*child);
  close(child->output_fd);
  EXPECT_EQ(ReadUsage(pid).error().code, Code::kNotFound);
}

TEST(Process, NamespacesAreAllowedHere) {
  const auto status = CheckNamespaces();
  EXPECT_TRUE(status) << status.error().message;
}

TEST(RemoveTree, RemovesAFolderAndNotWhatALinkNames) {
  TempFolder folder;
  std::filesystem::create_directories(folder / "tree/deep");
  WriteFile(folder / "kept", "kept");
  std::filesystem::create_symlink(folder / "kept", folder / "tree/link");
  EXPECT_TRUE(RemoveTree(folder / "tree"));
  EXPECT_TRUE(RemoveTree(folder / "tree"));
  EXPECT_FALSE(std::filesystem::exists(folder / "tree"));
  EXPECT_EQ(ReadFile(folder / "kept"), "kept");
}

}  // namespace
}  // namespace weir::platform

// The init of the processes under test is this program itself.
int main(int argc, char** argv) {
  if (weir::platform::IsPodInit(argc, argv)) return weir::platform::PodInitMain(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
