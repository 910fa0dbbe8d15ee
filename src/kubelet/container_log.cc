#include "kubelet/container_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace weir::kubelet {
namespace {

std::int64_t FileSize(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

// Up to `size` bytes of a file from an offset in it.
std::string ReadAt(const std::string& path, std::int64_t offset, std::size_t size) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n =
        pread(fd, bytes.data() + done, size - done, offset + static_cast<std::int64_t>(done));
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  close(fd);
  bytes.resize(done);
  return bytes;
}

}  // namespace

ContainerLog::ContainerLog(net::Loop& loop, std::string path, std::int64_t max_file_bytes)
    : changed_(loop), path_(std::move(path)), max_file_bytes_(max_file_bytes) {}

ContainerLog::~ContainerLog() {
  if (fd_ >= 0) close(fd_);
}

Result<std::shared_ptr<ContainerLog>> ContainerLog::Create(net::Loop& loop, const std::string& path,
                                                           std::int64_t max_file_bytes) {
  auto log = std::make_shared<ContainerLog>(loop, path, max_file_bytes);
  unlink((path + ".1").c_str());
  if (auto ok = log->OpenFile(O_CREAT | O_TRUNC); !ok) return std::unexpected(ok.error());
  return log;
}

Result<std::shared_ptr<ContainerLog>> ContainerLog::OpenOld(net::Loop& loop,
                                                            const std::string& path) {
  if (access(path.c_str(), R_OK) != 0) return Fail(Code::kNotFound, "no log " + path);
  auto log = std::make_shared<ContainerLog>(loop, path, kMaxLogFileBytes);
  log->middle_ = FileSize(path + ".1");
  log->end_ = log->middle_ + FileSize(path);
  log->closed_ = true;
  return log;
}

Status ContainerLog::OpenFile(int flags) {
  if (fd_ >= 0) close(fd_);
  fd_ = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0640);
  if (fd_ >= 0) return {};
  return Fail(Code::kUnavailable,
              "cannot open " + path_ + ": " + std::generic_category().message(errno));
}

void ContainerLog::Append(std::string_view output, Time now) {
  Write(formatter_.Feed(output, now));
}

void ContainerLog::Close(Time now) {
  Write(formatter_.Finish(now));
  closed_ = true;
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  changed_.Notify();
}

void ContainerLog::Write(const std::string& entries) {
  if (entries.empty()) return;
  std::size_t done = 0;
  while (fd_ >= 0 && done < entries.size()) {
    const ssize_t n = write(fd_, entries.data() + done, entries.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  end_ += static_cast<std::int64_t>(done);
  dropped_ += entries.size() - done;
  if (end_ - middle_ >= max_file_bytes_) Rotate();
  changed_.Notify();
}

void ContainerLog::Rotate() {
  if (std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return;
  begin_ = middle_;
  middle_ = end_;
  if (!OpenFile(O_CREAT | O_TRUNC)) fd_ = -1;  // from here on, all is dropped and counted
}

std::string ContainerLog::Read(std::int64_t* offset, std::size_t max_bytes) const {
  *offset = std::max(*offset, begin_);
  const bool old = *offset < middle_;
  const std::int64_t limit = old ? middle_ : end_;
  const auto size =
      std::min(static_cast<std::size_t>(std::max<std::int64_t>(limit - *offset, 0)), max_bytes);
  if (size == 0) return {};
  std::string bytes = ReadAt(old ? path_ + ".1" : path_, *offset - (old ? begin_ : middle_), size);
  *offset += static_cast<std::int64_t>(bytes.size());
  return bytes;
}

}  // namespace weir::kubelet
