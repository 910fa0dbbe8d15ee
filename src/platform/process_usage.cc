// What a pod's processes use and hold, read from /proc.
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "base/strings.h"
#include "platform/process.h"

namespace weir::platform {
namespace {

namespace fs = std::filesystem;

// /proc files have no size: read to the end.
std::string ReadProc(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::string& word : Split(Trim(text), ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

std::string ProcPath(std::int64_t pid, std::string_view file) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(file);
}

// The init and everything below it: orphans of the namespace become children of the init.
std::vector<std::int64_t> Descendants(std::int64_t init_pid) {
  std::vector<std::int64_t> pids{init_pid};
  for (std::size_t i = 0; i < pids.size(); ++i) {
    std::error_code error;
    const std::string tasks = ProcPath(pids[i], "task");
    for (fs::directory_iterator it(tasks, error), end; !error && it != end; it.increment(error)) {
      for (const std::string& word : Words(ReadProc(it->path().string() + "/children"))) {
        if (const auto pid = ParseInt(word)) pids.push_back(*pid);
      }
    }
  }
  return pids;
}

// The fields of /proc/PID/stat after the command, which may hold blanks and parentheses: the first
// is the state, field 3 of proc(5).
std::vector<std::string> StatFields(std::int64_t pid) {
  const std::string text = ReadProc(ProcPath(pid, "stat"));
  const std::size_t end = text.rfind(')');
  return end == std::string::npos ? std::vector<std::string>{} : Words(text.substr(end + 1));
}

std::int64_t Number(const std::vector<std::string>& words, std::size_t index) {
  return index < words.size() ? ParseInt(words[index]).value_or(0) : 0;
}

// The inodes of the sockets that a process holds.
void AddSockets(std::int64_t pid, std::set<std::string>& inodes) {
  std::error_code error;
  const std::string folder = ProcPath(pid, "fd");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const std::string target = fs::read_symlink(it->path(), gone).string();
    if (target.starts_with("socket:[")) inodes.insert(target.substr(8, target.size() - 9));
  }
}

// A line of /proc/net/tcp: `0: 00000000:1F90 00000000:0000 0A ... uid timeout inode`.
std::optional<std::uint16_t> WildcardPort(const std::vector<std::string>& words,
                                          const std::set<std::string>& inodes) {
  constexpr std::size_t kInode = 9;
  if (words.size() <= kInode || words[3] != "0A" || !inodes.contains(words[kInode])) return {};
  const std::size_t colon = words[1].find(':');
  if (words[1].find_first_not_of('0') < colon) return {};
  std::uint16_t port = 0;
  for (const char c : words[1].substr(colon + 1)) {
    const int digit = c <= '9' ? c - '0' : c - 'A' + 10;
    port = static_cast<std::uint16_t>(port * 16 + digit);
  }
  return port;
}

}  // namespace

Result<Usage> ReadUsage(int init_pid) {
  // proc(5), less the three fields up to the state: utime 14, stime 15, cutime 16, cstime 17.
  constexpr std::size_t kUserTicks = 11, kSystemTicks = 12, kReapedUser = 13, kReapedSystem = 14;
  constexpr std::size_t kResidentPages = 21;
  if (StatFields(init_pid).empty()) {
    return Fail(Code::kNotFound, "no process " + std::to_string(init_pid));
  }
  std::int64_t ticks = 0;
  std::int64_t pages = 0;
  for (const std::int64_t pid : Descendants(init_pid)) {
    const std::vector<std::string> fields = StatFields(pid);
    ticks += Number(fields, kUserTicks) + Number(fields, kSystemTicks) +
             Number(fields, kReapedUser) + Number(fields, kReapedSystem);
    if (pid != init_pid)
      pages += Number(fields, kResidentPages);  // the init is ours, not the pod's
  }
  Usage usage;
  usage.cpu_seconds = static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  usage.memory_bytes = pages * sysconf(_SC_PAGESIZE);
  return usage;
}

Result<std::vector<std::uint16_t>> ReadWildcardListeners(int init_pid) {
  if (StatFields(init_pid).empty()) {
    return Fail(Code::kNotFound, "no process " + std::to_string(init_pid));
  }
  std::set<std::string> inodes;
  for (const std::int64_t pid : Descendants(init_pid)) AddSockets(pid, inodes);
  // The table is the whole machine's: the kernel takes milliseconds for it.
  if (inodes.empty()) return std::vector<std::uint16_t>();
  std::set<std::uint16_t> ports;
  for (const char* file : {"net/tcp", "net/tcp6"}) {
    for (const std::string& line : Split(ReadProc(ProcPath(init_pid, file)), '\n')) {
      if (const auto port = WildcardPort(Words(line), inodes)) ports.insert(*port);
    }
  }
  return std::vector<std::uint16_t>(ports.begin(), ports.end());
}

}  // namespace weir::platform
