#include "platform/system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace weir::platform {
namespace {

// strerror_r as glibc has it: any thread, the buffer is used only where it must be.
std::string ErrorText(int error) {
  std::array<char, 128> buffer{};
  return strerror_r(error, buffer.data(), buffer.size());
}

std::unexpected<Error> FileError(const std::string& path, int error) {
  Code code = Code::kUnavailable;
  if (error == ENOENT || error == ENOTDIR) code = Code::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Code::kForbidden;
  return Fail(code, fmt::format("{}: {}", path, ErrorText(error)));
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return FileError(path, errno);
    }
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> ReadAll(int fd, const std::string& path) {
  std::string content;
  std::array<char, 1U << 16U> buffer{};
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got == 0) return content;
    if (got < 0) {
      if (errno == EINTR) continue;
      return FileError(path, errno);
    }
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

bool IsExecutableFile(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

Time SystemClock::Now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Duration SystemClock::Monotonic() const {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::uint64_t SystemRandom::Next() {
  std::uint64_t value = 0;
  // Requests of up to 256 bytes are never cut short once the kernel's pool is ready.
  ssize_t got = 0;
  do {
    got = getrandom(&value, sizeof value, 0);
  } while (got < 0 && errno == EINTR);
  WEIR_CHECK(got == sizeof value);
  return value;
}

Result<std::string> SystemFileSystem::Read(const std::string& path) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return FileError(path, errno);
  return ReadAll(fd.get(), path);
}

Status SystemFileSystem::Write(const std::string& path, std::string content, unsigned mode) {
  // A new file beside the old one, renamed over it: readers and a crash see the old content or the
  // new one.
  std::string temporary = path + ".XXXXXX";
  const Fd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.ok()) return FileError(path, errno);
  Status status = WriteAll(fd.get(), content, path);
  if (status && fchmod(fd.get(), mode) != 0) status = FileError(path, errno);
  if (status && durable_ && fsync(fd.get()) != 0) status = FileError(path, errno);
  if (status && rename(temporary.c_str(), path.c_str()) != 0) status = FileError(path, errno);
  if (!status) unlink(temporary.c_str());
  return status;
}

Status SystemFileSystem::Append(const std::string& path, std::string_view content) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.ok()) return FileError(path, errno);
  return WriteAll(fd.get(), content, path);
}

Result<std::vector<std::string>> SystemFileSystem::List(const std::string& path) {
  const auto close_folder = [](DIR* folder) { closedir(folder); };
  const std::unique_ptr<DIR, decltype(close_folder)> folder(opendir(path.c_str()));
  if (folder == nullptr) return FileError(path, errno);
  std::vector<std::string> names;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own.
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

Status SystemFileSystem::MakeDirs(const std::string& path, unsigned mode) {
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), mode) == 0 || errno == EEXIST) continue;
    return FileError(part, errno);
  }
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return FileError(path, errno);
  if (!S_ISDIR(info.st_mode)) return Fail(Code::kInvalid, path + ": exists and is not a folder");
  return {};
}

Status SystemFileSystem::Remove(const std::string& path) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return FileError(path, errno);
  const int failed = S_ISDIR(info.st_mode) ? rmdir(path.c_str()) : unlink(path.c_str());
  if (failed != 0) return FileError(path, errno);
  return {};
}

bool SystemFileSystem::Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

Result<FileLock> FileLock::Acquire(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd.ok()) return FileError(path, errno);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError(path, errno);
    const std::string holder = ReadAll(fd.get(), path).value_or("");
    const std::string_view pid = Trim(holder);
    return Fail(Code::kConflict, fmt::format("{} is locked by process {}", path,
                                             pid.empty() ? std::string_view("unknown") : pid));
  }
  if (ftruncate(fd.get(), 0) != 0) return FileError(path, errno);
  if (Status written = WriteAll(fd.get(), fmt::format("{}\n", getpid()), path); !written) {
    return Fail(written.error().code, written.error().message);
  }
  return FileLock(fd.Release());
}

Result<NameLock> NameLock::Acquire(const std::string& name) {
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return FileError(name, errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  WEIR_CHECK(!name.empty() && name.size() < sizeof(address.sun_path));
  // The first byte is 0: a name that stands in no file system.
  name.copy(&address.sun_path[1], name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    if (errno == EADDRINUSE) return Fail(Code::kConflict, name + " is held by another process");
    return FileError(name, errno);
  }
  return NameLock(fd.Release());
}

NameLock::NameLock(NameLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

NameLock& NameLock::operator=(NameLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

NameLock::~NameLock() {
  if (fd_ >= 0) close(fd_);
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);  // ends the flock; the file stays, so that no two hold different inodes
}

std::string GetEnv(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in the program calls setenv.
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string SelfPath() {
  std::string path(4096, '\0');
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  if (length < 0) return {};
  path.resize(static_cast<std::size_t>(length));
  return path;
}

Result<std::string> FindProgram(const std::string& name) {
  if (name.contains('/')) {
    if (IsExecutableFile(name)) return name;
    return Fail(Code::kNotFound, fmt::format("{}: no such program", name));
  }
  // Servers live in sbin folders that a user's PATH does not name.
  const std::string folders = GetEnv("PATH") + ":/usr/sbin:/sbin";
  for (const std::string& folder : Split(folders, ':')) {
    if (folder.empty()) continue;
    std::string path = folder + "/" + name;
    if (IsExecutableFile(path)) return path;
  }
  return Fail(Code::kNotFound, fmt::format("{}: no such program in {}", name, folders));
}

}  // namespace weir::platform
