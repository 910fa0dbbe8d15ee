// The log of one run of a container on disk (form: log_plan.h): appended to while it runs, read by
// any number of requests. Bounded: a file that reaches its limit becomes `PATH.1`, which replaces
// the one before. Owned jointly by the run and by requests. Loop thread only; writes go to the page
// cache and are not waited for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "kubelet/log_plan.h"
#include "net/loop.h"

namespace weir::kubelet {

inline constexpr std::int64_t kMaxLogFileBytes = std::int64_t{10} << 20U;

class ContainerLog {
 public:
  // A log to write: whatever is at `path` is replaced.
  static Result<std::shared_ptr<ContainerLog>> Create(
      net::Loop& loop, const std::string& path, std::int64_t max_file_bytes = kMaxLogFileBytes);
  // A log that an earlier run of weir wrote: closed. kNotFound where there is none.
  static Result<std::shared_ptr<ContainerLog>> OpenOld(net::Loop& loop, const std::string& path);

  ContainerLog(net::Loop& loop, std::string path, std::int64_t max_file_bytes);
  ~ContainerLog();
  ContainerLog(const ContainerLog&) = delete;
  ContainerLog& operator=(const ContainerLog&) = delete;

  // Output of the program. What cannot be written (a full disk) is counted and dropped.
  void Append(std::string_view output, Time now);
  // The program has ended.
  void Close(Time now);
  bool closed() const { return closed_; }

  // Offsets count all bytes ever written; those before begin() are gone.
  std::int64_t begin() const { return begin_; }
  std::int64_t end() const { return end_; }
  // Up to `max_bytes` from `offset` (from begin() where that is later); empty at the end.
  // `*offset` moves behind what was returned.
  std::string Read(std::int64_t* offset, std::size_t max_bytes) const;
  // Notified after each Append and Close.
  net::Signal& changed() { return changed_; }
  std::uint64_t dropped_bytes() const { return dropped_; }

 private:
  Status OpenFile(int flags);
  void Write(const std::string& entries);
  void Rotate();

  net::Signal changed_;
  std::string path_;
  std::int64_t max_file_bytes_;
  LogFormatter formatter_;
  int fd_ = -1;
  bool closed_ = false;
  std::int64_t begin_ = 0;   // of PATH.1
  std::int64_t middle_ = 0;  // of PATH
  std::int64_t end_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace weir::kubelet
