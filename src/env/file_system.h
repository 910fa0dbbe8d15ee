// Files as pure modules see them. platform has the live one; MemoryFileSystem is for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::env {

// Errors: kNotFound where the path does not exist, kForbidden where access is denied,
// kUnavailable for anything else the system reports; the message names the path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::string> Read(const std::string& path) = 0;
  // Replaces the file as a whole or not at all, with the given mode.
  virtual Status Write(const std::string& path, std::string content, unsigned mode = 0644) = 0;
  virtual Status Append(const std::string& path, std::string_view content) = 0;
  // Names in the folder, sorted.
  virtual Result<std::vector<std::string>> List(const std::string& path) = 0;
  virtual Status MakeDirs(const std::string& path, unsigned mode = 0755) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
};

// A flat map from path to content; folders exist through their files. Not thread-safe.
class MemoryFileSystem final : public FileSystem {
 public:
  Result<std::string> Read(const std::string& path) override;
  Status Write(const std::string& path, std::string content, unsigned mode = 0644) override;
  Status Append(const std::string& path, std::string_view content) override;
  Result<std::vector<std::string>> List(const std::string& path) override;
  Status MakeDirs(const std::string& path, unsigned mode = 0755) override;
  Status Remove(const std::string& path) override;
  bool Exists(const std::string& path) override;

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace weir::env
