// The live clock, entropy and file system. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "env/clock.h"
#include "env/file_system.h"
#include "env/random.h"

namespace weir::platform {

class SystemClock final : public env::Clock {
 public:
  Time Now() const override;
  Duration Monotonic() const override;
};

// getrandom(2): fit for secrets.
class SystemRandom final : public env::Random {
 public:
  std::uint64_t Next() override;
};

class SystemFileSystem final : public env::FileSystem {
 public:
  // `durable`: a Write that has returned survives a loss of power. Waiting for the disk takes
  // milliseconds: what can be made anew does without.
  explicit SystemFileSystem(bool durable = true) : durable_(durable) {}

  Result<std::string> Read(const std::string& path) override;
  Status Write(const std::string& path, std::string content, unsigned mode = 0644) override;
  Status Append(const std::string& path, std::string_view content) override;
  Result<std::vector<std::string>> List(const std::string& path) override;
  Status MakeDirs(const std::string& path, unsigned mode = 0755) override;
  Status Remove(const std::string& path) override;
  bool Exists(const std::string& path) override;

 private:
  bool durable_;
};

// An advisory lock on `path` (flock), held until destruction, with the owner's pid inside.
// kConflict names the pid of the holder.
class FileLock {
 public:
  static Result<FileLock> Acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// A name that one process in this network namespace holds at a time, until destruction or its death
// (an abstract unix socket). kConflict where another one holds it.
class NameLock {
 public:
  static Result<NameLock> Acquire(const std::string& name);
  NameLock(NameLock&& other) noexcept;
  NameLock& operator=(NameLock&& other) noexcept;
  NameLock(const NameLock&) = delete;
  NameLock& operator=(const NameLock&) = delete;
  ~NameLock();

 private:
  explicit NameLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// An environment variable; empty where it is not set.
std::string GetEnv(const char* name);
// The program's own path (/proc/self/exe resolved).
std::string SelfPath();
// The full path of a program on PATH (plus /usr/sbin, /sbin), or kNotFound.
Result<std::string> FindProgram(const std::string& name);

}  // namespace weir::platform
